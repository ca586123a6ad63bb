package feed

import (
	"context"
	"sync"

	"github.com/steward-mcp/steward/internal/presentation/roster"
)

// Endpoint is one client's stream of the transport that was before streamable HTTP: everything is answered on it, for as long
// as it lasts. Session is what the server knows of the client, which lasts as long.
type Endpoint[S roster.Session] struct {
	*Response
	Session S
	Ended   context.Context //nolint:containedctx // of the GET: what runs on its behalf ends with it
}

// Tell sends one message.
func (e *Endpoint[S]) Tell(line []byte) error { return e.Send(Event{Data: line}) }

// Endpoints are those that are open. The zero value is ready to use. Safe for concurrent use.
type Endpoints[S roster.Session] struct {
	mu   sync.Mutex
	open map[string]*Endpoint[S]
}

// Add makes an endpoint findable.
func (o *Endpoints[S]) Add(e *Endpoint[S]) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = make(map[string]*Endpoint[S])
	}
	o.open[e.Session.SessionID()] = e
}

// Remove takes it out; nobody writes to it from then on.
func (o *Endpoints[S]) Remove(e *Endpoint[S]) {
	o.mu.Lock()
	delete(o.open, e.Session.SessionID())
	o.mu.Unlock()
	e.Seal()
}

// Find gives the endpoint of that id if it is owner's.
func (o *Endpoints[S]) Find(sid, owner string) *Endpoint[S] {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.open[sid]; e != nil && e.Session.Owner() == owner {
		return e
	}
	return nil
}
