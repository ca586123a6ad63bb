package mcpapi_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Headers that repeat arguments agree with them; of a hidden tool's nothing is said.
func TestHTTP_HeadersMirrorTheArgumentsThatTheSchemaNames(t *testing.T) {
	mirrors := bare("mirrors", func(context.Context) (tool.Result, error) { return tool.Result{Text: "done"}, nil })
	mirrors.InputSchema = json.RawMessage(`{"type":"object","properties":{"at":{"type":"string","x-mcp-header":"At"}}}`)
	w := newWorldWith(t, "", mirrors)
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"mirrors","arguments":{"at":"Hello"},` + modernMeta + `}}`
	ask := func(headers ...string) float64 {
		_, _, answer := w.post(t, call, append(append(modernHeaders[:5:5], "mirrors"), headers...)...)
		return code(answer)
	}
	for name, c := range map[string]struct {
		headers []string
		code    float64
	}{
		"the same":      {[]string{"Mcp-Param-At", "Hello"}, 0},
		"encoded":       {[]string{"Mcp-Param-At", "=?base64?SGVsbG8=?="}, 0},
		"another":       {[]string{"Mcp-Param-At", "Bye"}, -32020},
		"none":          {nil, -32020},
		"badly encoded": {[]string{"Mcp-Param-At", "=?base64?SGVsbG8?="}, -32020},
	} {
		if got := ask(c.headers...); got != c.code {
			t.Errorf("%s: %v, want %v", name, got, c.code)
		}
	}
	w.hide("mirrors", true)
	if got := ask(); got != -32602 {
		t.Errorf("of a hidden tool: %v", got)
	}
}
