// Package cqrs is how presentation reaches the application: messages that say who wants what, handlers that
// understand them, and one gate around every handler. Adapters can hold nothing but Governed handlers, so that
// "identified, decided, bounded and recorded" is a property of types and not of diligence.
package cqrs

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Message tells the gate about itself: who acts, and what is demanded before anything else is looked at.
type Message interface {
	Actor() access.Principal
	Demand() access.Demand
}

// Command is a message that may change something; embed Change to make one.
type Command interface {
	Message
	command()
}

// Query is a message that changes nothing; embed Read to make one.
type Query interface {
	Message
	query()
}

// Change makes the message it is embedded in a Command.
type Change struct{ By access.Principal }

// Actor is who acts.
func (c Change) Actor() access.Principal { return c.By }
func (Change) command()                  {}

// Read makes the message it is embedded in a Query.
type Read struct{ By access.Principal }

// Actor is who acts.
func (r Read) Actor() access.Principal { return r.By }
func (Read) query()                    {}

// Concealed is a message whose target must not be betrayed by a refusal: whoever is refused hears Conceal instead of
// ErrDenied.
type Concealed interface {
	Conceal() *fault.Fault
}

// Purposeful is a message that may say what it is for.
type Purposeful interface {
	Purpose() string // as the record keeps it; empty when it says nothing
}

// Bound is a message that has been understood and whose cost has not begun.
type Bound[R any] struct {
	Demands   []access.Demand // decided together with the message's own demand
	Refusal   *fault.Fault    // what the caller is told when a demand is refused; nil says access is denied
	Objection string          // the rule of policy that forbids it although every demand is allowed; empty for none
	ReadOnly  bool            // this command changes nothing this time, so no intent is recorded
	Class     string          // which of the principal's rate limits it draws on
	Arguments string          // digest of the arguments, for the record
	// Redacted and Definition are for the record too: the arguments without their values, and the digest of what was
	// published about the tool that was called.
	Redacted, Definition string
	Timeout              time.Duration // deadline of Run; zero takes the gate's default
	Brief                bool          // Run is no work, and is not detached from its request
	Run                  func(context.Context) (R, error)
}

// Handler understands messages of type M. Bind has no side effects and answers a fault to a message that cannot
// run; what it returns runs at most once.
type Handler[M Message, R any] interface {
	Bind(ctx context.Context, m M) (Bound[R], error)
}

// Governed is a handler with the gate around it. Only GovernCommand and GovernQuery make one.
type Governed[M Message, R any] struct {
	gate    *Gate
	handler Handler[M, R]
	changes bool
}

// GovernCommand puts the gate around a handler of commands: an intent is durable before Run begins.
func GovernCommand[C Command, R any](g *Gate, h Handler[C, R]) Governed[C, R] {
	return Governed[C, R]{gate: g, handler: h, changes: true}
}

// GovernQuery puts the gate around a handler of queries: one record, closed before the answer leaves.
func GovernQuery[Q Query, R any](g *Gate, h Handler[Q, R]) Governed[Q, R] {
	return Governed[Q, R]{gate: g, handler: h}
}
