package sessionapp_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/session"
)

func TestList_ChoosesAndOrders(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, p := range []session.Peer{peer("key:ada", "Claude Code/2"), peer("key:bob", "cursor/1"), peer("key:ada", "cursor/1")} {
		if err := w.ask(t, p); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
	}
	w.close(t, peer("key:bob", "cursor/1"))
	w.close(t, peer("key:eve", "never/1")) // by its identifier alone
	for name, c := range map[string]struct {
		filter sessionapp.Filter
		want   []string
	}{
		"all":             {sessionapp.Filter{}, []string{"key:ada cursor/1", "key:bob cursor/1", "key:ada Claude Code/2", " "}},
		"of a principal":  {sessionapp.Filter{Principal: "key:ada"}, []string{"key:ada cursor/1", "key:ada Claude Code/2"}},
		"of no principal": {sessionapp.Filter{Principal: "key:a"}, nil},
		"of a client":     {sessionapp.Filter{Client: "CLAUDE"}, []string{"key:ada Claude Code/2"}},
		"in a state":      {sessionapp.Filter{State: session.Closed}, []string{"key:bob cursor/1", " "}},
		"all at once":     {sessionapp.Filter{Principal: "key:bob", Client: "cursor", State: session.Closed}, []string{"key:bob cursor/1"}},
	} {
		var got []string
		for _, s := range w.listed(t, c.filter) {
			got = append(got, s.Principal+" "+s.Client)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestList_PagesShowEveryOneOnceWhateverComesMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld()
	want := map[string]bool{}
	for i := range 25 {
		p := peer("key:ada", string(rune('a'+i)))
		if err := w.ask(t, p); err != nil {
			t.Fatal(err)
		}
		want[p.ID().String()] = true
		if i%3 == 0 { // the others begin at the same moment
			w.pass(time.Second)
		}
	}
	w.close(t, peer("key:eve", "never/1"))
	want[peer("key:eve", "never/1").ID().String()] = true
	seen := map[string]bool{}
	for f := (sessionapp.Filter{Limit: 4}); ; {
		page, err := w.List(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Sessions {
			if seen[s.ID] {
				t.Errorf("%s comes twice", s.ID)
			}
			seen[s.ID] = true
		}
		w.pass(time.Second)
		if err := w.ask(t, peer("key:late", page.Next)); err != nil {
			t.Fatal(err)
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +seen):\n%s", diff)
	}
}

func TestList_RefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for _, f := range []sessionapp.Filter{{State: "ajar"}, {Limit: -1}, {Limit: 1001}, {After: "?"}, {After: "c2Vz"}, {After: "eCB5"}} {
		if page, err := w.List(f); !errors.Is(err, sessionapp.ErrState) && !errors.Is(err, sessionapp.ErrPage) {
			t.Errorf("%+v: %+v, %v", f, page, err)
		}
	}
}

// held are protocol sessions.
type held map[id.Session][]string

func (h held) Of(sid id.Session) []string { return h[sid] }
func (h held) End(sid id.Session)         { delete(h, sid) }

func TestRegistry_ShowsAndEndsProtocolSessions(t *testing.T) {
	t.Parallel()
	w, p, other := newWorld(), peer("key:ada", "t/1"), peer("key:ada", "t/2")
	protocol := held{p.ID(): {"12ab", "34cd"}, other.ID(): {"56ef"}}
	w.Bind(protocol)
	if err := w.ask(t, p); err != nil {
		t.Fatal(err)
	}
	if s, err := w.Show(p.ID()); err != nil || !slices.Equal(s.Protocol, []string{"12ab", "34cd"}) {
		t.Errorf("it shows %+v, %v", s, err)
	}
	if s := w.close(t, p); len(s.Protocol) != 0 || len(protocol) != 1 {
		t.Errorf("closed: %+v, left: %v", s, protocol)
	}
}
