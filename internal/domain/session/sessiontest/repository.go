// Package sessiontest is the contract that every session.Repository fulfils.
package sessiontest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/session"
)

// Start is the moment at which the sessions of this package begin.
var Start = time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)

const lifetime = 24 * time.Hour

// Peer is one who calls itself client.
func Peer(client string) session.Peer {
	return session.NewPeer("key:ada", client, "2026-07-28", "http")
}

// Closed is a session of that peer, with a request before it was closed at Start and one after.
func Closed(t testing.TB, client string) *session.Session {
	t.Helper()
	p := Peer(client)
	s := session.Open(p, Start.Add(-time.Hour))
	if err := s.Enter(p, "192.0.2.7", lifetime, Start.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	s.Leave(false)
	if err := s.Close(session.Closing{By: "key:operator", At: Start, Reason: "it loops, süß"}, lifetime); err != nil {
		t.Fatal(err)
	}
	if err := s.Enter(p, "192.0.2.8", lifetime, Start.Add(time.Minute)); err == nil {
		t.Fatal("a closed session lets its peer in")
	}
	return s
}

// RunRepository holds a repository to the contract. open gives an empty one that lives as long as its test.
func RunRepository(t *testing.T, open func(t *testing.T) session.Repository) {
	for name, test := range map[string]func(*testing.T, session.Repository){
		"what is kept is found as it was, by identifier": keepsWhatItIsGiven,
		"one whose peer is not known is kept too":        keepsWhatIsNotKnown,
		"a second closing takes the first one's place":   keepsTheLastClosing,
		"the last sign is kept, and no older one":        keepsTheLastSign,
		"only what has been quiet is forgotten":          forgetsWhatIsQuiet,
		"what was given away is a copy":                  givesCopies,
		"an ended context stops every call":              heedsTheContext,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func keep(t *testing.T, r session.Repository, all ...*session.Session) {
	t.Helper()
	for _, s := range all {
		if err := r.Keep(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func expect(t *testing.T, r session.Repository, want ...session.Snapshot) {
	t.Helper()
	all, err := r.Closed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []session.Snapshot
	for _, s := range all {
		got = append(got, s.Snapshot())
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b id.Session) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func keepsWhatItIsGiven(t *testing.T, r session.Repository) {
	expect(t, r)
	a, b := Closed(t, "a"), Closed(t, "b")
	if a.ID().String() > b.ID().String() {
		a, b = b, a
	}
	keep(t, r, b, a)
	expect(t, r, a.Snapshot(), b.Snapshot())
}

func keepsWhatIsNotKnown(t *testing.T, r session.Repository) {
	barred := session.Bar(Peer("unknown").ID(), session.Closing{By: "local:root", At: Start})
	keep(t, r, barred)
	expect(t, r, barred.Snapshot())
}

func keepsTheLastClosing(t *testing.T, r session.Repository) {
	first := Closed(t, "a")
	keep(t, r, first)
	s := first.Snapshot()
	s.Closing = session.Closing{By: "key:other", At: Start.Add(lifetime)}
	s.Requests, s.Opened = 99, Start.Add(time.Hour)
	keep(t, r, session.Restore(s))
	expect(t, r, s)
}

func keepsTheLastSign(t *testing.T, r session.Repository) {
	s := session.Bar(Peer("a").ID(), session.Closing{By: "key:operator", At: Start})
	keep(t, r, s)
	touch := func(at time.Time, address string, requests int64) {
		t.Helper()
		err := r.Touch(t.Context(), []session.Sign{
			{Session: Peer("absent").ID(), Peer: Peer("absent"), At: at},
			{Session: s.ID(), Peer: Peer("a"), At: at, Address: address, Requests: requests, Refused: requests},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	touch(Start.Add(time.Hour), "192.0.2.9", 2)
	touch(Start.Add(time.Minute), "192.0.2.10", 1)
	want := s.Snapshot()
	want.Peer, want.Used, want.Address, want.Requests, want.Refused = Peer("a"), Start.Add(time.Hour), "192.0.2.9", 2, 2
	expect(t, r, want)
	if err := r.Touch(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func forgetsWhatIsQuiet(t *testing.T, r session.Repository) {
	heard, barred := Closed(t, "a"), session.Bar(Peer("b").ID(), session.Closing{By: "key:operator", At: Start})
	all := []session.Snapshot{heard.Snapshot(), barred.Snapshot()}
	if strings.Compare(heard.ID().String(), barred.ID().String()) > 0 {
		all[0], all[1] = all[1], all[0]
	}
	keep(t, r, heard, barred)
	forget := func(since time.Time) {
		t.Helper()
		if err := r.Forget(t.Context(), since); err != nil {
			t.Fatal(err)
		}
	}
	forget(Start)
	expect(t, r, all...)
	forget(Start.Add(time.Second))
	expect(t, r, heard.Snapshot())
	forget(Start.Add(time.Minute))
	expect(t, r, heard.Snapshot())
	forget(Start.Add(time.Minute + time.Second))
	expect(t, r)
}

func givesCopies(t *testing.T, r session.Repository) {
	s := Closed(t, "a")
	keep(t, r, s)
	want := s.Snapshot()
	all, err := r.Closed(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	all[0].Heard(Start.Add(time.Hour))
	s.Heard(Start.Add(time.Hour))
	expect(t, r, want)
}

func heedsTheContext(t *testing.T, r session.Repository) {
	s := Closed(t, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := r.Closed(ctx)
	for call, err := range map[string]error{
		"Keep": r.Keep(ctx, s), "Closed": err, "Forget": r.Forget(ctx, Start),
		"Touch": r.Touch(ctx, []session.Sign{{Session: s.ID(), At: Start}}),
	} {
		if err == nil {
			t.Errorf("%s succeeds", call)
		}
	}
	expect(t, r)
}
