package feed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/changes"
	"github.com/steward-mcp/steward/internal/presentation/feed"
)

func take(t *testing.T, m *feed.Mailbox) []feed.Hint {
	t.Helper()
	hints, err := m.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return hints
}

func empty(m *feed.Mailbox) bool {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 10 { // either of what select may take
		if _, err := m.Next(ctx); err == nil {
			return false
		}
	}
	return true
}

func TestMailbox_HoldsAHintOnce(t *testing.T) {
	m := feed.NewMailbox()
	m.Subscribe("doc://a")
	m.Subscribe("doc://b")
	for range 3 {
		m.Post(changes.Change{Tools: true, Rights: true, Content: func(uri string) bool { return uri != "doc://b" }})
	}
	want := []feed.Hint{{Kind: feed.Tools}, {Kind: feed.Rights}, {Kind: feed.Content, URI: "doc://a"}}
	if diff := cmp.Diff(want, take(t, m)); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	if !empty(m) {
		t.Error("what was taken is there again")
	}
}

func TestMailbox_TellsNothingOfWhatNobodySubscribedTo(t *testing.T) {
	m := feed.NewMailbox()
	m.Subscribe("doc://a")
	every := changes.Change{Content: func(string) bool { return true }}
	m.Post(every)
	m.Unsubscribe("doc://a")
	m.Post(every)
	m.Return([]feed.Hint{{Kind: feed.Content, URI: "doc://a"}})
	if !empty(m) {
		t.Error("there is something to tell")
	}
}

func TestMailbox_KeepsWhatCouldNotBeTold(t *testing.T) {
	m := feed.NewMailbox()
	m.Post(changes.Change{Prompts: true})
	hints := take(t, m)
	m.Post(changes.Change{Resources: true})
	m.Return(hints)
	if diff := cmp.Diff([]feed.Hint{{Kind: feed.Resources}, {Kind: feed.Prompts}}, take(t, m)); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
}

func TestMailbox_GivesAHintToOneReaderOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := feed.NewMailbox()
		ctx, stop := context.WithCancel(t.Context())
		heard := make(chan int, 3)
		for range 3 {
			go func() { hints, _ := m.Next(ctx); heard <- len(hints) }()
		}
		synctest.Wait()
		m.Post(changes.Change{Tools: true})
		synctest.Wait()
		stop()
		if n := <-heard + <-heard + <-heard; n != 1 {
			t.Errorf("it was given %d times", n)
		}
	})
}

func TestMailbox_IsBounded(t *testing.T) {
	m := feed.NewMailbox()
	for i := range feed.MostURIs {
		if uri := fmt.Sprint("doc://", i); !m.Room(uri) || !m.Subscribe(uri) {
			t.Fatalf("there is no room for %d", i)
		}
	}
	if m.Room("doc://more") || m.Subscribe("doc://more") {
		t.Error("there is room for one more")
	}
	if !m.Subscribe("doc://0") {
		t.Error("one that is there already is refused")
	}
}

func TestAudience_TellsThoseWhoHaveJoined(t *testing.T) {
	var a feed.Audience
	in, out := feed.NewMailbox(), feed.NewMailbox()
	a.Join(in)
	a.Join(out)
	a.Leave(out)
	a.Leave(feed.NewMailbox())
	a.Tell(changes.Change{Tools: true})
	if len(take(t, in)) != 1 || !empty(out) || a.Size() != 1 {
		t.Errorf("%d have joined", a.Size())
	}
}

func TestOpen_IsBoundedAndEndsWhatItKnows(t *testing.T) {
	var o feed.Open
	var leaves []func()
	session, leave, err := o.Enter(t.Context(), "a", "s")
	if err != nil {
		t.Fatal(err)
	}
	leaves = append(leaves, leave)
	for range feed.MostOfSession - 1 {
		_, leave, err := o.Enter(t.Context(), "a", "s")
		leaves = append(leaves, leave)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := o.Enter(t.Context(), "a", "s"); !errors.Is(err, feed.ErrStreams) {
		t.Errorf("one too many of a session: %v", err)
	}
	for i := len(leaves); i < feed.MostOfOwner; i++ {
		_, leave, err := o.Enter(t.Context(), "a", "")
		leaves = append(leaves, leave)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := o.Enter(t.Context(), "a", ""); !errors.Is(err, feed.ErrStreams) {
		t.Errorf("one too many of an owner: %v", err)
	}
	other, leave, err := o.Enter(t.Context(), "b", "z")
	leaves = append(leaves, leave)
	if err != nil {
		t.Fatalf("another's: %v", err)
	}
	o.EndSession("s")
	if !errors.Is(context.Cause(session), feed.ErrSession) || other.Err() != nil {
		t.Errorf("the session ended with %v, the other with %v", context.Cause(session), other.Err())
	}
	o.Stop()
	if !errors.Is(context.Cause(other), feed.ErrStopped) {
		t.Errorf("the stop ended it with %v", context.Cause(other))
	}
	for _, leave := range leaves {
		leave()
	}
	if _, _, err := o.Enter(t.Context(), "c", ""); !errors.Is(err, feed.ErrStopped) || o.Size() != 0 {
		t.Errorf("after the stop: %v, %d open", err, o.Size())
	}
}

// Whoever has no stream yet is not told to close one.
func TestOpen_TellsApartWhoHasTooManyAndThatThereAreTooMany(t *testing.T) {
	var o feed.Open
	var last func()
	for i := range feed.MostOfAll {
		_, leave, err := o.Enter(t.Context(), fmt.Sprint(i/feed.MostOfOwner), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(leave)
		last = leave
	}
	if _, _, err := o.Enter(t.Context(), "another", ""); !errors.Is(err, feed.ErrStreamsFull) {
		t.Errorf("beyond all: %v", err)
	}
	if _, _, err := o.Enter(t.Context(), "0", ""); !errors.Is(err, feed.ErrStreams) {
		t.Errorf("beyond its own: %v", err)
	}
	last()
	_, leave, err := o.Enter(t.Context(), "another", "")
	if err != nil {
		t.Fatalf("after one has ended: %v", err)
	}
	leave()
}

func TestBoard_TellsThoseWhoListen(t *testing.T) {
	var board changes.Board
	var heard []string
	interested := false
	stop := board.Listen(func(changes.Change) { heard = append(heard, "first") }, func() bool { return interested })
	board.Listen(func(c changes.Change) { heard = append(heard, fmt.Sprint("second ", c.Tools)) }, func() bool { return false })
	if board.Anybody() {
		t.Error("nobody would be told")
	}
	interested = true
	if !board.Anybody() {
		t.Error("somebody would be told")
	}
	board.Announce(changes.Change{})
	stop()
	board.Announce(changes.Change{Tools: true})
	if got := strings.Join(heard, ", "); len(heard) != 3 || !strings.HasSuffix(got, "second true") || board.Anybody() {
		t.Errorf("heard %s", got)
	}
}
