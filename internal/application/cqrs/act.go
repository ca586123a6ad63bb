package cqrs

import "context"

// AdminClass is the rate-limit class of administrative acts.
const AdminClass = "admin"

// Act is the Handler of an administrative message that demands nothing but what it says of itself: what it does, under the
// limits of AdminClass.
type Act[M Message, R any] func(context.Context, M) (R, error)

// Bind leaves everything to Run.
func (a Act[M, R]) Bind(_ context.Context, m M) (Bound[R], error) {
	return Bound[R]{Class: AdminClass, Run: func(ctx context.Context) (R, error) { return a(ctx, m) }}, nil
}
