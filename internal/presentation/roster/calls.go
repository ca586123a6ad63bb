package roster

import (
	"container/list"
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
	running list.List // of *Call
}

// Call is one request between begin and end.
type Call struct {
	of       *Calls // nil when nobody can cancel it by its id
	key      string // of its id
	hold     lifetime.Hold
	place    *list.Element // nil when it is over; guarded by of.mu, as is canceled
	canceled bool
}

// Begin gives the request of that id a context that Cancel ends, which it may share with others who end the request. Its owner
// ends the call. Of no set, nobody can cancel it.
func (c *Calls) Begin(ctx context.Context, id json.RawMessage) (context.Context, *Call) {
	ctx, hold := lifetime.Within(ctx)
	call := &Call{of: c, hold: hold}
	if c == nil {
		return ctx, call
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	call.key, call.place = wire.IDKey(id), c.running.PushFront(call)
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
	for e := c.running.Front(); e != nil; e = e.Next() {
		if call, _ := e.Value.(*Call); which(call.key) {
			call.canceled = true
			call.hold.End(nil)
		}
	}
}

// Stop ends the call without anybody having cancelled it.
func (c *Call) Stop() { c.hold.End(nil) }

// End says that the call is over, and reports whether its client had cancelled it by then. Later calls give the same answer.
func (c *Call) End() bool {
	c.hold.Leave()
	if c.of == nil {
		return false
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.place != nil {
		c.of.running.Remove(c.place)
		c.place = nil
	}
	return c.canceled
}
