package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an edge with its surroundings in the test's hand.
type world struct {
	mu      sync.Mutex
	records []audit.Record
	disk    error
	authn   error
	log     *observer.ObservedLogs
	edge    *httpapi.Edge
}

func (w *world) Append(_ context.Context, r audit.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.disk == nil {
		w.records = append(w.records, r)
	}
	return w.disk
}

func (w *world) Authenticate(_ context.Context, presented string) (access.Principal, error) {
	if w.authn != nil {
		return access.Principal{}, w.authn
	}
	if presented != "good" {
		return access.Principal{}, fault.New(fault.Unauthenticated, "identity.unauthenticated", "No.")
	}
	return access.Principal{Issuer: "key", Subject: "a"}, nil
}

func newWorld() *world {
	core, log := observer.New(zapcore.DebugLevel)
	w := &world{log: log}
	w.edge = &httpapi.Edge{
		Records: cqrs.NewRecorder(w, time.Now), Authn: w, Log: zap.New(core), MaxBody: 16,
		Hosts: []string{"steward.example.com"}, Origins: []string{"https://app.example.com"}, Context: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}
	return w
}

func request(t *testing.T, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/mcp", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer good")
	return r
}

// through carries a request through the guard.
func (w *world) through(r *http.Request, next http.HandlerFunc) *httptest.ResponseRecorder {
	rw := httptest.NewRecorder()
	w.edge.Guard(next).ServeHTTP(rw, r)
	return rw
}

func unreached(t *testing.T) http.HandlerFunc {
	t.Helper()
	return func(http.ResponseWriter, *http.Request) { t.Error("a refused request came through") }
}

func TestGuard_LetsThroughWhoeverIsKnown(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := request(t, "")
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	r.Header.Set("Tracestate", "vendor=1")
	r.Header["Baggage"] = []string{"a=1", "b=2"}
	var at string
	rw := w.through(r, func(rw http.ResponseWriter, r *http.Request) {
		q := cqrs.RequestFrom(r.Context())
		at = q.ID()
		if q.Actor().ID() != "key:a" || q.Closed() {
			t.Errorf("the request is of %s, closed: %t", q.Actor().ID(), q.Closed())
		}
		span, carried := trace.SpanContextFromContext(r.Context()), baggage.FromContext(r.Context())
		if span.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || span.TraceState().Get("vendor") != "1" {
			t.Errorf("the trace is %s with %s", span.TraceID(), span.TraceState())
		}
		if carried.Member("a").Value() != "1" || carried.Member("b").Value() != "2" {
			t.Errorf("the baggage is %s", carried)
		}
		rw.WriteHeader(http.StatusTeapot)
	})
	if rw.Code != http.StatusTeapot || rw.Header().Get("X-Request-Id") != at {
		t.Errorf("HTTP %d, headers %v", rw.Code, rw.Header())
	}
	if r := w.records; len(r) != 1 || r[0].Outcome != audit.OK || r[0].Actor != "key:a" || r[0].Method != "POST /mcp" || r[0].Address != "192.0.2.1" {
		t.Errorf("records: %+v", r)
	}
}

func TestGuard_LimitsTheBody(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.through(request(t, strings.Repeat("x", 17)), func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Error("17 bytes were read where 16 are allowed")
		}
	})
	w.through(request(t, strings.Repeat("x", 16)), func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err != nil || len(body) != 16 {
			t.Errorf("%d bytes of 16, %v", len(body), err)
		}
	})
}

func TestGuard_ReadsBearerCredentialsOnly(t *testing.T) {
	t.Parallel()
	for credential, want := range map[string]int{
		"Bearer good": http.StatusOK, "bearer good": http.StatusOK, "BEARER  good ": http.StatusOK,
		"": http.StatusUnauthorized, "good": http.StatusUnauthorized, "Basic good": http.StatusUnauthorized,
		"Bearer": http.StatusUnauthorized, "Bearergood": http.StatusUnauthorized, "Bearer bad": http.StatusUnauthorized,
	} {
		w := newWorld()
		r := request(t, "")
		r.Header.Set("Authorization", credential)
		if rw := w.through(r, func(http.ResponseWriter, *http.Request) {}); rw.Code != want {
			t.Errorf("%q: HTTP %d, want %d", credential, rw.Code, want)
		}
	}
}

func TestGuard_ChallengesWhoeverIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := request(t, "")
	r.Header.Del("Authorization")
	rw := w.through(r, unreached(t))
	if rw.Code != http.StatusUnauthorized || rw.Header().Get("WWW-Authenticate") != `Bearer realm="steward"` {
		t.Errorf("HTTP %d, headers %v", rw.Code, rw.Header())
	}
	if r := w.records; len(r) != 1 || r[0].DeniedBy != audit.ByAuthentication || r[0].Actor != "" {
		t.Errorf("records: %+v", r)
	}
}

// A panic behind the edge is on record, and answered in neutral words; the log says where it was, and no more.
func TestGuard_RecoversFromAPanic(t *testing.T) {
	t.Parallel()
	w := newWorld()
	rw := w.through(request(t, ""), func(http.ResponseWriter, *http.Request) { panic("canary") })
	var body map[string]map[string]string
	if err := json.Unmarshal(rw.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"code": "internal", "message": fault.ErrInternal.Message, "request_id": rw.Header().Get("X-Request-Id")}
	if diff := cmp.Diff(want, body["error"]); rw.Code != http.StatusInternalServerError || diff != "" {
		t.Errorf("HTTP %d (-want +got):\n%s", rw.Code, diff)
	}
	if r := w.records; len(r) != 1 || r[0].Outcome != "internal" {
		t.Errorf("records: %+v", r)
	}
	logged := w.log.All()[0].ContextMap()
	stack, _ := logged["stack"].(string)
	if logged["panic"] != "a value of type string" || logged["request_id"] != want["request_id"] || !strings.Contains(stack, "edge_test.go") {
		t.Errorf("logged %v", logged)
	}
}

func TestGuard_LetsAnAbortThrough(t *testing.T) {
	t.Parallel()
	w := newWorld()
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // a sentinel that is panicked with
			t.Errorf("recovered %v", v)
		}
		if r := w.records; len(r) != 1 || r[0].Outcome != "canceled" {
			t.Errorf("records: %+v", r)
		}
	}()
	w.through(request(t, ""), func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}

func TestGuard_WithoutARecordIsNoRefusalEither(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.disk = audit.ErrBroken.Because(errors.New("no space left on device"))
	r := request(t, "")
	r.Header.Del("Authorization")
	rw := w.through(r, unreached(t))
	if rw.Code != http.StatusServiceUnavailable || !strings.Contains(rw.Body.String(), "audit.broken") || strings.Contains(rw.Body.String(), "space") {
		t.Errorf("HTTP %d %s", rw.Code, rw.Body)
	}
	if logged := w.log.FilterMessage("audit.lost").All(); len(logged) != 1 || !strings.Contains(logged[0].ContextMap()["error"].(string), "no space left on device") {
		t.Errorf("the operator is told %v", logged)
	}
}

// When keys cannot be looked up nobody comes in, and the operator is told why.
func TestGuard_SaysWhyNobodyCanComeIn(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.authn = fault.New(fault.Unavailable, "database.unavailable", "Later.").After(1500 * time.Millisecond).Because(errors.New("disk I/O error"))
	rw := w.through(request(t, ""), unreached(t))
	if rw.Code != http.StatusServiceUnavailable || rw.Header().Get("Retry-After") != "2" || strings.Contains(rw.Body.String(), "disk") {
		t.Errorf("HTTP %d, Retry-After %q: %s", rw.Code, rw.Header().Get("Retry-After"), rw.Body)
	}
	if logged := w.log.All(); len(logged) != 1 || !strings.Contains(logged[0].ContextMap()["error"].(string), "disk I/O error") {
		t.Errorf("the operator is told %v", logged)
	}
}

func TestNotFound_IsOnRecordWithoutThePath(t *testing.T) {
	t.Parallel()
	w := newWorld()
	rw := httptest.NewRecorder()
	w.edge.NotFound().ServeHTTP(rw, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/canary?canary=1", http.NoBody))
	if rw.Code != http.StatusNotFound || !strings.Contains(rw.Body.String(), "/mcp") {
		t.Errorf("HTTP %d %s", rw.Code, rw.Body)
	}
	if r := w.records; len(r) != 1 || r[0].Method != "GET other" || r[0].Outcome != "http.not_found" {
		t.Errorf("records: %+v", r)
	}
}
