package conversation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Repository keeps conversations. Every method is safe for concurrent use and keeps all of a change or nothing. A
// conversation of another owner is ErrNotFound, exactly as one that does not exist.
type Repository interface {
	// Add keeps a new conversation and, in the same transaction, makes room for it among those of its owner by the
	// rule of MakeRoom. Faults: ErrExists when the identifier is taken, ErrTooMany.
	Add(ctx context.Context, c *Conversation, perOwner int, now time.Time) error
	// Get gives a copy. Fault: ErrNotFound.
	Get(ctx context.Context, owner string, cid id.Conversation) (*Conversation, error)
	// Update loads, changes and saves in one transaction. An error of change is returned as it is, and nothing is
	// kept. change may run more than once, each time on a fresh copy, so it must be pure: no I/O, no clock, and it
	// assigns to outer variables but does not accumulate in them. Fault: ErrNotFound.
	Update(ctx context.Context, owner string, cid id.Conversation, change func(*Conversation) error) error
}

// Held is what MakeRoom needs to know of a conversation that an owner holds.
type Held struct {
	ID    id.Conversation
	State State
	Turns int
	Until time.Time // end of the awaited message's reservation; zero when none is awaited
	Used  time.Time
}

// Held describes the conversation for MakeRoom.
func (c *Conversation) Held() Held {
	h := Held{ID: c.id, State: c.state, Turns: len(c.turns), Used: c.used}
	if c.pending != nil {
		h.Until = c.pending.until
	}
	return h
}

// MakeRoom names the conversations to forget before an owner who holds these starts another, so that no more than
// perOwner remain. Forgotten are those that never got a reply and await none, always; then, only while room is
// needed and the least recently used first, those that are closed or archived, and those that were answered once
// and never continued. When that is not enough it is ErrTooMany: a conversation that goes on is never lost.
func MakeRoom(held []Held, perOwner int, now time.Time) ([]id.Conversation, error) {
	var drop []id.Conversation
	var spare []Held
	for _, h := range held {
		switch {
		case now.Before(h.Until):
		case h.Turns == 0:
			drop = append(drop, h.ID)
		case h.expendable():
			spare = append(spare, h)
		}
	}
	slices.SortFunc(spare, func(a, b Held) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.Used.Compare(b.Used), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	excess := len(held) - len(drop) + 1 - perOwner
	if excess > len(spare) {
		return nil, ErrTooMany
	}
	for _, h := range spare[:max(excess, 0)] {
		drop = append(drop, h.ID)
	}
	return drop, nil
}

// exchange is the number of turns of a message and its reply.
const exchange = 2

func (h Held) ended() bool { return h.State == Closed || h.State == Archived }

func (h Held) expendable() bool { return h.ended() || h.Turns <= exchange }

// rank orders what can be forgotten: the ended before the merely idle.
func (h Held) rank() int {
	if h.ended() {
		return 0
	}
	return 1
}
