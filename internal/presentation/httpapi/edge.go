// Package httpapi is the HTTP edge: what happens to every request before anything understands it, and the two
// listeners. Order is the contract: whose address it is, record, panic guard, network, Host and Origin, limits of the
// address, credentials, limits of the principal, size.
package httpapi

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
)

// Authenticator proves who presents a credential. It answers a fault of kind Unauthenticated, one and the same, to
// everything that does not hold. With another fault it may say who was refused.
type Authenticator interface {
	Authenticate(ctx context.Context, presented string) (access.Principal, error)
}

// What the edge refuses.
var (
	errHost     = fault.New(fault.Denied, "http.host", "The Host header names a host that this server does not answer for.")
	errOrigin   = fault.New(fault.Denied, "http.origin", "Pages of this origin may not call this server.")
	errQueryKey = fault.New(fault.Invalid, "http.credential_in_url", "Credentials travel in the Authorization header, never in a URL.")
	errAddress  = fault.New(fault.Denied, "http.address", "This server does not answer to your network.")
	errUnread   = fault.New(fault.Invalid, "http.malformed", "This is no request of HTTP/1.1.")
	errNotFound = fault.New(fault.NotFound, "http.not_found", "There is nothing at this address; MCP is served at /mcp.")
)

// Edge carries a request to a handler, or refuses it.
type Edge struct {
	Records *cqrs.Recorder
	Authn   Authenticator
	Log     *zap.Logger
	MaxBody int64
	Hosts   []string                      // beside loopback names; lower case, with or without port
	Origins []string                      // scheme://host[:port], exactly
	Context propagation.TextMapPropagator // reads the trace context that a caller sends in headers

	Attendance Attendance // nil for none

	Resource *Resource // nil when no access tokens are accepted
	Limits   Limits    // nil for none
	Proxies  Proxies
	Networks []netip.Prefix // whose clients are answered; empty for everybody's
	Contact  Contact

	BehindTLS bool // clients come through TLS that ends before this process
}

// Guard wraps a handler: behind it every request is on record, of bounded size, from a known principal. The handler
// closes the record; what it leaves open, or panics over, is closed here.
func (e *Edge) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, request := e.open(r.Context(), w, r)
		defer e.finish(ctx, w, request)
		if by, f := e.inspect(r); f != nil {
			e.turnAway(ctx, w, r, by, f)
			return
		}
		principal, err := e.Authn.Authenticate(ctx, bearer(r))
		if !principal.IsZero() {
			request.Identify(principal)
		}
		if err != nil {
			e.reject(ctx, w, r, err)
			return
		}
		leave, err := e.enter(request)
		if err != nil {
			e.turnAway(ctx, w, r, audit.ByLimit, fault.From(err))
			return
		}
		defer leave()
		sayExpiry(w.Header(), principal)
		ctx, stay := e.visit(ctx, r, leave)
		defer stay.end()
		r.Body = http.MaxBytesReader(innermost(w), r.Body, e.MaxBody)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// NotFound answers every other path, on record but without asking who it is.
func (e *Edge) NotFound() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, request := e.open(r.Context(), w, r)
		defer e.finish(ctx, w, request)
		if f := e.knock(r); f != nil {
			e.turnAway(ctx, w, r, audit.ByLimit, f)
			return
		}
		if credentialInURL(r.URL) {
			e.turnAway(ctx, w, r, audit.ByEdge, errQueryKey)
			return
		}
		e.turnAway(ctx, w, r, audit.ByEdge, errNotFound)
	})
}

// Unread puts a request on record that was refused before it was one, for WithUnread.
func (e *Edge) Unread(ctx context.Context, remote string) {
	_, q := e.Records.Open(ctx, cqrs.Arrival{Transport: "http", Address: host(remote), Method: "other"})
	if err := q.Refuse(ctx, audit.ByEdge, errUnread); err != nil {
		e.Log.Error("audit.lost", zap.String("request_id", q.ID()), observe.Error(err))
	}
}

func (e *Edge) open(ctx context.Context, w http.ResponseWriter, r *http.Request) (context.Context, *cqrs.Request) {
	ctx, request := e.Records.Open(e.Context.Extract(ctx, carried{propagation.HeaderCarrier(r.Header)}), cqrs.Arrival{
		Transport: "http", Address: host(r.RemoteAddr), Method: r.Method + " " + routeOf(r.URL.Path),
	})
	w.Header().Set("X-Request-Id", request.ID())
	return ctx, request
}

// carried is a trace context in headers. Whoever asks http.Header for a name that is not canonical has the one that is made first.
type carried struct{ propagation.HeaderCarrier }

// Get gives the first header of that name.
func (c carried) Get(key string) string {
	if all := c.Values(key); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Values gives all of them.
func (c carried) Values(key string) []string {
	switch key {
	case "traceparent":
		return c.HeaderCarrier["Traceparent"]
	case "tracestate":
		return c.HeaderCarrier["Tracestate"]
	case "baggage":
		return c.HeaderCarrier["Baggage"]
	}
	return c.HeaderCarrier.Values(key)
}

// inspect is what can be refused without knowing who asks.
func (e *Edge) inspect(r *http.Request) (string, *fault.Fault) {
	if len(e.Networks) > 0 && !(Proxies{Trusted: e.Networks}).trusts(addressOf(r.RemoteAddr)) {
		return audit.ByEdge, errAddress
	}
	if !allowedHost(r.Host, e.Hosts) {
		return audit.ByEdge, errHost
	}
	// A request without Origin does not come from a page. MCP asks servers to check it on every request.
	for _, origin := range r.Header.Values("Origin") {
		if origin != "" && !allowedOrigin(origin, e.Origins) {
			return audit.ByEdge, errOrigin
		}
	}
	if credentialInURL(r.URL) {
		return audit.ByEdge, errQueryKey
	}
	if f := e.knock(r); f != nil {
		return audit.ByLimit, f
	}
	return "", nil
}

// reject refuses a credential. Why is for the operator alone.
func (e *Edge) reject(ctx context.Context, w http.ResponseWriter, r *http.Request, err error) {
	f := fault.From(err)
	if reason := identity.ReasonOf(err); reason != "" && bearer(r) != "" {
		cqrs.RequestFrom(ctx).Explain(reason)
	}
	if c := e.Resource.challenge(f, bearer(r) != ""); c != "" {
		w.Header().Set("WWW-Authenticate", c)
	}
	e.turnAway(ctx, w, r, audit.ByAuthentication, f)
}

// turnAway refuses whom nobody knows yet: whatever of the body has not come is not waited for as long as for others, and
// a flood of such requests is counted rather than recorded one by one.
func (e *Edge) turnAway(ctx context.Context, w http.ResponseWriter, r *http.Request, by string, f *fault.Fault) {
	if r.ContentLength != 0 {
		hurry(w)
	}
	e.refuse(ctx, w, cqrs.RequestFrom(ctx), by, f)
}

func (e *Edge) refuse(ctx context.Context, w http.ResponseWriter, q *cqrs.Request, by string, f *fault.Fault) {
	if f.Unwrap() != nil && (f.Kind == fault.Internal || f.Kind == fault.Unavailable) {
		e.Log.Error("a request failed", zap.String("request_id", q.ID()), observe.Error(f))
	}
	if err := closeRefused(ctx, q, by, f); err != nil {
		e.Log.Error("audit.lost", zap.String("request_id", q.ID()), observe.Error(err))
		f = fault.From(err)
	}
	write(w, f, q.ID())
}

func closeRefused(ctx context.Context, q *cqrs.Request, by string, f *fault.Fault) error {
	if q.Actor().IsZero() || by == audit.ByAuthentication {
		return q.Refuse(ctx, by, f)
	}
	return q.Close(ctx, cqrs.Outcome{Fault: f, DeniedBy: by})
}

// finish closes what was left open: by a panic, or by a handler that has nothing to say about it.
func (e *Edge) finish(ctx context.Context, w http.ResponseWriter, q *cqrs.Request) {
	v := recover()
	if v == nil {
		if err := q.Close(ctx, cqrs.Outcome{}); err != nil {
			e.Log.Error("audit.lost", zap.String("request_id", q.ID()), observe.Error(err))
		}
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // a sentinel that is panicked with, not an error in a chain
		_ = q.Close(ctx, cqrs.Outcome{Fault: fault.ErrCanceled})
		panic(v) //nolint:forbidigo // net/http asks for this panic to go through
	}
	e.Log.Error("a request panicked", zap.String("request_id", q.ID()), observe.Panic(v),
		zap.ByteString("stack", debug.Stack()))
	if q.Closed() {
		panic(http.ErrAbortHandler) //nolint:forbidigo // an answer may be on its way already, and must not pass for whole
	}
	e.refuse(ctx, w, q, "", fault.ErrInternal)
}

// write answers a fault outside any protocol. The body is {"error": {code, message, request_id}}.
func write(w http.ResponseWriter, f *fault.Fault, request string) {
	sayLimit(w.Header(), f)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(refusal.Status(f.Kind))
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{ // a client that left cannot be told
		"code": f.Code, "message": f.Message, "request_id": request,
	}})
}

// bearer is the credential of the request: RFC 6750 section 2.1, and nothing else. Of two, a proxy may have meant the
// other one, so two are as good as none.
func bearer(r *http.Request) string {
	presented := r.Header.Values("Authorization")
	if len(presented) != 1 {
		return ""
	}
	scheme, credential, _ := strings.Cut(presented[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(credential)
}

func host(address string) string {
	h, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return h
}

// routeOf keeps caller text out of records: a path that is not a route is "other".
func routeOf(path string) string {
	if strings.HasPrefix(path, OperatorsPath) {
		return OperatorsPath // the record's action and target say more
	}
	if path == MCPPath || path == SSEPath || path == MessagesPath || path == metadataPath || path == metadataPath+MCPPath || path == securityPath || path == healthPath {
		return path
	}
	return "other"
}
