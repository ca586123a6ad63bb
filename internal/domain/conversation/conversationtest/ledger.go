package conversationtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// RunLedger proves that what create makes keeps the contract of conversation.Ledger. create is called once a subtest and
// gives an empty ledger; run it with -race.
func RunLedger(t *testing.T, create func(t *testing.T) conversation.Ledger) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, conversation.Ledger){
		"sets aside up to the bound, and says what is left": setsAside,
		"puts what was spent in the place of what was kept": settles,
		"counts each owner and each day apart":              countsApart,
		"lets fifty at a time have no more than there is":   sharesExactly,
		"honours an ended context":                          endedLedger,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, create(t))
		})
	}
}

func spent(t *testing.T, l conversation.Ledger, owner string, now time.Time, want int64) {
	t.Helper()
	if got, err := l.Spent(t.Context(), owner, now); err != nil || got != want {
		t.Errorf("%s has spent %d, %v; want %d", owner, got, err, want)
	}
}

func setsAside(t *testing.T, l conversation.Ledger) {
	spent(t, l, alice, begin, 0)
	if err := l.Reserve(t.Context(), alice, 60, 100, begin); err != nil {
		t.Fatal(err)
	}
	err := l.Reserve(t.Context(), alice, 41, 100, begin)
	if f := fault.From(err); !errors.Is(err, conversation.ErrBudget) || f.RetryAfter != time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Sub(begin) ||
		!strings.Contains(f.Message, "100 tokens") || !strings.Contains(f.Message, "40 remain") {
		t.Errorf("beyond the bound: %v", err)
	}
	spent(t, l, alice, begin, 60)
	if err := l.Reserve(t.Context(), alice, 40, 100, begin); err != nil {
		t.Errorf("up to the bound: %v", err)
	}
	spent(t, l, alice, begin, 100)
}

func settles(t *testing.T, l conversation.Ledger) {
	if err := l.Reserve(t.Context(), alice, 60, 100, begin); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ reserved, spent, want int64 }{{60, 25, 25}, {0, 90, 115}, {200, 0, 0}} {
		if err := l.Settle(t.Context(), alice, c.reserved, c.spent, begin); err != nil {
			t.Fatal(err)
		}
		spent(t, l, alice, begin, c.want)
	}
	if err := l.Settle(t.Context(), bob, 10, 20, begin); err != nil {
		t.Fatal(err)
	}
	spent(t, l, bob, begin, 0) // who reserved nothing
}

func countsApart(t *testing.T, l conversation.Ledger) {
	tomorrow := begin.Add(24 * time.Hour)
	for _, at := range []time.Time{begin, tomorrow, begin.Add(72 * time.Hour)} {
		if err := l.Reserve(t.Context(), alice, 100, 100, at); err != nil {
			t.Errorf("on %s: %v", at, err)
		}
		spent(t, l, bob, at, 0)
	}
	spent(t, l, alice, tomorrow, 100)
	spent(t, l, alice, begin, 0) // long gone
}

func sharesExactly(t *testing.T, l conversation.Ledger) {
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := l.Reserve(t.Context(), alice, 10, 200, begin); err != nil && !errors.Is(err, conversation.ErrBudget) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	spent(t, l, alice, begin, 200)
}

func endedLedger(t *testing.T, l conversation.Ledger) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Spent(ctx, alice, begin)
	for call, err := range map[string]error{
		"Reserve": l.Reserve(ctx, alice, 1, 100, begin), "Settle": l.Settle(ctx, alice, 1, 1, begin), "Spent": err,
	} {
		if err == nil {
			t.Errorf("%s succeeds", call)
		}
	}
	spent(t, l, alice, begin, 0)
}
