package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/presentation/feed"
)

// Attendance ends requests whose credential ends while they run.
type Attendance interface {
	// Attend gives a request a context that ends with the credential that was presented. leave is called when the request
	// is over.
	Attend(ctx context.Context, presented string) (attended context.Context, leave func())
}

// visit gives a request a context that ends with its client and the server, as net/http's does, and with its credential, and in
// it the way to a longer one, for what goes on when the client has left.
func (e *Edge) visit(ctx context.Context, r *http.Request, yield func()) (visiting context.Context, leave func()) {
	l := &lasting{edge: e, request: r, within: ctx}
	attend := func(ctx context.Context) (context.Context, func()) { return e.attend(ctx, r) }
	visiting, gone := e.attend(ctx, r)
	return feed.WithVisit(visiting, feed.Visit{Lasting: l.context, Yield: yield, Attend: attend}), func() {
		gone()
		l.over()
	}
}

// lasting is a context that is made when somebody asks for it, which few requests do.
type lasting struct {
	edge    *Edge
	request *http.Request
	within  context.Context //nolint:containedctx // that of the request, which is handled while this is asked for

	mu   sync.Mutex
	made context.Context //nolint:containedctx // what is given to all who ask
	end  func()

	ended bool
}

func (l *lasting) context() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.made != nil:
		return l.made
	case l.ended: // whoever asks now has missed it
		return l.within
	}
	server := l.within
	if v, ok := server.Value(visitKey{}).(*visit); ok {
		server = v.base
	}
	made, end, over := lifetime.Within(context.WithoutCancel(l.within))
	// The request's context ends with the server too. Only when it has ended is there anything to ask the server for, which all
	// requests would have to take turns in.
	left := context.AfterFunc(l.within, func() { l.left(server, end) })
	made, gone := l.edge.attend(made, l.request)
	l.made, l.end = made, func() {
		left()
		gone()
		over()
	}
	return made
}

// left waits, when the client has left or the server has ended, for the end of the server.
func (l *lasting) left(server context.Context, end context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	stopped, before := context.AfterFunc(server, func() { end(context.Cause(server)) }), l.end
	l.end = func() {
		stopped()
		before()
	}
}

// over ends it. The request has been handled: nobody asks any more.
func (l *lasting) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.end != nil {
		l.end()
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
