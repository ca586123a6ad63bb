package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

const root = "../../.."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMinimalFile_IsEnoughForAnAnalyst(t *testing.T) {
	c := load(t, config.Options{File: filepath.Join(root, "configs/minimal.yaml"), Env: []string{home}})
	want, err := filepath.Abs(filepath.Join(root, "configs/demo"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Metrics.ProjectDir != want {
		t.Errorf("the project is %s, want %s", c.Metrics.ProjectDir, want)
	}
	policy, err := c.Policy()
	if err != nil {
		t.Fatal(err)
	}
	who := access.Local("ada", "analyst")
	if d := policy.Decide(who, access.On("tool.call", "tool", "query"), access.On("metric.query", "metric", "revenue")); !d.Allowed {
		t.Errorf("the analyst may not query: %+v", d)
	}
}

func TestExampleFile_ShowsWhatPersonasDo(t *testing.T) {
	c := load(t, config.Options{File: filepath.Join(root, "configs/example.yaml"), Env: []string{home}})
	policy, err := c.Policy()
	if err != nil {
		t.Fatal(err)
	}
	for demand, want := range map[string][2]bool{ // analyst, regional
		"metric:revenue_by_store": {true, true}, "metric:gross_margin": {true, false}, "metric:order_margin": {true, false},
		"dimension:store__region": {true, true}, "dimension:customer__email": {true, false},
	} {
		kind, name, _ := strings.Cut(demand, ":")
		for i, persona := range []string{"analyst", "regional"} {
			if got := policy.Decide(access.Local("x", persona), access.On("metric.query", kind, name)).Allowed; got != want[i] {
				t.Errorf("%s on %s: %v, want %v", persona, demand, got, want[i])
			}
		}
	}
}

// What the example calls a default is one: without the keys that are "for example", it is Default.
func TestExampleFile_TellsTheDefaults(t *testing.T) {
	c := load(t, config.Options{File: filepath.Join(root, "configs/example.yaml"), Env: []string{home}})
	want := config.Default()
	want.Auth.Resource, want.Auth.Issuers = c.Auth.Resource, c.Auth.Issuers
	want.StateDir, want.Audit.Dir, want.Personas = c.StateDir, c.Audit.Dir, c.Personas
	want.Audit.CheckpointDir = c.Audit.CheckpointDir
	want.Server.AllowedHosts, want.Server.AllowedOrigins = c.Server.AllowedHosts, c.Server.AllowedOrigins
	want.Stdio.Attributes, want.ToolSuffix, want.Compat = c.Stdio.Attributes, c.ToolSuffix, c.Compat
	want.Stdio.Personas, want.Claude.Models, want.Telemetry.Baggage = c.Stdio.Personas, c.Claude.Models, c.Telemetry.Baggage
	want.Metrics.ProjectDir, want.Metrics.ProfilesDir, want.Metrics.Target = c.Metrics.ProjectDir, c.Metrics.ProfilesDir, c.Metrics.Target
	want.Metrics.Python, want.Metrics.Env = c.Metrics.Python, c.Metrics.Env
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

var yamlKey = regexp.MustCompile(`^( *)([a-z_]+):`)

func TestExampleFile_HasEveryKeyWithAComment(t *testing.T) {
	var got, path []string
	commented := false
	for line := range strings.Lines(read(t, "configs/example.yaml")) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			commented = true
			continue
		}
		if element, ok := strings.CutSuffix(strings.TrimRight(line, "\n"), "-"); ok && strings.TrimSpace(element) == "" {
			path = append(path[:len(element)/2], "-")
		}
		if m := yamlKey.FindStringSubmatch(line); m != nil {
			depth := len(m[1]) / 2
			path = append(path[:min(depth, len(path))], m[2])
			persona := path[0] == "personas" && depth > 1
			if !commented && !persona {
				t.Errorf("%s has no comment", strings.Join(path, "."))
			}
			got = append(got, strings.Join(path, "."))
		}
		commented = false
	}
	for _, v := range config.Variables() {
		if v.Path != "" && !v.Secret && !v.Ambient && !slices.Contains(got, v.Path) {
			t.Errorf("%s is missing", v.Path)
		}
	}
	for _, key := range keysOf(reflect.TypeFor[config.Issuer](), "auth.issuers.-") {
		if !slices.Contains(got, key) {
			t.Errorf("%s is missing", key)
		}
	}
	for _, secret := range []string{"STEWARD_KEY_PEPPER_FILE", "STEWARD_CLAUDE__API_KEY_FILE", "STEWARD_COMPAT__API_KEY_FILE"} {
		if !strings.Contains(read(t, "configs/example.yaml"), secret) {
			t.Errorf("%s is not told of", secret)
		}
	}
}

// keysOf are the keys of a struct that only the file can write.
func keysOf(t reflect.Type, path string) []string {
	var keys []string
	for f := range t.Fields() {
		key := path + "." + f.Tag.Get("yaml")
		keys = append(keys, key)
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, keysOf(f.Type, key)...)
		}
	}
	return keys
}

func TestEnvExample_HasEveryVariable(t *testing.T) {
	var want, got, env []string
	for _, v := range config.Variables() {
		want = append(want, v.Name)
	}
	for _, m := range regexp.MustCompile(`(?m)^# ([A-Z][A-Z_]+)=(.*)$`).FindAllStringSubmatch(read(t, ".env.example"), -1) {
		got = append(got, m[1])
		if m[1] != config.FileVariable && m[2] != "" {
			env = append(env, m[1]+"="+m[2])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := config.Load(config.Options{Env: env}); err != nil {
		t.Errorf("with every line in force: %v", err)
	}
}
