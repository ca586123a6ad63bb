package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"
)

// Where MCP is served: MCPPath to everybody; the others, to clients that know only the transport that there was before,
// where the operator wants it.
const (
	MCPPath      = "/mcp"
	SSEPath      = "/sse"
	MessagesPath = "/messages"
)

// Check says whether something that answers depend on is well. The error may be shown to an operator.
type Check struct {
	Name string
	Ask  func(context.Context) error
	// Vital checks decide readiness; the others are shown.
	Vital bool
}

// Main is the handler of the public listener: MCP behind the edge, and what Public lists. sse is the transport that there
// was before; nil for none. Paths are taken as they are written: http.ServeMux would answer some that come close, such as
// //mcp, with a redirect of its own that is on no record.
func Main(edge *Edge, mcp, sse http.Handler) http.Handler {
	guarded, absent, metadata := edge.Guard(mcp), edge.NotFound(), edge.Metadata()
	before, called := absent, []string{MCPPath}
	if sse != nil {
		before, called = edge.Guard(sse), append(called, SSEPath, MessagesPath)
	}
	preflight, contact := edge.public(edge.preflight), edge.public(edge.contact)
	return edge.front(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case edge.isPreflight(r) && (slices.Contains(called, r.URL.Path) || edge.Resource.serves(r.URL.Path)):
			preflight.ServeHTTP(w, r)
		case r.URL.Path == MCPPath:
			guarded.ServeHTTP(w, r)
		case r.URL.Path == SSEPath || r.URL.Path == MessagesPath:
			before.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			absent.ServeHTTP(w, r)
		case edge.Resource.serves(r.URL.Path):
			metadata.ServeHTTP(w, r)
		case r.URL.Path == securityPath:
			contact.ServeHTTP(w, r)
		case r.URL.Path == healthPath && !credentialInURL(r.URL):
			answer(w, http.StatusOK, map[string]string{"status": "ok"})
		default:
			absent.ServeHTTP(w, r)
		}
	})
}

// OperatorsPath is below which operators act, on their own listener.
const OperatorsPath = "/admin/v1/"

// Operators is e as it is on the operators' listener. Nothing is between it and its clients, who are on this machine; and
// the limits of the public listener are not theirs: a flood there must not keep a key from being revoked here.
func (e *Edge) Operators() *Edge {
	return &Edge{
		Records: e.Records, Authn: e.Authn, Log: e.Log, MaxBody: e.MaxBody, Context: e.Context, Attendance: e.Attendance,
	}
}

// Admin is the handler of the operators' listener: /metrics, /livez, and /readyz with every check by name, which ask for
// no credentials; that is why it listens on loopback only. What is below OperatorsPath is for acts, which guards itself.
func Admin(metrics http.Handler, checks []Check, acts http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { ready(w, r, checks) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		switch {
		case path.Clean(r.URL.Path) != r.URL.Path: // http.ServeMux would answer with a redirect
			http.NotFound(w, r)
		case strings.HasPrefix(r.URL.Path, OperatorsPath): // before anything is refused: whatever happens there is on record
			acts.ServeHTTP(w, r)
		case !allowedHost(r.Host, nil) || r.Header.Get("Origin") != "" && !allowedOrigin(r.Header.Get("Origin"), nil):
			http.Error(w, errHost.Message, http.StatusForbidden)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func ready(w http.ResponseWriter, r *http.Request, checks []Check) {
	status, found := http.StatusOK, make(map[string]string, len(checks))
	for _, c := range checks {
		found[c.Name] = "ok"
		if err := c.Ask(r.Context()); err != nil {
			found[c.Name] = err.Error()
			if c.Vital {
				status = http.StatusServiceUnavailable
			}
		}
	}
	answer(w, status, map[string]any{"ready": status == http.StatusOK, "checks": found})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that left cannot be told
}
