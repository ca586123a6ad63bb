package config_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

func TestPrint_SaysWhatHoldsAndWhereItComesFrom(t *testing.T) {
	file := filepath.Join(t.TempDir(), "steward.yaml")
	if err := os.WriteFile(file, []byte("log:\n  level: warn\npersonas:\n  analyst: {allow: [{action: tool.call, target: \"tool:*\"}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	o := config.Options{File: file, Env: []string{home, "STEWARD_ENVIRONMENT=prod", "ANTHROPIC_API_KEY=sk-ant-canary-0123456789"}}
	if err := config.Print(o, true, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`  level: "warn" # ` + file + ":2:10\n", `environment: "prod" # STEWARD_ENVIRONMENT` + "\n",
		`  api_key: "[redacted]" # ANTHROPIC_API_KEY` + "\n", `  format: "json" # default` + "\n", `  request_timeout: 1m0s # default` + "\n",
		"personas: # " + file + ":3:1\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "canary") {
		t.Error("the secret was printed")
	}
}

// What is printed can be loaded, and says the same.
func TestPrint_IsAConfiguration(t *testing.T) {
	for _, name := range []string{"configs/example.yaml", "configs/minimal.yaml", "configs/demo/steward.yaml"} {
		o := config.Options{File: filepath.Join(root, name), Env: []string{home}}
		for _, origins := range []bool{false, true} {
			var out bytes.Buffer
			if err := config.Print(o, origins, &out); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "printed.yaml")
			text := regexp.MustCompile(`(?m)^ *(key_pepper|api_key): "".*\n`).ReplaceAllString(out.String(), "") // not read there
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			want, got := load(t, o), load(t, config.Options{File: file, Env: []string{home}})
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

func TestPrint_RefusesWhatLoadRefuses(t *testing.T) {
	var out bytes.Buffer
	if err := config.Print(config.Options{Env: []string{home, "STEWARD_LOG__LEVEL=loud"}}, false, &out); err == nil || out.Len() > 0 {
		t.Errorf("%v, and printed %q", err, out.String())
	}
}

func TestSchema_TakesOurFilesAndRefusesMistakes(t *testing.T) {
	text, err := config.Schema(read(t, "configs/example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("steward.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("steward.json")
	if err != nil {
		t.Fatal(err)
	}
	validate := func(file string) error {
		t.Helper()
		asJSON, err := yaml.YAMLToJSON([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	for _, name := range []string{"configs/example.yaml", "configs/minimal.yaml", "configs/demo/steward.yaml"} {
		if err := validate(read(t, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, wrong := range []string{
		"log: {level: loud}", "server: {lisen: x}", "server: {max_body_bytes: 1}", "server: {request_timeout: soon}",
		"claude: {api_key: x}", "personas: {a: {allow: [{actoin: x}]}}", "metrics: {env: [A, A]}", "tool_suffix: 3",
	} {
		if validate(wrong) == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
	said, _ := document.(map[string]any)["properties"].(map[string]any)["server"].(map[string]any)["properties"].(map[string]any)["max_body_bytes"].(map[string]any)
	if said["description"] != "The largest request body, in bytes." {
		t.Errorf("max_body_bytes says %v", said)
	}
}

// Keys below names that the operator gives, and those of rules, which the example spells out at one place, are not left out.
func TestSchema_DescribesEveryKey(t *testing.T) {
	text, err := config.Schema(read(t, "configs/example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	type node struct {
		Description string
		Properties  map[string]json.RawMessage
		Items       json.RawMessage
		Names       json.RawMessage `json:"additionalProperties"`
	}
	described := map[string]string{}
	var walk func(path string, text json.RawMessage)
	walk = func(path string, text json.RawMessage) {
		var n node
		if len(text) == 0 || text[0] != '{' {
			return // there is none, or it is false
		}
		if err := json.Unmarshal(text, &n); err != nil {
			t.Fatal(err)
		}
		if key := path[strings.LastIndexByte(path, '.')+1:]; key != "" && key != "*" && key != "-" {
			described[path] = n.Description
		}
		for key, of := range n.Properties {
			walk(path+"."+key, of)
		}
		walk(path+".-", n.Items)
		walk(path+".*", n.Names)
	}
	walk("", text)
	for path, said := range described {
		if said == "" {
			t.Errorf("%s has no description", path)
		}
	}
	for path, want := range map[string]string{
		".personas.*.description":         "For people.",
		".personas.*.max_rows":            "Rows of one answer. 0 bounds nothing.",
		".personas.*.rows.-.field":        "A dimension or entity.",
		".personas.*.allow.-.when.*.glob": "Texts that match one of these patterns pass.",
		".personas.*.deny.-.when.*.glob":  "Texts that match one of these patterns pass.",
	} {
		if got := described[path]; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
