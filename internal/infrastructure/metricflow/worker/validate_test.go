package worker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

func validated(t *testing.T, s *Source, options metric.ValidationOptions) []metric.ValidationIssue {
	t.Helper()
	issues, err := s.Validate(within(t, time.Minute), options)
	if err != nil {
		t.Fatal(explain(err))
	}
	for _, issue := range issues {
		for _, leak := range []string{"Traceback", "site-packages", s.cfg.ProjectDir, "SELECT"} {
			if strings.Contains(issue.Message+issue.File, leak) {
				t.Errorf("the issue shows %q: %+v", leak, issue)
			}
		}
		if issue.Message == "" || !slices.Contains([]metric.Severity{metric.SeverityError, metric.SeverityFutureError, metric.SeverityWarning}, issue.Severity) {
			t.Errorf("%+v", issue)
		}
	}
	return issues
}

func TestSource_FindsNothingWrongWithASoundManifest(t *testing.T) {
	if got := validated(t, shop(t), metric.ValidationOptions{SkipWarehouse: true}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestSource_FindsWhatTheWarehouseLacks(t *testing.T) {
	got := validated(t, shop(t), metric.ValidationOptions{})
	found := map[string]string{}
	for _, issue := range got {
		if issue.Severity != metric.SeverityError {
			t.Errorf("%+v", issue)
		}
		found[issue.Kind+" "+issue.Name] = issue.Message
	}
	// Its table is not there; the others' are. The time dimension of endless has a name that DuckDB keeps for itself,
	// which no question of these tests meets.
	for _, name := range []string{"measure lost.lost", "entity lost.gone", "semantic model lost"} {
		if !strings.HasSuffix(found[name], ". The warehouse says: Catalog Error: Table with name lost does not exist!") {
			t.Errorf("%s: %q in %+v", name, found[name], found)
		}
	}
	for name := range found {
		if !strings.Contains(name, "lost") && !strings.Contains(name, "endless") {
			t.Errorf("%s: %s", name, found[name])
		}
	}
	ask(t, shop(t), anOrder) // the session with the warehouse is as good as before
}

// spoilt is the shop's manifest with something put in the place of something else.
func spoilt(t *testing.T, old, replacement string) []byte {
	t.Helper()
	text := string(renamed(t, "average_order"))
	if !strings.Contains(text, old) {
		t.Fatalf("the manifest has no %s", old)
	}
	return []byte(strings.Replace(text, old, replacement, 1))
}

func TestSource_SaysWhatIsWrongAndWhere(t *testing.T) {
	s, _ := ownShop(t, nil)
	var m texts
	s.manifests = &m

	// dbt refuses such a thing, but whoever writes the file by other means may not. Nothing of it is tried then.
	m.put(spoilt(t, `"name": "average_order",`, `"name": "Average order",`))
	got := validated(t, s, metric.ValidationOptions{})
	if len(got) != 1 || got[0].Severity != metric.SeverityError || got[0].Kind != "metric" || got[0].Name != "Average order" ||
		got[0].File != "models/metric.yml" || got[0].Line != len("Average order") {
		t.Errorf("%+v", got)
	}

	// Where the manifest itself tells, that counts; nothing leads out of the project.
	for file, want := range map[string]string{
		"models/a.yml": "models/a.yml", s.cfg.ProjectDir + "/models/b.yml": "models/b.yml", "/etc/passwd": "models/metric.yml",
	} {
		told := `"metadata": {"repo_file_path": "x", "file_slice": {"filename": "` + file + `", "content": "", "start_line_number": 3, "end_line_number": 4}}`
		text := spoilt(t, `"name": "average_order",`, `"name": "Average order",`)
		at := strings.Index(string(text), `"name": "Average order",`)
		tail := strings.Replace(string(text)[at:], `"metadata": null`, told, 1)
		m.put([]byte(string(text)[:at] + tail))
		if got := validated(t, s, metric.ValidationOptions{SkipWarehouse: true}); len(got) != 1 || got[0].File != want {
			t.Errorf("%s: %+v", file, got)
		}
	}

	// Warnings are shown when asked for.
	m.put(spoilt(t, `"agg": "sum"`, `"agg": "percentile", "agg_params": {"percentile": 50.0, "use_discrete_percentile": false, "use_approximate_percentile": false}`))
	severities := func(options metric.ValidationOptions) string {
		var all []string
		for _, issue := range validated(t, s, options) {
			all = append(all, string(issue.Severity))
		}
		return strings.Join(all, " ")
	}
	if got := severities(metric.ValidationOptions{SkipWarehouse: true, ShowAll: true}); !strings.Contains(got, "warning") {
		t.Errorf("with all: %q", got)
	}
	if got := severities(metric.ValidationOptions{SkipWarehouse: true}); strings.Contains(got, "warning") {
		t.Errorf("without: %q", got)
	}
}

func TestSource_ValidationEndsInTime(t *testing.T) {
	got := validated(t, shop(t), metric.ValidationOptions{Timeout: time.Millisecond})
	warned := slices.ContainsFunc(got, func(i metric.ValidationIssue) bool {
		return i.Severity == metric.SeverityWarning && strings.Contains(i.Message, "timeout")
	})
	if !warned {
		t.Errorf("nothing says that the warehouse's part was cut short: %+v", got)
	}
	if !slices.IsSortedFunc(got, func(a, b metric.ValidationIssue) int {
		return slices.Index([]metric.Severity{metric.SeverityError, metric.SeverityFutureError, metric.SeverityWarning}, a.Severity) -
			slices.Index([]metric.Severity{metric.SeverityError, metric.SeverityFutureError, metric.SeverityWarning}, b.Severity)
	}) {
		t.Errorf("%+v", got)
	}
}

func TestSource_ValidationStopsWhenTheCallerLeaves(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.LockWait = time.Hour })
	ask(t, s, metric.Question{Metrics: []string{"orders"}})
	pid := pidOf(t, s)
	eventually(t, "the file is let go of", func() bool {
		return writeSQL(mustPython(t), warehouseOf(dir), "SELECT 1") == nil
	})
	release := holder(t, warehouseOf(dir), false)
	_, err := s.Validate(within(t, 500*time.Millisecond), metric.ValidationOptions{})
	wantFault(t, err, fault.ErrTimeout)
	eventually(t, "the worker is free", func() bool { return s.State().Busy == 0 })
	release()
	if diff := cmp.Diff(pid, pidOf(t, s)); diff != "" {
		t.Error(diff)
	}
}
