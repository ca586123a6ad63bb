package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const home = "HOME=/home/ada"

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "steward.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func load(t *testing.T, o config.Options) config.Config {
	t.Helper()
	c, err := config.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problems gives the lines of a refusal, with the file's folder left out.
func problems(t *testing.T, o config.Options) []string {
	t.Helper()
	c, err := config.Load(o)
	if err == nil {
		t.Fatal("the configuration is accepted")
	}
	if !errors.Is(err, config.ErrConfig) || fault.From(err).Kind != fault.Invalid {
		t.Errorf("the error is %T", err)
	}
	if diff := cmp.Diff(config.Config{}, c); diff != "" {
		t.Errorf("a refused configuration gives %s", diff)
	}
	text := err.Error()
	if o.File != "" {
		text = strings.ReplaceAll(text, filepath.Dir(o.File)+string(filepath.Separator), "")
	}
	return strings.Split(text, "\n")
}

func TestLoad_OfNothingIsClosedUnlessTold(t *testing.T) {
	c := load(t, config.Options{Env: []string{home}})
	want := config.Default()
	want.StateDir, want.Audit.Dir = "/home/ada/.local/state/steward", "/home/ada/.local/state/steward/audit"
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	for name, closed := range map[string]bool{
		"listens on loopback": c.Server.Listen == "127.0.0.1:7878" && c.Server.AdminListen == "127.0.0.1:7879",
		"trusts no proxy":     !c.Server.BehindTLSProxy && len(c.Server.TrustedProxies) == 0,
		"limits": c.Security.RateLimit == config.RateLimit{
			Enabled: true, RequestsPerMinute: 60, BurstSize: 10,
			PerAddress: config.Bucket{RequestsPerMinute: 1200, BurstSize: 200}, Global: config.Bucket{RequestsPerMinute: 60_000, BurstSize: 2000},
			MaxConcurrent: 1024, MaxConcurrentPerPrincipal: 64,
		},
		"bounds bodies":           c.Server.MaxBodyBytes == 4<<20,
		"has no persona":          len(c.Personas) == 0 && len(c.Stdio.Personas) == 0,
		"has no secret":           !c.KeyPepper.IsSet() && !c.Claude.APIKey.IsSet() && !c.Compat.APIKey.IsSet(),
		"asks who it is":          !c.Server.UnsafeNoAuth,
		"serves no project":       c.Metrics.ProjectDir == "",
		"has no further host":     len(c.Server.AllowedHosts) == 0 && len(c.Server.AllowedOrigins) == 0,
		"keeps a journal on disk": c.Audit.Dir != "",
	} {
		if !closed {
			t.Errorf("not so: %s", name)
		}
	}
	policy, err := c.Policy()
	if err != nil {
		t.Fatal(err)
	}
	if policy.Decide(access.Local("ada"), access.On("tool.call", "tool", "echo")).Allowed {
		t.Error("without personas somebody may do something")
	}
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n", "{}", "server:\n", "personas:\nserver:\n  allowed_hosts:\n"} {
		if got := load(t, config.Options{File: write(t, text), Env: []string{home}}); !cmp.Equal(got.Server, want.Server) {
			t.Errorf("%q: %s", text, cmp.Diff(want, got))
		}
	}
}

func TestLoad_LayersFileEnvironmentAndFlags(t *testing.T) {
	file := write(t, `
environment: prod
server: {listen: "127.0.0.1:1", admin_listen: "[::1]:2", allowed_hosts: [a.example, b.example]}
security: {rate_limit: {requests_per_minute: 6, burst_size: 1}}
metrics: {timeout: 90s, project_dir: dbt, python: venv/bin/python}
log: {level: warn}
`)
	c := load(t, config.Options{
		File: file,
		Env: []string{
			home, "STEWARD_SERVER__LISTEN=127.0.0.1:3", "STEWARD_SERVER__ADMIN_LISTEN=127.0.0.1:4", "STEWARD_LOG__LEVEL=debug",
			"STEWARD_SECURITY__RATE_LIMIT__ENABLED=false", "STEWARD_METRICS__TIMEOUT=2m", "STEWARD_SERVER__ALLOWED_HOSTS=c.example, d.example:443",
			"STEWARD_CLAUDE__API_KEY=sk-1", "OTHER=1", "STEWARDESS=1",
		},
		Overrides: map[string]string{"server.listen": "127.0.0.1:5", "server.max_body_bytes": "2048"},
	})
	want := config.Default()
	want.Environment = "prod"
	want.StateDir, want.Audit.Dir = "/home/ada/.local/state/steward", "/home/ada/.local/state/steward/audit"
	want.Server.Listen, want.Server.AdminListen, want.Server.MaxBodyBytes = "127.0.0.1:5", "127.0.0.1:4", 2048
	want.Server.AllowedHosts = []string{"c.example", "d.example:443"}
	want.Security.RateLimit.Enabled, want.Security.RateLimit.RequestsPerMinute, want.Security.RateLimit.BurstSize = false, 6, 1
	want.Metrics.Timeout = 2 * time.Minute
	want.Metrics.ProjectDir, want.Metrics.Python = filepath.Join(filepath.Dir(file), "dbt"), filepath.Join(filepath.Dir(file), "venv/bin/python")
	want.Claude.APIKey = config.NewSecret("sk-1")
	want.Log.Level = "debug"
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_StartsRelativePathsWhereTheyAreWritten(t *testing.T) {
	file := write(t, "state_dir: state\nmetrics: {project_dir: /abs, python: python3, profiles_dir: ../p}\n")
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(file)
	c := load(t, config.Options{File: file, Env: []string{"STEWARD_METRICS__PROFILES_DIR=here"}, Overrides: map[string]string{"audit.dir": "../there"}})
	got := []string{c.StateDir, c.Metrics.ProjectDir, c.Metrics.Python, c.Metrics.ProfilesDir, c.Audit.Dir}
	want := []string{filepath.Join(folder, "state"), "/abs", "python3", filepath.Join(working, "here"), filepath.Join(working, "../there")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c = load(t, config.Options{Env: []string{"STEWARD_CONFIG=" + file}})
	if c.Metrics.ProjectDir != "/abs" || c.Audit.Dir != filepath.Join(folder, "state", "audit") {
		t.Errorf("by STEWARD_CONFIG: %s, %s", c.Metrics.ProjectDir, c.Audit.Dir)
	}
}

func TestLoad_TellsEveryErrorOfAFileAtItsPlace(t *testing.T) {
	file := write(t, `environmemt: dev
server:
  listen: nowhere
  max_body_bytes: "4"
  max_body_bytes: 5
  behind_tls_proxy: yes
security:
  rate_limit:
    enabled: 1
    burst_size: 0
stdio: {personas: [ghost], user: 7, attributes: {"": [a], b: 1}}
metrics:
  timeout: 60
  default_limit: 20
  max_rows: 10
  target:
claude: {api_key: sk-literal, endpoint: "http://evil.example", models: [a, a]}
key_pepper: &anchor sk-other
conversations: [1]
log: !!map {level: loud}
audit: &x {}
telemetry: *x
personas:
  Analyst: {alow: []}
  analyst:
    allow:
      - {action: tool.call, target: revenue}
      - {action: [tool.call, "[x]"]}
      - tool.call
    deny: {action: a}
tasks: {max_kept: 1, max_kept_per_principal: 2}
`)
	want := []string{
		"steward.yaml:1:1: environmemt: is not a known key; did you mean environment?",
		"steward.yaml:3:11: server.listen: must be an address such as 127.0.0.1:7878: an IP address or localhost, a colon and a port",
		"steward.yaml:4:19: server.max_body_bytes: must be a whole number",
		"steward.yaml:5:3: server.max_body_bytes: is written twice",
		"steward.yaml:6:21: server.behind_tls_proxy: must be true or false",
		"steward.yaml:9:14: security.rate_limit.enabled: must be true or false",
		"steward.yaml:10:17: security.rate_limit.burst_size: must be at least 1",
		"steward.yaml:11:20: stdio.personas[0]: is not a persona that is defined under personas",
		"steward.yaml:11:34: stdio.user: must be text; put it in quotes",
		"steward.yaml:11:37: stdio.attributes: must be at most 50 attributes of at most 100 values, each name and value 1 to 256 printable characters",
		"steward.yaml:11:62: stdio.attributes.b: must be text; put it in quotes",
		"steward.yaml:13:12: metrics.timeout: must be a duration such as 500ms, 60s or 2h",
		"steward.yaml:14:18: metrics.default_limit: must be at most max_rows",
		"steward.yaml:16:10: metrics.target: has no value; leave the key out to take the default",
		"steward.yaml:17:1: claude.model: must be one of claude.models",
		"steward.yaml:17:19: claude.api_key: a secret is not written here; set STEWARD_CLAUDE__API_KEY, or STEWARD_CLAUDE__API_KEY_FILE to a file",
		"steward.yaml:17:41: claude.endpoint: must be an https:// URL without query or credentials; http:// is for loopback only",
		"steward.yaml:17:64: claude.models: must not name anything twice",
		"steward.yaml:18:13: key_pepper: a secret is not written here; set STEWARD_KEY_PEPPER, or STEWARD_KEY_PEPPER_FILE to a file",
		"steward.yaml:19:16: conversations: must be a mapping of keys",
		"steward.yaml:20:6: log: anchors, aliases and tags are not read; write the value itself",
		"steward.yaml:21:8: audit: anchors, aliases and tags are not read; write the value itself",
		"steward.yaml:22:12: telemetry: anchors, aliases and tags are not read; write the value itself",
		"steward.yaml:24:3: personas.Analyst: " + access.ErrPersonaName.Message,
		"steward.yaml:24:13: personas.Analyst.alow: is not a known key; did you mean allow?",
		"steward.yaml:27:37: personas.analyst.allow[0].target[0]: A target is written kind:name, such as tool:query or metric:*; a * alone is everything.",
		"steward.yaml:28:9: personas.analyst.allow[1]: " + access.ErrRuleEmpty.Message,
		`steward.yaml:28:30: personas.analyst.allow[1].action[1]: A pattern knows only * and ?; write one pattern for each alternative, and ? for a literal [ ] { } or \.`,
		"steward.yaml:29:9: personas.analyst.allow[2]: must be a mapping of keys",
		"steward.yaml:30:11: personas.analyst.deny: must be a list",
		"steward.yaml:31:46: tasks.max_kept_per_principal: must be at most max_kept",
	}
	if diff := cmp.Diff(want, problems(t, config.Options{File: file, Env: []string{home}})); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_TellsEveryErrorOfVariablesAndFlags(t *testing.T) {
	got := problems(t, config.Options{
		Env: []string{
			home, "STEWARD_SERVER__LISEN=127.0.0.1:1", "STEWARD_SERVER__MAX_BODY_BYTES=", "STEWARD_LOG__LEVEL=loud",
			"STEWARD_SECURITY__RATE_LIMIT__ENABLED=yes", "STEWARD_METRICS__TIMEOUT=60", "STEWARD_METRICS__TARGET_FILE=x",
			"STEWARD_server__listen=x", "STEWARD_PERSONAS=x", "STEWARD_CLAUDE__API_KEY=",
		},
		Overrides: map[string]string{"servr.listen": "x", "claude.api_key": "sk-flag", "metrics.max_rows": "-1"},
	})
	want := []string{
		"STEWARD_CLAUDE__API_KEY: claude.api_key: is empty; unset it",
		"STEWARD_LOG__LEVEL: log.level: must be one of debug, info, warn, error",
		"STEWARD_METRICS__TARGET_FILE: is not a known variable; did you mean STEWARD_METRICS__TARGET?",
		"STEWARD_METRICS__TIMEOUT: metrics.timeout: must be a duration such as 500ms, 60s or 2h",
		"STEWARD_PERSONAS: is not a known variable",
		"STEWARD_SECURITY__RATE_LIMIT__ENABLED: security.rate_limit.enabled: must be true or false",
		"STEWARD_SERVER__LISEN: is not a known variable; did you mean STEWARD_SERVER__LISTEN?",
		"STEWARD_SERVER__MAX_BODY_BYTES: server.max_body_bytes: must be a whole number",
		"STEWARD_server__listen: is not a known variable",
		"flag for claude.api_key: a secret is not given on the command line, where others can read it; set STEWARD_CLAUDE__API_KEY",
		"flag for metrics.max_rows: metrics.max_rows: must be at least 1",
		"flag for servr.listen: is not a known key; did you mean server.listen?",
		"metrics.default_limit: must be at most max_rows",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_RefusesWhatIsNoConfigurationFile(t *testing.T) {
	folder := t.TempDir()
	huge := filepath.Join(folder, "huge")
	if err := os.WriteFile(huge, make([]byte, 1<<20+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		filepath.Join(folder, "none"):   "none: there is no such file",
		folder:                          "is not a regular file",
		huge:                            "huge: the file is too large",
		write(t, "a: b: c"):             "is not YAML",
		write(t, "server: ]"):           "is not YAML",
		write(t, "[1]"):                 "steward.yaml:1:1: must be a mapping of keys",
		write(t, "log: {}\n---\nx: {}"): "a second document is not read",
		write(t, "1: {}"):               "steward.yaml:1:1: has a key that is not plain text",
		write(t, "<<: {log: {}}"):       "has a key that is not plain text",
	} {
		if got := problems(t, config.Options{File: file, Env: []string{home}}); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLoad_RefusesAddressesThatOthersReachWithoutTLS(t *testing.T) {
	for address, public := range map[string]bool{
		"127.0.0.1:0": false, "127.9.9.9:1": false, "[::1]:1": false, "localhost:1": false, "[::ffff:127.0.0.1]:1": false,
		"0.0.0.0:1": true, ":1": true, "[::]:1": true, "192.168.1.1:1": true, "[fe80::1%eth0]:1": true,
	} {
		for variable, advice := range map[string]string{"STEWARD_SERVER__LISTEN": "behind_tls_proxy", "STEWARD_SERVER__ADMIN_LISTEN": "asks nobody who they are"} {
			env := []string{home, variable + "=" + address}
			_, err := config.Load(config.Options{Env: env})
			if refused := err != nil && strings.Contains(err.Error(), advice); refused != public || !public && err != nil {
				t.Errorf("%s=%s: %v", variable, address, err)
			}
			_, err = config.Load(config.Options{Env: append(env, "STEWARD_SERVER__BEHIND_TLS_PROXY=true")})
			if refused := err != nil; refused != (public && strings.Contains(variable, "ADMIN")) {
				t.Errorf("%s=%s behind a proxy: %v", variable, address, err)
			}
		}
	}
}

func TestLoad_ChecksWhatValuesMean(t *testing.T) {
	for entry, holds := range map[string]bool{
		"SERVER__LISTEN=example.com:80": false, "SERVER__LISTEN=127.0.0.1": false, "SERVER__LISTEN=127.0.0.1:65536": false, "SERVER__LISTEN=127.0.0.1:http": false,
		"SERVER__ADMIN_LISTEN=127.0.0.1:7878":                              false,
		"SERVER__ALLOWED_HOSTS=a.b-c.d,10.0.0.1:80,[::1]:80,::1,localhost": true, "SERVER__ALLOWED_HOSTS=http://a": false, "SERVER__ALLOWED_HOSTS=a/b": false,
		"SERVER__ALLOWED_HOSTS=-a": false, "SERVER__ALLOWED_HOSTS=*": false, "SERVER__ALLOWED_HOSTS=a..b": false, "SERVER__ALLOWED_HOSTS=a:99999": false,
		"SERVER__ALLOWED_ORIGINS=https://a.b:1,http://localhost:3000": true, "SERVER__ALLOWED_ORIGINS=https://a/": false, "SERVER__ALLOWED_ORIGINS=null": false,
		"SERVER__ALLOWED_ORIGINS=a.b": false, "SERVER__ALLOWED_ORIGINS=*": false, "SERVER__ALLOWED_ORIGINS=https://u@a": false,
		"ENVIRONMENT=Prod": false, "ENVIRONMENT=": false, "ENVIRONMENT=prod2": true,
		"CLAUDE__ENDPOINT=http://127.0.0.1:4010": true, "CLAUDE__ENDPOINT=http://[::1]:1/x": true, "CLAUDE__ENDPOINT=http://10.0.0.1": false,
		"CLAUDE__ENDPOINT=https://k@api.example": false, "CLAUDE__ENDPOINT=ftp://a": false, "CLAUDE__ENDPOINT=https://a?k=v": false, "CLAUDE__ENDPOINT=": false,
		"CLAUDE__MODELS=other": false, "CLAUDE__MODELS=claude-sonnet-5-5,other": true, "CLAUDE__MODEL=": false,
		"METRICS__ENV=A_1,b": true, "METRICS__ENV=1A": false, "METRICS__ENV=A=B": false, "METRICS__TIMEOUT=999ms": false, "METRICS__TIMEOUT=61m": false,
		"TOOL_SUFFIX=_tool": true, "TOOL_SUFFIX=": true, "TOOL_SUFFIX=_t2_": true, "TOOL_SUFFIX=tool": false, "TOOL_SUFFIX=_": false,
		"TOOL_SUFFIX=_Tool": false, "TOOL_SUFFIX=_tool-x": false, "TOOL_SUFFIX=_aaaaaaaaaaaaaaaaaaaaa": false,
		"STDIO__USER=a\nb": false, "STDIO__USER=": false, "STDIO__PERSONAS=none": false,
		"CONVERSATIONS__MAX_CHARS=1": false, "METRICS__IDLE_RELEASE=0s": true, "METRICS__IDLE_RELEASE=-1s": false,
	} {
		_, err := config.Load(config.Options{Env: []string{home, "STEWARD_" + entry}})
		if (err == nil) != holds {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func TestLoad_NeedsSomewhereToKeepState(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"XDG_STATE_HOME=/xdg", home}, "/xdg/steward"},
		{[]string{"XDG_STATE_HOME=relative", home}, "/home/ada/.local/state/steward"},
		{[]string{"STEWARD_STATE_DIR=/srv/s"}, "/srv/s"},
	} {
		if got := load(t, config.Options{Env: c.env}).StateDir; got != c.want {
			t.Errorf("%v: %s, want %s", c.env, got, c.want)
		}
	}
	if got := problems(t, config.Options{}); len(got) != 1 || !strings.HasPrefix(got[0], "state_dir: must be set") {
		t.Errorf("without a home: %q", got)
	}
}

func TestLoad_TakesOtherProgramsVariablesLast(t *testing.T) {
	venv := environment(t, "mf", "python")
	env := []string{
		home, "DBT_PROJECT_DIR=/dbt", "DBT_PROFILES_DIR=~/profiles", "MF_PATH=" + venv + "/mf", "ANTHROPIC_API_KEY=sk-a",
		"TELEMETRYFLOW_MCP_CLAUDE_API_KEY=sk-t",
	}
	c := load(t, config.Options{Env: env})
	if c.Metrics.ProjectDir != "/dbt" || c.Metrics.ProfilesDir != "/home/ada/profiles" || c.Metrics.Python != venv+"/python" || c.Claude.APIKey.Reveal() != "sk-t" {
		t.Errorf("got %+v, %s", c.Metrics, c.Claude.APIKey.Reveal())
	}
	file := write(t, "metrics: {project_dir: /own}")
	c = load(t, config.Options{File: file, Env: append(env, "STEWARD_METRICS__PYTHON=/own/python", "STEWARD_CLAUDE__API_KEY=sk-s", "MF_PATH=mf")})
	if c.Metrics.ProjectDir != "/own" || c.Metrics.Python != "/own/python" || c.Claude.APIKey.Reveal() != "sk-s" {
		t.Errorf("got %+v, %s", c.Metrics, c.Claude.APIKey.Reveal())
	}
	if c = load(t, config.Options{Env: []string{home, "MF_PATH=", "ANTHROPIC_API_KEY="}}); c.Metrics.Python != "" || c.Claude.APIKey.IsSet() {
		t.Errorf("got %+v", c.Metrics)
	}
}

func TestCheck_PrintsWhatIsWrong(t *testing.T) {
	var out strings.Builder
	err := config.Check(config.Options{Env: []string{home, "STEWARD_LOG__LEVEL=loud", "STEWARD_X=1"}}, &out)
	want := "STEWARD_LOG__LEVEL: log.level: must be one of debug, info, warn, error\nSTEWARD_X: is not a known variable\n"
	if !errors.Is(err, config.ErrConfig) || out.String() != want {
		t.Errorf("got %v and %q", err, out.String())
	}
	out.Reset()
	if err := config.Check(config.Options{Env: []string{home}}, &out); err != nil || out.Len() > 0 {
		t.Errorf("of a good one: %v and %q", err, out.String())
	}
}

// Whatever the file holds, reading it ends, and what is refused has a reason and a place.
func FuzzLoad_EndsWithAReason(f *testing.F) {
	for _, seed := range []string{"", "server:\n  listen: x", "personas: {a: {allow: [{action: a, target: '*'}]}}", "a: &a [*a]", "? [a]\n: b", "<<: x", "!!x y", "- 1\n- 2", "server: |\n  x", "\xff"} {
		f.Add([]byte(seed))
	}
	name := filepath.Join(f.TempDir(), "fuzz.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load(config.Options{File: name, Env: []string{home}})
		var all config.Problems
		if err != nil && !errors.As(err, &all) {
			t.Fatalf("the error is %T", err)
		}
		for _, p := range all {
			if p.Reason == "" || p.Origin.String() == "" && p.Path == "" {
				t.Errorf("a problem without words: %+v", p)
			}
		}
	})
}
