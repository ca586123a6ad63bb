package tool

import "context"

type detachKey struct{}

// WithDetach lets a use let go of its client's connection by detach.
func WithDetach(ctx context.Context, detach func() bool) context.Context {
	return context.WithValue(ctx, detachKey{}, detach)
}

// Detach lets go of the connection by which a use was asked for, because it will take long: the client comes back for the
// answer and loses nothing, and none of what stands between has to hold a connection open meanwhile (SEP-1699). It reports false
// where the connection stays, because there is none or the client could not come back. The use goes on in either case.
func Detach(ctx context.Context) bool {
	detach, ok := ctx.Value(detachKey{}).(func() bool)
	return ok && detach()
}
