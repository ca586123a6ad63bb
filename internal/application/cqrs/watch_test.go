package cqrs_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
)

// listener hears what a recorder tells.
type listener struct {
	mu    sync.Mutex
	heard map[string]int
}

func (l *listener) Concluded(_ context.Context, r audit.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard[string(r.Phase)+" "+r.Outcome]++
}

func (l *listener) Lost(_ context.Context, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard[err.Error()]++
}

// The watcher hears of every request once, whether it has a record of its own or not.
func TestWatched_TellsOfEveryRequestOnce(t *testing.T) {
	l, f := &listener{heard: map[string]int{}}, &fixture{}
	r := cqrs.NewRecorder(f, time.Now).Watched(l)
	refuse(t, r, 100, "192.0.2.1", errWho)
	for range 3 {
		ctx, q := r.Open(t.Context(), cqrs.Arrival{Transport: "http"})
		if err := errors.Join(q.Begin(ctx), q.Close(ctx, cqrs.Outcome{}), q.Close(ctx, cqrs.Outcome{Fault: errThing})); err != nil {
			t.Fatal(err)
		}
	}
	_, pinged := r.Open(t.Context(), cqrs.Arrival{Transport: "http"})
	pinged.Discard()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"closed who": 100, "closed ok": 3}, l.heard); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

func TestWatched_TellsWhatCouldNotBeKept(t *testing.T) {
	l, f := &listener{heard: map[string]int{}}, &fixture{broken: func(audit.Record) error { return audit.ErrBroken }}
	r := cqrs.NewRecorder(f, time.Now).Watched(l)
	ctx, q := r.Open(t.Context(), cqrs.Arrival{Transport: "http"})
	if err := q.Close(ctx, cqrs.Outcome{}); !errors.Is(err, audit.ErrBroken) {
		t.Fatal(err)
	}
	if l.heard[audit.ErrBroken.Error()] != 1 {
		t.Errorf("heard %v", l.heard)
	}
}

// A record that no call stands behind has a trace of its own, which holds nothing else; a flood makes none.
func TestTraced_LeavesNoRecordWithoutATrace(t *testing.T) {
	spans, f := tracetest.NewInMemoryExporter(), &fixture{}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	r := cqrs.NewRecorder(f, time.Now).Traced(provider.Tracer("t"))
	refuse(t, r, 100, "192.0.2.1", errWho)
	if got := len(spans.GetSpans()); got != 60 {
		t.Errorf("%d spans of 60 records", got)
	}
	spans.Reset()
	ctx, q := r.Open(t.Context(), cqrs.Arrival{Transport: "cli"})
	if err := errors.Join(q.Begin(ctx), q.Close(ctx, cqrs.Outcome{})); err != nil {
		t.Fatal(err)
	}
	intent, closed := f.records[len(f.records)-2], f.records[len(f.records)-1]
	if made := spans.GetSpans(); len(made) != 1 || intent.Trace != made[0].SpanContext.TraceID().String() || closed.Trace != intent.Trace {
		t.Errorf("%d spans; the intent is in trace %q, the end in %q", len(made), intent.Trace, closed.Trace)
	}
	spans.Reset()
	ctx, span := provider.Tracer("t").Start(t.Context(), "call")
	ctx, q = r.Open(ctx, cqrs.Arrival{Transport: "http"})
	if err := q.Close(ctx, cqrs.Outcome{}); err != nil {
		t.Fatal(err)
	}
	if got := f.records[len(f.records)-1].Trace; got != span.SpanContext().TraceID().String() || len(spans.GetSpans()) > 0 {
		t.Errorf("a call is in trace %q, and made %d spans more", got, len(spans.GetSpans()))
	}
}

// What is refused before a decision, or needs none, names the policy that holds all the same.
func TestRecord_NamesThePolicyThatHolds(t *testing.T) {
	f := &fixture{}
	rules := policyOf(t, limited())
	r := cqrs.NewRecorder(f, time.Now).Settling(access.NewSwitch(rules).Settle)
	ctx, q := r.Open(t.Context(), cqrs.Arrival{Transport: "http"})
	q.Identify(somebody)
	if err := q.Close(ctx, cqrs.Outcome{Fault: errThing, DeniedBy: audit.ByEdge}); err != nil {
		t.Fatal(err)
	}
	if got := f.records[0]; got.Policy != rules.Hash() || got.Rule != "" {
		t.Errorf("on record: %+v", got)
	}
}
