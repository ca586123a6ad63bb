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
// it the way to have the first of these make no difference. It is ended when the request has been handled.
func (e *Edge) visit(ctx context.Context, r *http.Request, yield func()) (visiting context.Context, s *stay) {
	s = &stay{edge: e, request: r, visited: ctx, yield: yield}
	// It is no child of net/http's context: who goes on without the client would need another one beside it.
	visiting, s.hold = lifetime.Beside(ctx, s.left)
	visiting, s.gone = s.Attend(visiting)
	return feed.WithVisit(visiting, s), s
}

// stay is how long a request is handled. It is its feed.Visit.
type stay struct {
	edge    *Edge
	request *http.Request
	visited context.Context //nolint:containedctx // net/http's, which ends with the client and the server
	yield   func()

	hold lifetime.Hold // on the request's context
	gone func()        // lets go of the credential

	mu      sync.Mutex
	stays   func() bool // nil for no
	stopped func() bool // takes back that the server ends it
	handled bool
}

// Outlast is feed.Visit's.
func (s *stay) Outlast(stays func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stays = stays
}

// Here is feed.Visit's.
func (s *stay) Here() bool { return s.visited.Err() == nil }

// Yield is feed.Visit's.
func (s *stay) Yield() { s.yield() }

// Attend is feed.Visit's.
func (s *stay) Attend(ctx context.Context) (attended context.Context, leave func()) {
	if s.edge.Attendance == nil {
		return ctx, func() {}
	}
	return s.edge.Attendance.Attend(ctx, bearer(s.request))
}

// left is what comes of it that the client has left or the server has ended. Only then is there anything to ask the server for,
// which all requests would have to take turns in.
func (s *stay) left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.handled:
	case s.stays == nil || !s.stays():
		s.hold.End(context.Cause(s.visited))
	default:
		server := s.visited
		if v, ok := server.Value(visitKey{}).(*visit); ok {
			server = v.base
		}
		s.stopped = context.AfterFunc(server, func() { s.hold.End(context.Cause(server)) })
	}
}

// end is called when the request has been handled.
func (s *stay) end() {
	s.gone()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handled = true; s.stopped != nil {
		s.stopped()
	}
	s.hold.Leave()
}

// sayExpiry tells a client whose credential is about to end when that is.
func sayExpiry(h http.Header, p access.Principal) {
	if !p.Expiring.IsZero() {
		h.Set("Steward-Key-Expires", p.Expiring.UTC().Format(time.RFC3339))
	}
}
