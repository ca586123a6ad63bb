package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/presentation/feed"
)

// Attendance ends requests whose credential ends while they run.
type Attendance interface {
	// Attend gives a request a context that ends with the credential that was presented. leave is called when the request
	// is over.
	Attend(ctx context.Context, presented string) (attended context.Context, leave func())
}

// visit gives a request a context that ends with its client, with its credential and with the server, and in it a longer one,
// for what goes on when the client has left.
func (e *Edge) visit(ctx context.Context, r *http.Request, yield func()) (visiting context.Context, leave func()) {
	server := ctx
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		server = v.base
	}
	lasting, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stopped := context.AfterFunc(server, func() { end(context.Cause(server)) })
	lasting, gone := e.attend(lasting, r)
	attend := func(ctx context.Context) (context.Context, func()) { return e.attend(ctx, r) }
	visiting, done := context.WithCancelCause(feed.WithVisit(lasting, feed.Visit{Lasting: lasting, Yield: yield, Attend: attend}))
	left := context.AfterFunc(ctx, func() { done(context.Cause(ctx)) })
	return visiting, func() {
		left()
		done(nil)
		gone()
		stopped()
		end(nil)
	}
}

func (e *Edge) attend(ctx context.Context, r *http.Request) (attended context.Context, leave func()) {
	if e.Attendance == nil {
		return ctx, func() {}
	}
	return e.Attendance.Attend(ctx, bearer(r))
}

// sayExpiry tells a client whose credential is about to end when that is.
func sayExpiry(h http.Header, p access.Principal) {
	if !p.Expiring.IsZero() {
		h.Set("Steward-Key-Expires", p.Expiring.UTC().Format(time.RFC3339))
	}
}
