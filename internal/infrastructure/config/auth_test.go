package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/oidc"
)

func TestLoad_ReadsIssuers(t *testing.T) {
	c := load(t, config.Options{File: write(t, `
personas: {analyst: {}, regional: {}}
auth:
  resource: https://steward.example.com/mcp
  clock_skew: 30s
  issuers:
    - issuer: https://one.example.com/
      types: [at+jwt, JWT]
      algorithms: ES256
      personas: {pointer: /realm_access/roles, map: {heads: [regional, analyst], staff: analyst}}
      attributes: {regions: "/https:~1~1example.com~1regions"}
    - issuer: https://two.example.com
      jwks_url: https://keys.example.com/two
      audiences: api://steward
      scopes: {"metrics:read": analyst}
`), Env: []string{home}})
	got, err := c.Auth.Tokens()
	if err != nil {
		t.Fatal(err)
	}
	want := oidc.Config{Skew: 30 * time.Second, Issuers: []oidc.Issuer{{
		URL: "https://one.example.com/", Audiences: []string{"https://steward.example.com/mcp"}, Types: []string{"at+jwt", "jwt"},
		Algorithms: []string{"ES256"},
		Groups: oidc.Groups{
			Claim:    pointer(t, "/realm_access/roles"),
			Personas: map[string][]string{"heads": {"regional", "analyst"}, "staff": {"analyst"}},
		},
		Attributes: map[string]oidc.Pointer{"regions": pointer(t, "/https:~1~1example.com~1regions")},
	}, {
		URL: "https://two.example.com", JWKSURL: "https://keys.example.com/two", Audiences: []string{"api://steward"},
		Scopes: map[string][]string{"metrics:read": {"analyst"}},
	}}}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(oidc.Pointer{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"metrics:read"}, c.Auth.Scopes()); diff != "" {
		t.Error(diff)
	}
}

func pointer(t *testing.T, text string) oidc.Pointer {
	t.Helper()
	p, err := oidc.ParsePointer(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLoad_TellsWhatIsWrongWithIssuersAndWhere(t *testing.T) {
	file := write(t, `personas: {analyst: {}}
auth:
  resource: http://steward.example.com/mcp/
  clock_skew: 1h
  proxy: socks://x
  issuers:
    - issuer: http://127.0.0.1:9000
      jwks_url: http://keys.example.com
      algorithms: [RS256, HS256, none]
      types: [id+jwt]
      audiences: [""]
    - issuer: https://one.example.com
      personas:
        pointer: groups
        map: {staff: nobody}
      attributes: {regions: /a~2}
      scopes: {"two words": analyst}
      secret: x
    - issuer: https://one.example.com:8443/x
      personas: {map: {staff: analyst}}
    - issuer: https://one.example.com
    - issuer: https://user:pass@two.example.com?x=1
`)
	want := []string{
		"steward.yaml:3:13: auth.resource: must be an absolute https:// URL without query, fragment, credentials or a slash at its end, such as https://steward.example.com/mcp; http:// is for loopback only",
		"steward.yaml:4:15: auth.clock_skew: must be at most 5m",
		"steward.yaml:5:10: auth.proxy: must be an http:// or https:// URL without credentials or path",
		"steward.yaml:7:15: auth.issuers[0].issuer: is reached without TLS, which only auth.unsafe_http permits, and only on loopback",
		"steward.yaml:8:17: auth.issuers[0].jwks_url: must be an https:// URL",
		"steward.yaml:9:27: auth.issuers[0].algorithms[1]: must be one of RS256, PS256, ES256, ES384, EdDSA",
		"steward.yaml:9:34: auth.issuers[0].algorithms[2]: must be one of RS256, PS256, ES256, ES384, EdDSA",
		"steward.yaml:10:15: auth.issuers[0].types[0]: must be one of at+jwt, jwt",
		"steward.yaml:11:19: auth.issuers[0].audiences[0]: must be 1 to 512 printable characters",
		"steward.yaml:14:18: auth.issuers[1].personas.pointer: " + oidc.ErrPointer.Message,
		"steward.yaml:15:22: auth.issuers[1].personas.map.staff: is not a persona that is defined under personas",
		"steward.yaml:16:29: auth.issuers[1].attributes.regions: " + oidc.ErrPointer.Message,
		"steward.yaml:17:7: auth.issuers[1].scopes: has a name that is no scope: printable ASCII characters without space, quote or backslash",
		"steward.yaml:18:7: auth.issuers[1].secret: is not a known key",
		"steward.yaml:19:15: auth.issuers[2].issuer: differs from another issuer only by what follows a colon, so that their subjects could be confused; one of them needs another URL",
		"steward.yaml:20:7: auth.issuers[2].personas.pointer: must name the claim that holds the groups, as in /groups",
		"steward.yaml:21:15: auth.issuers[3].issuer: is written twice",
		"steward.yaml:22:15: auth.issuers[4].issuer: must be an https:// URL without query, fragment or credentials",
	}
	if diff := cmp.Diff(want, problems(t, config.Options{File: file, Env: []string{home}})); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_WantsAResourceForTokens(t *testing.T) {
	file := write(t, "auth:\n  issuers:\n    - issuer: https://one.example.com\n")
	want := []string{"steward.yaml:2:3: auth.resource: must be the URL at which clients reach this server, such as https://steward.example.com/mcp: tokens must be made out to it"}
	if diff := cmp.Diff(want, problems(t, config.Options{File: file, Env: []string{home}})); diff != "" {
		t.Error(diff)
	}
}

func TestLoad_TakesIssuersOnLoopbackOnlyUnderASwitch(t *testing.T) {
	file := write(t, "auth:\n  resource: http://127.0.0.1:7878/mcp\n  unsafe_http: true\n  issuers:\n    - issuer: http://127.0.0.1:9000\n")
	c := load(t, config.Options{File: file, Env: []string{home}})
	if !c.Auth.UnsafeHTTP || len(c.Auth.AuthorizationServers()) != 1 {
		t.Errorf("%+v", c.Auth)
	}
}
