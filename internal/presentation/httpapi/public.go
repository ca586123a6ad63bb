package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const healthPath = "/health"

// PublicRoute is something that is answered although nobody says who they are.
type PublicRoute struct {
	Method, Path string // GET stands for HEAD too
	Answers      string // what, and when
	Admin        bool   // by the operators' listener
}

// Public is everything of that kind. Whatever else is asked without credentials is refused: at /mcp and below
// OperatorsPath with 401 (at /sse and /messages too, where they are served), elsewhere with 404, or, at addresses of the
// operators' listener to which GET is the only request, 405.
var Public = []PublicRoute{
	{Method: http.MethodGet, Path: healthPath, Answers: "that the process serves"},
	{Method: http.MethodGet, Path: securityPath, Answers: "whom to tell of a weakness (RFC 9116)"},
	{Method: http.MethodGet, Path: metadataPath, Answers: "where to sign in, if access tokens are taken (RFC 9728)"},
	{Method: http.MethodGet, Path: metadataPath + MCPPath, Answers: "the same"},
	{Method: http.MethodOptions, Path: MCPPath, Answers: "what pages of `server.allowed_origins` may send"},
	{Method: http.MethodOptions, Path: SSEPath, Answers: "the same, with `server.legacy_sse`"},
	{Method: http.MethodOptions, Path: MessagesPath, Answers: "the same, with `server.legacy_sse`"},
	{Method: http.MethodOptions, Path: metadataPath, Answers: "the same, if access tokens are taken"},
	{Method: http.MethodOptions, Path: metadataPath + MCPPath, Answers: "the same, if access tokens are taken"},
	{Method: http.MethodGet, Path: "/livez", Answers: "that the process serves", Admin: true},
	{Method: http.MethodGet, Path: "/readyz", Answers: "how the parts are", Admin: true},
	{Method: http.MethodGet, Path: "/metrics", Answers: "measurements for Prometheus", Admin: true},
}

// front is before everything else: whose address the request has, and what every answer says.
func (e *Edge) front(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.dress(w.Header(), r)
		next(w, e.Proxies.seen(r))
	})
}

// public answers anybody whose request is for this server. Like a probe it is on record only when it is refused.
func (e *Edge) public(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, request := e.open(r.Context(), w, r)
		defer e.finish(ctx, w, request)
		if by, f := e.inspect(r); f != nil {
			e.turnAway(ctx, w, r, by, f)
			return
		}
		request.Discard()
		next(w, r)
	})
}

// credentialNames are the query parameters by which clients of other servers send credentials, and by which proxies
// then log them.
var credentialNames = []string{
	"api_key", "apikey", "api-key", "x-api-key", "api_token", "access_token", "id_token", "refresh_token", "token", "jwt", "bearer",
	"authorization", "auth", "key", "secret", "client_secret", "password",
}

// keyPrefix is how API keys of Steward's begin, whatever parameter they are sent by.
const keyPrefix = "stw_"

// credentialInURL reports whether a URL carries a credential, or may be meant to. Parameters are split at all that
// anybody splits them at, and one that cannot be decoded is looked at as it is.
func credentialInURL(u *url.URL) bool {
	if u.User != nil {
		return true
	}
	for pair := range strings.FieldsFuncSeq(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		if slices.Contains(credentialNames, strings.ToLower(decoded(name))) ||
			strings.HasPrefix(decoded(name), keyPrefix) || strings.Contains(decoded(value), keyPrefix) {
			return true
		}
	}
	return false
}

func decoded(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}
