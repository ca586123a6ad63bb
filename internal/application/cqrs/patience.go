package cqrs

import (
	"context"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/application/lifetime"
)

// closeGrace bounds how long a request may wait for its record after its caller has left: the record is owed
// whatever the caller does, but not for ever.
const closeGrace = 10 * time.Second

// patienceStep is how much longer some wait, so that all who come within that time share one timer.
const patienceStep = time.Second

// patience bounds waits that nobody ends. The zero value is ready. Safe for concurrent use.
type patience struct {
	mu     sync.Mutex
	shared context.Context    //nolint:containedctx // it is nobody's: only its end is of use
	end    context.CancelFunc // of shared, which ends by itself: nobody may end it for the others
	begun  time.Time
}

// of gives a context with what ctx holds that does not end with it, but closeGrace after now, or up to patienceStep later.
func (p *patience) of(ctx context.Context, now time.Time) context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := now.Sub(p.begun); p.shared == nil || since < 0 || since >= patienceStep || p.shared.Err() != nil {
		p.shared, p.end = context.WithTimeout(lifetime.Apart(ctx), closeGrace+patienceStep) //nolint:gosec // see end
		p.begun = now
	}
	return patient{Context: p.shared, of: ctx}
}

// patient ends with one context and holds what another one holds.
type patient struct {
	context.Context //nolint:containedctx // see above

	of context.Context //nolint:containedctx // whose values they are
}

func (p patient) Value(key any) any { return p.of.Value(key) }
