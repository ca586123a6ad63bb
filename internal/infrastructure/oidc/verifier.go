package oidc

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Verifier tells whom access tokens stand for. It implements identity.TokenVerifier.
type Verifier struct {
	issuers map[string]*issuer
	skew    time.Duration
	now     func() time.Time
	spawn   func(func(context.Context)) bool
	cancel  context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

var _ identity.TokenVerifier = (*Verifier)(nil)

type issuer struct {
	Issuer
	keys *keySet
}

// New makes a verifier of the tokens of c's issuers, none of which is asked anything yet. What it fetches, it fetches
// under ctx, until Close.
func New(ctx context.Context, c Config, now func() time.Time, log *zap.Logger) (*Verifier, error) {
	fetch, err := newFetcher(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	v := &Verifier{issuers: make(map[string]*issuer, len(c.Issuers)), skew: c.Skew, now: now, cancel: cancel}
	v.spawn = func(work func(context.Context)) bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		if !v.closed {
			v.running.Go(func() { work(ctx) })
		}
		return !v.closed
	}
	for _, i := range c.Issuers {
		if len(i.Algorithms) == 0 {
			i.Algorithms = Algorithms()
		}
		if len(i.Types) == 0 {
			i.Types = []string{TypeAccessToken}
		}
		v.issuers[i.URL] = &issuer{Issuer: i, keys: &keySet{now: now, spawn: v.spawn, fetch: fetching(fetch, i, log)}}
	}
	return v, nil
}

// fetching is the fetch of one issuer's keys, with a line in the log for each failure.
func fetching(f *fetcher, i Issuer, log *zap.Logger) func(context.Context) ([]key, error) {
	return func(ctx context.Context) ([]key, error) {
		keys, err := f.keys(ctx, i)
		if err != nil && ctx.Err() == nil {
			log.Warn("the keys of an issuer cannot be had", zap.String("issuer", i.URL), zap.Error(err))
		}
		return keys, err
	}
}

// Warm has the keys of all issuers fetched, and does not wait for them.
func (v *Verifier) Warm() {
	for _, i := range v.issuers {
		i.keys.warm()
	}
}

// Close ends what is being fetched, and waits for it. Tokens are then checked with the keys at hand.
func (v *Verifier) Close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.cancel()
	v.running.Wait()
}

// Check is nil when the keys of every issuer are known and could be fetched the last time. It asks nobody.
func (v *Verifier) Check(context.Context) error {
	var failures []error
	for url, i := range v.issuers {
		if err := i.keys.err(); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", url, err))
		}
	}
	return errors.Join(failures...)
}

// Fetch has the keys of all issuers fetched, waits for them, and answers what Check then does.
func (v *Verifier) Fetch(ctx context.Context) error {
	v.Warm()
	for _, i := range v.issuers {
		_, _ = i.keys.find(ctx, token{}) // which fits no key, so that what is being fetched is waited for
	}
	return v.Check(ctx)
}

// Verify implements identity.TokenVerifier. It waits for an issuer's keys only when those at hand do not fit, for at most
// five seconds, and never because of another issuer.
func (v *Verifier) Verify(ctx context.Context, text string) (access.Principal, error) {
	p, err := v.verify(ctx, text)
	if reason, ok := errors.AsType[identity.Reason](err); ok {
		return access.Principal{}, identity.ErrUnauthenticated.Because(reason)
	}
	return p, err
}

func (v *Verifier) verify(ctx context.Context, text string) (access.Principal, error) {
	t, err := parse(text)
	if err != nil {
		return access.Principal{}, err
	}
	i, known := v.issuers[t.issuer]
	switch {
	case !known:
		return access.Principal{}, errIssuer
	case !slices.Contains(i.Algorithms, t.algorithm):
		return access.Principal{}, errAlgorithm
	case !slices.Contains(i.Types, t.kind):
		return access.Principal{}, errType
	}
	keys, err := i.keys.find(ctx, t)
	if err != nil {
		return access.Principal{}, err
	}
	claims, err := open(t, keys)
	if err != nil {
		return access.Principal{}, err
	}
	if err := i.check(claims, v.now(), v.skew); err != nil {
		return access.Principal{}, err
	}
	p, err := i.principal(claims)
	if expires, ok := date(claims["exp"]); ok { // check has seen to it
		p.Expires = expires.Add(v.skew)
	}
	return p, err
}

// open gives the claims of a token that one of keys has signed.
func open(t token, keys []key) (map[string]any, error) {
	payload, err := signed(t, keys)
	if err != nil {
		return nil, err
	}
	return object(payload)
}

// signed gives the payload of a token that one of keys has signed.
func signed(t token, keys []key) ([]byte, error) {
	signature, err := jose.ParseSignedCompact(t.text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(t.algorithm)})
	if err != nil {
		return nil, errForm
	}
	for _, k := range keys {
		if payload, err := signature.Verify(k.public); err == nil && salted(t, k) {
			return payload, nil
		}
	}
	return nil, errSignature
}

// salted reports whether the salt of a PS256 signature, which is known to hold but for that, is as long as the hash
// (RFC 7518 §3.5). The library takes any length.
func salted(t token, k key) bool {
	public, ok := k.public.(*rsa.PublicKey)
	if !ok || t.algorithm != string(jose.PS256) {
		return true
	}
	end := strings.LastIndexByte(t.text, '.')
	signature, err := decode(t.text[end+1:])
	if err != nil {
		return false
	}
	digest := sha256.Sum256([]byte(t.text[:end]))
	return rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
}
