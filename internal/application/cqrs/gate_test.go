package cqrs_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a gate with everything around it in the test's hand.
type fixture struct {
	mu      sync.Mutex
	events  []string // records and runs, in the order in which they happened
	records []audit.Record
	broken  func(audit.Record) error
	denied  map[string]bool // by demand
	spent   int
	limit   error
}

func (f *fixture) Append(_ context.Context, r audit.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		if err := f.broken(r); err != nil {
			return err
		}
	}
	f.events = append(f.events, string(r.Phase)+" "+r.Outcome)
	f.records = append(f.records, r)
	return nil
}

func (f *fixture) Decide(_ access.Principal, demands ...access.Demand) access.Decision {
	for _, d := range demands {
		if f.denied[d.String()] {
			return access.Decision{Rule: "p/deny[0]", Denied: d, Policy: "h"}
		}
	}
	return access.Decision{Allowed: true, Rule: "p/allow[0]", Policy: "h"}
}

func (f *fixture) Take(context.Context, string, string) error {
	if f.limit == nil {
		f.spent++
	}
	return f.limit
}

type change struct{ cqrs.Change }

func (change) Demand() access.Demand { return access.On("thing.change", "thing", "a") }

type read struct{ cqrs.Read }

func (read) Demand() access.Demand { return access.On("thing.read", "thing", "a") }

type handler[M cqrs.Message] struct {
	bound cqrs.Bound[string]
	err   error
}

func (h handler[M]) Bind(context.Context, M) (cqrs.Bound[string], error) { return h.bound, h.err }

func (f *fixture) bound(run func(context.Context) (string, error)) cqrs.Bound[string] {
	return cqrs.Bound[string]{Run: func(ctx context.Context) (string, error) {
		f.mu.Lock()
		f.events = append(f.events, "run")
		f.mu.Unlock()
		return run(ctx)
	}}
}

func (f *fixture) gate() *cqrs.Gate {
	return cqrs.NewGate(f, f, cqrs.NewRecorder(f, time.Now), zap.NewNop(), time.Minute)
}

var (
	somebody = access.Principal{Issuer: "key", Subject: "k1", Personas: []string{"p"}}
	errThing = fault.New(fault.Precondition, "thing.closed", "The thing is closed.")
	errDisk  = fault.New(fault.Unavailable, "audit.unavailable", "Nothing can be recorded.")
)

func done(context.Context) (string, error) { return "done", nil }

func TestGate_RecordsEveryOutcomeOnceAndIntentsBeforeEffects(t *testing.T) {
	for name, c := range map[string]struct {
		set     func(*fixture)
		bound   func(*fixture) cqrs.Bound[string]
		bindErr error
		query   bool
		want    []string
		result  string
		code    string
		by      string
	}{
		"a change": {want: []string{"intent ", "run", "closed ok"}, result: "done"},
		"a read":   {query: true, want: []string{"run", "closed ok"}, result: "done"},
		"a change that changes nothing": {
			bound: func(f *fixture) cqrs.Bound[string] { b := f.bound(done); b.ReadOnly = true; return b },
			want:  []string{"run", "closed ok"}, result: "done",
		},
		"refused by policy": {
			set:  func(f *fixture) { f.denied = map[string]bool{"thing.change thing:a": true} },
			want: []string{"closed access.denied"}, code: "access.denied", by: audit.ByPolicy,
		},
		"refused for what it demands": {
			set: func(f *fixture) { f.denied = map[string]bool{"metric.query metric:secret": true} },
			bound: func(f *fixture) cqrs.Bound[string] {
				b := f.bound(done)
				b.Demands, b.Refusal = []access.Demand{access.On("metric.query", "metric", "secret")}, errThing
				return b
			},
			want: []string{"closed thing.closed"}, code: "thing.closed", by: audit.ByPolicy,
		},
		"refused by an obligation": {
			bound: func(f *fixture) cqrs.Bound[string] {
				b := f.bound(done)
				b.Objection, b.Refusal = "p/rows[0]", errThing
				return b
			},
			want: []string{"closed thing.closed"}, code: "thing.closed", by: audit.ByPolicy,
		},
		"denied by what it found while running": {
			bound: func(f *fixture) cqrs.Bound[string] {
				return f.bound(func(context.Context) (string, error) { return "half", cqrs.ErrDenied })
			},
			want: []string{"intent ", "run", "closed access.denied"}, code: "access.denied", by: audit.ByPolicy,
		},
		"bad input":    {bindErr: errThing, want: []string{"closed thing.closed"}, code: "thing.closed", by: audit.ByInput},
		"over a limit": {set: func(f *fixture) { f.limit = errThing }, want: []string{"closed thing.closed"}, code: "thing.closed", by: audit.ByLimit},
		"a failure": {
			bound: func(f *fixture) cqrs.Bound[string] {
				return f.bound(func(context.Context) (string, error) { return "half", errThing })
			},
			want: []string{"intent ", "run", "closed thing.closed"}, code: "thing.closed",
		},
		"a foreign error": {
			bound: func(f *fixture) cqrs.Bound[string] {
				return f.bound(func(context.Context) (string, error) { return "", errors.New("/etc/secret") })
			},
			want: []string{"intent ", "run", "closed internal"}, code: "internal",
		},
		"a panic": {
			bound: func(f *fixture) cqrs.Bound[string] {
				return f.bound(func(context.Context) (string, error) { panic("boom") })
			},
			want: []string{"intent ", "run", "closed internal"}, code: "internal",
		},
		"a caller that left": {
			bound: func(f *fixture) cqrs.Bound[string] {
				return f.bound(func(context.Context) (string, error) { return "", context.Canceled })
			},
			want: []string{"intent ", "run", "closed canceled"}, code: "canceled",
		},
		"an intent that cannot be recorded": {
			set: func(f *fixture) { f.broken = func(audit.Record) error { return errDisk } },
			// nothing ran
			code: "audit.unavailable",
		},
		"a read whose record cannot be kept": {
			query: true, set: func(f *fixture) { f.broken = func(audit.Record) error { return errDisk } },
			want: []string{"run"}, code: "audit.unavailable",
		},
		"a change whose outcome cannot be recorded": {
			set: func(f *fixture) {
				f.broken = func(r audit.Record) error {
					if r.Phase == audit.Closed {
						return errDisk
					}
					return nil
				}
			},
			want: []string{"intent ", "run"}, result: "done",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fixture{}
			if c.set != nil {
				c.set(f)
			}
			bound := f.bound(done)
			if c.bound != nil {
				bound = c.bound(f)
			}
			var got string
			var err error
			if c.query {
				got, err = cqrs.GovernQuery(f.gate(), handler[read]{bound, c.bindErr}).Do(t.Context(), read{cqrs.Read{By: somebody}})
			} else {
				got, err = cqrs.GovernCommand(f.gate(), handler[change]{bound, c.bindErr}).Do(t.Context(), change{cqrs.Change{By: somebody}})
			}
			code := ""
			if err != nil {
				code = fault.From(err).Code
			}
			if diff := cmp.Diff(c.want, f.events); diff != "" {
				t.Errorf("what happened (-want +got):\n%s", diff)
			}
			if code != c.code || (err == nil && got != c.result) || (err != nil && got != "" && len(f.records) != 2) {
				t.Errorf("answered %q, %v", got, err)
			}
			if n := len(f.records); n > 0 && f.records[n-1].DeniedBy != c.by {
				t.Errorf("denied by %q, want %q", f.records[n-1].DeniedBy, c.by)
			}
		})
	}
}

func TestGate_RefusedCallersSpendNothing(t *testing.T) {
	f := &fixture{denied: map[string]bool{"thing.change thing:a": true}}
	_, _ = cqrs.GovernCommand(f.gate(), handler[change]{bound: f.bound(done)}).Do(t.Context(), change{cqrs.Change{By: somebody}})
	if f.spent != 0 {
		t.Errorf("a refused call spent %d", f.spent)
	}
}

func TestGate_RunsUnderADeadline(t *testing.T) {
	f := &fixture{}
	bound := f.bound(func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	})
	bound.Timeout = time.Millisecond
	_, err := cqrs.GovernCommand(f.gate(), handler[change]{bound: bound}).Do(t.Context(), change{cqrs.Change{By: somebody}})
	if !errors.Is(err, fault.ErrTimeout) {
		t.Errorf("got %v", err)
	}
}

func TestRequest_IsClosedOnceHoweverManyTry(t *testing.T) {
	f := &fixture{}
	ctx, q := cqrs.NewRecorder(f, time.Now).Open(t.Context(), cqrs.Arrival{Transport: "http"})
	gate := f.gate()
	_, err := cqrs.GovernQuery(gate, handler[read]{bound: f.bound(done)}).Do(ctx, read{cqrs.Read{By: somebody}})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Close(ctx, cqrs.Outcome{Fault: errThing}); err != nil {
		t.Fatal(err)
	}
	if len(f.records) != 1 || f.records[0].Outcome != audit.OK || f.records[0].Request != q.ID() || f.records[0].Transport != "http" {
		t.Errorf("records: %+v", f.records)
	}
}

func TestRequest_IsRecordedEvenWhenTheCallerHasLeft(t *testing.T) {
	f := &fixture{}
	ctx, cancel := context.WithCancel(t.Context())
	_, q := cqrs.NewRecorder(logNeedingContext{f}, time.Now).Open(ctx, cqrs.Arrival{})
	cancel()
	if err := q.Close(ctx, cqrs.Outcome{}); err != nil || len(f.records) != 1 {
		t.Errorf("%v, %d records", err, len(f.records))
	}
}

type logNeedingContext struct{ *fixture }

func (l logNeedingContext) Append(ctx context.Context, r audit.Record) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return l.fixture.Append(ctx, r)
}

func TestGate_NamesTheObligationThatRefused(t *testing.T) {
	f := &fixture{}
	b := f.bound(done)
	b.Objection = "p/rows[0]"
	if _, err := cqrs.GovernQuery(f.gate(), handler[read]{bound: b}).Do(t.Context(), read{cqrs.Read{By: somebody}}); !errors.Is(err, cqrs.ErrDenied) {
		t.Fatal(err)
	}
	if got := f.records[len(f.records)-1]; got.Rule != "p/rows[0]" || f.spent != 0 {
		t.Errorf("by rule %q, %d spent", got.Rule, f.spent)
	}
}
