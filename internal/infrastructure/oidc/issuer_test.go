package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/infrastructure/oidc"
)

// Go reads the environment's proxy once for the whole process, so it is named before any test runs. asked counts who
// comes to it.
func TestMain(m *testing.M) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		down(w, r)
	}))
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		if err := os.Setenv(name, proxy.URL); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(behind{m, proxy})
}

var asked atomic.Int64

type behind struct {
	*testing.M
	proxy *httptest.Server
}

func (b behind) Run() int {
	defer b.proxy.Close()
	return b.M.Run()
}

const audience = "https://steward.example.com/mcp"

// start is when every test begins.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// pairs are made once: RSA takes its time.
var pairs = sync.OnceValue(func() map[string]crypto.Signer {
	made := map[string]crypto.Signer{}
	for name, generate := range map[string]func() (crypto.Signer, error){
		"rsa":      func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		"rsa2":     func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		"rsa-weak": func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 1024) },
		"p256":     func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"p384":     func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) },
		"ed": func() (crypto.Signer, error) {
			_, k, err := ed25519.GenerateKey(rand.Reader)
			return k, err
		},
	} {
		k, err := generate()
		if err != nil {
			panic(err)
		}
		made[name] = k
	}
	return made
})

// jwk is a public key of pairs, as an issuer publishes it.
func jwk(t *testing.T, pair, kid string, more map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKey{Key: pairs()[pair].Public(), KeyID: kid})
	if err != nil {
		t.Fatal(err)
	}
	k := map[string]any{}
	if err := json.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	maps.Copy(k, more)
	return k
}

// provider is an issuer in the test's hand.
type provider struct {
	*httptest.Server
	keySets, metadata atomic.Int64 // how often they were asked for

	mu     sync.Mutex
	keys   []map[string]any
	answer map[string]http.HandlerFunc // by path, in place of what the issuer would say
}

func newProvider(t *testing.T, keys ...map[string]any) *provider {
	t.Helper()
	p := &provider{keys: keys, answer: map[string]http.HandlerFunc{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// ServeHTTP is what an issuer serves.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	keys, instead := p.keys, p.answer[r.URL.Path]
	p.mu.Unlock()
	switch r.URL.Path {
	case "/jwks":
		p.keySets.Add(1)
	case "/.well-known/openid-configuration":
		p.metadata.Add(1)
	}
	switch {
	case instead != nil:
		instead(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/jwks"})
	case r.URL.Path == "/jwks":
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	default:
		http.NotFound(w, r)
	}
}

// publish changes the keys, as a rotation does.
func (p *provider) publish(keys ...map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

// instead answers a path in another way; nil is as usual again.
func (p *provider) instead(path string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer[path] = h
}

func down(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }

// claims are those of a token that holds, with changes: nil takes a claim away.
func (p *provider) claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": p.URL, "sub": "ada", "aud": audience, "client_id": "claude", "groups": []string{"data-analysts"},
		"iat": start.Unix(), "exp": start.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// clock is the time as the verifier sees it.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time          { return start.Add(time.Duration(c.Load())) }
func (c *clock) forward(d time.Duration) { c.Add(int64(d)) }
func encode(text []byte) string          { return base64.RawURLEncoding.EncodeToString(text) }
func sum256(text string) []byte          { s := sha256.Sum256([]byte(text)); return s[:] }
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// signer makes the third part of a token of the first two.
type signer func(input string) []byte

// signs is a proper signature of one of pairs.
func signs(pair, algorithm string) signer {
	return func(input string) []byte {
		switch k := pairs()[pair].(type) {
		case *rsa.PrivateKey:
			if algorithm == "PS256" {
				return must(rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum256(input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
			}
			return must(rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum256(input)))
		case *ecdsa.PrivateKey:
			digest := sum256(input)
			if algorithm == "ES384" {
				long := sha512.Sum384([]byte(input))
				digest = long[:]
			}
			r, s, err := ecdsa.Sign(rand.Reader, k, digest)
			if err != nil {
				panic(err)
			}
			size := (k.Params().BitSize + 7) / 8
			return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		case ed25519.PrivateKey:
			return ed25519.Sign(k, []byte(input))
		}
		panic("no such key")
	}
}

func mac(secret []byte) signer {
	return func(input string) []byte {
		m := hmac.New(sha256.New, secret)
		_, _ = io.WriteString(m, input)
		return m.Sum(nil)
	}
}

// raw makes a token of texts that need not be JSON.
func raw(header, claims string, sign signer) string {
	input := encode([]byte(header)) + "." + encode([]byte(claims))
	return input + "." + encode(sign(input))
}

func jsonOf(value any) string { return string(must(json.Marshal(value))) }

// header is that of a token that holds, with changes.
func header(algorithm, kid string, changes map[string]any) string {
	h := map[string]any{"alg": algorithm, "typ": "at+jwt", "kid": kid}
	for name, value := range changes {
		if h[name] = value; value == nil {
			delete(h, name)
		}
	}
	return jsonOf(h)
}

// verifier makes one whose issuer is p, with changes to what is accepted of it.
func verifier(t *testing.T, c *clock, change func(*oidc.Config), providers ...*provider) *oidc.Verifier {
	t.Helper()
	config := oidc.Config{Skew: time.Minute, UnsafeHTTP: true}
	for _, p := range providers {
		config.Issuers = append(config.Issuers, oidc.Issuer{
			URL: p.URL, Audiences: []string{audience},
			Groups: oidc.Groups{Claim: must(oidc.ParsePointer("/groups")), Personas: map[string][]string{"data-analysts": {"analyst"}}},
		})
	}
	if change != nil {
		change(&config)
	}
	v, err := oidc.New(t.Context(), config, c.now, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}
