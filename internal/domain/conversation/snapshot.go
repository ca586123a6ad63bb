package conversation

import (
	"fmt"
	"slices"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Pending is the awaited message in a Snapshot.
type Pending struct {
	Text  string
	At    time.Time
	Until time.Time
}

// Snapshot is a conversation as plain values, and the only way in and out of storage.
type Snapshot struct {
	ID           id.Conversation
	Owner        string
	State        State
	Terms        Terms
	Turns        []Turn
	Usage        Usage
	Pending      *Pending
	Reservations Reservation
	Started      time.Time
	Used         time.Time
}

// Snapshot copies the conversation's present state; later changes of either do not show in the other.
func (c *Conversation) Snapshot() Snapshot {
	s := Snapshot{
		ID: c.id, Owner: c.owner, State: c.state, Terms: c.terms, Turns: slices.Clone(c.turns), Usage: c.usage,
		Reservations: c.reservations, Started: c.started, Used: c.used,
	}
	if c.pending != nil {
		s.Pending = &Pending{Text: c.pending.text, At: c.pending.at, Until: c.pending.until}
	}
	return s
}

// Restore rebuilds a conversation from what Snapshot gave; stores alone call it. It refuses what no conversation can
// have become: an unknown state, turns that do not alternate from the user to the model.
func Restore(s Snapshot) (*Conversation, error) {
	if !s.State.known() {
		return nil, fmt.Errorf("restore conversation %s: unknown state %q", s.ID, s.State)
	}
	if len(s.Turns)%2 != 0 {
		return nil, fmt.Errorf("restore conversation %s: a message without a reply among its turns", s.ID)
	}
	for i, t := range s.Turns {
		if want := [...]Role{User, Assistant}[i%2]; t.Role != want {
			return nil, fmt.Errorf("restore conversation %s: turn %d is the %s's", s.ID, i, t.Role)
		}
	}
	c := &Conversation{
		id: s.ID, owner: s.Owner, state: s.State, terms: s.Terms, turns: slices.Clone(s.Turns), usage: s.Usage,
		reservations: s.Reservations, started: s.Started, used: s.Used,
	}
	if s.Pending != nil {
		c.pending = &pending{text: s.Pending.Text, at: s.Pending.At, until: s.Pending.Until}
	}
	return c, nil
}
