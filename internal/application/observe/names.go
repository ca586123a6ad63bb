// Package observe holds the words by which Steward can be watched from outside: the names of spans, metrics and
// attributes, and the field that ties a log line to a trace. It creates none of them; whoever does takes the name
// from here, so that a rename in the conventions is a change to one file.
package observe

import "go.opentelemetry.io/otel/attribute"

// Scope is the instrumentation scope of everything that Steward itself emits.
const Scope = "github.com/steward-mcp/steward"

// SchemaURL says which conventions the names below follow: OpenTelemetry's for generative AI, which contain those
// for MCP. The Go API has no constants for them (its semconv packages lost them with 1.42.0).
const SchemaURL = "https://opentelemetry.io/schemas/gen-ai/1.42.0"

// Attributes of an MCP operation.
const (
	MCPMethodName         = attribute.Key("mcp.method.name")
	MCPProtocolVersion    = attribute.Key("mcp.protocol.version")
	JSONRPCRequestID      = attribute.Key("jsonrpc.request.id")
	RPCResponseStatusCode = attribute.Key("rpc.response.status_code") // the JSON-RPC error code as text
	ErrorType             = attribute.Key("error.type")
	NetworkTransport      = attribute.Key("network.transport")
	NetworkProtocolName   = attribute.Key("network.protocol.name")
	ClientAddress         = attribute.Key("client.address")
)

// Attributes of work for or by a language model.
const (
	GenAIOperationName = attribute.Key("gen_ai.operation.name")
	GenAIToolName      = attribute.Key("gen_ai.tool.name")
	GenAIToolCallID    = attribute.Key("gen_ai.tool.call.id")
	GenAIProviderName  = attribute.Key("gen_ai.provider.name")
	GenAIRequestModel  = attribute.Key("gen_ai.request.model")
	GenAIResponseModel = attribute.Key("gen_ai.response.model")
	GenAITokenType     = attribute.Key("gen_ai.token.type")
)

// Attributes of what was taken out of a text.
const (
	RedactionSink  = attribute.Key("steward.redaction.sink")
	RedactionClass = attribute.Key("steward.redaction.class")
)

// SecurityEvent is what kind of security event was counted.
const SecurityEvent = attribute.Key("event")

// Values of those attributes.
const (
	Other             = "_OTHER"       // stands for a value that is not on a closed list
	ToolError         = "tool_error"   // ErrorType of a result with isError
	ExecuteTool       = "execute_tool" // GenAIOperationName of tools/call
	Chat              = "chat"         // GenAIOperationName of a request to a model
	ProviderAnthropic = "anthropic"
	TokenTypeInput    = "input"
	TokenTypeOutput   = "output"
	TransportTCP      = "tcp"
	TransportPipe     = "pipe"
	ProtocolHTTP      = "http"
	MetaToolUseID     = "claudecode/toolUseId" // key in _meta under which Claude Code names the call
)

// Metrics.
const (
	MCPServerOperationDuration   = "mcp.server.operation.duration"    // histogram, s
	GenAIClientOperationDuration = "gen_ai.client.operation.duration" // histogram, s
	GenAIClientTokenUsage        = "gen_ai.client.token.usage"        // histogram, {token}
	SecurityEvents               = "steward.security.events"          // counter, by SecurityEvent
	Redactions                   = "steward.redactions"               // counter, of what was taken out, by RedactionSink and RedactionClass
)

// Fields of a log line.
const (
	TraceID = "trace_id"
	SpanID  = "span_id"
)

// DurationBuckets are the bounds, in seconds, that the conventions advise for the duration of an MCP operation.
func DurationBuckets() []float64 {
	return []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300}
}
