package lifetime

import (
	"context"
	"sync"
	"time"
)

// For gives a context that ends after d, like context.WithTimeout, which is made when somebody asks for its end: work that is over in
// no time never does, and then there is no timer and nobody to be told. cancel is called when it is of no use any more. Of two ends
// that came before anybody asked, the reason told may be either one's.
func For(ctx context.Context, d time.Duration) (_ context.Context, cancel context.CancelFunc) {
	u := &until{Context: ctx, at: time.Now().Add(d)} //nolint:forbidigo // contexts end by the real clock, whatever the rest goes by
	return u, u.over
}

type until struct {
	context.Context //nolint:containedctx // that in which it is

	at time.Time

	mu     sync.Mutex
	made   context.Context //nolint:containedctx // nil until somebody asks
	cancel context.CancelFunc
	ended  bool
}

func (u *until) make() context.Context {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.made != nil:
	case u.ended:
		u.made, u.cancel = context.WithCancel(u.Context)
		u.cancel()
	default:
		u.made, u.cancel = context.WithDeadline(u.Context, u.at)
	}
	return u.made
}

func (u *until) over() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended = true; u.cancel != nil {
		u.cancel()
	}
}

// Deadline is that of the context that it is in, if that is earlier.
func (u *until) Deadline() (time.Time, bool) {
	if at, ok := u.Context.Deadline(); ok && at.Before(u.at) {
		return at, true
	}
	return u.at, true
}

// Done is closed at the end.
func (u *until) Done() <-chan struct{} { return u.make().Done() }

// Err is nil before the end.
func (u *until) Err() error { return u.make().Err() }

// Value is that of the context that it is in, but for a span: that is not what u ends with. Package context finds by it what it has
// made itself, and a child of it then costs no goroutine.
func (u *until) Value(k any) any {
	if k == (key{}) {
		return nil
	}
	u.mu.Lock()
	within := u.made
	u.mu.Unlock()
	if within == nil {
		within = u.Context
	}
	return within.Value(k)
}
