package mcptrace_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a tracer whose spans and measurements can be looked at, and whose every operation takes 150 ms.
type bench struct {
	*mcptrace.Tracer
	spans  *tracetest.SpanRecorder
	reader *metric.ManualReader
	tp     *trace.TracerProvider
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
	b.tp = trace.NewTracerProvider(trace.WithSpanProcessor(b.spans), trace.WithSampler(trace.AlwaysSample()))
	mp := metric.NewMeterProvider(metric.WithReader(b.reader))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tracer, err := mcptrace.New(b.tp, mp, propagation.TraceContext{}, func() time.Time {
		now = now.Add(150 * time.Millisecond)
		return now
	})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	b.Tracer = tracer
	return b
}

func (b *bench) points(t *testing.T) []metricdata.HistogramDataPoint[float64] {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := b.reader.Collect(t.Context(), &all); err != nil {
		t.Fatalf("Collect: %v", err)
	}
	if len(all.ScopeMetrics) != 1 || len(all.ScopeMetrics[0].Metrics) != 1 {
		t.Fatalf("got %d scopes, want one with one metric", len(all.ScopeMetrics))
	}
	histogram, ok := all.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
	if !ok {
		t.Fatalf("the metric is a %T, want a histogram", all.ScopeMetrics[0].Metrics[0].Data)
	}
	return histogram.DataPoints
}

func overHTTP(method string) mcptrace.Request {
	return mcptrace.Request{
		Method: method, RequestID: "7", Revision: "2025-11-25", Transport: mcptrace.HTTP, ClientAddr: "192.0.2.1:50123",
	}
}

// cases are the kinds of operation that the golden file shows.
var cases = []struct {
	name    string
	request mcptrace.Request
	tool    string
	outcome mcptrace.Outcome
}{
	{name: "a tool that answers", request: overHTTP("tools/call"), tool: "query"},
	{
		name: "a tool that fails", request: overHTTP("tools/call"), tool: "query",
		outcome: mcptrace.Outcome{ToolError: true},
	},
	{name: "an internal error", request: overHTTP("tools/list"), outcome: mcptrace.Outcome{Code: -32603}},
	{name: "an unknown tool", request: overHTTP("tools/call"), outcome: mcptrace.Outcome{Code: -32602}},
	{name: "an error of our own", request: overHTTP("tools/list"), outcome: mcptrace.Outcome{Code: -32001}},
	{name: "an unknown method", request: overHTTP("tools/steal"), outcome: mcptrace.Outcome{Code: -32601}},
	{
		name:    "stdio, a notification, a revision nobody published",
		request: mcptrace.Request{Method: "notifications/initialized", Revision: "1999-01-01", Transport: mcptrace.Stdio},
	},
	{
		name: "a named kind of failure", request: overHTTP("tools/list"),
		outcome: mcptrace.Outcome{ErrorType: "timeout"},
	},
}

func TestOperation_FollowsTheConventions(t *testing.T) {
	t.Parallel()
	var golden strings.Builder
	for _, c := range cases {
		b := newBench(t)
		c.request.Tool = c.tool
		_, op := b.Start(t.Context(), c.request)
		op.End(c.outcome)
		fmt.Fprintf(&golden, "== %s\n", c.name)
		for _, span := range b.spans.Ended() {
			scope := span.InstrumentationScope()
			fmt.Fprintf(&golden, "span %q kind %v status %v scope %s %s\n",
				span.Name(), span.SpanKind(), span.Status().Code, scope.Name, scope.SchemaURL)
			printAttributes(&golden, span.Attributes())
		}
		for _, p := range b.points(t) {
			fmt.Fprintf(&golden, "%s count %d sum %.2f bounds %v\n",
				observe.MCPServerOperationDuration, p.Count, p.Sum, p.Bounds)
			printAttributes(&golden, p.Attributes.ToSlice())
		}
	}
	path := filepath.Join("testdata", "operations.golden")
	if *update {
		if err := os.WriteFile(path, []byte(golden.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), golden.String()); diff != "" {
		t.Errorf("what is emitted changed (-want +got); if it should, run the test with -update:\n%s", diff)
	}
}

func printAttributes(to *strings.Builder, attributes []attribute.KeyValue) {
	lines := make([]string, 0, len(attributes))
	for _, a := range attributes {
		lines = append(lines, fmt.Sprintf("  %s = %s", a.Key, a.Value.String()))
	}
	slices.Sort(lines)
	fmt.Fprintln(to, strings.Join(lines, "\n"))
}

func TestOperation_BlamesTheServerOnlyForItsOwnCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]codes.Code{
		-32700: codes.Unset, -32600: codes.Unset, -32601: codes.Unset, -32602: codes.Unset, -32603: codes.Error,
		-32100: codes.Unset, -32099: codes.Error, -32000: codes.Error, -31999: codes.Unset, 0: codes.Unset,
	} {
		b := newBench(t)
		_, op := b.Start(t.Context(), overHTTP("tools/list"))
		op.End(mcptrace.Outcome{Code: code})
		if got := b.spans.Ended()[0].Status().Code; got != want {
			t.Errorf("code %d: status %v, want %v", code, got, want)
		}
	}
}

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent = "00-" + traceID + "-00f067aa0ba902b7-01"
)

func TestStart_TakesItsParentFromMetaAndLinksTheAmbientSpan(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, ambient := b.tp.Tracer("http").Start(t.Context(), "POST /mcp")
	r := overHTTP("tools/call")
	r.Meta = map[string]string{"traceparent": traceparent, "tracestate": "vendor=1"}
	_, op := b.Start(ctx, r)
	op.End(mcptrace.Outcome{})

	span := b.spans.Ended()[0]
	if got := span.Parent().TraceID().String(); got != traceID || !span.Parent().IsRemote() {
		t.Errorf("parent is in trace %s (remote %v), want the remote trace %s", got, span.Parent().IsRemote(), traceID)
	}
	if got := span.Parent().TraceState().String(); got != "vendor=1" {
		t.Errorf("tracestate = %q, want that of _meta", got)
	}
	links := span.Links()
	if len(links) != 1 || !links[0].SpanContext.Equal(ambient.SpanContext()) {
		t.Errorf("links = %v, want one, to the ambient span", links)
	}
}

func TestStart_IsAChildOfTheAmbientSpanWithoutAUsableMeta(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]map[string]string{
		"none":      nil,
		"malformed": {"traceparent": "00-zz-zz-01"},
		"all zero":  {"traceparent": "00-00000000000000000000000000000000-0000000000000000-01"},
		"too long":  {"traceparent": traceparent + strings.Repeat("-", 9000)},
	} {
		b := newBench(t)
		ctx, ambient := b.tp.Tracer("http").Start(t.Context(), "POST /mcp")
		r := overHTTP("tools/list")
		r.Meta = members
		_, op := b.Start(ctx, r)
		op.End(mcptrace.Outcome{})
		span := b.spans.Ended()[0]
		if span.Parent().SpanID() != ambient.SpanContext().SpanID() || len(span.Links()) != 0 {
			t.Errorf("%s: parent %v with %d links, want the ambient span and none", name, span.Parent(), len(span.Links()))
		}
	}
}

func TestStart_DoesNotLeakLinksIntoTheNextOperation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, ambient := b.tp.Tracer("http").Start(t.Context(), "POST /mcp")
	defer ambient.End()
	r := overHTTP("tools/list")
	r.Meta = map[string]string{"traceparent": traceparent}
	_, first := b.Start(ctx, r)
	first.End(mcptrace.Outcome{})
	_, second := b.Start(t.Context(), overHTTP("tools/list"))
	second.End(mcptrace.Outcome{})
	if links := b.spans.Ended()[1].Links(); len(links) != 0 {
		t.Errorf("the second operation has %d links of the first", len(links))
	}
}

func TestStart_GivesATraceIDWhenNothingIsSampled(t *testing.T) {
	t.Parallel()
	tp := trace.NewTracerProvider(trace.WithSampler(trace.NeverSample()))
	tracer, err := mcptrace.New(tp, metric.NewMeterProvider(), propagation.TraceContext{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, op := tracer.Start(t.Context(), overHTTP("tools/list"))
	defer op.End(mcptrace.Outcome{})
	if !api.SpanContextFromContext(ctx).IsValid() {
		t.Error("no valid trace id, want one for logs and audit")
	}
}

func TestOperation_EndsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, op := b.Start(t.Context(), overHTTP("tools/call"))
	op.End(mcptrace.Outcome{})
	op.End(mcptrace.Outcome{Code: -32603})
	if n := len(b.spans.Ended()); n != 1 {
		t.Errorf("%d spans ended, want 1", n)
	}
	points := b.points(t)
	if len(points) != 1 || points[0].Count != 1 || points[0].Attributes.HasValue(observe.ErrorType) {
		t.Errorf("measured %v, want the first End alone", points)
	}
}

func TestOperation_LeavesAnExemplar(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, op := b.Start(t.Context(), overHTTP("tools/list"))
	op.End(mcptrace.Outcome{})
	exemplars := b.points(t)[0].Exemplars
	want := api.SpanContextFromContext(ctx).TraceID()
	if len(exemplars) != 1 || api.TraceID(exemplars[0].TraceID) != want {
		t.Errorf("exemplars = %v, want one of trace %s", exemplars, want)
	}
}

func TestOperation_KeepsMethodsItDoesNotKnowOffTheMetric(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 100 {
		_, op := b.Start(t.Context(), mcptrace.Request{Method: fmt.Sprintf("invented/%d", i), Revision: fmt.Sprint(i)})
		op.End(mcptrace.Outcome{Code: -32601})
	}
	if points := b.points(t); len(points) != 1 || points[0].Count != 100 {
		t.Errorf("%d time series, want one that counts 100", len(points))
	}
}

func TestOperation_OfNobodyDoesNothing(t *testing.T) {
	t.Parallel()
	var none *mcptrace.Operation
	none.End(mcptrace.Outcome{})
}
