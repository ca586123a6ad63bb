package roster

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// Calls are the requests of one peer that run and that its notifications/cancelled can name: those of one HTTP session, or of
// one stdio connection. No peer can reach the calls of another, because it cannot reach their set. The zero value is ready to
// use. Safe for concurrent use.
type Calls struct {
	mu      sync.Mutex
	running map[*Call]string // the key of its id
}

// Call is one request between begin and end.
type Call struct {
	of       *Calls // nil when nobody can cancel it by its id
	stop     context.CancelCauseFunc
	leave    func()
	canceled bool // guarded by of.mu
}

// Begin gives the request of that id a context that Cancel ends, which it may share with others who end the request. Its owner
// ends the call. Of no set, nobody can cancel it.
func (c *Calls) Begin(ctx context.Context, id json.RawMessage) (context.Context, *Call) {
	ctx, stop, leave := lifetime.Within(ctx)
	call := &Call{of: c, stop: stop, leave: leave}
	if c == nil {
		return ctx, call
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running = make(map[*Call]string)
	}
	c.running[call] = wire.IDKey(id)
	return ctx, call
}

// Cancel ends what runs under that id; nothing, when nothing does. Ids are compared as JSON values. A client that has given
// one id to two running requests, which the protocol forbids, has cancelled both.
func (c *Calls) Cancel(id json.RawMessage) {
	if c == nil || id == nil {
		return
	}
	key := wire.IDKey(id)
	c.cancel(func(running string) bool { return running == key })
}

// Abandon cancels everything: the peer is gone, and nobody could have the answers.
func (c *Calls) Abandon() { c.cancel(func(string) bool { return true }) }

func (c *Calls) cancel(which func(key string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for call, key := range c.running {
		if which(key) {
			call.canceled = true
			call.stop(nil)
		}
	}
}

// Stop ends the call without anybody having cancelled it.
func (c *Call) Stop() { c.stop(nil) }

// End says that the call is over, and reports whether its client had cancelled it by then. Later calls give the same answer.
func (c *Call) End() bool {
	c.leave()
	if c.of == nil {
		return false
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	delete(c.of.running, c)
	return c.canceled
}
