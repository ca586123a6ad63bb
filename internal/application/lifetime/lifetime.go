// Package lifetime lets all who may end a request share one context that ends, where each would have one of its own inside
// that of the one before.
package lifetime

import (
	"context"
	"time"
)

type key struct{}

// span is a context that ends, with what ends it.
type span struct {
	context.Context //nolint:containedctx // itself

	done <-chan struct{}
	end  context.CancelCauseFunc
}

// Value gives s itself for its key.
func (s *span) Value(k any) any {
	if k == (key{}) {
		return s
	}
	return s.Context.Value(k)
}

// Within gives a context that end ends, with a cause. It is ctx itself when ctx is one that Within has made, or holds more
// values only; otherwise it is one inside of it. Of several who end it the first counts. leave is called when it is of no use any
// more, and ends it if this call has made it: end and what the others do with it then come to nothing.
func Within(ctx context.Context) (within context.Context, end context.CancelCauseFunc, leave func()) {
	if s, ok := ctx.Value(key{}).(*span); ok && s.done == ctx.Done() {
		return ctx, s.end, func() {}
	}
	within, end = context.WithCancelCause(ctx)
	return &span{Context: within, done: within.Done(), end: end}, end, func() { end(nil) }
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
