package feed

import "context"

// Visit is what a request can have beyond itself. The edge gives it.
type Visit interface {
	// Outlast lets the request's context go on when its client leaves, if stays says so when somebody asks for the end of that
	// context, which may be later. It still ends with the server, with the credential that was presented, and when the request has
	// been handled. The last call counts.
	Outlast(stays func() bool)
	// Here reports whether its client and the server are still there. When they are not, stays may not have been asked yet.
	Here() bool
	// Yield gives back the place among the requests that run at a time, once the request only waits. Later calls do nothing.
	Yield()
	// Attend gives what goes on even after that a context that ends with the credential, until leave is called.
	Attend(ctx context.Context) (attended context.Context, leave func())
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
	return none{}
}

type none struct{}

func (none) Outlast(func() bool) {}

func (none) Here() bool { return true }

func (none) Yield() {}

func (none) Attend(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
