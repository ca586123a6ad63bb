package identityapp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// errTokenOver is why a request ends whose access token has expired meanwhile.
const errTokenOver = identity.Reason("the access token has expired while the request ran")

// Attendance knows the requests that run under a credential, and ends them when the credential holds no more. NewAttendance
// makes one. Safe for concurrent use.
type Attendance struct {
	authn   *Authenticator
	mu      sync.Mutex
	present map[string]*presence // by what was presented
}

// presence is everything that runs under one credential.
type presence struct {
	name    string    // what the log may call it
	address string    // one that it was presented from
	until   time.Time // when a token ends; zero for others
	first   *attendee // nil for none
}

// attendee is one request, in the list of those of its credential: it can leave without being looked for.
type attendee struct {
	hold          lifetime.Hold
	before, after *attendee
}

// NewAttendance makes one of requests that a has let in.
func NewAttendance(a *Authenticator) *Attendance {
	return &Attendance{authn: a, present: make(map[string]*presence)}
}

// Attend gives a request, which a credential let in, a context that ends when the credential does. leave is called when the
// request is over. A request of nobody's credential goes on as it is.
func (a *Attendance) Attend(ctx context.Context, presented string) (attended context.Context, leave func()) {
	if presented == "" {
		return ctx, func() {}
	}
	attended, hold := lifetime.Within(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.present[presented]
	if p == nil {
		p = a.enter(ctx, presented)
		a.present[presented] = p
	}
	one := p.join(hold)
	return attended, func() {
		hold.Leave()
		a.mu.Lock()
		defer a.mu.Unlock()
		if p.lose(one); p.first == nil && a.present[presented] == p {
			delete(a.present, presented)
		}
	}
}

func (p *presence) join(hold lifetime.Hold) *attendee {
	one := &attendee{hold: hold, after: p.first}
	if p.first != nil {
		p.first.before = one
	}
	p.first = one
	return one
}

// lose takes one out. Doing it again changes nothing.
func (p *presence) lose(one *attendee) {
	if one.after != nil {
		one.after.before = one.before
	}
	switch {
	case one.before != nil:
		one.before.after = one.after
	case p.first == one:
		p.first = one.after
	}
	one.before, one.after = nil, nil
}

// enter is the presence of a credential under which nothing ran.
func (a *Attendance) enter(ctx context.Context, presented string) *presence {
	p := &presence{name: "static", address: addressOf(ctx)}
	if c, err := identity.Parse(presented); err == nil {
		p.name = c.ID().String()
		return p
	}
	request := cqrs.RequestFrom(ctx)
	if request == nil || !identity.IsToken(presented) {
		return p
	}
	p.name, p.until = request.Actor().ID(), request.Actor().Expires
	return p
}

// Check ends the requests of credentials that hold no more, whoever ended them, and says whose those are: ids of keys, and
// principals of tokens. Its owner calls it every few seconds: it looks up each key once, however many requests run. What
// cannot be looked up goes on, and so does a token that its issuer takes back before its time.
func (a *Attendance) Check(ctx context.Context) (ended []string) {
	a.mu.Lock()
	present := make(map[string]presence, len(a.present))
	for presented, p := range a.present {
		present[presented] = presence{name: p.name, address: p.address, until: p.until}
	}
	a.mu.Unlock()
	for presented, p := range present {
		if err := a.authn.still(ctx, presented, p); errors.Is(err, identity.ErrUnauthenticated) {
			a.end(presented, fault.From(err))
			ended = append(ended, p.name)
		}
	}
	return ended
}

// still is nil while what was let in would be let in again.
func (a *Authenticator) still(ctx context.Context, presented string, p presence) error {
	if a.tokens != nil && identity.IsToken(presented) {
		if p.until.IsZero() || a.now().Before(p.until) {
			return nil
		}
		return identity.ErrUnauthenticated.Because(errTokenOver)
	}
	_, err := a.prove(ctx, presented, p.address, a.now())
	if errors.Is(err, identity.ErrMalformed) {
		_, err = a.authority.Recognize(a.static(), presented)
	}
	return err
}

func (a *Attendance) end(presented string, why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.present[presented]
	if p == nil {
		return
	}
	for one := p.first; one != nil; one = one.after {
		one.hold.End(why)
	}
}
