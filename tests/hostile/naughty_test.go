package hostile_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// naughty are texts that have broken programs.
func naughty(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/blns/blns.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	if err := json.Unmarshal(text, &all); err != nil || len(all) < 400 {
		t.Fatalf("%d strings, %v", len(all), err)
	}
	return all
}

// schemas are the input schemas of all tools, as clients see them.
func schemas(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "golden", "tools", "*.json"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d tools, %v", len(files), err)
	}
	found := map[string]map[string]any{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Name        string
			InputSchema map[string]any
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		found[d.Name] = d.InputSchema
	}
	return found
}

// sample is a value that a schema takes, with text wherever it takes a text that is not one of a list.
func sample(s map[string]any, text string, depth int) any {
	if alternatives, ok := s["anyOf"].([]any); ok && len(alternatives) > 0 {
		first, _ := alternatives[0].(map[string]any)
		return sample(first, text, depth)
	}
	if fixed, ok := s["const"]; ok {
		return fixed
	}
	if listed, ok := s["enum"].([]any); ok && len(listed) > 0 {
		return listed[0]
	}
	kind, _ := s["type"].(string)
	if kinds, ok := s["type"].([]any); ok {
		kind = "string"
		if !slices.Contains(kinds, any("string")) {
			kind, _ = kinds[0].(string)
		}
	}
	switch kind {
	case "string":
		return text
	case "integer", "number":
		return max(1, number(s["minimum"]))
	case "boolean":
		return true
	case "array":
		items, _ := s["items"].(map[string]any)
		return []any{sample(items, text, depth+1)}
	}
	members := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for name, property := range properties {
		if inner, ok := property.(map[string]any); ok && (slices.Contains(required, any(name)) || depth > 0) {
			members[name] = sample(inner, text, depth+1)
		}
	}
	return members
}

func number(v any) float64 {
	n, _ := v.(float64)
	return n
}

// slots are the arguments that hold a text somewhere, each with what else a call needs.
func slots(s map[string]any) map[string]func(text string) map[string]any {
	found := map[string]func(string) map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	for name, property := range properties {
		inner, _ := property.(map[string]any)
		alternatives := []any{inner}
		if several, ok := inner["anyOf"].([]any); ok {
			alternatives = several
		}
		for i, alternative := range alternatives {
			one, _ := alternative.(map[string]any)
			const mark = "\u0001the mark\u0001"
			text, err := json.Marshal(sample(one, mark, 1))
			if err != nil || !strings.Contains(string(text), "the mark") {
				continue
			}
			found[name+"|"+strconv.Itoa(i)] = func(text string) map[string]any {
				members, _ := sample(s, "revenue", 0).(map[string]any)
				members[name] = sample(one, text, 1)
				return members
			}
		}
	}
	return found
}

// share is how many arguments share the texts: all of them in each would take minutes.
const share = 4

// Whatever text stands in an argument, of whatever tool, it is taken for a text or refused for what it is, in neutral words:
// nothing panics, and nothing is lost on the way to the tool.
func TestNaughty_TextsAreOnlyTexts(t *testing.T) {
	t.Parallel()
	project := t.TempDir()
	manifest, err := os.ReadFile(filepath.Join("..", "..", "configs", "demo", "semantic_manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(project, "target"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(project, "target", "semantic_manifest.json"), manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Metrics.ProjectDir, c.Metrics.Python = project, filepath.Join(project, "no-python")
	c.Claude.APIKey = config.NewSecret("not-a-key-of-anybody")
	c.Security.RateLimit.Enabled = false
	c.Personas = map[string]config.Persona{"all": {Allow: []config.Rule{{Action: config.Words{"*"}, Target: config.Words{"*"}}}}}
	p, err := app.OpenPolicy(app.Settings{Config: c, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	strange := naughty(t)
	tools, filled, taken := schemas(t), 0, 0
	for _, tool := range slices.Sorted(maps.Keys(tools)) {
		for slot, with := range slots(tools[tool]) {
			filled++
			for i, text := range strange {
				if (i+filled)%share != 0 {
					continue
				}
				arguments, err := json.Marshal(with(text))
				if err != nil {
					t.Fatal(err)
				}
				r, err := p.Rule(t.Context(), app.Asked{Personas: []string{"all"}, Tool: tool, Arguments: arguments})
				switch {
				case err != nil:
					t.Fatalf("%s, %s, %q: %v", tool, slot, text, err)
				case r.Allowed:
					taken++
				case r.Told.Kind == fault.Internal:
					t.Errorf("%s, %s, %q: %v, because of %v", tool, slot, text, r.Told, r.Told.Unwrap())
				case strings.Contains(r.Told.Error(), project), strings.Contains(r.Told.Error(), "goroutine"):
					t.Errorf("%s, %s, %q: tells too much: %v", tool, slot, text, r.Told)
				}
			}
		}
	}
	if filled < 20 || taken == 0 {
		t.Errorf("%d arguments of %d tools were filled, %d calls taken; nothing is proved", filled, len(tools), taken)
	}
}

// data is what of a text has a place in a value: all but controls, overrides of direction, and tags.
func data(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && !strings.ContainsRune("\t\n\r", c) || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 || c >= 0xe0000 && c <= 0xe007f {
			return -1
		}
		return c
	}, text)
}

// The same, through the process and back.
func TestNaughty_TextsComeBackAndLeaveTheirRecord(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.plain)
	p := at.pipe(t)
	shown := redact.New(nil)
	strange := append(naughty(t), strings.Repeat("\u202e", 1000), "\x00", "\x1b[2J", "\u2028", strings.Repeat("\U000e0041", 100))
	for i, text := range strange {
		arguments, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		p.say(t, strings.Replace(call(`"echo"`, string(arguments)), `"id":1`, `"id":`+strconv.Itoa(i), 1))
		r := p.hear(t)
		var result struct {
			Content           []struct{ Text string }
			StructuredContent struct{ Text *string }
			IsError           bool
		}
		if err := json.Unmarshal(r.Result, &result); err != nil || result.IsError || string(r.ID) != strconv.Itoa(i) ||
			result.StructuredContent.Text == nil {
			t.Errorf("%q is answered %s, %v", text, r.Result, err)
			continue
		}
		if got, want := *result.StructuredContent.Text, data(text); got != want {
			t.Errorf("%q comes back as the value %q, want %q", text, got, want)
		}
		got := "" // nothing to see is no content
		if len(result.Content) > 0 {
			got = result.Content[0].Text
		}
		if want := shown.Shown(redact.Result, text); got != want || len(result.Content) != min(1, len(want)) {
			t.Errorf("%q comes back as the text %q, want %q", text, result.Content, want)
		}
	}
	// A name that nobody should call a tool is no tool, and stands in the record as a text.
	names := 0
	for i, text := range strange {
		name, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		p.say(t, strings.Replace(call(string(name), `{}`), `"id":1`, `"id":`+strconv.Itoa(i), 1))
		r := p.hear(t)
		var told struct{ Code string }
		if r.Error == nil || r.Error.Code != -32602 || json.Unmarshal(r.Error.Data, &told) != nil || told.Code != "tool.unknown" ||
			string(r.ID) != strconv.Itoa(i) {
			t.Errorf("a tool called %q is answered %s: %v", text, r.ID, r.Error)
		}
		names++
	}
	if err := p.in.Close(); err != nil {
		t.Error(err)
	}
	p.end(t, patience)
	by := closed(at.records(t))
	if len(by) != len(strange)+names {
		t.Errorf("%d requests are on record, want %d", len(by), len(strange)+names)
	}
	for request, of := range by {
		if len(of) != 1 {
			t.Errorf("request %s: %+v", request, of)
		}
	}
}
