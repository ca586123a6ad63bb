package docs_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

const oldKey = "old_key-of_mcp-metricflow-0123456789abcdef"

// mover is somebody who moves from mcp-metricflow: a folder with its .env.
type mover struct {
	folder string
	shell  string // what has been said to the shell so far
	server *harness.Server
}

func newMover(t *testing.T) *mover {
	t.Helper()
	m := &mover{folder: t.TempDir()}
	env := strings.Join([]string{
		"DBT_PROJECT_DIR=" + lab.Demo.Project, "DBT_PROFILES_DIR=" + lab.Demo.Project,
		"MF_PATH=" + filepath.Join(filepath.Dir(lab.Demo.Python), "mf"), "MF_TMP_DIR=/tmp",
		"MCP_HOST=127.0.0.1", "MCP_PORT=0", "MCP_API_KEY=" + oldKey, "MCP_REQUIRE_AUTH=true",
	}, "\n")
	if err := os.WriteFile(filepath.Join(m.folder, ".env"), []byte(env+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.stop(t) })
	return m
}

// own is what the test needs and a reader does not: ports and a state of its own.
func (m *mover) own() []string {
	return []string{"XDG_STATE_HOME=" + m.folder, "STEWARD_SERVER__ADMIN_LISTEN=127.0.0.1:0"}
}

func (m *mover) stop(t *testing.T) {
	t.Helper()
	if m.server == nil {
		return
	}
	if err := m.server.Stop(); err != nil {
		t.Errorf("the server did not exit with 0: %v\n%s", err, m.server.Log())
	}
	m.server = nil
}

// run runs commands in a shell to which the blocks titled shell have been said before.
func (m *mover) run(t *testing.T, commands string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", m.shell+commands)
	c.Dir, c.Env = m.folder, append(harness.Environment(), m.own()...)
	for i, variable := range c.Env {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			c.Env[i] = "PATH=" + filepath.Dir(lab.Binary) + string(os.PathListSeparator) + path
		}
	}
	if m.server != nil {
		c.Env = append(c.Env, "URL="+strings.TrimSuffix(m.server.URL, "/mcp"))
	}
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, commands, out)
	}
}

// serve runs the command of a block in the background, as the reader's other terminal does.
func (m *mover) serve(t *testing.T, command string) {
	t.Helper()
	if command != "steward serve --config steward.yaml\n" {
		t.Fatalf("the page serves with %q, and the test does not", command)
	}
	text, err := os.ReadFile(filepath.Join(m.folder, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	m.server, err = harness.Start(context.WithoutCancel(t.Context()), lab.Binary, filepath.Join(m.folder, "steward.yaml"),
		append(m.own(), strings.Fields(string(text))...)...)
	if err != nil {
		t.Fatal(err)
	}
}

var (
	fence   = regexp.MustCompile("(?ms)^```sh (\\w+)\n(.*?)^```$")
	desktop = regexp.MustCompile("(?ms)^```json\n(.*?)^```$")
)

// Each command of the page succeeds, in its order, on an installation of mcp-metricflow.
func TestMigrationPage_CommandsWork(t *testing.T) {
	t.Parallel()
	m := newMover(t)
	ran := map[string]int{}
	for _, b := range fence.FindAllStringSubmatch(read(t, "docs/migration.md"), -1) {
		when, text := b[1], b[2]
		ran[when]++
		switch when {
		case "shell":
			m.shell += text
		case "serve":
			m.serve(t, text)
		case "running":
			m.run(t, text)
		case "stopped":
			m.stop(t)
			m.run(t, text)
		default:
			t.Fatalf("the page has a block titled %q, which nothing runs", when)
		}
	}
	if ran["shell"] != 1 || ran["serve"] != 1 || ran["running"] != 1 || ran["stopped"] != 3 {
		t.Errorf("blocks were run: %v", ran)
	}
}

// Whatever the start tells a former user is on the page, and so is everything that mcp-metricflow had.
func TestMigrationPage_LeavesNothingOut(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/migration.md")
	file := filepath.Join(t.TempDir(), "steward.yaml")
	if err := os.WriteFile(file, []byte("personas: {all: {}}\ncompat: {persona: all}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	home := "HOME=" + t.TempDir()
	words := []string{
		"DBT_PROJECT_DIR", "DBT_PROFILES_DIR", "MF_PATH", "MF_TMP_DIR", "MCP_HOST", "MCP_PORT", "MCP_API_KEY", "MCP_REQUIRE_AUTH",
		"query", "list_metrics", "list_dimensions", "list_entities", "list_dimension_values", "validate_configs", "health_checks",
		"session_id", "metrics", "group_by", "start_time", "end_time", "where", "order", "limit", "saved_query", "explain",
		"show_dataflow_plan", "show_sql_descriptions", "search", "show_all_dimensions", "dimension", "dw_timeout", "skip_dw",
		"show_all", "verbose_issues", "semantic_validation_workers",
	}
	for _, o := range []config.Options{
		{File: file, Env: []string{home, "MCP_API_KEY=" + oldKey, "MF_TMP_DIR=/tmp"}},
		{File: file, Env: []string{home, "MCP_API_KEY=" + oldKey}, Stdio: true},
	} {
		differences := config.Differences(o)
		if len(differences) == 0 {
			t.Errorf("the start tells nothing of %v", o.Env)
		}
		for _, d := range differences {
			words = append(words, d.About)
		}
	}
	slices.Sort(words)
	for _, word := range slices.Compact(words) {
		known := strings.Contains(page, "`"+word) || strings.Contains(page, "| "+word+" |")
		if !known && word != "tool names" && word != "stdio.personas" { // told in sentences
			t.Errorf("the page says nothing about %s", word)
		}
	}
	var client map[string]any
	if err := json.Unmarshal([]byte(desktop.FindStringSubmatch(page)[1]), &client); err != nil {
		t.Errorf("the lines for a desktop client: %v", err)
	}
}
