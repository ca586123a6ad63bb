package mcpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// BenchmarkHTTP_Echo compares this transport, with its gate, record and strict reading, against mcp-go's own with
// nothing around it: the figures of ADR 0001.
func BenchmarkHTTP_Echo(b *testing.B) {
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"fifty-six bytes of text, as in the measurements before"}`
	bare := server.NewMCPServer("bare", "1")
	bare.AddTool(mcp.NewTool("echo", mcp.WithString("text", mcp.Required())), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(r.GetString("text", "")), nil
	})
	w := newWorld(b)
	sid := w.session(b, "a")
	for _, c := range []struct {
		name    string
		handler http.Handler
		body    string
		headers []string
	}{
		{"legacy/bare", server.NewStreamableHTTPServer(bare, server.WithStateLess(true)), call + `}}`, nil},
		{"legacy/steward", w, call + `}}`, []string{"Mcp-Session-Id", sid, "X-Test-Who", "a"}},
		{"modern/bare", server.NewStreamableHTTPServer(bare, server.WithStateLess(true)), call + `,` + modernMeta + `}}`, []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "echo"}},
		{"modern/steward", w, call + `,` + modernMeta + `}}`, []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "echo"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/mcp", strings.NewReader(c.body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Accept", "application/json, text/event-stream")
				for i := 0; i+1 < len(c.headers); i += 2 {
					r.Header.Set(c.headers[i], c.headers[i+1])
				}
				rw := httptest.NewRecorder()
				if c.handler.ServeHTTP(rw, r); rw.Code != http.StatusOK {
					b.Fatalf("HTTP %d %s", rw.Code, rw.Body)
				}
				w.taken()
			}
		})
	}
}
