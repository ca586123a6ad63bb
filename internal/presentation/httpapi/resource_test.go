package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

// Behind a proxy that serves Steward below a path of its own, clients insert the well-known name before that path.
func TestResource_IsFoundBelowAPath(t *testing.T) {
	w := newWorld()
	var err error
	w.edge.Resource, err = httpapi.NewResource("https://example.com/steward/mcp", []string{"https://login.example.com"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	main := httpapi.Main(w.edge, http.NotFoundHandler(), nil)
	for path, want := range map[string]int{
		"/.well-known/oauth-protected-resource": 200, "/.well-known/oauth-protected-resource/mcp": 200,
		"/.well-known/oauth-protected-resource/steward/mcp": 200, "/.well-known/oauth-protected-resource/steward": 404,
		"/steward/.well-known/oauth-protected-resource": 404,
	} {
		rw := httptest.NewRecorder()
		main.ServeHTTP(rw, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, http.NoBody))
		var document struct{ Resource string }
		if err := json.Unmarshal(rw.Body.Bytes(), &document); rw.Code != want || err != nil || want == 200 && document.Resource != "https://example.com/steward/mcp" {
			t.Errorf("%s: HTTP %d, %v: %s", path, rw.Code, err, rw.Body)
		}
	}
}

// A challenge belongs to a refusal that a client can do something about by signing in.
func TestResource_ChallengesWhomSigningInWouldHelp(t *testing.T) {
	const metadata = `resource_metadata="https://example.com/.well-known/oauth-protected-resource/mcp"`
	for name, c := range map[string]struct {
		authn     error
		presented string
		want      string
	}{
		"nothing":                   {identity.ErrUnauthenticated, "", `Bearer realm="steward", scope="a b", ` + metadata},
		"another scheme":            {identity.ErrUnauthenticated, "Basic eDp5", `Bearer realm="steward", scope="a b", ` + metadata},
		"what does not hold":        {identity.ErrUnauthenticated, "Bearer x", `Bearer realm="steward", error="invalid_token", scope="a b", ` + metadata},
		"too little":                {identity.ErrScope.Suggesting("a"), "Bearer x", `Bearer realm="steward", error="insufficient_scope", scope="a", ` + metadata},
		"keys that nobody can read": {fault.ErrInternal, "Bearer x", ""},
	} {
		w := newWorld()
		w.authn = c.authn
		var err error
		w.edge.Resource, err = httpapi.NewResource("https://example.com/mcp", []string{"https://login.example.com"}, []string{"a", "b"})
		if err != nil {
			t.Fatal(err)
		}
		r := request(t, "")
		r.Header.Set("Authorization", c.presented)
		if got := w.through(r, nil).Header().Get("WWW-Authenticate"); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
