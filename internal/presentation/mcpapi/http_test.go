package mcpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

func code(answer map[string]any) float64 {
	e, _ := answer["error"].(map[string]any)
	c, _ := e["code"].(float64)
	return c
}

func result(t *testing.T, answer map[string]any) map[string]any {
	t.Helper()
	r, ok := answer["result"].(map[string]any)
	if !ok {
		t.Fatalf("no result: %v", answer)
	}
	return r
}

func TestHTTP_ServesBothErasOnOneEndpoint(t *testing.T) {
	w := newWorld(t)
	status, answer := w.modern(t, "tools/call", "echo", `"name":"echo","arguments":{"text":"hi"},`)
	if status != http.StatusOK || result(t, answer)["structuredContent"].(map[string]any)["text"] != "hi" {
		t.Errorf("modern: %d %v", status, answer)
	}
	if result(t, answer)["resultType"] != "complete" {
		t.Errorf("a modern result says nothing of its type: %v", answer)
	}
	sid := w.session(t, "a")
	status, _, answer = w.post(t, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}`,
		"X-Test-Who", "a", "Mcp-Session-Id", sid)
	if status != http.StatusOK || result(t, answer)["structuredContent"].(map[string]any)["text"] != "hi" {
		t.Errorf("legacy: %d %v", status, answer)
	}
	if status, answer = w.modern(t, "server/discover", "", ""); status != http.StatusOK || result(t, answer)["instructions"] != "First list." {
		t.Errorf("discover: %d %v", status, answer)
	}
}

// Whatever comes of a request, exactly one closed record says so, and the answer betrays nothing.
func TestHTTP_ClosesOneRecordForEveryRequest(t *testing.T) {
	call := func(name, args string) string {
		return `"name":"` + name + `","arguments":` + args + `,`
	}
	for name, c := range map[string]struct {
		set     func(*world)
		tool    string
		args    string
		status  int
		code    float64 // of a JSON-RPC error, 0 for a result
		isError bool
		outcome string
		by      string
	}{
		"success":         {tool: "echo", args: `{"text":"x"}`, status: 200, outcome: "ok"},
		"a bad argument":  {tool: "echo", args: `{"text":"refuse me"}`, status: 200, isError: true, outcome: "tool.arguments", by: audit.ByInput},
		"an unknown tool": {tool: "nothing", args: `{}`, status: 400, code: -32602, outcome: "tool.unknown", by: audit.ByInput},
		"a hidden tool": {
			set:  func(w *world) { w.hidden["echo"] = true },
			tool: "echo", args: `{"text":"x"}`, status: 400, code: -32602, outcome: "tool.unknown", by: audit.ByPolicy,
		},
		"a limit": {
			set:  func(w *world) { w.limit = fault.New(fault.Exhausted, "limit.rate", "Slow down.") },
			tool: "echo", args: `{"text":"x"}`, status: 200, isError: true, outcome: "limit.rate", by: audit.ByLimit,
		},
		"a panic":         {tool: "panics", args: `{}`, status: 200, isError: true, outcome: "internal"},
		"a foreign error": {tool: "leaks", args: `{}`, status: 200, isError: true, outcome: "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.set != nil {
				c.set(w)
			}
			status, answer := w.modern(t, "tools/call", c.tool, call(c.tool, c.args))
			if status != c.status || code(answer) != c.code {
				t.Errorf("HTTP %d, code %v: %v", status, code(answer), answer)
			}
			if r, ok := answer["result"].(map[string]any); ok && (r["isError"] == true) != c.isError {
				t.Errorf("isError %v: %v", r["isError"], answer)
			}
			if text := fmt.Sprint(answer); strings.Contains(text, "shadow") || strings.Contains(text, "boom") {
				t.Errorf("the answer betrays its cause: %v", answer)
			}
			records := w.taken()
			if len(records) != 1 || records[0].Phase != audit.Closed || records[0].Outcome != c.outcome || records[0].DeniedBy != c.by {
				t.Errorf("records: %+v", records)
			}
		})
	}
}

func TestHTTP_AHiddenToolLooksLikeNoTool(t *testing.T) {
	w := newWorld(t)
	w.hidden["echo"], w.hidden["ghost"] = true, true
	_, hidden := w.modern(t, "tools/call", "echo", `"name":"echo","arguments":{},`)
	_, absent := w.modern(t, "tools/call", "gone", `"name":"gone","arguments":{},`)
	mask := func(answer map[string]any) string {
		e := answer["error"].(map[string]any)
		e["data"].(map[string]any)["request_id"] = ""
		return fmt.Sprint(e)
	}
	if h, a := mask(hidden), mask(absent); h != a {
		t.Errorf("hidden: %s\nabsent: %s", h, a)
	}
	_, answer := w.modern(t, "tools/list", "", "")
	if text := fmt.Sprint(result(t, answer)["tools"]); strings.Contains(text, "echo") || !strings.Contains(text, "waits") {
		t.Errorf("tools/list: %s", text)
	}
}

// Clients know tools by their published names only; everything behind goes on with the plain ones.
func TestHTTP_PublishesToolsWithASuffix(t *testing.T) {
	w := newWorldWith(t, "_tool")
	w.hidden["leaks"] = true
	_, answer := w.modern(t, "tools/list", "", "")
	if text := fmt.Sprint(result(t, answer)["tools"]); !strings.Contains(text, "name:echo_tool") || strings.Contains(text, "leaks") {
		t.Errorf("tools/list: %s", text)
	}
	w.taken()
	for name, want := range map[string]string{"echo_tool": "ok tool:echo", "leaks_tool": "tool.unknown tool:leaks", "echo": "tool.unknown tool:-echo"} {
		_, answer := w.modern(t, "tools/call", name, `"name":"`+name+`","arguments":{"text":"hi"},`)
		if r := w.taken(); len(r) != 1 || r[0].Outcome+" "+r[0].Target != want {
			t.Errorf("%s: %v, on record %+v", name, answer, r)
		}
	}
}

func TestHTTP_RefusesWhatTheProtocolForbids(t *testing.T) {
	ok := []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/list"}
	list := `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + modernMeta + `}}`
	for name, c := range map[string]struct {
		body    string
		headers []string
		status  int
		code    float64
	}{
		"no JSON":                {"{", ok, 400, -32700},
		"a batch":                {"[" + list + "]", ok, 400, -32600},
		"duplicate members":      {`{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}`, ok, 400, -32700},
		"another media type":     {list, append([]string{"Content-Type", "text/plain"}, ok...), 415, -32600},
		"no revision header":     {list, []string{"Mcp-Method", "tools/list"}, 400, -32020},
		"no method header":       {list, ok[:2], 400, -32020},
		"a mismatched method":    {list, append(ok[:2:2], "Mcp-Method", "tools/call"), 400, -32020},
		"an unknown revision":    {strings.Replace(list, "2026-07-28", "2027-01-01", 1), []string{"Mcp-Protocol-Version", "2027-01-01", "Mcp-Method", "tools/list"}, 400, -32022},
		"a response":             {`{"jsonrpc":"2.0","id":1,"result":{}}`, ok, 400, -32602},
		"no session":             {`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, nil, 400, -32600},
		"an unknown session":     {`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{"Mcp-Session-Id", "x"}, 404, -32600},
		"an old unknown version": {`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{"Mcp-Protocol-Version", "2020-01-01"}, 400, -32600},
		"an unknown method":      {strings.ReplaceAll(list, "tools/list", "tools/eat"), append(ok[:2:2], "Mcp-Method", "tools/eat"), 404, -32601},
		"too large a body":       {`{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", 2<<20) + `"}`, ok, 413, -32600},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			status, _, answer := w.post(t, c.body, c.headers...)
			if status != c.status || code(answer) != c.code {
				t.Errorf("HTTP %d, code %v, want %d and %v: %v", status, code(answer), c.status, c.code, answer)
			}
			records := w.taken()
			if len(records) != 1 || records[0].Outcome == audit.OK || records[0].DeniedBy != audit.ByEdge {
				t.Errorf("records: %+v", records)
			}
		})
	}
}

func TestHTTP_ASessionIsGoodForItsOwnerOnly(t *testing.T) {
	w := newWorld(t)
	sid := w.session(t, "a")
	list := `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	if status, _, _ := w.post(t, list, "X-Test-Who", "b", "Mcp-Session-Id", sid); status != http.StatusNotFound {
		t.Errorf("another principal used the session: HTTP %d", status)
	}
	end := func(who string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/mcp", nil)
		r.Header.Set("Mcp-Session-Id", sid)
		r.Header.Set("X-Test-Who", who)
		rw := httptest.NewRecorder()
		w.ServeHTTP(rw, r)
		return rw.Code
	}
	if got := end("b"); got != http.StatusNotFound {
		t.Errorf("another principal ended the session: HTTP %d", got)
	}
	if got := end("a"); got != http.StatusNoContent {
		t.Errorf("the owner could not end the session: HTTP %d", got)
	}
	if status, _, _ := w.post(t, list, "X-Test-Who", "a", "Mcp-Session-Id", sid); status != http.StatusNotFound {
		t.Errorf("an ended session still works: HTTP %d", status)
	}
}

func TestHTTP_ASessionEndsOnlyIfThatIsOnRecord(t *testing.T) {
	w := newWorld(t)
	sid := w.session(t, "a")
	end := func() int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/mcp", nil)
		r.Header.Set("Mcp-Session-Id", sid)
		r.Header.Set("X-Test-Who", "a")
		rw := httptest.NewRecorder()
		w.ServeHTTP(rw, r)
		return rw.Code
	}
	w.disk = fault.New(fault.Unavailable, "audit.unavailable", "Nothing can be recorded.")
	if got := end(); got != http.StatusServiceUnavailable {
		t.Errorf("without a record: HTTP %d", got)
	}
	w.disk = nil
	if status, _, _ := w.post(t, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, "X-Test-Who", "a", "Mcp-Session-Id", sid); status != http.StatusOK {
		t.Errorf("it has ended without a record: HTTP %d", status)
	}
	if got := end(); got != http.StatusNoContent {
		t.Errorf("with one: HTTP %d", got)
	}
}

func TestHTTP_PingsAndNotificationsAreNotOnRecord(t *testing.T) {
	w := newWorld(t)
	sid := w.session(t, "a")
	w.taken()
	for body, want := range map[string]int{
		`{"jsonrpc":"2.0","id":7,"method":"ping"}`:                                      http.StatusOK,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`:                        http.StatusAccepted,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`: http.StatusAccepted,
	} {
		if status, _, answer := w.post(t, body, "X-Test-Who", "a", "Mcp-Session-Id", sid); status != want {
			t.Errorf("%s: HTTP %d %v", body, status, answer)
		}
	}
	if records := w.taken(); len(records) != 0 {
		t.Errorf("records: %+v", records)
	}
}

func TestHTTP_KeepsEveryDigitOfAnID(t *testing.T) {
	w := newWorld(t)
	sid := w.session(t, "a")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Test-Who", "a")
	r.Header.Set("Mcp-Session-Id", sid)
	rw := httptest.NewRecorder()
	w.ServeHTTP(rw, r)
	if !strings.Contains(rw.Body.String(), `"id":9007199254740993,`) {
		t.Errorf("answered %s", rw.Body)
	}
}

func TestHTTP_GivesNoDataThatCannotBeRecorded(t *testing.T) {
	w := newWorld(t)
	w.disk = fault.New(fault.Unavailable, "audit.unavailable", "Nothing can be recorded.").Because(errors.New("ENOSPC"))
	for _, method := range []string{"tools/list", "tools/call"} {
		_, answer := w.modern(t, method, map[string]string{"tools/call": "echo"}[method], map[string]string{"tools/call": `"name":"echo","arguments":{"text":"x"},`}[method])
		if text := fmt.Sprint(answer); !strings.Contains(text, "audit.unavailable") || strings.Contains(text, "structuredContent") || strings.Contains(text, "ENOSPC") {
			t.Errorf("%s answered %s", method, text)
		}
	}
}
