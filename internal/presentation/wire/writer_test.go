package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// gated is a peer that takes a write whenever it is told to.
type gated struct {
	take   chan error
	writes []string
}

func (g *gated) Write(data []byte) (int, error) {
	err := <-g.take
	g.writes = append(g.writes, string(data))
	return len(data), err
}

// What becomes ready while somebody writes leaves in one write, each sender's lines together, and who sent it hears of it then.
func TestLineWriter_WritesTogetherWhatIsReadyTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &gated{take: make(chan error)}
		w := wire.NewLineWriter(peer, func() { t.Error("the peer is lost") })
		var senders sync.WaitGroup
		send := func(lines ...[]byte) {
			senders.Go(func() {
				if err := w.Send(lines...); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		send([]byte("alone"))
		for i := range 5 {
			send(fmt.Appendf(nil, "before %d", i), nil, fmt.Appendf(nil, "answer %d", i))
		}
		if err := w.Send(); err != nil { // who has nothing to send waits for nobody
			t.Fatal(err)
		}
		peer.take <- nil
		peer.take <- nil
		senders.Wait()
		if len(peer.writes) != 2 || peer.writes[0] != "alone\n" {
			t.Fatalf("written: %q", peer.writes)
		}
		for i := range 5 {
			if !strings.Contains(peer.writes[1], fmt.Sprintf("before %d\nanswer %d\n", i, i)) {
				t.Errorf("the lines of %d are not together in %q", i, peer.writes[1])
			}
		}
	})
}

func TestLineWriter_TellsEverySenderOfAPeerThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer, lost, broken := &gated{take: make(chan error)}, 0, errors.New("broken")
		w := wire.NewLineWriter(peer, func() { lost++ })
		var senders sync.WaitGroup
		for range 3 {
			senders.Go(func() {
				if err := w.Send([]byte("line")); !errors.Is(err, broken) {
					t.Errorf("sending came to %v", err)
				}
			})
			synctest.Wait()
		}
		peer.take <- broken
		senders.Wait()
		if err := w.Send([]byte("late")); !errors.Is(err, broken) || lost != 1 || len(peer.writes) != 1 {
			t.Errorf("%v, lost %d times, written %q", err, lost, peer.writes)
		}
	})
}

func TestLineWriter_LosesNoLineOfMany(t *testing.T) {
	var out bytes.Buffer // which only one may write to at a time
	w := wire.NewLineWriter(&out, func() { t.Error("the peer is lost") })
	const senders, each = 16, 200
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range each {
				if err := w.Send(fmt.Appendf(nil, "%d of %d", i, s)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	next := map[string]int{}
	for line := range strings.Lines(out.String()) {
		i, s, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " of ")
		if i != fmt.Sprint(next[s]) {
			t.Fatalf("%q comes after %d of it", line, next[s])
		}
		next[s]++
	}
	for s := range senders {
		if got := next[fmt.Sprint(s)]; got != each {
			t.Errorf("%d lines of %d", got, s)
		}
	}
}
