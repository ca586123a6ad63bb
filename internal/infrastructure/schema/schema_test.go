package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const example = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "additionalProperties": false, "required": ["name"],
  "properties": {
    "name": {"type": "string", "minLength": 2, "maxLength": 5},
    "id": {"type": "string", "pattern": "^[a-z]{3}$"},
    "mode": {"enum": ["rows", "sql"]},
    "limit": {"type": "integer", "minimum": 1, "exclusiveMaximum": 100, "multipleOf": 3},
    "share": {"exclusiveMinimum": 0, "maximum": 0.5},
    "by": {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": true, "items": {"anyOf": [
      {"type": "string", "maxLength": 4},
      {"type": "object", "additionalProperties": false, "required": ["name"], "properties": {"name": {"type": "string"}, "grain": {"type": "string"}}}
    ]}},
    "value": {"type": ["string", "number"], "maxLength": 4}
  }
}`

func compile(t *testing.T, text string) func(json.RawMessage) error {
	t.Helper()
	check, err := schema.Compile("example", json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return check
}

func TestCheck_SaysWhereAndWhatIsExpected(t *testing.T) {
	t.Parallel()
	check := compile(t, example)
	for value, want := range map[string]string{
		`{"name":"abc","id":"abc","mode":"sql","limit":99,"share":0.5,"by":["a",{"name":"b"}],"value":3}`: "",
		`{}`:                                                     "The arguments: missing property 'name'.",
		`[]`:                                                     "The arguments: got array, want object.",
		`null`:                                                   "The arguments: got null, want object.",
		`{"name":7}`:                                             "Argument name: got number, want string.",
		`{"name":"a"}`:                                           "Argument name: minLength: got 1, want 2.",
		`{"name":"canary"}`:                                      "Argument name: maxLength: got 6, want 5.",
		`{"name":"abc","id":"CANARY"}`:                           "Argument id: does not match the pattern ^[a-z]{3}$.",
		`{"name":"abc","mode":"canary"}`:                         "Argument mode: value must be one of 'rows', 'sql'.",
		`{"name":"abc","limit":-3}`:                              "Argument limit: must be at least 1.",
		`{"name":"abc","limit":102}`:                             "Argument limit: must be less than 100.",
		`{"name":"abc","limit":4}`:                               "Argument limit: must be a multiple of 3.",
		`{"name":"abc","limit":1.5}`:                             "Argument limit: got number, want integer.",
		`{"name":"abc","share":0}`:                               "Argument share: must be more than 0.",
		`{"name":"abc","share":0.6}`:                             "Argument share: must be at most 0.5.",
		`{"name":"abc","by":[]}`:                                 "Argument by: minItems: got 0, want 1.",
		`{"name":"abc","by":["a","b","c"]}`:                      "Argument by: maxItems: got 3, want 2.",
		`{"name":"abc","by":["a","a"]}`:                          "Argument by: items at 0 and 1 are equal.",
		`{"name":"abc","by":["a",7]}`:                            "Argument by/1: got number, want string or object.",
		`{"name":"abc","by":["canary"]}`:                         "Argument by/0: maxLength: got 6, want 4.",
		`{"name":"abc","by":[{"grain":"x"}]}`:                    "Argument by/0: missing property 'name'.",
		`{"name":"abc","by":[{"name":"x","grain":7}]}`:           "Argument by/0/grain: got number, want string.",
		`{"name":"abc","by":[{"name":"x","gran":"canary"}]}`:     `Argument by/0: there is no "gran".`,
		`{"name":"abc","value":true}`:                            "Argument value: got boolean, want number or string.",
		`{"name":"abc","z":1,"y":2}`:                             `The arguments: there is no "y", "z".`,
		`{"name":"abc","a":1,"b":1,"c":1,"d":1,"e":1,"f":1}`:     `The arguments: there is no "a", "b", "c", "d", "e" and 1 more.`,
		`{"name":"abc","` + strings.Repeat("long", 100) + `":1}`: `The arguments: there is no "` + strings.Repeat("long", 20) + `…".`,
		`{`: schema.ErrArguments.Message,
	} {
		err := check(json.RawMessage(value))
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", value, err)
			}
			continue
		}
		f := fault.From(err)
		if f == nil || !errors.Is(f, schema.ErrArguments) || f.Kind != fault.Invalid || f.Message != want {
			t.Errorf("%s:\n got %v\nwant %s", value, err, want)
		}
	}
}

// The library walks objects in the order of a Go map, which is none.
func TestCheck_SaysTheSameOfTheSame(t *testing.T) {
	t.Parallel()
	check := compile(t, example)
	for range 50 {
		err := check(json.RawMessage(`{"name":7,"id":7,"mode":7,"limit":"x","share":7,"by":7,"value":[]}`))
		if got := fault.From(err).Message; got != "Argument by: got number, want array." {
			t.Fatalf("said %q", got)
		}
	}
}

// A refusal goes to clients and, as the outcome of a record, to operators: neither may find a value in it.
func TestCheck_RepeatsNoValue(t *testing.T) {
	t.Parallel()
	check := compile(t, example)
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.SampledFrom([]any{"canary", "CANARY", 424242, 42.4242, true, []any{"canary"}, map[string]any{"grain": "canary"}})
		arguments := map[string]any{}
		for _, name := range []string{"name", "id", "mode", "limit", "share", "by", "value"} {
			if rapid.Bool().Draw(rt, name) {
				arguments[name] = value.Draw(rt, name+" is")
			}
		}
		text, err := json.Marshal(arguments)
		if err != nil {
			rt.Fatal(err)
		}
		f := fault.From(check(text))
		if f == nil {
			return
		}
		for _, part := range []string{"canary", "CANARY", "4242"} {
			if strings.Contains(f.Message, part) {
				rt.Errorf("%s: %s", text, f.Message)
			}
		}
	})
}

func TestCheck_KeepsEveryDigit(t *testing.T) {
	t.Parallel()
	check := compile(t, `{"properties":{"n":{"type":"integer","maximum":9007199254740993}}}`)
	if err := check(json.RawMessage(`{"n":9007199254740993}`)); err != nil {
		t.Errorf("the maximum itself: %v", err)
	}
	if err := check(json.RawMessage(`{"n":9007199254740994}`)); err == nil {
		t.Error("one more than the maximum passed")
	}
}

func TestCompile_RefusesWhatIsNoSchema(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `{`, `7`, `{"type":"objekt"}`, `{"properties":[]}`, `{"$ref":"#/$defs/absent"}`, `{"pattern":"("}`} {
		if _, err := schema.Compile("broken", json.RawMessage(text)); err == nil {
			t.Errorf("%q compiled", text)
		}
	}
}

// A schema of ours refers to nothing outside itself, and the compiler must not go and look.
func TestCompile_ReachesForNothing(t *testing.T) {
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(elsewhere, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"http://127.0.0.1:1/schema.json", "file://" + elsewhere, "other.json"} {
		if _, err := schema.Compile("reaching", json.RawMessage(`{"$ref":"`+ref+`"}`)); err == nil {
			t.Errorf("%s was resolved", ref)
		}
	}
}

func FuzzCheck(f *testing.F) {
	check, err := schema.Compile("example", json.RawMessage(example))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`{}`, `{"name":"abc","by":[{"name":"x"},7]}`, `{"limit":1e400}`, `[[[[]]]]`, `{"name":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		err := check(value)
		if err != nil && !errors.Is(err, schema.ErrArguments) {
			t.Errorf("%q: %v is no refusal of arguments", value, err)
		}
	})
}

// What one value leaves behind must not show in the next one.
func FuzzDecode(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":1.50}`, `{"a":9007199254740993}`},
		{`{"a":`, `{}`},
		{`{} {}`, `7`},
		{` 1 `, ` 2`},
		{`1`, `1`},
		{``, `null`},
		{"\"\\ud800\"\n", `[]]`},
		{`"` + strings.Repeat("long", 2000) + `"`, `"short"`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for _, value := range [][]byte{first, second, first} {
			got, err := schema.Decode(value)
			want, failed := jsonschema.UnmarshalJSON(bytes.NewReader(value))
			if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (failed == nil) {
				t.Errorf("%q: %v, %v (-want +got):\n%s", value, failed, err, diff)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	check, err := schema.Compile("example", json.RawMessage(example))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := check(json.RawMessage(`{"name":"abc","limit":3}`)); err != nil {
			b.Fatal(err)
		}
	}
}
