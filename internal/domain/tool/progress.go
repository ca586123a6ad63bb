package tool

import "context"

type progressKey struct{}

// Follower hears how far a use is. Its functions are called from any goroutine of the use, so they must be safe for concurrent
// use.
type Follower struct {
	// Stage must not block.
	Stage func(stage string)
	// Advance may take as long as it takes to tell the client; nil where nobody listens to it.
	Advance func(done, total float64, message string)
}

// WithProgress lets whoever runs a tool hear what it does now: what Progress gives in the context returned is report, which
// must not block.
func WithProgress(ctx context.Context, report func(stage string)) context.Context {
	return WithFollower(ctx, Follower{Stage: report})
}

// WithFollower lets f hear both what a use does now and how far it is.
func WithFollower(ctx context.Context, f Follower) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// Progress gives the function by which a tool says what it is doing now, in a few words for people ("waiting for a
// worker"): nothing of arguments, data or secrets. The client hears of it about once a second. It is never nil; where nobody
// listens it does nothing.
func Progress(ctx context.Context) func(stage string) {
	if f, ok := ctx.Value(progressKey{}).(Follower); ok && f.Stage != nil {
		return f.Stage
	}
	return func(string) {}
}

// Advance tells the client that done of total has been done; total is 0 when nobody knows it, message may be empty. It is sent
// at once, in order and ahead of the answer. done must grow from call to call: what does not is dropped. A use that advances
// faster than a few times in a tenth of a second is heard less often, but of its last step always.
func Advance(ctx context.Context, done, total float64, message string) {
	if f, ok := ctx.Value(progressKey{}).(Follower); ok && f.Advance != nil {
		f.Advance(done, total, message)
	}
}
