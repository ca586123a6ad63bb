package mcpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

func names(t *testing.T, answer map[string]any, list string) (found []string) {
	t.Helper()
	entries, ok := result(t, answer)[list].([]any)
	if !ok {
		t.Fatalf("no %s: %v", list, answer)
	}
	for _, e := range entries {
		found = append(found, e.(map[string]any)["name"].(string))
	}
	return found
}

func TestLibrary_ListsShowWhatMayBeUsedInOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hidden["doc://secret"], w.hidden["hidden_prompt"] = true, true
	for _, c := range []struct {
		method, list string
		want         []string
	}{
		{"resources/list", "resources", []string{"broken", "drawing", "guide", "logo"}},
		{"resources/templates/list", "resourceTemplates", []string{"word"}},
		{"prompts/list", "prompts", []string{"explain"}},
	} {
		var first string
		for range 5 {
			for era, answer := range w.eras(t, [3]string{c.method}, nil) {
				if diff := cmp.Diff(c.want, names(t, answer, c.list)); diff != "" {
					t.Errorf("%s, %s (-want +got):\n%s", c.method, era, diff)
				}
				if r := result(t, answer); era == "2026-07-28" && r["cacheScope"] != "private" {
					t.Errorf("%s may be shared: %v", c.method, r)
				}
				text, _ := json.Marshal(result(t, answer)[c.list])
				if first == "" {
					first = string(text)
				}
				if string(text) != first {
					t.Errorf("%s, %s: another time it is\n%s\nnot\n%s", c.method, era, text, first)
				}
			}
		}
	}
	w.hidden["draws"], w.hidden["word://{word}"], w.hidden["explain"] = true, true, true
	for _, c := range [][3]string{{"resources/list", "resources", "broken guide logo"}, {"resources/templates/list", "resourceTemplates", ""}, {"prompts/list", "prompts", ""}} {
		for era, answer := range w.eras(t, [3]string{c[0]}, nil) {
			if got := strings.Join(names(t, answer, c[1]), " "); got != c[2] {
				t.Errorf("%s, %s: %q", c[0], era, got)
			}
		}
	}
}

// Whatever is used, the answer is the protocol's and one closed record says what came of it.
func TestLibrary_AnswersAsTheProtocolAsks(t *testing.T) {
	t.Parallel()
	read := func(uri string) [3]string { return [3]string{"resources/read", uri, `"uri":"` + uri + `",`} }
	get := func(name, args string) [3]string {
		return [3]string{"prompts/get", name, `"name":"` + name + `","arguments":{` + args + `},`}
	}
	complete := func(ref, argument string) [3]string {
		return [3]string{"completion/complete", "", `"ref":{` + ref + `},"argument":{"name":"` + argument + `","value":"va"},"context":{"arguments":{"to":"you"}},`}
	}
	slow := func(w *world) { w.limit = fault.New(fault.Exhausted, "limit.rate", "Slow down.") }
	for name, c := range map[string]struct {
		ask            [3]string
		set            func(*world)
		want           string // somewhere in the answer
		legacy, modern float64
		outcome, by    string
	}{
		"a text":                     {ask: read("doc://guide"), want: `"contents":[{"mimeType":"text/plain","text":"How.","uri":"doc://guide"}]`},
		"data":                       {ask: read("doc://logo"), want: `"contents":[{"blob":"AQID","mimeType":"image/png","uri":"doc://logo"}]`},
		"a view":                     {ask: read("ui://drawing"), want: `"_meta":{"ui":{"prefersBorder":true}},"mimeType":"text/html;profile=mcp-app"`},
		"one of a template":          {ask: read("word://a%20%2Fb"), want: `"text":"The word a /b"`},
		"no resource":                {ask: read("doc://gone"), want: `"uri":"doc://gone"`, legacy: -32002, modern: -32602, outcome: "tool.resource_unknown", by: audit.ByInput},
		"a hidden resource":          {ask: read("doc://secret"), set: hides("doc://secret"), want: `"uri":"doc://secret"`, legacy: -32002, modern: -32602, outcome: "tool.resource_unknown", by: audit.ByPolicy},
		"no word":                    {ask: read("word://none"), want: `"uri":"word://none"`, legacy: -32002, modern: -32602, outcome: "word.unknown", by: audit.ByInput},
		"a hidden word":              {ask: read("word://dark"), set: hides("dark"), want: `"uri":"word://dark"`, legacy: -32002, modern: -32602, outcome: "word.unknown", by: audit.ByPolicy},
		"too many reads":             {ask: read("doc://guide"), set: slow, want: "limit.rate", legacy: -32000, modern: -32000, outcome: "limit.rate", by: audit.ByLimit},
		"a resource that panics":     {ask: read("doc://broken"), want: "internal", legacy: -32603, modern: -32603, outcome: "internal"},
		"a prompt":                   {ask: get("explain", `"word":"churn","to":"me"`), want: `"messages":[{"content":{"text":"Explain churn.","type":"text"},"role":"user"},{"content":{"text":"To me?","type":"text"},"role":"assistant"}]`},
		"a prompt without arguments": {ask: get("explain", ``), want: "The argument word is required.", legacy: -32602, modern: -32602, outcome: "tool.prompt_arguments", by: audit.ByInput},
		"arguments that are no text": {ask: get("explain", `"word":1`), want: "does not have the shape", legacy: -32600, modern: -32600, outcome: "mcp.request", by: audit.ByEdge},
		"no prompt":                  {ask: get("gone", ``), want: "prompts/list", legacy: -32602, modern: -32602, outcome: "tool.prompt_unknown", by: audit.ByInput},
		"a hidden prompt":            {ask: get("explain", `"word":"churn"`), set: hides("explain"), want: "prompts/list", legacy: -32602, modern: -32602, outcome: "tool.prompt_unknown", by: audit.ByPolicy},
		"too many prompts":           {ask: get("explain", `"word":"churn"`), set: slow, want: "limit.rate", legacy: -32000, modern: -32000, outcome: "limit.rate", by: audit.ByLimit},
		"a completion":               {ask: complete(`"type":"ref/prompt","name":"explain"`, "word"), want: `"completion":{"total":4,"values":["","word","va","you"]}`},
		"a long one":                 {ask: complete(`"type":"ref/resource","uri":"word://{word}"`, "word"), want: `"completion":{"hasMore":true,"total":150,"values":["vax",`},
		"one of nothing":             {ask: complete(`"type":"ref/resource","uri":"word://{word}"`, "other"), want: `"completion":{"values":[]}`},
		"of no prompt":               {ask: complete(`"type":"ref/prompt","name":"gone"`, "word"), want: "prompts/list", legacy: -32602, modern: -32602, outcome: "tool.prompt_unknown", by: audit.ByInput},
		"of a hidden prompt":         {ask: complete(`"type":"ref/prompt","name":"explain"`, "word"), set: hides("explain"), want: "prompts/list", legacy: -32602, modern: -32602, outcome: "tool.prompt_unknown", by: audit.ByPolicy},
		"of no template":             {ask: complete(`"type":"ref/resource","uri":"doc://guide"`, "word"), want: "resources/list", legacy: -32602, modern: -32602, outcome: "tool.resource_unknown", by: audit.ByInput},
		"of nothing that there is":   {ask: complete(`"type":"ref/tool","name":"echo"`, "text"), want: "does not have the shape", legacy: -32600, modern: -32600, outcome: "mcp.request", by: audit.ByEdge},
		"too many completions":       {ask: complete(`"type":"ref/prompt","name":"explain"`, "word"), set: slow, want: "limit.rate", legacy: -32000, modern: -32000, outcome: "limit.rate", by: audit.ByLimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for era, answer := range w.eras(t, c.ask, c.set) {
				if want := map[string]float64{"2025-11-25": c.legacy, "2026-07-28": c.modern}[era]; code(answer) != want {
					t.Errorf("%s: code %v, want %v: %v", era, code(answer), want, answer)
				}
				text, _ := json.Marshal(answer)
				if !strings.Contains(string(text), c.want) || strings.Contains(string(text), "boom") {
					t.Errorf("%s: %s", era, text)
				}
			}
			records := w.taken()
			if c.outcome == "" {
				c.outcome = audit.OK
			}
			for _, r := range records {
				if r.Phase != audit.Closed || r.Outcome != c.outcome || r.DeniedBy != c.by || r.Method != c.ask[0] {
					t.Errorf("on record: %+v", r)
				}
			}
			if len(records) != 2 {
				t.Errorf("%d records", len(records))
			}
		})
	}
}

func hides(name string) func(*world) { return func(w *world) { w.hidden[name] = true } }

// eras asks in both eras, once the world is as set makes it.
func (w *world) eras(t *testing.T, ask [3]string, set func(*world)) map[string]map[string]any {
	t.Helper()
	sid := w.session(t, "")
	w.taken()
	if set != nil {
		set(w)
	}
	_, modern := w.modern(t, ask[0], ask[1], ask[2])
	_, _, legacy := w.post(t, `{"jsonrpc":"2.0","id":2,"method":"`+ask[0]+`","params":{`+strings.TrimSuffix(ask[2], ",")+`}}`, "Mcp-Session-Id", sid)
	return map[string]map[string]any{"2025-11-25": legacy, "2026-07-28": modern}
}

// What is hidden and what is not there are told apart by nothing but the name that was asked for.
func TestLibrary_WhatIsHiddenLooksLikeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"doc://secret", "dark", "explain", "hidden_prompt", "word://{word}"} {
		w.hidden[name] = true
	}
	for _, pair := range [][2][3]string{
		{{"resources/read", "doc://secret", `"uri":"doc://secret",`}, {"resources/read", "doc://gone", `"uri":"doc://gone",`}},
		{{"resources/read", "word://dark", `"uri":"word://dark",`}, {"resources/read", "word://none", `"uri":"word://none",`}},
		{{"prompts/get", "explain", `"name":"explain",`}, {"prompts/get", "gone", `"name":"gone",`}},
		{
			{"completion/complete", "", `"ref":{"type":"ref/prompt","name":"explain"},"argument":{"name":"word","value":""},`},
			{"completion/complete", "", `"ref":{"type":"ref/prompt","name":"gone"},"argument":{"name":"word","value":""},`},
		},
		{
			{"completion/complete", "", `"ref":{"type":"ref/resource","uri":"word://{word}"},"argument":{"name":"word","value":""},`},
			{"completion/complete", "", `"ref":{"type":"ref/resource","uri":"gone://{word}"},"argument":{"name":"word","value":""},`},
		},
	} {
		hidden, absent := w.eras(t, pair[0], nil), w.eras(t, pair[1], nil)
		for era := range hidden {
			if diff := cmp.Diff(masked(absent[era]), masked(hidden[era])); diff != "" {
				t.Errorf("%s, %v (-absent +hidden):\n%s", era, pair[0], diff)
			}
		}
	}
}

func masked(answer map[string]any) string {
	e, _ := answer["error"].(map[string]any)
	data, _ := e["data"].(map[string]any)
	if data["uri"] != nil {
		data["uri"] = ""
	}
	data["request_id"] = ""
	return fmt.Sprint(e)
}

func TestLibrary_AdvertisesWhatThereIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, discovered := w.modern(t, "server/discover", "", "")
	_, _, initialized := w.post(t, initialize)
	for era, answer := range map[string]map[string]any{"2026-07-28": discovered, "2025-11-25": initialized} {
		text, _ := json.Marshal(result(t, answer)["capabilities"])
		want := `{"completions":{},"extensions":{"io.modelcontextprotocol/ui":{}},"logging":{},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"tools":{"listChanged":true}}`
		if string(text) != want {
			t.Errorf("%s: %s", era, text)
		}
	}
}

func TestHTTP_ShowsPicturesAndViewsOfATool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	status, answer := w.modern(t, "tools/call", "draws", `"name":"draws",`)
	text, _ := json.Marshal(result(t, answer)["content"])
	if status != http.StatusOK || string(text) != `[{"text":"drawn","type":"text"},{"data":"AQID","mimeType":"image/png","type":"image"}]` {
		t.Errorf("HTTP %d: %s", status, text)
	}
	_, answer = w.modern(t, "tools/list", "", "")
	text, _ = json.Marshal(result(t, answer)["tools"].([]any)[0])
	if !strings.Contains(string(text), `"_meta":{"ui":{"resourceUri":"ui://drawing"},"ui/resourceUri":"ui://drawing"}`) {
		t.Errorf("listed as %s", text)
	}
}
