package oidc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/oidc"
)

const noKeys = "the keys of the issuer are not known"

// token is one that holds as long as p publishes the key.
func (p *provider) token(pair, kid string) string {
	changes := map[string]any{"exp": start.Add(1000 * time.Hour).Unix()}
	return raw(header("RS256", kid, nil), jsonOf(p.claims(changes)), signs(pair, "RS256"))
}

// reason is why v refuses a token, empty when it does not.
func reason(t *testing.T, v *oidc.Verifier, token string) string {
	t.Helper()
	_, err := v.Verify(t.Context(), token)
	if err != nil && !errors.Is(err, identity.ErrUnauthenticated) {
		t.Errorf("another fault: %v", err)
	}
	return identity.ReasonOf(err)
}

// settled waits until what the last call has begun in the background is done, by what the verifier says of itself.
func settled(t *testing.T, holds func() bool) {
	t.Helper()
	for tick, end := time.NewTicker(time.Millisecond), time.After(10*time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("it never happened")
		}
	}
}

func TestKeys_FollowARotation(t *testing.T) {
	p, c := newProvider(t, jwk(t, "rsa", "1", nil)), &clock{}
	v := verifier(t, c, nil, p)
	if got := reason(t, v, p.token("rsa", "1")); got != "" {
		t.Fatal(got)
	}
	p.publish(jwk(t, "rsa", "1", nil), jwk(t, "rsa2", "2", nil))
	if got := reason(t, v, p.token("rsa2", "2")); got != badKey {
		t.Errorf("within the cool-down: %q", got)
	}
	c.forward(31 * time.Second)
	if got := reason(t, v, p.token("rsa2", "2")); got != "" {
		t.Errorf("a new key: %q", got)
	}
	p.publish(jwk(t, "rsa2", "2", nil))
	c.forward(6 * time.Minute)
	fetched := p.keySets.Load()
	_ = reason(t, v, p.token("rsa", "1")) // the key holds while newer ones are fetched
	settled(t, func() bool { return p.keySets.Load() > fetched && reason(t, v, p.token("rsa", "1")) != "" })
	if got := reason(t, v, p.token("rsa", "1")); got != badKey {
		t.Errorf("a key that was withdrawn: %q", got)
	}
	if got := reason(t, v, p.token("rsa2", "2")); got != "" {
		t.Errorf("the key that stayed: %q", got)
	}
}

// Whoever invents key ids makes nobody fetch them.
func TestKeys_AStormOfUnknownIDsFetchesOnce(t *testing.T) {
	p, c := newProvider(t, jwk(t, "rsa", "1", nil)), &clock{}
	v := verifier(t, c, nil, p)
	var crowd sync.WaitGroup
	for n := range 200 {
		crowd.Go(func() {
			if got := reason(t, v, raw(header("RS256", fmt.Sprint("x", n), nil), jsonOf(p.claims(nil)), func(string) []byte { return []byte("x") })); got != badKey {
				t.Errorf("%q", got)
			}
			if got := reason(t, v, p.token("rsa", "1")); got != "" {
				t.Errorf("beside the storm: %q", got)
			}
		})
	}
	crowd.Wait()
	if n := p.keySets.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
	c.forward(31 * time.Second)
	for n := range 50 {
		_ = reason(t, v, p.token("rsa2", fmt.Sprint("y", n)))
	}
	if n := p.keySets.Load(); n != 2 {
		t.Errorf("after the cool-down the keys were fetched %d times", n)
	}
}

func TestKeys_OutliveAnOutageForAnHour(t *testing.T) {
	p, c := newProvider(t, jwk(t, "rsa", "1", nil)), &clock{}
	v := verifier(t, c, nil, p)
	if got := reason(t, v, p.token("rsa", "1")); got != "" || v.Check(t.Context()) != nil {
		t.Fatal(got, v.Check(t.Context()))
	}
	p.instead("/jwks", down)
	for range 5 {
		c.forward(10 * time.Minute)
		if got := reason(t, v, p.token("rsa", "1")); got != "" {
			t.Fatalf("during the outage: %q", got)
		}
		settled(t, func() bool { return v.Check(t.Context()) != nil })
	}
	c.forward(11 * time.Minute)
	if got := reason(t, v, p.token("rsa", "1")); got != noKeys {
		t.Errorf("after an hour: %q", got)
	}
	p.instead("/jwks", nil)
	c.forward(6 * time.Second)
	if got := reason(t, v, p.token("rsa", "1")); got != "" || v.Check(t.Context()) != nil {
		t.Errorf("after the outage: %q, %v", got, v.Check(t.Context()))
	}
}

func TestKeys_AreFetchedBeforeTheFirstToken(t *testing.T) {
	p := newProvider(t, jwk(t, "rsa", "1", nil))
	v := verifier(t, &clock{}, nil, p)
	if err := v.Check(t.Context()); err == nil {
		t.Error("keys that nobody has fetched are said to be known")
	}
	v.Warm()
	settled(t, func() bool { return v.Check(t.Context()) == nil })
}

// Whatever an issuer answers, its tokens are refused, its neighbour's are not, and the server is neither filled nor held.
func TestKeys_AreRefusedFromAnIssuerThatIsNotRight(t *testing.T) {
	good := newProvider(t, jwk(t, "rsa2", "1", nil))
	elsewhere := newProvider(t, jwk(t, "rsa", "1", nil))
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	set := func(keys ...map[string]any) string { return jsonOf(map[string]any{"keys": keys}) }
	pub := jwk(t, "rsa", "1", nil)
	private := jwk(t, "rsa", "1", map[string]any{"d": "AQAB"})
	var crowd []map[string]any
	for range 65 {
		crowd = append(crowd, pub)
	}
	huge := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[`)
		for range 10 << 10 {
			if _, err := io.WriteString(w, strings.Repeat(" ", 1<<10)); err != nil {
				return
			}
		}
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	metadata := "/.well-known/openid-configuration"
	for name, wrong := range map[string]struct {
		path   string
		answer func(p *provider) http.HandlerFunc
	}{
		"a key set of 10 MiB": {"/jwks", func(*provider) http.HandlerFunc { return huge }},
		"metadata of 10 MiB":  {metadata, func(*provider) http.HandlerFunc { return huge }},
		"65 keys":             {"/jwks", func(*provider) http.HandlerFunc { return say(set(crowd...)) }},
		"no keys":             {"/jwks", func(*provider) http.HandlerFunc { return say(`{"keys":[]}`) }},
		"no JSON":             {"/jwks", func(*provider) http.HandlerFunc { return say("<html>") }},
		"keys twice":          {"/jwks", func(*provider) http.HandlerFunc { return say(`{"keys":[],` + set(pub)[1:]) }},
		"a private key":       {"/jwks", func(*provider) http.HandlerFunc { return say(set(private)) }},
		"a symmetric key":     {"/jwks", func(*provider) http.HandlerFunc { return say(`{"keys":[{"kty":"oct","kid":"1","k":"AAAA"}]}`) }},
		"a point off the curve": {"/jwks", func(*provider) http.HandlerFunc {
			return say(`{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"AQ","y":"AQ"}]}`)
		}},
		"an Ed25519 key too short": {"/jwks", func(*provider) http.HandlerFunc {
			return say(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"AQ"}]}`)
		}},
		"an error":                          {"/jwks", func(*provider) http.HandlerFunc { return down }},
		"a redirect elsewhere":              {"/jwks", func(*provider) http.HandlerFunc { return redirect(elsewhere.URL + "/jwks") }},
		"a redirect of metadata":            {metadata, func(*provider) http.HandlerFunc { return redirect(elsewhere.URL + metadata) }},
		"a redirect to metadata of a cloud": {"/jwks", func(*provider) http.HandlerFunc { return redirect("http://169.254.169.254/latest/meta-data") }},
		"metadata of another issuer": {metadata, func(p *provider) http.HandlerFunc {
			return say(jsonOf(map[string]any{"issuer": elsewhere.URL, "jwks_uri": p.URL + "/jwks"}))
		}},
		"metadata with a slash too many": {metadata, func(p *provider) http.HandlerFunc {
			return say(jsonOf(map[string]any{"issuer": p.URL + "/", "jwks_uri": p.URL + "/jwks"}))
		}},
		"metadata without an issuer": {metadata, func(p *provider) http.HandlerFunc { return say(jsonOf(map[string]any{"jwks_uri": p.URL + "/jwks"})) }},
		"metadata without keys":      {metadata, func(p *provider) http.HandlerFunc { return say(jsonOf(map[string]any{"issuer": p.URL})) }},
		"keys without TLS": {metadata, func(p *provider) http.HandlerFunc {
			return say(jsonOf(map[string]any{"issuer": p.URL, "jwks_uri": "http://keys.example.com/jwks"}))
		}},
		"keys in a file": {metadata, func(p *provider) http.HandlerFunc {
			return say(jsonOf(map[string]any{"issuer": p.URL, "jwks_uri": "file:///etc/hosts"}))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, pub)
			v := verifier(t, &clock{}, nil, p, good)
			p.instead(wrong.path, wrong.answer(p))
			if got := reason(t, v, p.token("rsa", "1")); got != noKeys {
				t.Errorf("%q", got)
			}
			if got := reason(t, v, good.token("rsa2", "1")); got != "" {
				t.Errorf("the neighbour: %q", got)
			}
		})
	}
	if n := elsewhere.keySets.Load() + elsewhere.metadata.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// An issuer that does not answer holds up nobody but whoever brings its tokens, and them for seconds.
func TestKeys_OfASlowIssuerHoldNobodyElseUp(t *testing.T) {
	good := newProvider(t, jwk(t, "rsa2", "1", nil))
	slow := newProvider(t, jwk(t, "rsa", "1", nil))
	release := make(chan struct{})
	slow.instead("/jwks", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	v := verifier(t, &clock{}, nil, slow, good)
	asked := make(chan string, 1)
	go func() { asked <- reason(t, v, slow.token("rsa", "1")) }()
	settled(t, func() bool { return slow.keySets.Load() == 1 })
	for range 20 {
		if got := reason(t, v, good.token("rsa2", "1")); got != "" {
			t.Errorf("the neighbour: %q", got)
		}
	}
	select {
	case got := <-asked:
		t.Errorf("an answer before the keys: %q", got)
	default:
	}
	v.Close() // ends the fetch
	if got := <-asked; got != noKeys {
		t.Errorf("%q", got)
	}
	close(release)
}

// A path of the issuer goes before OpenID Connect's well-known name, and behind OAuth's.
func TestKeys_AreFoundByEitherMetadata(t *testing.T) {
	p := newProvider(t, jwk(t, "rsa", "1", nil))
	issuer := p.URL + "/realms/company"
	for _, path := range []string{"/realms/company/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/realms/company"} {
		p.instead(path, func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(map[string]any{"issuer": issuer, "jwks_uri": p.URL + "/jwks"})
		})
		v := verifier(t, &clock{}, func(c *oidc.Config) { c.Issuers[0].URL = issuer }, p)
		token := raw(header("RS256", "1", nil), jsonOf(p.claims(map[string]any{"iss": issuer})), signs("rsa", "RS256"))
		if got := reason(t, v, token); got != "" {
			t.Errorf("%s: %q", path, got)
		}
		p.instead(path, nil)
	}
}

func TestKeys_AreFetchedWithoutTLSOnlyUnderTheSwitch(t *testing.T) {
	p := newProvider(t, jwk(t, "rsa", "1", nil))
	v := verifier(t, &clock{}, func(c *oidc.Config) { c.UnsafeHTTP = false }, p)
	if got := reason(t, v, p.token("rsa", "1")); got != noKeys || p.metadata.Load() != 0 {
		t.Errorf("%q, asked %d times", got, p.metadata.Load())
	}
}

// A proxy that the environment names would see who signs in where, and could answer in the issuer's place.
func TestKeys_DoNotGoThroughTheProxyOfTheEnvironment(t *testing.T) {
	p, proxy := newProvider(t), newProvider(t, jwk(t, "rsa", "1", nil))
	v := verifier(t, &clock{}, func(c *oidc.Config) { c.Issuers[0].JWKSURL = "https://keys.invalid/jwks" }, p)
	if got := reason(t, v, p.token("rsa", "1")); got != noKeys || asked.Load() != 0 {
		t.Errorf("%q, the environment's proxy was asked %d times", got, asked.Load())
	}
	v = verifier(t, &clock{}, func(c *oidc.Config) { c.Proxy, c.Issuers[0].JWKSURL = proxy.URL, p.URL+"/jwks" }, p)
	if got := reason(t, v, p.token("rsa", "1")); got != "" || proxy.keySets.Load() != 1 || p.keySets.Load() != 0 {
		t.Errorf("%q, the configured proxy was asked %d times, the issuer %d", got, proxy.keySets.Load(), p.keySets.Load())
	}
}
