// Package mcptrace makes each MCP request visible to operators: one server span and one measurement of its
// duration, by OpenTelemetry's conventions for MCP. It knows neither the MCP library nor where telemetry goes, and
// nothing of what is asked or answered reaches it: no arguments, no results, no error texts.
package mcptrace

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/steward-mcp/steward/internal/application/observe"
)

// Transport is how the request travels.
type Transport uint8

// The transports. The zero value says nothing about it.
const (
	HTTP Transport = iota + 1
	Stdio
)

// Request is what is known of a request before it is dispatched.
type Request struct {
	Method    string // as the client wrote it; a method outside the protocol becomes _OTHER
	RequestID string // the JSON-RPC id as text; empty for a notification
	// Tool is the one that is called, by a name that the catalog holds: it becomes part of the span's name and a label of the metric, and
	// must not be the client's to invent. Empty for none.
	Tool       string
	Revision   string // protocol revision; one that was never published is left out
	Transport  Transport
	Meta       map[string]string // the string members of params._meta: traceparent, tracestate, baggage, …
	ClientAddr string            // host, or host:port, of the peer after the trusted-proxy rule; empty over stdio
}

// Tracer starts operations. It is safe for concurrent use.
type Tracer struct {
	tracer     trace.Tracer
	duration   metric.Float64Histogram
	propagator propagation.TextMapPropagator
	now        func() time.Time
	sets       attributeSets
}

// New makes a tracer. propagator reads the trace context in _meta, and decides which baggage is let in.
func New(tp trace.TracerProvider, mp metric.MeterProvider, propagator propagation.TextMapPropagator,
	now func() time.Time,
) (*Tracer, error) {
	meter := mp.Meter(observe.Scope, metric.WithSchemaURL(observe.SchemaURL))
	duration, err := meter.Float64Histogram(observe.MCPServerOperationDuration,
		metric.WithUnit("s"),
		metric.WithDescription("The duration of an MCP request or notification as the server observed it."),
		metric.WithExplicitBucketBoundaries(observe.DurationBuckets()...))
	if err != nil {
		return nil, err
	}
	tracer := tp.Tracer(observe.Scope, trace.WithSchemaURL(observe.SchemaURL))
	return &Tracer{tracer: tracer, duration: duration, propagator: propagator, now: now}, nil
}

// Operation is one request between Start and End. It is used by one goroutine at a time. The methods of a nil
// Operation do nothing.
type Operation struct {
	tracer    *Tracer
	ctx       context.Context //nolint:containedctx // the measurement in End takes its exemplar from the span in it
	span      trace.Span
	begun     time.Time
	method    string
	tool      string
	revision  string
	transport Transport
	ended     bool
}

// Start begins an operation and puts its span in the context that it returns; the span has a trace id whether or
// not anything is exported. A valid trace context in r.Meta is the parent, and a span already in ctx (that of the
// HTTP request) is then linked; without one, the span in ctx is the parent.
func (t *Tracer) Start(ctx context.Context, r Request) (context.Context, *Operation) {
	begun := t.now()
	method := knownMethod(r.Method)
	options := startOptions
	ambient := trace.SpanContextFromContext(ctx)
	ctx = t.propagator.Extract(ctx, meta(r.Meta))
	if ambient.IsValid() && !trace.SpanContextFromContext(ctx).Equal(ambient) {
		// The shared slice has no spare capacity, so append copies it.
		options = append(options, trace.WithLinks(trace.Link{SpanContext: ambient}))
	}
	ctx, span := t.tracer.Start(ctx, method, options...)
	o := &Operation{
		tracer: t, ctx: ctx, span: span, begun: begun,
		method: method, tool: r.Tool, revision: knownRevision(r.Revision), transport: r.Transport,
	}
	if span.IsRecording() {
		if r.Tool != "" {
			span.SetName(method + " " + r.Tool)
		}
		span.SetAttributes(o.spanAttributes(r)...)
	}
	return ctx, o
}

// End closes the span and measures the operation. Only the first call counts.
func (o *Operation) End(outcome Outcome) {
	if o == nil || o.ended {
		return
	}
	o.ended = true
	kind := outcome.errorType()
	if o.span.IsRecording() && kind != "" {
		o.span.SetAttributes(outcome.attributes(kind)...)
		if outcome.isServerError() {
			o.span.SetStatus(codes.Error, "")
		}
	}
	seconds := max(0, o.tracer.now().Sub(o.begun).Seconds())
	o.tracer.duration.Record(o.ctx, seconds, o.tracer.sets.of(labels{
		method: o.method, tool: o.tool, revision: o.revision, transport: o.transport,
		errorType: kind, code: outcome.Code,
	})...)
	o.span.End()
}

// Outcome is what an operation came to. The zero value is success.
type Outcome struct {
	ErrorType string // overrides the error.type that follows from the other two; from a closed list
	Code      int    // the JSON-RPC error code of the answer; 0 when it is no error
	ToolError bool   // the answer is a result with isError
}

func (o Outcome) errorType() string {
	switch {
	case o.ErrorType != "":
		return o.ErrorType
	case o.Code != 0:
		return strconv.Itoa(o.Code)
	case o.ToolError:
		return observe.ToolError
	}
	return ""
}

func (o Outcome) attributes(kind string) []attribute.KeyValue {
	attributes := []attribute.KeyValue{observe.ErrorType.String(kind)}
	if o.Code != 0 {
		attributes = append(attributes, observe.RPCResponseStatusCode.String(strconv.Itoa(o.Code)))
	}
	return attributes
}

// isServerError reports whether the span of a failed operation is marked as an error. By the conventions a server's
// is not when the JSON-RPC code blames the caller: only -32603 and -32099 to -32000 are the server's own.
func (o Outcome) isServerError() bool {
	const internalError, lowestOwn, highestOwn = -32603, -32099, -32000
	return o.Code == 0 || o.Code == internalError || (lowestOwn <= o.Code && o.Code <= highestOwn)
}
