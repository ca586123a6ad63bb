package identityapp

import (
	"context"
	"errors"
	"sync"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Attendance knows the requests that run under a key, and ends them when the key holds no more. NewAttendance makes
// one. Safe for concurrent use.
type Attendance struct {
	authn   *Authenticator
	mu      sync.Mutex
	present map[string]*presence // by what was presented
}

// presence is everything that runs under one key.
type presence struct {
	address string // one that it was presented from
	next    int
	stops   map[int]context.CancelCauseFunc
}

// NewAttendance makes one of requests that a has let in.
func NewAttendance(a *Authenticator) *Attendance {
	return &Attendance{authn: a, present: make(map[string]*presence)}
}

// Attend gives a request, which a key let in, a context that ends when the key does. leave is called when the request is
// over. Requests of other credentials go on as they are.
func (a *Attendance) Attend(ctx context.Context, presented string) (attended context.Context, leave func()) {
	if _, err := identity.Parse(presented); err != nil {
		return ctx, func() {}
	}
	attended, stop := context.WithCancelCause(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.present[presented]
	if p == nil {
		p = &presence{address: addressOf(ctx), stops: make(map[int]context.CancelCauseFunc)}
		a.present[presented] = p
	}
	p.next++
	place := p.next
	p.stops[place] = stop
	return attended, func() {
		stop(nil)
		a.mu.Lock()
		defer a.mu.Unlock()
		if delete(p.stops, place); len(p.stops) == 0 && a.present[presented] == p {
			delete(a.present, presented)
		}
	}
}

// Check ends the requests of keys that hold no more, whoever ended the key, and says which keys those are. Its owner
// calls it every few seconds: it looks up each key once, however many requests run. What cannot be looked up goes on.
func (a *Attendance) Check(ctx context.Context) (ended []identity.KeyID) {
	a.mu.Lock()
	addresses := make(map[string]string, len(a.present))
	for presented, p := range a.present {
		addresses[presented] = p.address
	}
	a.mu.Unlock()
	for presented, address := range addresses {
		credential, _ := identity.Parse(presented) // it has been before
		_, err := a.authn.holder(ctx, credential, address)
		if errors.Is(err, identity.ErrUnauthenticated) {
			a.end(presented, fault.From(err))
			ended = append(ended, credential.ID())
		}
	}
	return ended
}

func (a *Attendance) end(presented string, why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.present[presented]
	if p == nil {
		return
	}
	for _, stop := range p.stops {
		stop(why)
	}
}
