package session_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/session"
)

const lifetime = time.Hour

var (
	start  = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	ada    = session.NewPeer("key:ada", "t/1", "2026-07-28", "http")
	sameID = cmp.Comparer(func(a, b id.Session) bool { return a == b })
)

// in gives a session in a state, and a moment at which it is in it.
func in(t *testing.T, state session.State) (*session.Session, time.Time) {
	t.Helper()
	s, now := session.Open(ada, start), start
	switch state {
	case session.Opened:
	case session.Closed:
		if err := s.Close(session.Closing{By: "key:op", At: now}, lifetime); err != nil {
			t.Fatal(err)
		}
	case session.Expired:
		now = now.Add(lifetime)
		s.Lapse(lifetime, now)
	}
	if s.State() != state {
		t.Fatalf("it is %s, want %s", s.State(), state)
	}
	return s, now
}

func TestSession_MovesByTheTableOnly(t *testing.T) {
	t.Parallel()
	request := func(s *session.Session, now time.Time) error { return s.Enter(ada, "192.0.2.1", lifetime, now) }
	closing := func(s *session.Session, now time.Time) error {
		return s.Close(session.Closing{By: "key:op", At: now}, lifetime)
	}
	quiet := func(s *session.Session, now time.Time) error { s.Lapse(lifetime, now.Add(lifetime)); return nil }
	for _, c := range []struct {
		from  session.State
		event string
		do    func(*session.Session, time.Time) error
		to    session.State
		err   error
	}{
		{session.Opened, "a request", request, session.Opened, nil},
		{session.Opened, "a closing", closing, session.Closed, nil},
		{session.Opened, "quiet", quiet, session.Expired, nil},
		{session.Closed, "a request", request, session.Closed, session.ErrClosed},
		{session.Closed, "a closing", closing, session.Closed, nil},
		{session.Closed, "quiet", quiet, session.Expired, nil},
		{session.Expired, "a request", request, session.Opened, nil},
		{session.Expired, "a closing", closing, session.Closed, nil},
		{session.Expired, "quiet", quiet, session.Expired, nil},
	} {
		s, now := in(t, c.from)
		if err := c.do(s, now); !errors.Is(err, c.err) || s.State() != c.to {
			t.Errorf("%s, %s: %s, %v; want %s, %v", c.from, c.event, s.State(), err, c.to, c.err)
		}
	}
}

// The table is closed: a session in no state of it takes nothing.
func TestSession_InNoStateRefusesEverything(t *testing.T) {
	t.Parallel()
	for _, state := range []session.State{"", "ajar"} {
		s := session.Restore(session.Snapshot{ID: ada.ID(), Peer: ada, State: state, Opened: start, Used: start})
		for event, err := range map[string]error{
			"a request": s.Enter(ada, "", lifetime, start), "a closing": s.Close(session.Closing{At: start}, lifetime),
		} {
			if !errors.Is(err, session.ErrTransition) {
				t.Errorf("%q, %s: %v", state, event, err)
			}
		}
		if s.Lapse(lifetime, start.Add(lifetime)) || s.State() != state {
			t.Errorf("%q lapses to %q", state, s.State())
		}
	}
}

func TestSession_CountsWhatComes(t *testing.T) {
	t.Parallel()
	s := session.Open(ada, start)
	for i, address := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		if err := s.Enter(ada, address, lifetime, start.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	s.Leave(false)
	s.Leave(true)
	want := session.Snapshot{
		ID: ada.ID(), Peer: ada, State: session.Opened, Opened: start, Used: start.Add(2 * time.Minute), Address: "192.0.2.3",
		Requests: 3, Refused: 1, Running: 1,
	}
	if diff := cmp.Diff(want, s.Snapshot(), sameID); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want.Running = 0 // whatever ran, ran elsewhere
	if diff := cmp.Diff(want, session.Restore(s.Snapshot()).Snapshot(), sameID); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
}

// Every attempt is a sign of life, and a refused one too: only quiet opens what was closed.
func TestSession_StaysClosedUntilItHasBeenQuiet(t *testing.T) {
	t.Parallel()
	s, now := in(t, session.Closed)
	for range 5 {
		now = now.Add(lifetime - time.Second)
		err := s.Enter(ada, "192.0.2.1", lifetime, now)
		if f := fault.From(err); !errors.Is(err, session.ErrClosed) || f.Kind != fault.Denied || !strings.Contains(f.Message, "operator") || !strings.Contains(f.Message, "1h") {
			t.Fatalf("it answers %v", err)
		}
	}
	if got := s.Snapshot(); got.Requests != 5 || got.Refused != 5 || got.Running != 0 {
		t.Errorf("it counts %+v", got)
	}
	now = now.Add(lifetime)
	if err := s.Enter(ada, "192.0.2.2", lifetime, now); err != nil {
		t.Fatalf("after its lifetime: %v", err)
	}
	want := session.Snapshot{
		ID: ada.ID(), Peer: ada, State: session.Opened, Opened: now, Used: now, Address: "192.0.2.2", Requests: 1, Running: 1,
	}
	if diff := cmp.Diff(want, s.Snapshot(), sameID); diff != "" {
		t.Errorf("opened anew (-want +got):\n%s", diff)
	}
}

func TestSession_SaysForHowLongItStaysClosed(t *testing.T) {
	t.Parallel()
	for lasts, want := range map[time.Duration]string{
		90 * time.Second: "1m30s", 10 * time.Minute: "10m", 30 * time.Minute: "30m", 90 * time.Minute: "1h30m", time.Hour: "1h",
		20 * time.Hour: "20h", 24 * time.Hour: "24h", time.Hour + 30*time.Second: "1h0m30s",
	} {
		s, now := in(t, session.Closed)
		f := fault.From(s.Enter(ada, "192.0.2.1", lasts, now.Add(time.Second)))
		if f == nil || !strings.Contains(f.Message, " for "+want+"; ") {
			t.Errorf("of %s it says %v", lasts, f)
		}
	}
}

func TestSession_ASecondClosingChangesNothing(t *testing.T) {
	t.Parallel()
	s, now := in(t, session.Closed)
	before := s.Snapshot()
	if err := s.Close(session.Closing{By: "key:other", At: now.Add(time.Minute), Reason: "again"}, lifetime); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, s.Snapshot(), sameID); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestSession_LastsWhileSomethingRuns(t *testing.T) {
	t.Parallel()
	s := session.Open(ada, start)
	if err := s.Enter(ada, "", lifetime, start); err != nil {
		t.Fatal(err)
	}
	if s.Lapse(lifetime, start.Add(10*lifetime)) {
		t.Error("it expires although a request runs")
	}
	s.Leave(false)
	if !s.Lapse(lifetime, start.Add(10*lifetime)) {
		t.Error("it does not expire")
	}
}

// A session can be closed before its peer is heard of, and knows it from then on.
func TestBar_LearnsThePeerWhenItComes(t *testing.T) {
	t.Parallel()
	s := session.Bar(ada.ID(), session.Closing{By: "key:op", At: start})
	now := start.Add(time.Minute)
	if err := s.Enter(ada, "192.0.2.1", lifetime, now); !errors.Is(err, session.ErrClosed) {
		t.Fatal(err)
	}
	got := s.Snapshot()
	if got.Peer != ada || !got.Opened.Equal(now) || !got.Used.Equal(now) || got.Address != "192.0.2.1" {
		t.Errorf("it knows %+v", got)
	}
}

func TestPeer_HasOneIdentifierOfItsOwn(t *testing.T) {
	t.Parallel()
	peers := []session.Peer{
		ada, session.NewPeer("key:ada", "t/2", "2026-07-28", "http"), session.NewPeer("key:ada", "t/1", "2025-11-25", "http"),
		session.NewPeer("key:ada", "t/1", "2026-07-28", "stdio"), session.NewPeer("key:bob", "t/1", "2026-07-28", "http"),
		session.NewPeer("key:adat", "/1", "2026-07-28", "http"),
	}
	for i, p := range peers {
		for j, q := range peers {
			if (p.ID() == q.ID()) != (i == j) {
				t.Errorf("%+v and %+v: %s and %s", p, q, p.ID(), q.ID())
			}
		}
	}
	long := strings.Repeat("x", 1<<20)
	p := session.NewPeer(long, long, long, long)
	if size := len(p.Principal) + len(p.Client) + len(p.Revision) + len(p.Transport); size != 4*512 {
		t.Errorf("a peer has %d bytes", size)
	}
	if q := session.NewPeer(long+"y", long, long, long); q.ID() == p.ID() {
		t.Error("two principals that differ only at the end of a long name are one")
	}
	if q := session.NewPeer(strings.Repeat("ü", 300), "", "", ""); !utf8.ValidString(q.Principal) {
		t.Errorf("a character is cut: %q", q.Principal)
	}
}

// Whatever happens in whatever order, what is running is what came and did not leave, and nothing enters what is closed.
func TestSession_HoldsItsCounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, now := session.Open(ada, start), start
		running := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes")) * time.Minute)
			switch rapid.IntRange(0, 3).Draw(t, "event") {
			case 0:
				was := s.State()
				lapsed := s.Lapse(lifetime, now)
				err := s.Enter(ada, "", lifetime, now)
				if (err == nil) != (was != session.Closed || lapsed) {
					t.Fatalf("%s (lapsed: %t) answers %v", was, lapsed, err)
				}
				if err == nil {
					running++
				}
			case 1:
				if running > 0 {
					s.Leave(rapid.Bool().Draw(t, "refused"))
					running--
				}
			case 2:
				if err := s.Close(session.Closing{By: "key:op", At: now}, lifetime); err != nil || s.State() != session.Closed {
					t.Fatalf("%s, %v", s.State(), err)
				}
			case 3:
				s.Lapse(lifetime, now)
			}
			if got := s.Snapshot(); got.Running != running || got.Refused > got.Requests {
				t.Fatalf("%d run, and it counts %+v", running, got)
			}
		}
	})
}
