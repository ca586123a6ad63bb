package httpapi

import (
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Limits bounds what the edge lets in. What it refuses it answers with a fault of kind Exhausted, which says when to try
// again and may carry, as its cause, an error with a method Quota() (name string, perMinute int).
type Limits interface {
	// Knock counts a request from an address, before it is known whose it is.
	Knock(from netip.Addr) error
	// Enter lets in one more request of a principal, until it Leaves, once.
	Enter(principal string) error
	Leave(principal string)
	// Refused counts a request of the principal that had to be refused.
	Refused(principal string)
}

// knock counts the request against the limits of its address and of the server.
func (e *Edge) knock(r *http.Request) *fault.Fault {
	if e.Limits == nil {
		return nil
	}
	return fault.From(e.Limits.Knock(addressOf(r.RemoteAddr)))
}

// enter finds the request of a known principal a place, and gives what to do when it has ended, or only waits. Doing it again
// does nothing.
func (e *Edge) enter(q *cqrs.Request) (leave func(), err error) {
	if e.Limits == nil {
		return func() {}, nil
	}
	principal := q.ActorID()
	if err := e.Limits.Enter(principal); err != nil {
		return nil, err
	}
	var given atomic.Bool
	return func() {
		if given.Swap(true) {
			return
		}
		e.Limits.Leave(principal)
		if mended(q.DeniedBy()) {
			e.Limits.Refused(principal)
		}
	}, nil
}

// mended reports whether a refusal is one that the caller has to do something about: a malformed message, bad arguments,
// something that it may not do. Those draw on no other limit; what a limit refused has cost enough.
func mended(deniedBy string) bool {
	return deniedBy == audit.ByEdge || deniedBy == audit.ByPolicy || deniedBy == audit.BySession || deniedBy == audit.ByInput
}

// sayLimit tells a refusal by a limit in headers: Retry-After (RFC 9110 §10.2.3), and which limit it was and what
// remains of it (draft-ietf-httpapi-ratelimit-headers-10).
func sayLimit(h http.Header, f *fault.Fault) {
	if f.RetryAfter <= 0 {
		return
	}
	seconds := strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds())))
	h.Set("Retry-After", seconds)
	limit, ok := errors.AsType[interface {
		error
		Quota() (name string, perMinute int)
	}](f)
	if !ok {
		return
	}
	name, perMinute := limit.Quota()
	h.Set("RateLimit-Policy", `"`+name+`";q=`+strconv.Itoa(perMinute)+`;w=60`)
	h.Set("RateLimit", `"`+name+`";r=0;t=`+seconds)
}
