package roster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/presentation/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type peer struct{ sid, owner string }

func (p peer) SessionID() string { return p.sid }
func (p peer) Owner() string     { return p.owner }

func TestRoster_GivesASessionToItsOwnerOnly(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var gone []string
	r := roster.New(func() time.Time { return now }, func(p peer) { gone = append(gone, p.sid) })
	for _, sid := range []string{"a", "b", "c"} {
		r.Keep(peer{sid, "o"})
	}
	if _, ok := r.Find("a", "other"); ok || r.Dismiss("a", "other") {
		t.Error("another has it")
	}
	if p, ok := r.Find("a", "o"); !ok || p.sid != "a" {
		t.Error("its owner does not have it")
	}
	if !r.Dismiss("b", "o") || r.Dismiss("b", "o") || r.Has("b") || !r.Has("a") {
		t.Error("a session does not end, or not once")
	}
	r.Remove(r.Those(func(p peer) bool { return p.sid == "c" })...)
	now = now.Add(roster.Idle)
	if _, ok := r.Find("a", "o"); ok {
		t.Error("an idle session is found")
	}
	if diff := cmp.Diff([]string{"b", "c", "a"}, gone); diff != "" {
		t.Errorf("told of (-want +got):\n%s", diff)
	}
}

func TestRoster_IsBoundedForEachOwner(t *testing.T) {
	ended := 0
	r := roster.New(time.Now, func(peer) { ended++ })
	r.Keep(peer{"theirs", "modest"})
	for i := range roster.MostOwned + 10 {
		r.Keep(peer{fmt.Sprint(i), "greedy"})
		r.Find("0", "greedy") // which is used, and so not the oldest
	}
	if ended != 10 || !r.Has("theirs") || !r.Has("0") || r.Has("1") || !r.Has("11") {
		t.Errorf("%d sessions have ended", ended)
	}
}

func TestCalls_AreCancelledByTheirIDsAlone(t *testing.T) {
	var calls roster.Calls
	one, first := calls.Begin(t.Context(), json.RawMessage(`1`))
	two, second := calls.Begin(t.Context(), json.RawMessage(`"1"`))
	apart, free := (*roster.Calls)(nil).Begin(t.Context(), json.RawMessage(`1`))
	calls.Cancel(json.RawMessage(`1.0`))
	calls.Cancel(nil)
	(*roster.Calls)(nil).Cancel(json.RawMessage(`1`))
	if one.Err() == nil || two.Err() != nil || apart.Err() != nil {
		t.Error("another call is cancelled")
	}
	calls.Abandon()
	if two.Err() == nil || apart.Err() != nil {
		t.Error("a call goes on, or one that is another's does not")
	}
	for range 2 {
		if !first.End() || !second.End() || free.End() {
			t.Error("whether a call was cancelled is not known, or forgotten")
		}
	}
	stopped, third := calls.Begin(t.Context(), json.RawMessage(`3`))
	third.Stop()
	if !errors.Is(stopped.Err(), context.Canceled) || third.End() {
		t.Error("what was stopped is taken for cancelled")
	}
}
