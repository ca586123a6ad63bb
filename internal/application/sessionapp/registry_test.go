package sessionapp_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/session"
	"github.com/steward-mcp/steward/internal/infrastructure/sessionstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const lifetime = time.Hour

var start = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// world is a registry with a clock and a store that the test has in hand.
type world struct {
	*sessionapp.Registry
	mu   sync.Mutex
	at   time.Time
	kept session.Repository
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

func newWorld() *world {
	w := &world{at: start, kept: &sessionstore.Memory{}}
	w.Registry = sessionapp.NewRegistry(w.kept, lifetime, w.now)
	return w
}

// beside is another process on the same state.
func (w *world) beside() *world {
	other := &world{at: w.now(), kept: w.kept}
	other.Registry = sessionapp.NewRegistry(w.kept, lifetime, other.now)
	return other
}

func peer(principal, client string) session.Peer {
	return session.NewPeer(principal, client, "2026-07-28", "http")
}

// ask is one request from its beginning to its end.
func (w *world) ask(t *testing.T, p session.Peer) error {
	t.Helper()
	_, stay, err := w.Enter(t.Context(), p, "192.0.2.1")
	if stay.Session != p.ID() {
		t.Errorf("the request of %+v belongs to %s", p, stay.Session)
	}
	stay.Leave(false)
	return err
}

func (w *world) close(t *testing.T, p session.Peer) sessionapp.Session {
	t.Helper()
	s, err := w.Close(t.Context(), p.ID(), "key:op", "it loops")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) listed(t *testing.T, f sessionapp.Filter) []sessionapp.Session {
	t.Helper()
	page, err := w.List(f)
	if err != nil {
		t.Fatal(err)
	}
	return page.Sessions
}

func TestRegistry_AClosingEndsWhatRunsAndHoldsFromTheNextRequestOn(t *testing.T) {
	t.Parallel()
	w := newWorld()
	p, bystander := peer("key:ada", "t/1"), peer("key:ada", "t/2")
	running, stay, err := w.Enter(t.Context(), p, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	other, kept, err := w.Enter(t.Context(), bystander, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if s := w.close(t, p); s.State != session.Closed || s.ClosedBy != "key:op" || s.Reason != "it loops" || !s.Expires.Equal(start.Add(lifetime)) {
		t.Errorf("closed: %+v", s)
	}
	if !errors.Is(context.Cause(running), session.ErrClosed) {
		t.Errorf("what ran ends with %v", context.Cause(running))
	}
	if other.Err() != nil {
		t.Error("another session's request ends too")
	}
	stay.Leave(false)
	stay.Leave(false)
	kept.Leave(false)
	if err := w.ask(t, p); !errors.Is(err, session.ErrClosed) {
		t.Errorf("the next request: %v", err)
	}
	if err := w.ask(t, bystander); err != nil {
		t.Errorf("another session: %v", err)
	}
	if s, err := w.Show(p.ID()); err != nil || s.Running != 0 || s.Requests != 2 || s.Refused != 1 {
		t.Errorf("it shows %+v, %v", s, err)
	}
}

func TestRegistry_AClosedSessionOpensWhenItHasBeenQuietForItsLifetime(t *testing.T) {
	t.Parallel()
	w, p := newWorld(), peer("key:ada", "t/1")
	w.close(t, p)
	for range 3 {
		w.pass(lifetime - time.Second)
		if err := w.ask(t, p); !errors.Is(err, session.ErrClosed) {
			t.Fatalf("before its lifetime is over: %v", err)
		}
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(lifetime)
	if err := w.ask(t, p); err != nil {
		t.Errorf("after: %v", err)
	}
	// What is still kept of the closing does not bring it back.
	if closed, err := w.Sync(t.Context()); err != nil || len(closed) != 0 {
		t.Errorf("closed again: %v, %v", closed, err)
	}
	if err := w.ask(t, p); err != nil {
		t.Errorf("after a look at what is kept: %v", err)
	}
	w.pass(10 * time.Minute)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, err := w.kept.Closed(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("kept: %v, %v", all, err)
	}
}

func TestRegistry_AClosingOutlivesTheProcessAndReachesOthers(t *testing.T) {
	t.Parallel()
	w, p := newWorld(), peer("key:ada", "t/1")
	beside := w.beside()
	running, stay, err := beside.Enter(t.Context(), p, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	w.close(t, p) // which nobody there has heard of
	closed, err := beside.Sync(t.Context())
	if err != nil || !slices.Equal(closed, []id.Session{p.ID()}) || !errors.Is(context.Cause(running), session.ErrClosed) {
		t.Errorf("%v, %v; what ran: %v", closed, err, context.Cause(running))
	}
	stay.Leave(false)
	if closed, err := beside.Sync(t.Context()); err != nil || len(closed) != 0 {
		t.Errorf("closed a second time: %v, %v", closed, err)
	}
	// What is heard there keeps it closed here, and after a restart.
	beside.pass(lifetime - time.Minute)
	if err := beside.ask(t, p); !errors.Is(err, session.ErrClosed) {
		t.Fatal(err)
	}
	if err := beside.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.pass(lifetime + time.Minute)
	if err := w.ask(t, p); !errors.Is(err, session.ErrClosed) {
		t.Errorf("here: %v", err)
	}
	restarted := w.beside()
	if _, err := restarted.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := restarted.ask(t, p); !errors.Is(err, session.ErrClosed) {
		t.Errorf("after a restart: %v", err)
	}
	if s, err := restarted.Show(p.ID()); err != nil || s.Principal != "key:ada" || s.ClosedBy != "key:op" || s.Reason != "it loops" {
		t.Errorf("after a restart it shows %+v, %v", s, err)
	}
}

// Quiet here is not quiet everywhere: what expired here while another process still heard the peer is closed until that is over.
func TestRegistry_AClosingGoesOnWhereItHadExpired(t *testing.T) {
	t.Parallel()
	w, p := newWorld(), peer("key:ada", "t/1")
	beside := w.beside()
	if err := w.ask(t, p); err != nil {
		t.Fatal(err)
	}
	w.close(t, p)
	if _, err := beside.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	beside.pass(lifetime - time.Minute)
	if err := beside.ask(t, p); !errors.Is(err, session.ErrClosed) {
		t.Fatal(err)
	}
	w.pass(lifetime)
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, err := w.Show(p.ID()); err != nil || s.State != session.Expired {
		t.Fatalf("nothing is proved by %+v, %v", s, err)
	}
	beside.pass(2 * time.Minute)
	if err := beside.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * time.Minute)
	if closed, err := w.Sync(t.Context()); err != nil || !slices.Equal(closed, []id.Session{p.ID()}) {
		t.Fatal(closed, err)
	}
	if err := w.ask(t, p); !errors.Is(err, session.ErrClosed) {
		t.Errorf("here it lets its peer in: %v", err)
	}
}

// broken is a store that does not take anything.
type broken struct{ session.Repository }

var errDisk = errors.New("no space left")

func (broken) Keep(context.Context, *session.Session) error { return errDisk }

func TestRegistry_WhatCannotBeKeptIsNotClosed(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := sessionapp.NewRegistry(broken{w.kept}, lifetime, w.now)
	p := peer("key:ada", "t/1")
	running, stay, err := r.Enter(t.Context(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	defer stay.Leave(false)
	if _, err := r.Close(t.Context(), p.ID(), "key:op", ""); !errors.Is(err, errDisk) {
		t.Errorf("closing: %v", err)
	}
	if s, err := r.Show(p.ID()); err != nil || s.State != session.Opened || running.Err() != nil {
		t.Errorf("%+v, %v, what runs: %v", s, err, running.Err())
	}
}

// A name costs a client nothing, so any number of them costs next to nothing too, and drives out nobody else's sessions.
func TestRegistry_StaysSmallUnderAMillionClientNames(t *testing.T) {
	w, modest := newWorld(), peer("key:modest", "t/1")
	closed := peer("key:greedy", "closed/1")
	w.close(t, closed)
	if err := w.ask(t, closed); !errors.Is(err, session.ErrClosed) {
		t.Fatal(err)
	}
	if err := w.ask(t, modest); err != nil {
		t.Fatal(err)
	}
	_, stay, err := w.Enter(t.Context(), peer("key:greedy", "running/1"), "")
	if err != nil {
		t.Fatal(err)
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range 1_000_000 {
		_, stay, err := w.Enter(t.Context(), peer("key:greedy", strconv.Itoa(i)), "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		stay.Leave(false)
	}
	const most = 4 << 20
	if grown := int64(heap()) - int64(before); grown > most {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	count := func(principal string) int {
		return len(w.listed(t, sessionapp.Filter{Principal: principal, Limit: sessionapp.MaxPage}))
	}
	if greedy, others := count("key:greedy"), count("key:modest"); greedy != 200+1 || others != 1 {
		t.Errorf("%d and %d sessions are remembered", greedy, others)
	}
	if err := w.ask(t, closed); !errors.Is(err, session.ErrClosed) {
		t.Errorf("the closed one: %v", err)
	}
	if s, err := w.Show(peer("key:greedy", "running/1").ID()); err != nil || s.Running != 1 {
		t.Errorf("the running one: %+v, %v", s, err)
	}
	stay.Leave(false)
}

func TestRegistry_IsBoundedForAllPrincipalsTogether(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 12_000 {
		if err := w.ask(t, peer(fmt.Sprintf("key:%d", i), "t/1")); err != nil {
			t.Fatal(err)
		}
	}
	remembered := 0
	for f := (sessionapp.Filter{Limit: sessionapp.MaxPage}); ; {
		page, err := w.List(f)
		if err != nil {
			t.Fatal(err)
		}
		remembered += len(page.Sessions)
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	if remembered != 10_000 {
		t.Errorf("%d are remembered", remembered)
	}
	if _, err := w.Show(peer("key:0", "t/1").ID()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("the one unused for longest: %v", err)
	}
	if _, err := w.Show(peer("key:11999", "t/1").ID()); err != nil {
		t.Errorf("the newest: %v", err)
	}
}

// Many principals come, under names of their own and of others, while an operator looks and closes: what one is told and
// what ends is never another's.
func TestRegistry_KeepsPrincipalsApartUnderARace(t *testing.T) {
	t.Parallel()
	w := newWorld()
	const principals, each = 64, 60
	victim := peer("key:0", "shared/1")
	var all sync.WaitGroup
	for i := range principals {
		all.Go(func() {
			who := fmt.Sprintf("key:%d", i)
			for n := range each {
				p := peer(who, []string{"shared/1", fmt.Sprintf("canary-%d-%d", i, n)}[n%2])
				ctx, stay, err := w.Enter(t.Context(), p, "192.0.2.1")
				if stay.Session != p.ID() {
					t.Errorf("%+v is in %s", p, stay.Session)
				}
				if err != nil && p != victim || err == nil && p != victim && ctx.Err() != nil {
					t.Errorf("%+v: %v, %v", p, err, ctx.Err())
				}
				stay.Leave(n%3 == 0)
				for _, s := range w.listed(t, sessionapp.Filter{Principal: who, Limit: sessionapp.MaxPage}) {
					if s.Principal != who || strings.HasPrefix(s.Client, "canary-") && !strings.HasPrefix(s.Client, fmt.Sprintf("canary-%d-", i)) {
						t.Errorf("%s sees %+v", who, s)
					}
				}
			}
		})
	}
	all.Go(func() {
		for range 5 {
			if _, err := w.Close(t.Context(), victim.ID(), "key:op", ""); err != nil {
				t.Error(err)
			}
			if err := errors.Join(w.Sweep(t.Context()), func() error { _, err := w.Sync(t.Context()); return err }()); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	if err := w.ask(t, victim); !errors.Is(err, session.ErrClosed) {
		t.Errorf("the closed one: %v", err)
	}
	for i := 1; i < principals; i++ {
		if s, err := w.Show(peer(fmt.Sprintf("key:%d", i), "shared/1").ID()); err != nil || s.Requests != each/2 || s.Running != 0 || s.Refused != each/6 {
			t.Errorf("of %d: %+v, %v", i, s, err)
		}
	}
}

func TestRegistry_ForgetsWhatHasBeenExpiredForLong(t *testing.T) {
	t.Parallel()
	w, p := newWorld(), peer("key:ada", "t/1")
	if err := w.ask(t, p); err != nil {
		t.Fatal(err)
	}
	states := func() (states []session.State) {
		t.Helper()
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, s := range w.listed(t, sessionapp.Filter{}) {
			states = append(states, s.State)
		}
		return states
	}
	if got := states(); !slices.Equal(got, []session.State{session.Opened}) {
		t.Errorf("at first %v", got)
	}
	w.pass(lifetime)
	if got := states(); !slices.Equal(got, []session.State{session.Expired}) {
		t.Errorf("after its lifetime %v", got)
	}
	w.pass(lifetime)
	if got := states(); len(got) != 0 {
		t.Errorf("after another %v", got)
	}
}

func BenchmarkEnter(b *testing.B) {
	w, p := newWorld(), peer("key:ada", "t/1")
	b.ReportAllocs()
	for b.Loop() {
		_, stay, err := w.Enter(b.Context(), p, "192.0.2.1")
		if err != nil {
			b.Fatal(err)
		}
		stay.Leave(false)
	}
}
