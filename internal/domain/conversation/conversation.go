// Package conversation is an exchange with a language model that belongs to one principal: who said what, which
// model answers under which instructions, what it cost so far, and whether it can go on. It does not know how a
// model is reached (Model) nor where conversations are kept (Repository).
package conversation

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Role says who speaks.
type Role string

// The roles. A conversation begins with the user, and the two take turns.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Turn is something that was said.
type Turn struct {
	Role Role
	Text string
	At   time.Time
}

// Usage counts tokens as the provider bills them; Input includes what it read from or wrote to its cache.
type Usage struct {
	Input  int64
	Output int64
}

// Add is the sum of both.
func (u Usage) Add(other Usage) Usage {
	return Usage{Input: u.Input + other.Input, Output: u.Output + other.Output}
}

// Terms are what a conversation is held under.
type Terms struct {
	Title     string // empty takes the beginning of the first message
	Model     string
	System    string // instructions to the model; may be empty
	MaxTokens int    // bound of each reply, at least 1
}

// Reservation is the claim of one message to the next reply. The zero value claims nothing.
type Reservation int64

// pending is a message whose reply is awaited.
type pending struct {
	text  string
	at    time.Time
	until time.Time
}

// Conversation is the aggregate. A message goes through reserve → run → settle: Ask reserves the next turn, the
// model answers outside any transaction, and Answer or Withdraw settles. Turns alternate because a message becomes
// a turn only together with its reply. It is not safe for concurrent use; a Repository hands out copies.
type Conversation struct {
	id           id.Conversation
	owner        string
	state        State
	terms        Terms
	turns        []Turn
	usage        Usage
	pending      *pending
	reservations Reservation // the last one given; only this one can settle
	started      time.Time
	used         time.Time
}

// Start begins a conversation of owner (an access.Principal.ID). Model and owner must not be empty. Faults:
// ErrTooLong for the system prompt, ErrMaxTokens.
func Start(cid id.Conversation, owner string, terms Terms, limits Limits, now time.Time) (*Conversation, error) {
	if err := within("system prompt", terms.System, limits.SystemChars); err != nil {
		return nil, err
	}
	if terms.MaxTokens < 1 {
		return nil, ErrMaxTokens
	}
	return &Conversation{id: cid, owner: owner, state: Active, terms: terms, started: now, used: now}, nil
}

// Ask reserves the next turn for text until the given moment, when the reservation is abandoned unless it was
// settled before; until must be later than any reply can come. Faults: ErrBlank, ErrTooLong, ErrNotActive, ErrFull,
// ErrBusy while another message is awaited. A refused Ask changes nothing.
func (c *Conversation) Ask(text string, limits Limits, now, until time.Time) (Reservation, error) {
	if err := c.Admits(text, limits, now); err != nil {
		return 0, err
	}
	if c.terms.Title == "" {
		c.terms.Title = title(text)
	}
	c.reservations++
	c.pending = &pending{text: text, at: now, until: until}
	c.used = now
	return c.reservations, nil
}

// Admits says whether Ask would accept text now, and if not, why.
func (c *Conversation) Admits(text string, limits Limits, now time.Time) error {
	if strings.TrimSpace(text) == "" {
		return ErrBlank
	}
	if err := within("message", text, limits.MessageChars); err != nil {
		return err
	}
	switch {
	case c.state != Active:
		return ErrNotActive
	case len(c.turns)+2 > limits.Messages:
		return ErrFull
	case c.chars()+utf8.RuneCountInString(text) > limits.ConversationChars:
		return ErrFull
	case c.awaits(now):
		return ErrBusy
	}
	return nil
}

// Answer settles r with the model's reply: message and reply become turns, and the usage is added. A reply without
// words is ErrNoReply; a reservation that was settled or replaced is ErrNotAwaited, and one that is merely overdue
// is still accepted. A conversation that was paused or closed meanwhile keeps the reply that it paid for.
func (c *Conversation) Answer(r Reservation, reply Reply, now time.Time) error {
	if strings.TrimSpace(reply.Text) == "" {
		return ErrNoReply
	}
	if !c.holds(r) {
		return ErrNotAwaited
	}
	c.turns = append(c.turns,
		Turn{Role: User, Text: c.pending.text, At: c.pending.at},
		Turn{Role: Assistant, Text: reply.Text, At: now})
	c.settle(reply.Usage, now)
	return nil
}

// Withdraw settles r without a reply: the message is forgotten, the conversation stands as before it, and what the
// failed attempt cost is added. Withdrawing what is settled or replaced does nothing.
func (c *Conversation) Withdraw(r Reservation, spent Usage, now time.Time) {
	if c.holds(r) {
		c.settle(spent, now)
	}
}

func (c *Conversation) settle(spent Usage, now time.Time) {
	c.pending = nil
	c.usage = c.usage.Add(spent)
	c.used = now
}

func (c *Conversation) holds(r Reservation) bool { return c.pending != nil && r == c.reservations }

func (c *Conversation) awaits(now time.Time) bool {
	return c.pending != nil && now.Before(c.pending.until)
}

// Pause makes the conversation refuse messages until Resume. A change of state that the table lacks is ErrTransition.
func (c *Conversation) Pause(now time.Time) error { return c.move(Paused, now) }

// Resume makes a paused conversation active again.
func (c *Conversation) Resume(now time.Time) error { return c.move(Active, now) }

// Close ends the conversation for good.
func (c *Conversation) Close(now time.Time) error { return c.move(Closed, now) }

// Archive lays a closed conversation aside.
func (c *Conversation) Archive(now time.Time) error { return c.move(Archived, now) }

func (c *Conversation) move(next State, now time.Time) error {
	if !c.state.leadsTo(next) {
		return ErrTransition.Saying("The conversation is %s and cannot become %s.", c.state, next)
	}
	c.state = next
	c.used = now
	return nil
}

// Prompt is what to ask the model: every turn, then the awaited message, under the conversation's terms. Without an
// awaited message the last turn is the model's own.
func (c *Conversation) Prompt() Prompt {
	turns := slices.Clone(c.turns)
	if c.pending != nil {
		turns = append(turns, Turn{Role: User, Text: c.pending.text, At: c.pending.at})
	}
	return Prompt{
		Conversation: c.id, Model: c.terms.Model, System: c.terms.System, MaxTokens: c.terms.MaxTokens, Turns: turns,
	}
}

func (c *Conversation) chars() int {
	total := 0
	for _, t := range c.turns {
		total += utf8.RuneCountInString(t.Text)
	}
	return total
}
