package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

// What every answer says to browsers: that it is data, for nobody else, and nothing to show. The values are shared by all
// answers; whoever has another one to say puts it in their place.
var (
	nosniff  = []string{"nosniff"}
	noStore  = []string{"no-store"}
	showNone = []string{"default-src 'none'; frame-ancestors 'none'"}
	referNot = []string{"no-referrer"}
	onlyTLS  = []string{"max-age=31536000"}
)

func secure(h http.Header) {
	h["X-Content-Type-Options"] = nosniff
	h["Cache-Control"] = noStore
	h["Content-Security-Policy"] = showNone
	h["Referrer-Policy"] = referNot
}

// dress is secure, and what depends on how the request came: that the next one has to come by TLS (RFC 6797), and that
// a page which the operator listed may read the answer.
func (e *Edge) dress(h http.Header, r *http.Request) {
	secure(h)
	if r.TLS != nil || e.BehindTLS {
		h["Strict-Transport-Security"] = onlyTLS
	}
	if len(e.Origins) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	if origin, ok := e.listed(r); ok {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Mcp-Session-Id, RateLimit, RateLimit-Policy, Retry-After, Steward-Key-Expires, WWW-Authenticate, X-Request-Id")
	}
}

// listed is the origin of the page that asks, if the operator has listed it. Pages of loopback origins may ask too, but
// only those that need no leave of a browser: which of this machine's programs serves such a page nobody knows.
func (e *Edge) listed(r *http.Request) (origin string, ok bool) {
	origins := r.Header.Values("Origin")
	if len(origins) != 1 {
		return "", false
	}
	return origins[0], slices.Contains(e.Origins, strings.ToLower(origins[0]))
}

// isPreflight reports whether a browser asks, without credentials, if a listed page may send a request.
func (e *Edge) isPreflight(r *http.Request) bool {
	_, ok := e.listed(r)
	return ok && r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// preflight says what a listed page may send.
func (e *Edge) preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Last-Event-ID, Mcp-Method, Mcp-Name, "+
		"Mcp-Protocol-Version, Mcp-Session-Id, Traceparent, Tracestate, Baggage")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}
