package mcpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// A request that two readers could take for two requests is refused, in what it says of itself outside its body, too.
func TestHTTP_RefusesWhatCouldBeReadTwice(t *testing.T) {
	w := newWorld(t)
	sid, other := w.session(t, "a"), w.session(t, "a")
	w.taken()
	for name, c := range map[string]struct {
		add    http.Header
		status int
		says   string
	}{
		"as it should be": {nil, 200, "tools"},
		"two sessions":    {http.Header{"Mcp-Session-Id": {other}}, 400, "mcp.headers"},
		"one twice":       {http.Header{"Mcp-Session-Id": {sid}}, 400, "mcp.headers"},
		"two media types": {http.Header{"Content-Type": {"application/json"}}, 400, "mcp.headers"},
		"two revisions":   {http.Header{"Mcp-Protocol-Version": {"2025-06-18", "2025-11-25"}}, 400, "mcp.headers"},
		"two methods":     {http.Header{"Mcp-Method": {"tools/list", "tools/call"}}, 400, "mcp.headers"},
		"compressed":      {http.Header{"Content-Encoding": {"gzip"}}, 415, "http.media_type"},
		"not compressed":  {http.Header{"Content-Encoding": {"identity"}}, 200, "tools"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", strings.NewReader(listTools))
		r.Header = http.Header{"Content-Type": {"application/json"}, "X-Test-Who": {"a"}, "Mcp-Session-Id": {sid}}
		for name, values := range c.add {
			for _, v := range values {
				r.Header.Add(name, v)
			}
		}
		rw := httptest.NewRecorder()
		w.ServeHTTP(rw, r)
		if rw.Code != c.status || !strings.Contains(rw.Body.String(), c.says) {
			t.Errorf("%s: HTTP %d %s", name, rw.Code, rw.Body)
		}
		if records := w.taken(); len(records) != 1 || (records[0].Outcome == audit.OK) != (c.status == 200) {
			t.Errorf("%s: records %+v", name, records)
		}
	}
}

// mcp-go's own words may be those of a Go error, and may repeat the caller; ours are neither.
func TestHTTP_AnswersProtocolErrorsInItsOwnWords(t *testing.T) {
	w := newWorld(t)
	sid := w.session(t, "a")
	for body, want := range map[string]float64{
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"!canary!"}}`:                -32602,
		`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":7}}`:                         -32600,
		`{"jsonrpc":"2.0","id":1,"method":"canary"}`:                                                   -32601,
		`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"canary"}}`:             -32602,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":"canary"}}`: 0,
	} {
		_, _, answer := w.post(t, body, "X-Test-Who", "a", "Mcp-Session-Id", sid)
		if got := code(answer); got != want {
			t.Errorf("%s: code %v: %v", body, got, answer)
		}
		for _, word := range []string{"canary", "base64", "json", "Go ", "strconv", "Failed"} {
			if strings.Contains(strings.ReplaceAll(fmt.Sprint(answer), "jsonrpc", ""), word) {
				t.Errorf("%s: the answer says %q: %v", body, word, answer)
			}
		}
	}
}
