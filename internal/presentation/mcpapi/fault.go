package mcpapi

import (
	"errors"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/mrtr"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
	"github.com/steward-mcp/steward/internal/presentation/taskwire"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// rejection is x.rejected as an error of the protocol.
func (x *exchange) rejection() mcp.JSONRPCErrorDetails {
	data, code := refusal.Of(x.rejected, x.request.ID()), x.rejectedCode()
	if x.missesResource() {
		data.URI = x.message.URI
	}
	if x.rejected.Is(refusal.ErrTasks) {
		code, data.Required = mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, taskwire.Required()
	}
	if lacking, ok := errors.AsType[tool.Lacking](x.rejected); ok {
		code, data.Required = mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, mrtr.Required(lacking.Abilities)
	}
	return mcp.JSONRPCErrorDetails{Code: code, Message: x.rejected.Message, Data: data}
}

// toErrorResult makes a tool result of a fault: the model reads it and can mend its call (SEP-1303). The text is one
// JSON object, so that a program can read it too; structured content is left out because it would have to satisfy
// the tool's output schema.
func toErrorResult(f *fault.Fault, request string) *mcp.CallToolResult {
	text := f.Message
	if f.Code != tool.ErrFailed.Code { // which is for the model alone
		said, _ := wire.Encode(refusal.Of(f, request)) // strings and a number always encode
		text = string(said)
	}
	return &mcp.CallToolResult{Content: []mcp.Content{mcp.NewTextContent(text)}, IsError: true}
}

// rpcCode is the JSON-RPC error code of a fault that ends a request before any tool could answer it.
func rpcCode(k fault.Kind) int {
	const unavailable = -32000 // server-defined range
	switch k {
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.Precondition:
		return mcp.INVALID_PARAMS
	case fault.Unauthenticated, fault.Denied, fault.Exhausted, fault.Unavailable, fault.Timeout, fault.Canceled:
		return unavailable
	case fault.Internal:
		return mcp.INTERNAL_ERROR
	}
	return mcp.INTERNAL_ERROR
}
