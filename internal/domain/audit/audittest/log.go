// Package audittest is the contract of audit.Log. Every implementation runs it.
package audittest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// Subject is one fresh, empty log.
type Subject struct {
	Log audit.Log
	// Close ends the log.
	Close func(ctx context.Context) error
	// Records reads back what was kept, in order. It is called after Close.
	Records func() []audit.Record
}

// RunLog runs the contract on logs that open gives, one a subtest.
func RunLog(t *testing.T, open func(t *testing.T) Subject) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Subject){
		"keeps every field of a record":                 keepsEveryField,
		"keeps what one caller appends in its order":    keepsOrder,
		"serves fifty callers at once":                  servesManyCallers,
		"keeps an over-long record in its bounded form": keepsBounded,
		"refuses a caller that has left":                refusesEndedContext,
		"refuses after close":                           refusesAfterClose,
		"can be closed twice":                           closesTwice,
		"answers everyone when closed under load":       closesUnderLoad,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func keepsEveryField(t *testing.T, s Subject) {
	want := []audit.Record{Full(), {Time: Full().Time, Phase: audit.Note, Detail: "two"}, {}}
	for _, r := range want {
		if err := s.Log.Append(t.Context(), r); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	expect(t, s, want)
}

func keepsOrder(t *testing.T, s Subject) {
	want := make([]audit.Record, 200)
	for i := range want {
		want[i] = audit.Record{Time: Full().Time, Phase: audit.Closed, Request: fmt.Sprintf("r%d", i)}
		if err := s.Log.Append(t.Context(), want[i]); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	expect(t, s, want)
}

func servesManyCallers(t *testing.T, s Subject) {
	const callers, each = 50, 40
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				r := audit.Record{Phase: audit.Closed, Actor: fmt.Sprintf("caller:%d", c), DurationUS: int64(i + 1)}
				if err := s.Log.Append(t.Context(), r); err != nil {
					t.Errorf("caller %d, record %d: %v", c, i, err)
				}
			}
		})
	}
	wg.Wait()
	seen := make(map[string]int64)
	for _, r := range closed(t, s) {
		if r.DurationUS != seen[r.Actor]+1 {
			t.Fatalf("%s: record %d follows record %d", r.Actor, r.DurationUS, seen[r.Actor])
		}
		seen[r.Actor] = r.DurationUS
	}
	for c := range callers {
		if got := seen[fmt.Sprintf("caller:%d", c)]; got != each {
			t.Errorf("caller %d: %d records kept, want %d", c, got, each)
		}
	}
}

func keepsBounded(t *testing.T, s Subject) {
	long := audit.Record{
		Phase: audit.Closed, Client: strings.Repeat("é", 1<<19), Demands: make([]string, 3*audit.MaxItems),
	}
	if err := s.Log.Append(t.Context(), long); err != nil {
		t.Fatalf("append: %v", err)
	}
	expect(t, s, []audit.Record{long.Bounded()})
}

func refusesEndedContext(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Log.Append(ctx, Full())
	if !errors.Is(err, audit.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want audit.unavailable because the context was cancelled", err)
	}
	expect(t, s, nil)
}

func refusesAfterClose(t *testing.T, s Subject) {
	if err := s.Log.Append(t.Context(), Full()); err != nil {
		t.Fatalf("append: %v", err)
	}
	kept := closed(t, s)
	if err := s.Log.Append(t.Context(), Full()); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("got %v, want audit.closed", err)
	}
	if diff := cmp.Diff(kept, s.Records(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("a refused record was kept (-before +after):\n%s", diff)
	}
}

func closesTwice(t *testing.T, s Subject) {
	for range 2 {
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// closesUnderLoad: whoever was told nil finds the record, and nobody waits forever.
func closesUnderLoad(t *testing.T, s Subject) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	acknowledged := make(map[string]bool)
	under := make(chan struct{})
	var once sync.Once
	for c := range 20 {
		wg.Go(func() {
			for i := 0; ; i++ {
				r := audit.Record{Phase: audit.Closed, Request: fmt.Sprintf("%d/%d", c, i)}
				if err := s.Log.Append(t.Context(), r); err != nil {
					if !errors.Is(err, audit.ErrClosed) {
						t.Errorf("got %v, want audit.closed", err)
					}
					return
				}
				mu.Lock()
				acknowledged[r.Request] = true
				if len(acknowledged) == 100 {
					once.Do(func() { close(under) })
				}
				mu.Unlock()
			}
		})
	}
	<-under
	kept := closed(t, s)
	wg.Wait()
	for _, r := range kept {
		delete(acknowledged, r.Request)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d records were acknowledged and are gone", len(acknowledged))
	}
}

func closed(t *testing.T, s Subject) []audit.Record {
	t.Helper()
	if err := s.Close(t.Context()); err != nil {
		t.Fatalf("close: %v", err)
	}
	return s.Records()
}

func expect(t *testing.T, s Subject, want []audit.Record) {
	t.Helper()
	if diff := cmp.Diff(want, closed(t, s), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// Full is a record with every field set.
func Full() audit.Record {
	return audit.Record{
		Time: time.Date(2026, 3, 1, 12, 30, 15, 123456789, time.UTC), Phase: audit.Closed,
		Request: "req_ab3d", Actor: "key:k7", Personas: []string{"analyst", "auditor"}, Client: "inspector/1.0", Session: "ses_x5ud",
		Address: "192.0.2.7", Transport: "http", Revision: "2026-07-28", Method: "tools/call", Action: "tool.call",
		Target: "tool:query", Definition: "d1e5", Demands: []string{"metric.query metric:revenue"}, Arguments: "9f86d081", Redacted: "limit=10 where=string(7)",
		Purpose: "the quarterly report",
		Outcome: "access.denied", DeniedBy: "policy", Rule: "analyst/deny[1]", Policy: "5e88", DurationUS: 42, Count: 7,
		Trace: "4bf9", Detail: "one",
	}
}
