package component_test

import (
	"net/http"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/tests/harness"
)

// spans replaces the place that spans go to by one that the test can look into.
func spans(t *testing.T) (*tracetest.InMemoryExporter, fx.Option) {
	t.Helper()
	kept := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(kept))
	return kept, fx.Replace(fx.Annotate(provider, fx.As(new(trace.TracerProvider))))
}

const (
	parentTrace = "0af7651916cd43dd8448eb211c80319c"
	parentSpan  = "b7ad6b7169203331"
)

// The caller's trace goes on in ours, by _meta as the protocol has it, and the record names the same trace.
func TestTrace_GoesOnFromTheCallers(t *testing.T) {
	t.Parallel()
	kept, option := spans(t)
	w := serve(t, nil, option)
	before := len(w.requests(t))
	status, _, body := send(t, w.post(t, echo("canary", `,"traceparent":"00-`+parentTrace+`-`+parentSpan+`-01"`)))
	if status != http.StatusOK {
		t.Fatalf("HTTP %d %s", status, body)
	}
	found := kept.GetSpans()
	if len(found) != 1 {
		t.Fatalf("%d spans, want 1", len(found))
	}
	s := found[0]
	if s.Name != "tools/call echo" || s.SpanKind != trace.SpanKindServer || s.SpanContext.TraceID().String() != parentTrace ||
		s.Parent.SpanID().String() != parentSpan || !s.Parent.IsRemote() {
		t.Errorf("the span is %s in trace %s under %s", s.Name, s.SpanContext.TraceID(), s.Parent.SpanID())
	}
	attributes := map[string]string{}
	for _, a := range s.Attributes {
		attributes[string(a.Key)] = a.Value.String()
		if strings.Contains(a.Value.String(), "canary") {
			t.Errorf("the span repeats an argument: %v", a)
		}
	}
	for key, want := range map[string]string{
		"mcp.method.name": "tools/call", "gen_ai.tool.name": "echo", "mcp.protocol.version": "2026-07-28", "client.address": "127.0.0.1",
	} {
		if attributes[key] != want {
			t.Errorf("the span has %s = %q, want %q", key, attributes[key], want)
		}
	}
	if r := w.newest(t, before); len(r) != 1 || r[0].Trace != parentTrace {
		t.Errorf("records: %+v", r)
	}
}

// Each request has a trace of its own when the caller brings none, or one that cannot be.
func TestTrace_BeginsWhereTheCallerBringsNone(t *testing.T) {
	t.Parallel()
	kept, option := spans(t)
	w := serve(t, nil, option)
	for _, more := range []string{"", `,"traceparent":"hello"`, `,"traceparent":7`, `,"traceparent":"00-00000000000000000000000000000000-b7ad6b7169203331-01"`} {
		if status, _, body := send(t, w.post(t, echo("hello", more))); status != http.StatusOK {
			t.Fatalf("%s: HTTP %d %s", more, status, body)
		}
	}
	seen := map[string]bool{}
	for _, s := range kept.GetSpans() {
		if s.Parent.IsValid() {
			t.Errorf("a span has the parent %s", s.Parent.SpanID())
		}
		seen[s.SpanContext.TraceID().String()] = true
	}
	records := w.requests(t)
	for _, r := range records {
		if !seen[r.Trace] {
			t.Errorf("a record names the trace %q, which no span has", r.Trace)
		}
	}
	if len(seen) != 4 || len(records) != 4 {
		t.Errorf("%d traces and %d records of 4 requests", len(seen), len(records))
	}
}

func TestTrace_MarksWhatFailed(t *testing.T) {
	t.Parallel()
	kept, option := spans(t)
	w := serve(t, nil, option)
	p := w.client(t, w.key, harness.Modern)
	for tool, want := range map[string]string{"fixture_leaks": "tool_error", "absent": "-32602", "echo": ""} {
		kept.Reset()
		call(t, p, tool, map[string]any{"text": "hello"})
		found := kept.GetSpans()
		if len(found) != 1 {
			t.Fatalf("%s: %d spans", tool, len(found))
		}
		got := ""
		for _, a := range found[0].Attributes {
			if a.Key == "error.type" {
				got = a.Value.String()
			}
		}
		if got != want {
			t.Errorf("%s: error.type is %q, want %q", tool, got, want)
		}
		if len(found[0].Events) > 0 {
			t.Errorf("%s: the span tells of events: %v", tool, found[0].Events)
		}
		if strings.Contains(found[0].Name, "absent") {
			t.Errorf("%s: a name that a caller made up names a span: %s", tool, found[0].Name)
		}
	}
}

func TestMetrics_AreThereForPrometheus(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	p := w.client(t, w.key, harness.Modern)
	for _, tool := range []string{"echo", "echo", "fixture_leaks", "made_up_by_the_caller"} {
		call(t, p, tool, map[string]any{"text": "hello"})
	}
	status, text := get(t, w.admin+"/metrics")
	if status != http.StatusOK {
		t.Fatalf("HTTP %d", status)
	}
	counts := map[string]string{}
	for line := range strings.Lines(text) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if strings.HasPrefix(series, "mcp_server_operation_duration_seconds_count{") {
			counts[series] = value
		}
	}
	has := func(value string, labels ...string) bool {
		for series, count := range counts {
			all := count == value
			for _, label := range labels {
				all = all && strings.Contains(series, label)
			}
			if all {
				return true
			}
		}
		return false
	}
	if !has("2", `gen_ai_tool_name="echo"`, `mcp_method_name="tools/call"`, `mcp_protocol_version="2026-07-28"`) ||
		!has("1", `gen_ai_tool_name="fixture_leaks"`, `error_type="tool_error"`) || !has("1", `error_type="-32602"`) {
		t.Errorf("/metrics has %v", counts)
	}
	if strings.Contains(text, "made_up_by_the_caller") {
		t.Error("a name that a caller made up is a label")
	}
}

// The operators' listener has no authentication, so it serves no page and no other name.
func TestAdmin_AnswersNoPage(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	for name, spoil := range map[string]func(*http.Request){
		"a rebound name": func(r *http.Request) { r.Host = "attacker.example.com" },
		"a page":         header("Origin", "https://attacker.example.com"),
	} {
		for _, path := range []string{"/metrics", "/readyz", "/livez"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.admin+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			spoil(r)
			if status, _, body := send(t, r); status != http.StatusForbidden || strings.Contains(body, "checks") {
				t.Errorf("%s, %s: HTTP %d %s", name, path, status, body)
			}
		}
	}
	// What the public listener has of it is /health alone.
	for _, path := range []string{"/metrics", "/readyz", "/livez"} {
		if status, body := get(t, strings.TrimSuffix(w.url, "/mcp")+path); status != http.StatusNotFound {
			t.Errorf("%s on the public listener: HTTP %d %s", path, status, body)
		}
	}
}

// A log that tells of every success hides the failures.
func TestLog_IsSilentOnSuccess(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	before := w.log.String()
	for range 3 {
		if status, _, body := send(t, w.post(t, echo("hello", ""))); status != http.StatusOK {
			t.Fatalf("HTTP %d %s", status, body)
		}
	}
	if after := w.log.String(); after != before {
		t.Errorf("logged of three calls that succeeded:\n%s", strings.TrimPrefix(after, before))
	}
}

// canaries is one word for each slot that a caller, or a tool that goes wrong, can fill.
var canaries = []string{
	"canaryagent", "canaryheader", "canarycookie", "canarysession", "canaryorigin", "canaryhost", "canarypath", "canaryquery",
	"canaryword", "canaryname", "canarymethod", "canaryclient", "canarybody", "canaryid", "canaryrevision", "canarytrace",
}

// The log of the process is for its operator, and is read by many: no key, no argument, no result, whatever a caller
// puts where. The journal has no argument and no result either.
func TestLog_RepeatsNothingOfACaller(t *testing.T) {
	t.Parallel()
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			w, p := y.open(t, nil)
			word := map[string]any{"word": "canaryword", "text": "canaryword"}
			for _, tool := range []string{"echo", "fixture_panics", "fixture_leaks", "fixture_picky", "fixture_expires", "fixture_collapses", "canaryname"} {
				call(t, p, tool, word)
			}
			_ = p.Do(t.Context(), "canarymethod", map[string]any{"x": "canaryword"}, nil) // refused
			if !y.stdio {
				w.provoke(t)
			}
			w.stop()
			log := w.log.String()
			for _, word := range append(canaries, strings.Split(w.key+"_", "_")[2:]...) {
				if word != "" && strings.Contains(log, word) {
					t.Errorf("the log contains %s:\n%s", word, log)
				}
			}
			for _, r := range w.records(t) {
				if text := string(r.AppendJSON(nil)); strings.Contains(text, "canaryword") {
					t.Errorf("the journal repeats an argument: %s", text)
				}
			}
			// What the operator needs is there: which requests failed, why, and where.
			for _, part := range []string{"/etc/fixture.secret: permission denied", "a handler panicked", "fixture_test.go:"} {
				if !strings.Contains(log, part) {
					t.Errorf("the log does not say %q:\n%s", part, log)
				}
			}
			failed := 0
			for _, r := range w.requests(t) {
				if r.Outcome != "internal" || r.Phase != audit.Closed {
					continue
				}
				failed++
				if !strings.Contains(log, r.Request) {
					t.Errorf("the log does not name the failed request %s", r.Request)
				}
			}
			if failed != 3 { // two that panic, one that leaks
				t.Errorf("%d requests have failed", failed)
			}
		})
	}
}

// provoke fills every slot of an HTTP request, in requests that succeed and in ones that do not.
func (w *world) provoke(t *testing.T) {
	t.Helper()
	fill := func(r *http.Request) {
		for name, value := range map[string]string{
			"User-Agent": "canaryagent", "X-Anything": "canaryheader", "Cookie": "a=canarycookie", "Mcp-Session-Id": "canarysession",
			"Traceparent": "00-canarytrace",
		} {
			r.Header.Set(name, value)
		}
		r.URL.RawQuery = "a=canaryquery;b"
	}
	for _, spoil := range []func(*http.Request){
		func(*http.Request) {},
		header("Origin", "https://canaryorigin.example.com"),
		func(r *http.Request) { r.Host = "canaryhost" },
		func(r *http.Request) { r.URL.Path = "/canarypath" },
		header("Authorization", "Bearer stw_dev_canaryid"),
		header("Mcp-Protocol-Version", "canaryrevision"),
		header("Mcp-Name", "canaryname"),
		func(r *http.Request) { r.URL.RawQuery = "token=canaryquery" },
	} {
		r := w.post(t, strings.Replace(echo("canaryword", ""), `"name":"t"`, `"name":"canaryclient"`, 1))
		fill(r)
		spoil(r)
		send(t, r)
	}
	for _, body := range []string{"canarybody", `{"canarybody":1}`, `{"jsonrpc":"2.0","id":"canaryid","method":"canarymethod"}`} {
		r := w.post(t, body)
		fill(r)
		send(t, r)
	}
}
