package oidc_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

const configuration = `state_dir: %s
server: {listen: %q, admin_listen: "127.0.0.1:0", drain_timeout: 1s}
security: {rate_limit: {enabled: false}}
personas:
  reader: {allow: [{action: tool.call, target: "tool:*"}]}
  analyst: {allow: [{action: tool.call, target: "tool:*"}]}
auth:
  resource: %s
  unsafe_http: true
  issuers:
    - issuer: %s
      personas: {pointer: /groups, map: {data-analysts: analyst}}
      scopes: {"metrics:read": reader}
`

// who asks Steward whom it takes the holder of a token for.
func who(t *testing.T, url, token string) principal {
	t.Helper()
	c := harness.NewClient(url, token, harness.Modern)
	defer c.Close()
	var p principal
	if _, err := c.Tool(t.Context(), "whoami", map[string]any{}, &p); err != nil {
		t.Errorf("%.40s…: %v", token, err)
	}
	return p
}

// challenge is how Steward refuses the holder of a token.
func challenge(t *testing.T, url, token string) (status int, header string) {
	t.Helper()
	c := harness.NewClient(url, token, harness.Modern)
	defer c.Close()
	_, status, headers, err := c.Post(t.Context(), []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return status, headers.Get("WWW-Authenticate")
}

func TestClients_SignInAtARealProvider(t *testing.T) {
	address := freeAddress(t)
	resource := "http://" + address + "/mcp"
	p := startProvider(t, resource)
	dir := t.TempDir()
	config := filepath.Join(dir, "steward.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, configuration, filepath.Join(dir, "state"), address, resource, p.issuer), 0o600); err != nil {
		t.Fatal(err)
	}
	binary, err := harness.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	server, err := harness.Start(context.WithoutCancel(t.Context()), binary, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("the server ended badly: %v\n%s", err, server.Log())
		}
	})
	t.Run("a program by client credentials", func(t *testing.T) { byClientCredentials(t, p, resource) })
	t.Run("a person by authorization code with PKCE", func(t *testing.T) { byAuthorizationCode(t, p, resource) })
	t.Run("an MCP client that knows the address alone", func(t *testing.T) { byDiscovery(t, p, resource) })
	if strings.Contains(server.Log(), "eyJ") {
		t.Errorf("a token is in the log:\n%s", server.Log())
	}
}

func byClientCredentials(t *testing.T, p *provider, resource string) {
	t.Helper()
	want := principal{ID: p.issuer + ":machine", Personas: []string{"reader"}}
	for _, algorithm := range []string{"ES256", "RS256", "PS256", "EdDSA"} {
		if diff := cmp.Diff(want, who(t, resource, p.flow(t, "machine", algorithm, "metrics:read").Access)); diff != "" {
			t.Errorf("%s: %s", algorithm, diff)
		}
	}
	metadata := fmt.Sprintf(`resource_metadata="%s/.well-known/oauth-protected-resource/mcp"`, strings.TrimSuffix(resource, "/mcp"))
	for name, c := range map[string]struct {
		token  string
		status int
		header string
	}{
		"another resource": {
			p.flow(t, "machine", "ES256", "metrics:read", "https://other.example.com/mcp").Access, http.StatusUnauthorized,
			`Bearer realm="steward", error="invalid_token", scope="metrics:read", ` + metadata,
		},
		"another scope": {
			p.flow(t, "machine", "ES256", "metrics:other").Access, http.StatusForbidden,
			`Bearer realm="steward", error="insufficient_scope", scope="metrics:read", ` + metadata,
		},
	} {
		if status, header := challenge(t, resource, c.token); status != c.status || header != c.header {
			t.Errorf("%s: HTTP %d, %s", name, status, header)
		}
	}
}

func byAuthorizationCode(t *testing.T, p *provider, resource string) {
	t.Helper()
	got := p.flow(t, "person")
	want := principal{ID: p.issuer + ":ada", Personas: []string{"analyst", "reader"}}
	for name, token := range map[string]string{"access token": got.Access, "renewed": got.Renewed} {
		if diff := cmp.Diff(want, who(t, resource, token)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for name, token := range map[string]string{"an ID token": got.ID, "a refresh token": got.Refresh} {
		if status, header := challenge(t, resource, token); token == "" || status != http.StatusUnauthorized || !strings.Contains(header, "invalid_token") {
			t.Errorf("%s: HTTP %d, %s", name, status, header)
		}
	}
}

func byDiscovery(t *testing.T, p *provider, resource string) {
	t.Helper()
	got := p.flow(t, "mcp")
	if diff := cmp.Diff(&principal{ID: p.issuer + ":grace", Personas: []string{"analyst", "reader"}}, got.Whoami); diff != "" {
		t.Error(diff)
	}
	if got.Asked != resource || got.Scope != "metrics:read" || got.Origin != p.issuer {
		t.Errorf("the client asked %s for %s at %s", got.Origin, got.Scope, got.Asked)
	}
}
