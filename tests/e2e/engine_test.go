package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

// interpreters are ways not to have the engine.
func interpreters(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	// An environment of the same Python, without the packages.
	bare := filepath.Join(dir, "bare")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := harness.Command(ctx, dir, nil, lab.Demo.Python, "-m", "venv", "--without-pip", bare)
	if err != nil || out.Code != 0 {
		t.Fatalf("make an empty environment: %v\n%s", err, out.Stderr)
	}
	return map[string]string{
		"an interpreter that is not there": filepath.Join(dir, "nowhere", "python"),
		"an interpreter without engine":    filepath.Join(bare, "bin", "python"),
	}
}

func TestServer_ListsMetricsWithoutTheEngineAndSaysHowToGetIt(t *testing.T) {
	t.Parallel()
	for name, python := range interpreters(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configure(t, map[string]any{"metrics.python": python})
			key := createKey(t, config, "analyst")
			server := start(t, config)
			c := connect(t, server.URL, key)
			var list struct{ Metrics []struct{ Name string } }
			if _, err := c.Tool(t.Context(), "list_metrics", map[string]any{}, &list); err != nil || len(list.Metrics) < 12 {
				t.Errorf("%d metrics are listed: %v", len(list.Metrics), err)
			}
			if _, err := c.Tool(t.Context(), "list_dimensions", map[string]any{"metrics": []string{"revenue"}}, nil); err != nil {
				t.Error(err)
			}
			for tool, args := range map[string]map[string]any{
				"query": revenueByMonthAndRegion(), "list_dimension_values": {"dimension": "region__name"},
			} {
				r, err := c.Tool(t.Context(), tool, args, nil)
				f := failure(t, err)
				if f.Code != "metric.engine_unavailable" || !strings.Contains(f.Message, "pip install") || !strings.Contains(f.Message, "dbt-metricflow") {
					t.Errorf("%s is refused with %v", tool, f)
				}
				leaks(t, r.Text())
			}
			saysWhyItIsNotReady(t, server.Admin)
		})
	}
}

// saysWhyItIsNotReady reads what an operator's probe sees while the engine cannot be started, again and again.
func saysWhyItIsNotReady(t *testing.T, admin string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, admin+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var ready struct{ Checks map[string]string }
	if err := json.NewDecoder(answer.Body).Decode(&ready); err != nil {
		t.Fatal(err)
	}
	reason := ready.Checks["metrics.engine"]
	if !strings.Contains(reason, "metric.engine_unavailable") || !strings.Contains(reason, "dbt-metricflow") {
		t.Errorf("/readyz says of the engine: %q", reason)
	}
	leaks(t, reason)
}

func TestDoctor_FindsTheDemoWell(t *testing.T) {
	t.Parallel()
	out := run(t, "doctor", "--config", configure(t, nil))
	if out.Code != 0 || strings.Contains(out.Stdout, "failed") {
		t.Errorf("exit code %d:\n%s", out.Code, out.Stdout)
	}
	for _, check := range []string{"audit", "personas", "metrics interpreter", "metrics engine", "metrics adapter", "metrics project", "metrics manifest", "metrics warehouse"} {
		if !found(out.Stdout, "ok", check) {
			t.Errorf("doctor does not find %s ok:\n%s", check, out.Stdout)
		}
	}
}

func found(report, status, check string) bool {
	for line := range strings.Lines(report) {
		if rest, is := strings.CutPrefix(line, status); is && strings.HasPrefix(strings.TrimSpace(rest), check) {
			return true
		}
	}
	return false
}

func TestDoctor_SaysHowToMendWhatIsWrong(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	missing := interpreters(t)
	for name, c := range map[string]struct {
		changes map[string]any
		check   string
		mend    string
	}{
		"no interpreter": {map[string]any{"metrics.python": missing["an interpreter that is not there"]}, "metrics interpreter", "pip install"},
		"no engine":      {map[string]any{"metrics.python": missing["an interpreter without engine"]}, "metrics engine", "pip install"},
		"no project":     {map[string]any{"metrics.project_dir": filepath.Join(empty, "nowhere")}, "metrics project", "metrics.project_dir"},
		"an empty project": {
			map[string]any{"metrics.project_dir": empty, "metrics.profiles_dir": empty}, "metrics project", "dbt_project.yml",
		},
		"no such target": {map[string]any{"metrics.target": "elsewhere"}, "metrics project", "profiles.yml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := run(t, "doctor", "--config", configure(t, c.changes))
			if out.Code != 1 || !found(out.Stdout, "failed", c.check) || !strings.Contains(out.Stdout, c.mend) {
				t.Errorf("exit code %d, want 1, %s failed and %q:\n%s", out.Code, c.check, c.mend, out.Stdout)
			}
		})
	}
}

// TestDoctor_FindsAMissingWarehouse asks a copy of the project whose database has not been built.
func TestDoctor_FindsAMissingWarehouse(t *testing.T) {
	t.Parallel()
	project := filepath.Join(t.TempDir(), "project")
	if err := os.CopyFS(project, os.DirFS(lab.Demo.Project)); err != nil {
		t.Fatal(err)
	}
	profile := "shop: {target: demo, outputs: {demo: {type: duckdb, path: " + filepath.Join(project, "none.duckdb") + "}}}\n"
	if err := os.WriteFile(filepath.Join(project, "profiles.yml"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	out := run(t, "doctor", "--config", configure(t, map[string]any{"metrics.project_dir": project, "metrics.profiles_dir": project}))
	if out.Code != 1 || !found(out.Stdout, "failed", "metrics warehouse") || !strings.Contains(out.Stdout, "dbt build") {
		t.Errorf("exit code %d:\n%s", out.Code, out.Stdout)
	}
	if _, err := os.Stat(filepath.Join(project, "none.duckdb")); err == nil {
		t.Error("looking at a warehouse has made one")
	}
}
