package session

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Repository keeps the sessions that operators closed, and no others: a closing outlives the process. Safe for concurrent
// use; a ctx that has ended stops any call.
type Repository interface {
	// Keep keeps a closed session, in place of what was kept of it. It is durable when Keep returns.
	Keep(ctx context.Context, s *Session) error
	// Closed gives all that are kept, by identifier.
	Closed(ctx context.Context) ([]*Session, error)
	// Touch notes when peers of closed sessions were heard of last. Sessions that are not kept are passed over, as is what is
	// older than what is noted. Unlike Keep it may be forgotten in a power failure.
	Touch(ctx context.Context, signs []Sign) error
	// Forget drops those of which nothing was heard, and which nobody closed, since a moment; it keeps those of that moment.
	Forget(ctx context.Context, since time.Time) error
}

// Sign is the last time that the peer of a closed session was heard of.
type Sign struct {
	Session  id.Session
	Peer     Peer
	At       time.Time
	Address  string
	Requests int64
	Refused  int64
}
