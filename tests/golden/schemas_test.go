package golden_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/schema"
)

// excepted are places that a complaint is not made of, each with the reason. One that nothing needs any more fails.
var excepted = map[string]string{}

// A model, and a client's form, have nothing but the definition to go by; a server has nothing else to stop what is
// too large.
func TestTools_TellClientsWhatTheyNeed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, tool := range listed(t) {
		for _, complaint := range complaints(tool, used) {
			t.Errorf("%s%s", tool.Name, complaint)
		}
		for _, s := range []json.RawMessage{tool.InputSchema, tool.Output} {
			if _, err := schema.Compile(tool.Name, s); err != nil {
				t.Errorf("%s: %v", tool.Name, err)
			}
		}
	}
	for place := range excepted {
		if !used[place] {
			t.Errorf("%s is an exception that nothing needs", place)
		}
	}
}

func complaints(tool definition, used map[string]bool) []string {
	var found []string
	complain := func(place, text string) {
		if _, ok := excepted[tool.Name+place]; ok {
			used[tool.Name+place] = true
			return
		}
		found = append(found, place+": "+text)
	}
	if tool.Title == "" || len(tool.Description) < 30 || !strings.HasSuffix(tool.Description, ".") {
		complain("", "needs a title, and a description of whole sentences")
	}
	if len(tool.Icons) == 0 || !strings.HasPrefix(tool.Icons[0].Src, "data:image/svg+xml;base64,") {
		complain("", "has no icon that a client can show without fetching it")
	}
	for _, hint := range []string{"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
		if _, ok := tool.Annotations[hint].(bool); !ok {
			complain("", "does not say "+hint)
		}
	}
	if tool.Annotations["readOnlyHint"] == true && tool.Annotations["destructiveHint"] == true {
		complain("", "reads only and destroys")
	}
	for name, raw := range map[string]json.RawMessage{"input": tool.InputSchema, "output": tool.Output} {
		var root map[string]any
		if err := json.Unmarshal(raw, &root); err != nil {
			complain(" "+name, err.Error())
			continue
		}
		if root["type"] != "object" {
			complain(" "+name, "must be an object")
		}
		if name == "input" {
			walk(root, "", complain)
		}
	}
	slices.Sort(found)
	return found
}

// walk looks at an input schema and all schemas inside.
func walk(s map[string]any, place string, complain func(place, text string)) {
	_, listed := s["enum"]
	_, fixed := s["const"]
	alternatives, _ := s["anyOf"].([]any)
	types := typesOf(s)
	if len(types) == 0 && !listed && !fixed && alternatives == nil {
		complain(place, "takes anything; give it a type")
	}
	bounds := map[string]string{"string": "maxLength", "array": "maxItems"}
	for _, kind := range types {
		bound, needed := bounds[kind]
		if _, ok := s[bound].(float64); needed && !ok && !listed && !fixed {
			complain(place, fmt.Sprintf("a %s without %s", kind, bound))
		}
		if additional, ok := s["additionalProperties"].(bool); kind == "object" && (!ok || additional) {
			complain(place, "an object that takes members it does not know")
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		property, _ := properties[name].(map[string]any)
		inside := place + "." + name
		if description, _ := property["description"].(string); description == "" {
			complain(inside, "has no description")
		}
		walk(property, inside, complain)
	}
	if items, ok := s["items"].(map[string]any); ok {
		walk(items, place+"[]", complain)
	}
	for i, alternative := range alternatives {
		if inner, ok := alternative.(map[string]any); ok {
			walk(inner, fmt.Sprintf("%s|%d", place, i), complain)
		}
	}
}

func typesOf(s map[string]any) []string {
	switch kind := s["type"].(type) {
	case string:
		return []string{kind}
	case []any:
		var kinds []string
		for _, k := range kind {
			if text, ok := k.(string); ok {
				kinds = append(kinds, text)
			}
		}
		return kinds
	}
	return nil
}

func TestComplaints_AreMade(t *testing.T) {
	t.Parallel()
	const good = `{"name":"x","title":"X","description":"Does what a good example has to do.",
		"icons":[{"src":"data:image/svg+xml;base64,AA=="}],
		"annotations":{"readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false},
		"outputSchema":{"type":"object"},
		"inputSchema":{"type":"object","additionalProperties":false,"properties":{
			"a":{"type":"string","maxLength":3,"description":"A."},
			"b":{"type":"array","maxItems":3,"description":"B.","items":{"anyOf":[{"enum":["u"]},{"type":"object","additionalProperties":false,"properties":{"c":{"type":"integer","description":"C."}}}]}}}}}`
	for name, c := range map[string]struct{ old, new, want string }{
		"nothing":                 {"", "", ""},
		"no title":                {`"title":"X"`, `"title":""`, "needs a title"},
		"a short description":     {`Does what a good example has to do.`, `Does.`, "needs a title"},
		"no icon":                 {`"icons":[{"src":"data:image/svg+xml;base64,AA=="}]`, `"icons":[]`, "no icon"},
		"an icon from elsewhere":  {`data:image/svg+xml;base64,AA==`, `https://example.com/i.svg`, "no icon"},
		"a missing hint":          {`"openWorldHint":false`, `"x":1`, "openWorldHint"},
		"hints that contradict":   {`"destructiveHint":false`, `"destructiveHint":true`, "reads only and destroys"},
		"an unbounded text":       {`"type":"string","maxLength":3`, `"type":"string"`, ".a: a string without maxLength"},
		"one of several types":    {`"type":"string","maxLength":3`, `"type":["integer","string"]`, ".a: a string without maxLength"},
		"an unbounded list":       {`"type":"array","maxItems":3`, `"type":"array"`, ".b: a array without maxItems"},
		"an open object":          {`"additionalProperties":false,"properties":{"c"`, `"properties":{"c"`, ".b[]|1: an object that takes members"},
		"an undescribed property": {`"type":"integer","description":"C."`, `"type":"integer"`, ".b[]|1.c: has no description"},
		"no type":                 {`"type":"integer",`, ``, ".b[]|1.c: takes anything"},
		"an output that is none":  {`"outputSchema":{"type":"object"}`, `"outputSchema":{"type":"array"}`, "output: must be an object"},
	} {
		var d definition
		if err := json.Unmarshal([]byte(strings.Replace(good, c.old, c.new, 1)), &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := complaints(d, map[string]bool{})
		if c.want == "" && len(got) == 0 {
			continue
		}
		if c.want == "" || len(got) != 1 || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: complaints %q, want one with %q", name, got, c.want)
		}
	}
}
