package mcpapi

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// failure is what a caller is told of a fault. It never holds the cause.
type failure struct {
	Code        string   `json:"code"`
	Message     string   `json:"message"`
	Suggestions []string `json:"suggestions,omitempty"`
	RetryAfter  float64  `json:"retry_after_seconds,omitempty"`
	URI         string   `json:"uri,omitempty"` // of a resource that is not there
	Request     string   `json:"request_id"`
}

func toFailure(f *fault.Fault, request string) failure {
	return failure{
		Code: f.Code, Message: f.Message, Suggestions: f.Suggestions,
		RetryAfter: math.Ceil(f.RetryAfter.Seconds()*10) / 10, Request: request,
	}
}

// toErrorResult makes a tool result of a fault: the model reads it and can mend its call (SEP-1303). The text is one
// JSON object, so that a program can read it too; structured content is left out because it would have to satisfy
// the tool's output schema.
func toErrorResult(f *fault.Fault, request string) *mcp.CallToolResult {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(toFailure(f, request)) // strings and a number always encode
	return &mcp.CallToolResult{
		Content: []mcp.Content{mcp.NewTextContent(strings.TrimSpace(text.String()))},
		IsError: true,
	}
}

func toResult(r tool.Result) *mcp.CallToolResult {
	result := &mcp.CallToolResult{StructuredContent: r.Structured}
	if r.Text != "" {
		result.Content = []mcp.Content{mcp.NewTextContent(r.Text)}
	}
	for _, image := range r.Images {
		result.Content = append(result.Content, mcp.NewImageContent(base64.StdEncoding.EncodeToString(image.Data), image.MIME))
	}
	return result
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
