// Package lifetime lets all who may end a request share one context that ends, where each would have one of its own inside
// that of the one before, and makes none before somebody asks for its end: most requests are over before anybody does.
package lifetime

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

type key struct{}

// span is a context that ends, with what ends it.
type span struct {
	context.Context //nolint:containedctx // that in which it is, or whose values it has

	apart bool   // from the end of Context
	left  func() // hears of that end, once somebody has asked

	made atomic.Pointer[made] // nil until somebody asks

	mu   sync.Mutex // held while it is made, and while whoever made it leaves
	over bool
}

// made is what somebody has asked for.
type made struct {
	context.Context //nolint:containedctx // that which ends

	end    context.CancelCauseFunc
	unhook func() bool // nil for none
}

// Hold is the part that one of those who share a context has in its end. The zero value has none.
type Hold struct {
	of  *span
	own bool // it has made the context
}

// Within gives a context that the Hold ends. It is ctx itself when ctx is one that this package has made so, or holds more
// values only; otherwise it is one inside of it. Whoever goes on after ctx asks for Apart first.
func Within(ctx context.Context) (context.Context, Hold) {
	if s, ok := ctx.Value(key{}).(*span); ok && s.holds(ctx) {
		return ctx, Hold{of: s}
	}
	s := &span{Context: ctx}
	return s, Hold{of: s, own: true}
}

// Beside gives a context with the values of ctx that does not end with it. Once ctx has ended, and somebody has asked for the end of
// what was given or ended the Hold, left is called, in a goroutine of its own; it may end the Hold. Whoever is the first to ask, after
// ctx has ended, may hear that nothing has.
func Beside(ctx context.Context, left func()) (context.Context, Hold) {
	s := &span{Context: ctx, apart: true, left: left}
	return s, Hold{of: s, own: true}
}

// Apart is context.WithoutCancel for what may come to Within again: none of those who could end ctx share what it gives.
func Apart(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), key{}, nil)
}

// End ends the context. Of several ends the first counts.
func (h Hold) End(cause error) {
	if h.of != nil {
		h.of.make().end(cause)
	}
}

// Leave is called when the context is of no use any more, and ends it if this is the Hold of whoever made it: what the others
// do with theirs then comes to nothing.
func (h Hold) Leave() {
	if h.own {
		h.of.leave()
	}
}

// holds reports whether ctx, which has s in its values, ends with s and not before. Before s has been asked for its end, nothing
// in it can end by itself but what hides s; what has only its values, and goes on without it, is not told from it (see Apart).
func (s *span) holds(ctx context.Context) bool {
	m := s.made.Load()
	return m == nil || ctx.Done() == m.Done()
}

func (s *span) make() *made {
	if m := s.made.Load(); m != nil {
		return m
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.made.Load(); m != nil {
		return m
	}
	outer := s.Context
	if s.apart {
		outer = context.WithoutCancel(outer)
	}
	m := &made{}
	m.Context, m.end = context.WithCancelCause(outer)
	switch {
	case s.over:
		m.end(nil)
	case s.apart:
		m.unhook = context.AfterFunc(s.Context, s.left)
	}
	s.made.Store(m)
	return m
}

func (s *span) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	m := s.made.Load()
	if m == nil {
		return
	}
	if m.unhook != nil {
		m.unhook()
	}
	m.end(nil)
}

// Deadline is none of what it is apart from.
func (s *span) Deadline() (at time.Time, ok bool) {
	if s.apart {
		return at, false
	}
	return s.Context.Deadline()
}

// Done is closed at the end.
func (s *span) Done() <-chan struct{} { return s.make().Done() }

// Err is nil before the end.
func (s *span) Err() error {
	s.mu.Lock()
	unasked := s.made.Load() == nil && !s.over
	s.mu.Unlock()
	if unasked && s.Context.Err() == nil {
		return nil // which costs nothing
	}
	return s.make().Err()
}

// Value gives s itself for its key, and package context what that has made.
func (s *span) Value(k any) any {
	if k == (key{}) {
		return s
	}
	if m := s.made.Load(); m != nil {
		return m.Value(k)
	}
	return s.Context.Value(k)
}

// Await waits for what follows the end of something, which can be waited for again, but not for longer than d or ctx lasts.
func Await(ctx context.Context, d time.Duration, ended chan error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	select {
	case err := <-ended:
		ended <- err
	case <-ctx.Done():
	}
}
