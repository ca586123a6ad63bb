package mcpapi

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// direct calls a tool past mcp-go, which decodes a message four times, with its arguments, before it comes to the same
// handler: strict reading has found everything already.
func (s *Server) direct(ctx context.Context, x *exchange) (r reply) {
	result, err := s.use(ctx, x, x.message.Name)
	if x.inquiry != nil {
		return r // settle makes the answer
	}
	if err == nil && result.Images == nil && result.Blocks == nil {
		said := wire.ToolResult{Text: result.Text, Structured: result.Structured}
		if mcp.IsModernProtocol(x.message.Meta.ProtocolVersion) {
			said.Meta, said.Type = s.meta, string(mcp.ResultTypeComplete)
		}
		r.body, err = s.guard.toolResult(x, said)
		s.encoded(ctx, x, err)
		return r
	}
	r.body, err = s.guard.result(x, s.guard.complete(x, s.toResult(x, result, err)))
	s.encoded(ctx, x, err)
	return r
}

// plainlyCalls reports whether the message is a request of tools/call that mcp-go would pass on as it is: with nothing in its params but name,
// arguments and _meta, which says in revision 2026-07-28 what it has to. Whatever else it is, mcp-go has the word, to refuse it too.
func (x *exchange) plainlyCalls() bool {
	m := x.message
	if m.Method != string(mcp.MethodToolsCall) || !m.IsRequest() || m.Name == "" || !m.Plain {
		return false
	}
	return !mcp.IsModernProtocol(m.Meta.ProtocolVersion) ||
		mcp.IsValidProtocolVersion(m.Meta.ProtocolVersion) && capable(m.Meta.Capabilities)
}

// capable reports whether said is what a client can do, in a form that mcp-go takes.
func capable(said json.RawMessage) bool {
	if len(said) == 0 || said[0] != '{' {
		return false
	}
	var capabilities mcp.ClientCapabilities
	return string(said) == "{}" || json.Unmarshal(said, &capabilities) == nil
}
