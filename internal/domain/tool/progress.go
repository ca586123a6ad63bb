package tool

import "context"

type progressKey struct{}

// WithProgress lets whoever runs a tool hear how far it is: what Progress gives in the context returned is report. It is
// called from any goroutine of the call, so it must be safe for concurrent use and must not block.
func WithProgress(ctx context.Context, report func(stage string)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// Progress gives the function by which a tool says what it is doing now, in a few words for people ("waiting for a
// worker"): nothing of arguments, data or secrets. It is never nil; where nobody listens it does nothing.
func Progress(ctx context.Context) func(stage string) {
	if report, ok := ctx.Value(progressKey{}).(func(stage string)); ok {
		return report
	}
	return func(string) {}
}
