package feed

import "context"

// Visit is what a request can have beyond itself. The edge gives it.
type Visit struct {
	// Lasting gives a context that ends with the server and with the credential that was presented, and when the request has been
	// handled, but not with the client's leaving. It is the same each time.
	Lasting func() context.Context
	// Yield gives back the place among the requests that run at a time, once the request only waits. Later calls do nothing.
	Yield func()
	// Attend gives what goes on even after Lasting a context that ends with the credential, until leave is called; nil where no
	// credential can end.
	Attend func(ctx context.Context) (attended context.Context, leave func())
}

type visitKey struct{}

// WithVisit puts v into the request's context.
func WithVisit(ctx context.Context, v Visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// VisitOf is what the edge has put there; a request of which it has not has nothing beyond itself.
func VisitOf(ctx context.Context) Visit {
	if v, ok := ctx.Value(visitKey{}).(Visit); ok {
		return v
	}
	return Visit{Lasting: func() context.Context { return ctx }, Yield: func() {}}
}
