package mcptrace

import (
	"net"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/steward-mcp/steward/internal/application/observe"
)

const callTool = "tools/call"

// methods are those of the published revisions, up to 2026-07-28. Whatever else a client sends is _OTHER, because
// names on spans and metrics must come from a closed list.
var methods = []string{
	observe.Other,
	"initialize", "ping", "server/discover", "subscriptions/listen",
	"tools/list", callTool,
	"resources/list", "resources/templates/list", "resources/read", "resources/subscribe", "resources/unsubscribe",
	"prompts/list", "prompts/get", "completion/complete", "logging/setLevel",
	"tasks/get", "tasks/list", "tasks/cancel", "tasks/result", "tasks/update",
	"notifications/initialized", "notifications/cancelled", "notifications/progress",
	"notifications/roots/list_changed",
}

var revisions = []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"}

// startOptions say, once for all methods, that a span is a server's.
var startOptions = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}

func knownMethod(m string) string {
	if slices.Contains(methods, m) {
		return m
	}
	return observe.Other
}

func knownRevision(r string) string {
	if slices.Contains(revisions, r) {
		return r
	}
	return ""
}

// spanAttributes are all that are known at the beginning, in one piece: each further one costs a span more than the attribute. Some
// have too many values for a metric.
func (o *Operation) spanAttributes(r Request) []attribute.KeyValue {
	const most = 11
	attributes := append(make([]attribute.KeyValue, 0, most), observe.MCPMethodName.String(o.method))
	if o.method == callTool {
		attributes = append(attributes, observe.GenAIOperationName.String(observe.ExecuteTool))
	}
	attributes = appendText(attributes, observe.JSONRPCRequestID, r.RequestID)
	attributes = appendText(attributes, observe.ClientAddress, host(r.ClientAddr))
	attributes = appendText(attributes, observe.GenAIToolCallID, r.Meta[observe.MetaToolUseID])
	attributes = appendText(attributes, observe.GenAIToolName, o.tool)
	attributes = appendText(attributes, observe.MCPProtocolVersion, o.revision)
	return appendTransport(attributes, o.transport)
}

// host leaves out the port: each connection has another one.
func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}

// appendText adds text that may be the client's, unless there is none or it is longer than any honest one.
func appendText(to []attribute.KeyValue, key attribute.Key, text string) []attribute.KeyValue {
	const longest = 128
	if text == "" || len(text) > longest {
		return to
	}
	return append(to, key.String(text))
}

func appendTransport(to []attribute.KeyValue, t Transport) []attribute.KeyValue {
	switch t {
	case HTTP:
		return append(to, observe.NetworkTransport.String(observe.TransportTCP),
			observe.NetworkProtocolName.String(observe.ProtocolHTTP))
	case Stdio:
		return append(to, observe.NetworkTransport.String(observe.TransportPipe))
	}
	return to
}

// labels are what tells one time series of the duration from another; every field has few values.
type labels struct {
	method, tool, revision, errorType string
	transport                         Transport
	code                              int
}

// attributeSets keeps the built form of each combination of labels that has occurred: building one costs more than
// the measurement itself.
type attributeSets struct {
	mu   sync.RWMutex
	sets map[labels][]metric.RecordOption
}

// maxSets bounds the memory should the labels ever turn out to have more values than they ought to.
const maxSets = 4096

func (s *attributeSets) of(l labels) []metric.RecordOption {
	s.mu.RLock()
	set, ok := s.sets[l]
	s.mu.RUnlock()
	if ok {
		return set
	}
	set = []metric.RecordOption{metric.WithAttributeSet(l.set())}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sets == nil {
		s.sets = make(map[labels][]metric.RecordOption)
	}
	if len(s.sets) < maxSets {
		s.sets[l] = set
	}
	return set
}

func (l labels) set() attribute.Set {
	attributes := []attribute.KeyValue{observe.MCPMethodName.String(l.method)}
	if l.method == callTool {
		attributes = append(attributes, observe.GenAIOperationName.String(observe.ExecuteTool))
	}
	attributes = appendText(attributes, observe.GenAIToolName, l.tool)
	attributes = appendText(attributes, observe.MCPProtocolVersion, l.revision)
	attributes = appendTransport(attributes, l.transport)
	if l.errorType != "" {
		attributes = append(attributes, Outcome{Code: l.code}.attributes(l.errorType)...)
	}
	return attribute.NewSet(attributes...)
}

// meta lets a propagator read params._meta. Values longer than the longest baggage that W3C asks anyone to carry
// are not there.
type meta map[string]string

// Get returns the member, or nothing when it is too long to be read.
func (m meta) Get(key string) string {
	const longest = 8192
	if value := m[key]; len(value) <= longest {
		return value
	}
	return ""
}

// Set does nothing: what a client sent is not rewritten.
func (meta) Set(string, string) {}

// Keys lists the members.
func (m meta) Keys() []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}
