package mcpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/changes"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/feed"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server with a policy, a limiter and a record that the test can see into.
type world struct {
	mu       sync.Mutex
	records  []audit.Record
	hidden   map[string]bool
	decided  int // how often the policy was asked
	limit    error
	disk     error
	server   *mcpapi.Server
	recorder *cqrs.Recorder
	began    chan struct{} // told of calls that wait
	changes  changes.Board
	ends     context.Context // that of the credential, which what lasts ends with
	yields   atomic.Int32    // of places among those that run
}

func (w *world) begin() {
	select {
	case w.began <- struct{}{}:
	default:
	}
}

func (w *world) Append(_ context.Context, r audit.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.disk != nil {
		return w.disk
	}
	w.records = append(w.records, r)
	return nil
}

func (w *world) Decide(_ access.Principal, demands ...access.Demand) access.Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.decided++
	for _, d := range demands {
		if w.hidden[d.Target.Name] {
			return access.Decision{Rule: "p/deny[0]", Denied: d}
		}
	}
	return access.Decision{Allowed: true, Rule: "p/allow[0]"}
}

func (w *world) Obligations(access.Principal) access.Obligations { return access.Obligations{} }

func (w *world) Take(context.Context, string, string) error { return w.limit }

// taken gives the records of all closed requests and forgets them.
func (w *world) taken() []audit.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.records
	w.records = nil
	return r
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	return newWorldWith(tb, "")
}

// newWorldWith has suffix behind the names of its tools, and more of them.
func newWorldWith(tb testing.TB, suffix string, more ...tool.Tool) *world {
	tb.Helper()
	w := &world{hidden: map[string]bool{}, began: make(chan struct{}, 1), ends: context.WithoutCancel(tb.Context())}
	catalog, err := tool.NewCatalog(append(more, toolapp.Echo(), draws(), bare("panics", func(context.Context) (tool.Result, error) { panic("boom") }),
		bare("leaks", func(context.Context) (tool.Result, error) { return tool.Result{}, errors.New("/etc/shadow: denied") }),
		bare("waits", func(ctx context.Context) (tool.Result, error) {
			w.begin()
			<-ctx.Done()
			return tool.Result{}, ctx.Err()
		}),
		bare("ignores", func(ctx context.Context) (tool.Result, error) { <-ctx.Done(); return tool.Result{Text: "done"}, nil }),
		bare("works", func(ctx context.Context) (tool.Result, error) { return tool.Result{Text: "done"}, work(ctx) }))...)
	if err == nil {
		catalog, err = catalog.Suffixed(suffix)
	}
	if err != nil {
		tb.Fatal(err)
	}
	w.recorder = cqrs.NewRecorder(w, time.Now)
	gate := cqrs.NewGate(w, w, w.recorder, zap.NewNop(), time.Minute)
	call, err := toolapp.NewCall(gate, w, catalog, anything)
	if err != nil {
		tb.Fatal(err)
	}
	tracer, err := mcptrace.New(noop.NewTracerProvider(), metricnoop.NewMeterProvider(), propagation.TraceContext{}, time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	parts := mcpapi.Parts{
		Catalog: catalog, Call: call, Sees: toolapp.NewVisible(w, catalog), Limiter: w, Records: w.recorder,
		Tracer: tracer, Log: zap.NewNop(), Now: time.Now,
		Redact: redact.New(nil, guardedSecret), MaxResult: largestResult, Changes: &w.changes,
	}
	w.library(tb, &parts, gate)
	w.tasked(tb, &parts, gate)
	w.server = mcpapi.New(mcpapi.Identity{Version: "1", Instructions: "First list."}, parts)
	return w
}

// work takes three seconds and a half, and says after one and a half that it has got somewhere.
func work(ctx context.Context) error {
	for _, stage := range []struct {
		name  string
		lasts time.Duration
	}{{"", 1500 * time.Millisecond}, {"in the middle", 2 * time.Second}} {
		if stage.name != "" {
			tool.Progress(ctx)(stage.name)
		}
		pause, cancel := context.WithTimeout(ctx, stage.lasts)
		<-pause.Done()
		cancel()
	}
	return ctx.Err()
}

// bare is a tool without arguments.
func bare(name string, run func(context.Context) (tool.Result, error)) tool.Tool {
	return tool.Tool{
		Definition: tool.Definition{Name: name, Description: name, InputSchema: json.RawMessage(`{"type":"object"}`), ReadOnly: true},
		Bind: func(context.Context, access.Principal, json.RawMessage) (tool.Bound, error) {
			return tool.Bound{Run: run}, nil
		},
	}
}

func anything(string, json.RawMessage) (toolapp.Check, error) {
	return func(args json.RawMessage) error {
		if strings.Contains(string(args), "refuse me") {
			return fault.New(fault.Invalid, "tool.arguments", "Argument text: no.")
		}
		return nil
	}, nil
}

// ServeHTTP is the edge that the transport expects: an open request of a known principal and a limited body.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	ctx, q := w.recorder.Open(r.Context(), cqrs.Arrival{Transport: "http", Address: "127.0.0.1"})
	q.Identify(access.Principal{Issuer: "key", Subject: r.Header.Get("X-Test-Who"), Personas: []string{"p"}})
	visited := ctx
	ctx, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	defer context.AfterFunc(w.ends, func() { end(context.Cause(w.ends)) })()
	v := &visit{world: w, visited: visited}
	defer context.AfterFunc(visited, func() {
		if stays := v.stays.Load(); stays == nil || !(*stays)() {
			end(context.Cause(visited))
		}
	})()
	ctx = feed.WithVisit(ctx, v)
	r.Body = http.MaxBytesReader(rw, r.Body, 1<<20)
	handler := w.server.HTTP()
	if r.URL.Path == "/sse" {
		handler = w.server.SSE("/messages")
	}
	handler.ServeHTTP(rw, r.WithContext(ctx))
}

// visit is a request that nobody's credential ends.
type visit struct {
	world   *world
	visited context.Context
	stays   atomic.Pointer[func() bool]
}

func (v *visit) Outlast(stays func() bool) { v.stays.Store(&stays) }

func (v *visit) Here() bool { return v.visited.Err() == nil }

func (v *visit) Yield() { v.world.yields.Add(1) }

func (v *visit) Attend(ctx context.Context) (context.Context, func()) { return ctx, func() {} }

// post sends one message.
func (w *world) post(tb testing.TB, body string, headers ...string) (int, http.Header, map[string]any) {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/mcp", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rw := httptest.NewRecorder()
	w.ServeHTTP(rw, r)
	var answer map[string]any
	if rw.Body.Len() > 0 && strings.HasPrefix(rw.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(rw.Body.Bytes(), &answer); err != nil {
			tb.Fatalf("the answer is no JSON: %q", rw.Body)
		}
	}
	return rw.Code, rw.Header(), answer
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`

func (w *world) modern(tb testing.TB, method, name, params string) (int, map[string]any) {
	tb.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + params + modernMeta + `}}`
	status, _, answer := w.post(tb, body, "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method, "Mcp-Name", name)
	return status, answer
}

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

// session initializes as who and gives the session's id.
func (w *world) session(tb testing.TB, who string) string {
	tb.Helper()
	status, header, _ := w.post(tb, initialize, "X-Test-Who", who)
	if sid := header.Get("Mcp-Session-Id"); status == http.StatusOK && sid != "" {
		return sid
	}
	tb.Fatalf("initialize answered %d without a session", status)
	return ""
}
