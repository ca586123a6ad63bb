package component_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

const resource = "https://steward.example.com/mcp"

// issuer signs access tokens.
type issuer struct {
	*httptest.Server
	private ed25519.PrivateKey
	down    atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{private: private}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case i.down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/jwks"})
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "1"}}})
	}))
	t.Cleanup(i.Close)
	return i
}

// configure makes a server accept the issuer's tokens.
func (i *issuer) configure(c *config.Config) {
	c.Auth = config.Auth{Resource: resource, UnsafeHTTP: true, ClockSkew: time.Minute, Issuers: []config.Issuer{{
		Issuer: i.URL, JWKSURL: i.URL + "/jwks",
		Personas: config.Groups{Pointer: "/groups", Map: map[string]config.Words{"callers": {"caller"}}},
		Scopes:   map[string]config.Words{"tools:call": {"caller"}, "tools:none": {"nobody"}},
	}}}
}

// token is one that holds for a caller, with changes to claims and header; nil takes one away.
func (i *issuer) token(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	all := map[string]any{
		"iss": i.URL, "sub": "ada", "aud": []string{resource}, "client_id": "claude-code", "groups": []string{"callers"},
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	o := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", "1")
	for name, value := range header {
		o = o.WithHeader(jose.HeaderKey(name), value)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: i.private}, o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func TestTokens_LetInWhomTheyStandFor(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	w := serve(t, i.configure)
	for name, token := range map[string]string{
		"by a group": i.token(t, nil, nil),
		"by a scope": i.token(t, nil, map[string]any{"groups": nil, "scope": "openid tools:call"}),
		"by a key":   w.key,
	} {
		before := len(w.requests(t))
		r := w.post(t, echo("hello", ""))
		r.Header.Set("Authorization", "Bearer "+token)
		if status, _, body := send(t, r); status != http.StatusOK {
			t.Errorf("%s: HTTP %d: %s", name, status, body)
		}
		got := w.newest(t, before)
		if len(got) != 1 || got[0].Outcome != audit.OK || name != "by a key" && (got[0].Actor != i.URL+":ada" || got[0].Client != "claude-code: t/1") {
			t.Errorf("%s: records %+v", name, got)
		}
	}
}

// What a token lacks is for the operator: the caller is told the same, byte for byte.
func TestTokens_ThatDoNotHoldAreRefusedAlike(t *testing.T) {
	t.Parallel()
	i, other, silent := newIssuer(t), newIssuer(t), newIssuer(t)
	silent.down.Store(true)
	w := serve(t, func(c *config.Config) {
		i.configure(c)
		c.Auth.Issuers = append(c.Auth.Issuers, config.Issuer{Issuer: silent.URL, JWKSURL: silent.URL})
	})
	good := i.token(t, nil, nil)
	mac, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(i.private.Public().(ed25519.PublicKey))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := mac.Sign([]byte(`{"iss":"` + i.URL + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	confused, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	const invalid = `Bearer realm="steward", error="invalid_token", scope="tools:call tools:none", resource_metadata="https://steward.example.com/.well-known/oauth-protected-resource/mcp"`
	want := w.refused(t, "nothing at all")
	if want.Status != http.StatusUnauthorized || want.Headers.Get("WWW-Authenticate") != invalid {
		t.Errorf("%+v", want)
	}
	for name, c := range map[string]struct{ token, reason string }{
		"a MAC by the public key": {confused, "the access token is signed with an algorithm that is not accepted of its issuer"},
		"no algorithm":            {"eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + ".AA", "the access token is signed with an algorithm that is not accepted of its issuer"},
		"another's signature":     {other.token(t, nil, map[string]any{"iss": i.URL}), "the signature of the access token does not hold"},
		"another issuer":          {other.token(t, nil, nil), "no such issuer is configured"},
		"an issuer that is down":  {silent.token(t, nil, nil), "the keys of the issuer are not known"},
		"a key of its own":        {i.token(t, map[string]any{"jku": other.URL}, nil), "the header of the access token has parameters that are not accepted"},
		"another key":             {i.token(t, map[string]any{"kid": "../1"}, nil), "the issuer has published no such key"},
		"another type":            {i.token(t, map[string]any{"typ": "JWT"}, nil), "the token is of a type that is not accepted of its issuer"},
		"another audience":        {i.token(t, nil, map[string]any{"aud": "https://other.example.com"}), "the access token is for another audience"},
		"expired":                 {i.token(t, nil, map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}), "the access token has expired"},
		"not yet valid":           {i.token(t, nil, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), "the access token is not yet valid"},
		"of nobody":               {i.token(t, nil, map[string]any{"sub": ""}), "a claim of the access token is missing or malformed"},
		"too large":               {i.token(t, nil, map[string]any{"more": strings.Repeat("x", 8<<10)}), "the access token is too large"},
		"a spoilt signature":      {good[:len(good)-20] + strings.Repeat("A", 20), "the signature of the access token does not hold"},
	} {
		before := len(w.requests(t))
		if diff := cmp.Diff(want, w.refused(t, c.token)); diff != "" {
			t.Errorf("%s is told apart (-want +got):\n%s", name, diff)
		}
		r := w.newest(t, before)
		if len(r) != 1 || r[0].Outcome != "identity.unauthenticated" || r[0].DeniedBy != audit.ByAuthentication || r[0].Actor != "" || r[0].Detail != c.reason {
			t.Errorf("%s: records: %+v", name, r)
		}
		w.knowsNothingOf(t, name, c.token)
	}
	r := w.post(t, echo("hello", ""))
	r.Header.Set("Authorization", "Bearer "+good)
	if status, _, body := send(t, r); status != http.StatusOK {
		t.Errorf("a good token after all that: HTTP %d: %s", status, body)
	}
	w.knowsNothingOf(t, "the good token", good)
}

// knowsNothingOf looks for parts of a token where operators read.
func (w *world) knowsNothingOf(t *testing.T, name, token string) {
	t.Helper()
	all, err := json.Marshal(w.records(t))
	if err != nil {
		t.Fatal(err)
	}
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 20 && (strings.Contains(w.log.String(), part) || strings.Contains(string(all), part)) {
			t.Errorf("%s: a part of the token is on record: %.40s", name, part)
		}
	}
}

func TestTokens_ThatLackAScopeAreToldWhich(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	w := serve(t, i.configure)
	before := len(w.requests(t))
	got := w.refused(t, i.token(t, nil, map[string]any{"groups": []string{"strangers"}, "scope": "openid"}))
	const lacking = `Bearer realm="steward", error="insufficient_scope", scope="tools:call tools:none", resource_metadata="https://steward.example.com/.well-known/oauth-protected-resource/mcp"`
	if got.Status != http.StatusForbidden || got.Headers.Get("WWW-Authenticate") != lacking || !strings.Contains(got.Body, "identity.insufficient_scope") {
		t.Errorf("%+v", got)
	}
	if r := w.newest(t, before); len(r) != 1 || r[0].Outcome != "identity.insufficient_scope" || r[0].Actor != i.URL+":ada" || r[0].DeniedBy != audit.ByAuthentication {
		t.Errorf("records: %+v", r)
	}
}

// A client that knows nothing but the address learns from the refusal where to sign in.
func TestTokens_ClientsFindOutWhereToSignIn(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	w := serve(t, i.configure)
	r := w.post(t, echo("hello", ""))
	r.Header.Del("Authorization")
	status, headers, _ := send(t, r)
	const challenge = `Bearer realm="steward", scope="tools:call tools:none", resource_metadata="https://steward.example.com/.well-known/oauth-protected-resource/mcp"`
	if status != http.StatusUnauthorized || headers.Get("WWW-Authenticate") != challenge {
		t.Errorf("HTTP %d: %v", status, headers)
	}
	want := map[string]any{
		"resource": resource, "authorization_servers": []any{i.URL}, "bearer_methods_supported": []any{"header"},
		"scopes_supported": []any{"tools:call", "tools:none"}, "resource_name": "Steward",
	}
	root := strings.TrimSuffix(w.url, "/mcp") + "/.well-known/oauth-protected-resource"
	for _, url := range []string{root, root + "/mcp"} {
		status, text := get(t, url)
		var got map[string]any
		if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK {
			t.Fatalf("%s: HTTP %d, %v: %s", url, status, err, text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", url, diff)
		}
	}
	for name, spoil := range map[string]func(*http.Request) int{
		"another host":   func(r *http.Request) int { r.Host = "evil.example"; return http.StatusForbidden },
		"another page":   func(r *http.Request) int { r.Header.Set("Origin", "https://evil.example"); return http.StatusForbidden },
		"another method": func(r *http.Request) int { r.Method = http.MethodPost; return http.StatusNotFound },
		"another path":   func(r *http.Request) int { r.URL.Path += "/x"; return http.StatusNotFound },
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, root, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		want := spoil(r)
		if status, _, body := send(t, r); status != want {
			t.Errorf("%s: HTTP %d, want %d: %s", name, status, want, body)
		}
	}
	// Without issuers there is nowhere to sign in.
	plain := serve(t, nil)
	if status, _ := get(t, strings.TrimSuffix(plain.url, "/mcp")+"/.well-known/oauth-protected-resource"); status != http.StatusNotFound {
		t.Errorf("without issuers: HTTP %d", status)
	}
}

// Proxies and browsers keep addresses. A credential in one is refused even when it would hold, and written nowhere.
func TestCredentials_InAnAddressAreRefusedAndNotLogged(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	w := serve(t, i.configure)
	token := i.token(t, nil, nil)
	for _, query := range []string{"access_token=" + token, "token=" + token, "x=1&Access_Token=" + token, "api_key=" + w.key, "jwt=" + token} {
		for _, path := range []string{w.url, strings.TrimSuffix(w.url, "/mcp") + "/.well-known/oauth-protected-resource"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path+"?"+query, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			if status, _, body := send(t, r); status != http.StatusBadRequest || strings.Contains(body, token) {
				t.Errorf("%.20s: HTTP %d: %s", query, status, body)
			}
		}
	}
	w.knowsNothingOf(t, "the token", token)
	w.knowsNothingOf(t, "the key", "."+w.key+".")
}
