package mcpapi

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// inFlightCalls are the requests of one peer that run and that its notifications/cancelled can name: those of one HTTP
// session, or of one stdio connection. No peer can reach the calls of another, because it cannot reach their set.
type inFlightCalls struct {
	mu      sync.Mutex
	running map[*inFlightCall]string // the key of its id
}

// inFlightCall is one request between begin and end.
type inFlightCall struct {
	of       *inFlightCalls // nil when nobody can cancel it by its id
	stop     context.CancelFunc
	canceled bool // guarded by of.mu
}

// begin gives the request of that id a context that cancel ends. Its owner ends the call.
func (c *inFlightCalls) begin(ctx context.Context, id json.RawMessage) (context.Context, *inFlightCall) {
	ctx, stop := context.WithCancel(ctx)
	call := &inFlightCall{of: c, stop: stop}
	if c == nil {
		return ctx, call
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running = make(map[*inFlightCall]string)
	}
	c.running[call] = wire.IDKey(id)
	return ctx, call
}

// cancel ends what runs under that id; nothing, when nothing does. Ids are compared as JSON values. A client that has given
// one id to two running requests, which the protocol forbids, has cancelled both.
func (c *inFlightCalls) cancel(id json.RawMessage) {
	if c == nil || id == nil {
		return
	}
	key := wire.IDKey(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	for call, running := range c.running {
		if running == key {
			call.canceled = true
			call.stop()
		}
	}
}

// end says that the call is over, and reports whether its client had cancelled it by then. Later calls give the same
// answer.
func (c *inFlightCall) end() bool {
	c.stop()
	if c.of == nil {
		return false
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	delete(c.of.running, c)
	return c.canceled
}
