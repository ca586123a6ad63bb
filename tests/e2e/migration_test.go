package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// oldKey is a key as mcp-metricflow took it.
const oldKey = "Old_key-that_clients_of_2025_have-0123456789"

// twoLines are all that an environment of mcp-metricflow lacks.
const twoLines = `personas: {everyone: {allow: [{action: "*", target: "*"}]}}
compat: {persona: everyone}
`

// former is an installation of mcp-metricflow: its environment, and a configuration beside it.
type former struct {
	config string
	state  string
	env    []string
}

func newFormer(t *testing.T, config string) former {
	t.Helper()
	dir := t.TempDir()
	f := former{config: filepath.Join(dir, "steward.yaml"), state: filepath.Join(dir, "steward")}
	if err := os.WriteFile(f.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	f.env = []string{
		"DBT_PROJECT_DIR=" + lab.Demo.Project, "DBT_PROFILES_DIR=" + lab.Demo.Project,
		"MF_PATH=" + filepath.Join(filepath.Dir(lab.Demo.Python), "mf"), "MF_TMP_DIR=" + filepath.Join(dir, "results"),
		"MCP_HOST=127.0.0.1", "MCP_PORT=0", "MCP_API_KEY=" + oldKey,
		// What the tests need and users do not: a state of one's own, any free port for operators, no pause.
		"XDG_STATE_HOME=" + dir, "STEWARD_SERVER__ADMIN_LISTEN=127.0.0.1:0", "STEWARD_SECURITY__RATE_LIMIT__ENABLED=false",
	}
	return f
}

func (f former) start(t *testing.T, more ...string) *harness.Server {
	t.Helper()
	s, err := harness.Start(context.WithoutCancel(t.Context()), lab.Binary, f.config, append(f.env, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() }) // a second time, where the test has stopped it already
	return s
}

// refuses runs a command that must fail, and gives what it says.
func (f former) refuses(t *testing.T, command string, more ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := harness.Command(ctx, t.TempDir(), append(f.env, more...), lab.Binary, command, "--config", f.config)
	if err != nil || out.Code != 1 {
		t.Fatalf("exit code %d, %v\n%s", out.Code, err, out.Stderr)
	}
	return out.Stdout + out.Stderr
}

// status is what a call with that key comes to.
func status(t *testing.T, url, key string) int {
	t.Helper()
	c := connect(t, url, key)
	err := c.Do(t.Context(), "tools/list", nil, nil)
	if err == nil {
		return http.StatusOK
	}
	if refusal, ok := errors.AsType[*harness.RPCError](err); ok {
		return refusal.Status
	}
	if !strings.HasPrefix(err.Error(), "HTTP 401") {
		t.Fatal(err)
	}
	return http.StatusUnauthorized
}

func TestMigration_TheOldEnvironmentServes(t *testing.T) {
	t.Parallel()
	f := newFormer(t, twoLines)
	s := f.start(t)
	r, err := connect(t, s.URL, oldKey).Tool(t.Context(), "query", revenueByMonthAndRegion(), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkRevenue(t, r.Structured)
	var me struct {
		ID       string
		Personas []string
	}
	if _, err := connect(t, s.URL, oldKey).Tool(t.Context(), "whoami", map[string]any{}, &me); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"everyone"}, me.Personas); diff != "" || me.ID != "key:compat" {
		t.Errorf("the old key is %s with the personas %v", me.ID, me.Personas)
	}
	for _, wrong := range []string{"", oldKey + "x", oldKey[1:], strings.ToLower(oldKey), lab.key} {
		if got := status(t, s.URL, wrong); got != http.StatusUnauthorized {
			t.Errorf("HTTP %d for a key that is none", got)
		}
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	told(t, s.Log(), "MCP_REQUIRE_AUTH", "MF_TMP_DIR", "/sse", "tool names", "session_id", "rows", "errors", "where", "limit", ".env")
	if strings.Contains(s.Log(), oldKey) {
		t.Errorf("the log tells the key:\n%s", s.Log())
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(f.config), "results")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of result files: %v", err)
	}
	keepsSecret(t, f.state, oldKey)
}

// told looks in a log for the differences that it must name.
func told(t *testing.T, log string, about ...string) {
	t.Helper()
	said := map[string]bool{}
	for line := range strings.Lines(log) {
		var entry struct{ Msg, About, Difference string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "differs from mcp-metricflow" && entry.Difference != "" {
			said[entry.About] = true
		}
	}
	for _, name := range about {
		if !said[name] {
			t.Errorf("the start says nothing about %s:\n%s", name, log)
		}
	}
}

// keepsSecret looks through all that Steward has written, the journal and the database included.
func keepsSecret(t *testing.T, state, secret string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if files++; bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s holds the key", d.Name())
		}
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("%d files of the state were read: %v", files, err)
	}
}

// A new text replaces the key at the next start, and no text takes it away: nothing of it lives on in the state.
func TestMigration_TheOldKeyIsWhatTheVariableSays(t *testing.T) {
	t.Parallel()
	f := newFormer(t, twoLines)
	const next = "Next_key-that_clients_of_2026_have-0123456789"
	for _, c := range []struct {
		variable         string
		oldHolds, isNext int
	}{
		{oldKey, http.StatusOK, http.StatusUnauthorized},
		{next, http.StatusUnauthorized, http.StatusOK},
		{"", http.StatusUnauthorized, http.StatusUnauthorized},
	} {
		s := f.start(t, "MCP_API_KEY="+c.variable)
		if got := [2]int{status(t, s.URL, oldKey), status(t, s.URL, next)}; got != [2]int{c.oldHolds, c.isNext} {
			t.Errorf("with %q: HTTP %v", c.variable, got)
		}
		if err := s.Stop(); err != nil {
			t.Fatalf("stop: %v\n%s", err, s.Log())
		}
	}
}

func TestMigration_RefusesWhatIsNotSafe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ config, env, want string }{
		"no authentication": {twoLines, "MCP_REQUIRE_AUTH=false", "MCP_REQUIRE_AUTH: server.unsafe_no_auth: must be true"},
		"every interface":   {twoLines, "MCP_HOST=0.0.0.0", "MCP_HOST: server.listen: is reachable from other machines without TLS"},
		"every interface, and nobody asked": {
			twoLines + "server: {unsafe_no_auth: true, behind_tls_proxy: true}\n", "MCP_HOST=0.0.0.0", "server.unsafe_no_auth: lets in whoever reaches the server",
		},
		"a short key":        {twoLines, "MCP_API_KEY=secret-canary", "MCP_API_KEY: compat.api_key: "},
		"a key of no rights": {"log: {level: info}\n", "MCP_API_KEY=" + oldKey, "MCP_API_KEY: compat.persona: must name the persona"},
		"no interpreter":     {twoLines, "MF_PATH=/nowhere/bin/mf", "MF_PATH: metrics.python: there is no python beside it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFormer(t, c.config)
			for _, command := range []string{"serve", "check-config"} {
				said := f.refuses(t, command, c.env)
				if !strings.Contains(said, c.want) || strings.Contains(said, "canary") || strings.Contains(said, oldKey) {
					t.Errorf("%s says %q, want %q", command, said, c.want)
				}
			}
		})
	}
}

func TestMigration_NobodyIsLetInOnLoopbackWhenTold(t *testing.T) {
	t.Parallel()
	f := newFormer(t, twoLines+"server: {unsafe_no_auth: true}\n")
	s := f.start(t, "MCP_REQUIRE_AUTH=false")
	var me struct{ ID string }
	if _, err := connect(t, s.URL, "").Tool(t.Context(), "whoami", map[string]any{}, &me); err != nil || me.ID != "anonymous:nobody" {
		t.Errorf("without a key one is %s: %v", me.ID, err)
	}
	if _, err := connect(t, s.URL, oldKey).Tool(t.Context(), "whoami", map[string]any{}, &me); err != nil || me.ID != "key:compat" {
		t.Errorf("with the old key one is %s: %v", me.ID, err)
	}
	if got := status(t, s.URL, "wrong"); got != http.StatusUnauthorized {
		t.Errorf("HTTP %d for a key that is none", got)
	}
	if !strings.Contains(s.Log(), "authentication is off") {
		t.Errorf("the start does not say that nobody is asked:\n%s", s.Log())
	}
}

// The old environment often has variables of the listener when a desktop client starts the server over stdio.
func TestMigration_StdioTakesTheOldEnvironment(t *testing.T) {
	t.Parallel()
	f := newFormer(t, twoLines+"stdio: {personas: [everyone]}\n")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	p, err := harness.StartPipe(ctx, append(f.env, "MCP_HOST=0.0.0.0", "MCP_PORT=8000", "MCP_REQUIRE_AUTH=false"), lab.Binary, "stdio", "--config", f.config)
	if err != nil {
		t.Fatal(err)
	}
	var r harness.Result
	if err := p.Do(t.Context(), harness.Modern, "tools/call", call("query", revenueByMonthAndRegion()), &r); err != nil || r.IsError {
		t.Fatalf("%v %s", err, r.Text())
	}
	checkRevenue(t, r.Structured)
	code, stderr, err := p.Close()
	endsWell(t, p, code, stderr, err)
	told(t, stderr, "MCP_HOST", "MCP_PORT", "MCP_API_KEY", "MCP_REQUIRE_AUTH")
}

// oldCalls are the calls of mcp-metricflow: each tool with the least, with everything, and with null for what is left
// out, as its clients' libraries write it.
func oldCalls() map[string][]map[string]any {
	return map[string][]map[string]any{
		"query": {
			{"session_id": "a", "metrics": []string{"revenue"}},
			{
				"session_id": "../../b", "metrics": []string{"revenue", "orders"}, "group_by": []string{"metric_time__month", "region__name"},
				"start_time": "2025-10-01", "end_time": "2025-12-31", "where": "{{ Dimension('region__name') }} = 'North'",
				"order": []string{"-metric_time__month", "region__name"}, "limit": 100, "explain": false,
				"show_dataflow_plan": false, "show_sql_descriptions": false,
			},
			{
				"session_id": "c", "metrics": []string{"revenue"}, "group_by": nil, "start_time": nil, "end_time": nil, "where": nil,
				"order": nil, "limit": nil, "saved_query": nil, "explain": false, "show_dataflow_plan": false, "show_sql_descriptions": false,
			},
			{"session_id": "d", "metrics": []string{"revenue"}, "explain": true, "show_dataflow_plan": true, "show_sql_descriptions": true},
			{"session_id": "e", "metrics": []string{}, "saved_query": "monthly_revenue_by_region"},
		},
		"list_metrics":    {{}, {"search": "revenue", "show_all_dimensions": true}, {"search": nil, "show_all_dimensions": false}},
		"list_dimensions": {{}, {"metrics": []string{"revenue"}}, {"metrics": nil}},
		"list_entities":   {{}, {"metrics": []string{"revenue"}}, {"metrics": nil}},
		"list_dimension_values": {
			{"dimension": "region__name", "metrics": []string{"revenue"}},
			{"dimension": "region__name", "metrics": []string{"revenue"}, "start_time": "2025-10-01", "end_time": "2025-12-31"},
			{"dimension": "region__name", "metrics": []string{"revenue"}, "start_time": nil, "end_time": nil},
		},
		"validate_configs": {
			{"skip_dw": true},
			{"dw_timeout": 60, "skip_dw": true, "show_all": true, "verbose_issues": true, "semantic_validation_workers": 1},
			{"dw_timeout": nil, "skip_dw": true, "show_all": false, "verbose_issues": false, "semantic_validation_workers": nil},
		},
		"health_checks": {{}},
	}
}

func TestMigration_EveryOldCallSucceeds(t *testing.T) {
	t.Parallel()
	f := newFormer(t, twoLines+"tool_suffix: _tool\n")
	s := f.start(t)
	c := connect(t, s.URL, oldKey)
	var listed json.RawMessage
	if err := c.Do(t.Context(), "tools/list", nil, &listed); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, name := range namesIn(t, listed) {
		names[name] = true
		if !strings.HasSuffix(name, "_tool") {
			t.Errorf("%s has no suffix", name)
		}
	}
	for name, calls := range oldCalls() {
		if !names[name+"_tool"] {
			t.Errorf("%s_tool is not listed", name)
		}
		for i, args := range calls {
			if _, err := c.Tool(t.Context(), name+"_tool", args, nil); err != nil {
				t.Errorf("%s_tool, call %d: %v", name, i, err)
			}
		}
		if err := c.Do(t.Context(), "tools/call", call(name, map[string]any{}), nil); err == nil {
			t.Errorf("%s is called by a name that is not listed", name)
		}
	}
	if err := s.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	speaksPlainly(t, f.state)
}

// speaksPlainly looks into the journal: what clients call query_tool is on record as query.
func speaksPlainly(t *testing.T, state string) {
	t.Helper()
	records, err := harness.Journal(filepath.Join(state, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	plain := 0
	for _, of := range harness.ByRequest(records, "closed") {
		for _, r := range of {
			if strings.HasSuffix(r.Target, "_tool") {
				t.Errorf("on record is %s", r.Target)
			}
			if r.Target == "tool:query" && r.Outcome == "ok" {
				plain++
			}
		}
	}
	if plain == 0 {
		t.Error("no call of query is on record as ok")
	}
}

// A key has every value that an attribute was given.
func TestKeys_HaveEveryValueOfAnAttribute(t *testing.T) {
	t.Parallel()
	config := configure(t, nil)
	if out := run(t, "keys", "create", "--config", config, "--name", "Ada", "--persona", "analyst", "--quiet",
		"--attribute", "regions=EU", "--attribute", "regions=US", "--attribute", "team=a,b"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	var key struct{ Attributes map[string][]string }
	if err := json.Unmarshal([]byte(run(t, "keys", "list", "--config", config).Stdout), &key); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"regions": {"EU", "US"}, "team": {"a,b"}}, key.Attributes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
