package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

const (
	oldKey     = "an_old-key_of_32_characters_0123"
	twoPersona = "personas: {analyst: {allow: [{action: tool.call, target: \"tool:*\"}]}}\ncompat: {persona: analyst}\n"
)

// environment makes a folder of programs, as a virtual environment's bin is one.
func environment(t *testing.T, programs ...string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range programs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// An environment of mcp-metricflow, with two lines about personas, is a configuration.
func TestLoad_TakesAnEnvironmentOfMCPMetricFlow(t *testing.T) {
	venv := environment(t, "mf", "python")
	c := load(t, config.Options{File: write(t, twoPersona), Env: []string{
		home, "DBT_PROJECT_DIR=/dbt", "DBT_PROFILES_DIR=~/.dbt", "MF_PATH=" + venv + "/mf", "MF_TMP_DIR=/tmp",
		"MCP_HOST=127.0.0.2", "MCP_PORT=8000", "MCP_API_KEY=" + oldKey, "MCP_REQUIRE_AUTH=true",
	}})
	want := []string{"/dbt", "/home/ada/.dbt", venv + "/python", "127.0.0.2:8000", oldKey, "analyst"}
	got := []string{c.Metrics.ProjectDir, c.Metrics.ProfilesDir, c.Metrics.Python, c.Server.Listen, c.Compat.APIKey.Reveal(), c.Compat.Persona}
	if diff := cmp.Diff(want, got); diff != "" || c.Server.UnsafeNoAuth {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoad_PutsOldAddressesTogether(t *testing.T) {
	for env, want := range map[string]string{
		"":                                   "127.0.0.1:7878",
		"MCP_HOST=localhost":                 "localhost:7878",
		"MCP_HOST=::1 MCP_PORT=8000":         "[::1]:8000",
		"MCP_PORT=0":                         "127.0.0.1:0",
		"MCP_HOST= MCP_PORT=9":               "127.0.0.1:9",
		"STEWARD_SERVER__LISTEN=127.0.0.1:1": "127.0.0.1:1",
		"STEWARD_SERVER__LISTEN=127.0.0.1:1 MCP_HOST=0.0.0.0 MCP_PORT=x": "127.0.0.1:1",
	} {
		if got := load(t, config.Options{Env: append(strings.Fields(env), home)}).Server.Listen; got != want {
			t.Errorf("%s: %s, want %s", env, got, want)
		}
	}
	// The file is Steward's own word, and an old variable yields to it.
	file := write(t, "server: {listen: \"127.0.0.1:2\"}\n")
	if got := load(t, config.Options{File: file, Env: []string{home, "MCP_PORT=8000"}}).Server.Listen; got != "127.0.0.1:2" {
		t.Errorf("over a file: %s", got)
	}
}

func TestLoad_NamesTheOldVariableThatIsWrong(t *testing.T) {
	bare := environment(t, "mf")
	const (
		public    = "server.listen: is reachable from other machines without TLS"
		unsafe    = "server.unsafe_no_auth: lets in whoever reaches the server"
		noPersona = "compat.persona: must name the persona under personas"
	)
	for name, c := range map[string]struct {
		file string
		env  string
		want []string
	}{
		"a port that is none":        {"", "MCP_PORT=http MCP_HOST=::1", []string{"MCP_PORT: server.listen: must be a port, 0 to 65535"}},
		"a host that has a name":     {"", "MCP_HOST=example.com MCP_PORT=1", []string{"MCP_HOST: server.listen: must be an IP address or localhost"}},
		"every interface":            {"", "MCP_HOST=0.0.0.0", []string{"MCP_HOST: " + public}},
		"the admin's port":           {"", "MCP_PORT=7879", []string{"server.admin_listen: must be another address"}},
		"no authentication":          {twoPersona, "MCP_REQUIRE_AUTH=false", []string{"MCP_REQUIRE_AUTH: server.unsafe_no_auth: must be true for authentication to be off"}},
		"no authentication, shouted": {twoPersona, "MCP_REQUIRE_AUTH=OFF", []string{"MCP_REQUIRE_AUTH: server.unsafe_no_auth: must be true"}},
		"authentication, perhaps":    {twoPersona, "MCP_REQUIRE_AUTH=maybe", []string{"MCP_REQUIRE_AUTH: must be true or false"}},
		"authentication on and off":  {twoPersona, "MCP_REQUIRE_AUTH=yes STEWARD_SERVER__UNSAFE_NO_AUTH=true", []string{"MCP_REQUIRE_AUTH: server.unsafe_no_auth: takes away"}},
		"nobody, from anywhere": {
			twoPersona, "STEWARD_SERVER__UNSAFE_NO_AUTH=true STEWARD_SERVER__LISTEN=0.0.0.0:1",
			[]string{"STEWARD_SERVER__LISTEN: " + public, "STEWARD_SERVER__UNSAFE_NO_AUTH: " + unsafe},
		},
		"nobody, by a proxy": {
			twoPersona, "STEWARD_SERVER__UNSAFE_NO_AUTH=true STEWARD_SERVER__BEHIND_TLS_PROXY=true", []string{"STEWARD_SERVER__UNSAFE_NO_AUTH: " + unsafe},
		},
		"nobody, without rights":    {"", "STEWARD_SERVER__UNSAFE_NO_AUTH=true", []string{"STEWARD_SERVER__UNSAFE_NO_AUTH: " + noPersona}},
		"a key without rights":      {"", "MCP_API_KEY=" + oldKey, []string{"MCP_API_KEY: " + noPersona}},
		"a key of a ghost":          {"", "MCP_API_KEY=" + oldKey + " STEWARD_COMPAT__PERSONA=ghost", []string{"STEWARD_COMPAT__PERSONA: compat.persona: is not a persona"}},
		"a key of 31 characters":    {twoPersona, "MCP_API_KEY=" + oldKey[1:], []string{"MCP_API_KEY: compat.api_key: A key of one's own choice has 32"}},
		"a key with a dot":          {twoPersona, "MCP_API_KEY=" + oldKey + ".", []string{"MCP_API_KEY: compat.api_key: A key of one's own choice"}},
		"a key like Steward's":      {twoPersona, "MCP_API_KEY=stw_" + oldKey, []string{"MCP_API_KEY: compat.api_key: A key of one's own choice"}},
		"an engine that is nowhere": {"", "MF_PATH=mf PATH=/nowhere:relative", []string{"MF_PATH: metrics.python: names no program in PATH"}},
		"an engine without Python":  {"", "MF_PATH=" + bare + "/mf", []string{"MF_PATH: metrics.python: there is no python beside it"}},
	} {
		o := config.Options{Env: append(strings.Fields(c.env), home)}
		if c.file != "" {
			o.File = write(t, c.file)
		}
		got := problems(t, o)
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if strings.Contains(strings.Join(got, ""), "old-key") {
			t.Errorf("%s: the key is told: %q", name, got)
		}
	}
}

func TestLoad_FindsTheInterpreterBesideTheEngine(t *testing.T) {
	both, three, bare := environment(t, "mf", "python", "python3"), environment(t, "mf", "python3"), environment(t)
	for link, to := range map[string]string{"mf": both, "mf3": three} {
		if err := os.Symlink(filepath.Join(to, "mf"), filepath.Join(bare, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Dir(three))
	for env, want := range map[string]string{
		"MF_PATH=" + both + "/mf":                                 both + "/python",
		"MF_PATH=" + three + "/mf":                                three + "/python3",
		"MF_PATH=" + bare + "/mf":                                 both + "/python",
		"MF_PATH=" + bare + "/mf3":                                three + "/python3",
		"MF_PATH=bin/mf":                                          three + "/python3",
		"MF_PATH=~/bin/mf HOME=" + filepath.Dir(three):            three + "/python3",
		"MF_PATH=mf PATH=relative:/nowhere:" + three + ":" + both: three + "/python3",
		"MF_PATH=/nowhere/mf STEWARD_METRICS__PYTHON=/own/py":     "/own/py",
		"": "",
	} {
		got := load(t, config.Options{Env: append([]string{home}, strings.Fields(env)...)}).Metrics.Python
		if got != want {
			t.Errorf("%s: %s, want %s", env, got, want)
		}
	}
}

// What is about listening means nothing without a listener; mcp-metricflow's template set it for both transports.
func TestLoad_OverStdioHearsNothingOfListening(t *testing.T) {
	c := load(t, config.Options{Stdio: true, Env: []string{
		home, "MCP_HOST=0.0.0.0", "MCP_PORT=none", "MCP_API_KEY=short", "MCP_REQUIRE_AUTH=false", "DBT_PROJECT_DIR=/dbt",
	}})
	if c.Server.Listen != "127.0.0.1:7878" || c.Compat.APIKey.IsSet() || c.Metrics.ProjectDir != "/dbt" {
		t.Errorf("got %+v", c)
	}
}

func TestLoad_ReadsTheLocalUsersAttributes(t *testing.T) {
	c := load(t, config.Options{File: write(t, "stdio: {attributes: {regions: [north, south], team: sales}}\n"), Env: []string{home}})
	want := map[string][]string{"regions": {"north", "south"}, "team": {"sales"}}
	if diff := cmp.Diff(want, c.Stdio.Claims()); diff != "" {
		t.Error(diff)
	}
	if (config.Stdio{}).Claims() != nil {
		t.Error("nobody has attributes")
	}
	for _, text := range []string{`{"": [a]}`, `{a: [""]}`, `{a: ["x\ny"]}`, fmt.Sprintf("{a: [%s]}", strings.Repeat("x,", 101))} {
		got := problems(t, config.Options{File: write(t, "stdio: {attributes: "+text+"}\n"), Env: []string{home}})
		if len(got) != 1 || !strings.HasPrefix(got[0], "steward.yaml:1:9: stdio.attributes: must be at most 50 attributes") {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// about lists what differences are about.
func about(found []config.Difference) []string {
	var names []string
	for _, d := range found {
		names = append(names, d.About)
	}
	return names
}

func TestDifferences_AreToldToFormerUsersOnly(t *testing.T) {
	for _, env := range []string{"", "DBT_PROJECT_DIR=/dbt DBT_PROFILES_DIR=/p", "ANTHROPIC_API_KEY=k", "MCP_PORT="} {
		if got := config.Differences(config.Options{Env: append(strings.Fields(env), home)}); len(got) > 0 {
			t.Errorf("%q: %v", env, got)
		}
	}
}

func TestDifferences_TellWhatApplies(t *testing.T) {
	asking := []string{"session_id", "rows", "errors", "where", "limit", ".env"}
	for name, c := range map[string]struct {
		file  string
		env   string
		stdio bool
		want  []string
	}{
		"a key alone": {
			twoPersona, "MCP_API_KEY=" + oldKey, false,
			slices.Concat([]string{"MCP_REQUIRE_AUTH", "MCP_HOST", "MCP_PORT", "/sse", "tool names", "DBT_PROFILES_DIR"}, asking),
		},
		"everything": {
			twoPersona + "tool_suffix: _tool\n", "MCP_API_KEY=" + oldKey + " MCP_HOST=::1 MCP_PORT=1 MCP_REQUIRE_AUTH=on DBT_PROFILES_DIR=/p MF_TMP_DIR=/tmp", false,
			slices.Concat([]string{"MF_TMP_DIR", "/sse"}, asking),
		},
		"overruled": {
			twoPersona + "tool_suffix: _tool\nmetrics: {profiles_dir: /q}\n",
			"STEWARD_SERVER__LISTEN=127.0.0.1:1 STEWARD_COMPAT__API_KEY=" + oldKey + " MCP_API_KEY=x MCP_HOST=::1 MCP_PORT=1 MCP_REQUIRE_AUTH=on DBT_PROFILES_DIR=/p", false,
			slices.Concat([]string{"DBT_PROFILES_DIR", "MCP_API_KEY", "MCP_HOST", "MCP_PORT", "/sse"}, asking),
		},
		"over stdio": {
			"tool_suffix: _tool\n", "MCP_HOST=0.0.0.0 MCP_REQUIRE_AUTH=false DBT_PROFILES_DIR=/p", true,
			slices.Concat([]string{"MCP_HOST", "MCP_REQUIRE_AUTH", "stdio.personas"}, asking),
		},
		"without authentication": {
			twoPersona + "tool_suffix: _tool\n", "STEWARD_SERVER__UNSAFE_NO_AUTH=true MCP_HOST=::1 MCP_PORT=1 DBT_PROFILES_DIR=/p", false,
			slices.Concat([]string{"/sse"}, asking),
		},
	} {
		o := config.Options{File: write(t, c.file), Env: append(strings.Fields(c.env), home), Stdio: c.stdio}
		load(t, o)
		got := config.Differences(o)
		if diff := cmp.Diff(c.want, about(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if strings.Contains(fmt.Sprint(got), oldKey) {
			t.Errorf("%s: the key is told: %v", name, got)
		}
	}
}
