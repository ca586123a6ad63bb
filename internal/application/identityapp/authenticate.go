// Package identityapp is what can be done with credentials: present an API key or an access token, and, as the operator,
// issue, list, rotate and revoke keys.
package identityapp

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Authenticator tells who presents an API key or an access token. It is safe for concurrent use.
type Authenticator struct {
	keys      identity.Lookup
	authority identity.Authority
	now       func() time.Time
	fixed     atomic.Pointer[identity.StaticKey]
	tokens    identity.TokenVerifier // nil when there are no issuers
	anonymous access.Principal
	usage     *Usage // nil when nobody wants to know
	recent    recent
	sighted   func(ctx context.Context, key identity.KeyID, before, address string)
}

// Option lets in more than the holders of kept keys.
type Option func(*Authenticator)

// WithStaticKey lets in the holder of a configured key.
func WithStaticKey(k identity.StaticKey) Option {
	return func(a *Authenticator) { a.ReplaceStaticKey(k) }
}

// WithTokens lets in the subjects of access tokens.
func WithTokens(v identity.TokenVerifier) Option { return func(a *Authenticator) { a.tokens = v } }

// WithAnonymous lets in whoever presents nothing, as p. Whoever presents a key that does not hold is refused all the
// same: they think themselves somebody else.
func WithAnonymous(p access.Principal) Option { return func(a *Authenticator) { a.anonymous = p } }

// WithUsage notes in u when keys are used.
func WithUsage(u *Usage) Option { return func(a *Authenticator) { a.usage = u } }

// WithSightings tells sighted of every use of a key: from where it was used before, as far as that is written down, and from
// where it is used now.
func WithSightings(sighted func(ctx context.Context, key identity.KeyID, before, address string)) Option {
	return func(a *Authenticator) { a.sighted = sighted }
}

// NewAuthenticator makes one for the keys that are found in one place.
func NewAuthenticator(keys identity.Lookup, authority identity.Authority, now func() time.Time, more ...Option) *Authenticator {
	a := &Authenticator{keys: keys, authority: authority, now: now}
	a.fixed.Store(&identity.StaticKey{})
	for _, option := range more {
		option(a)
	}
	return a
}

// ReplaceStaticKey puts another configured key in the place of the one before, which holds no more from then on. The zero
// key is none.
func (a *Authenticator) ReplaceStaticKey(k identity.StaticKey) { a.fixed.Store(&k) }

func (a *Authenticator) static() identity.StaticKey { return *a.fixed.Load() }

// Authenticate gives the principal that the presented credential stands for, or identity.ErrUnauthenticated, whose
// message is the same for every reason. What the credential is shows in its form: three parts with dots between them are
// an access token, stw_… is a key, and anything else can only be the static key, which costs no look-up. A key is looked
// up every time, unless WithEditions proves that it would be found as it was, so a revocation holds from the next request on; where it may be used from is held against the address of the
// request that ctx belongs to. A token whose scopes grant nothing gives its principal
// and identity.ErrScope. Other faults say that the keys cannot be read; nobody is let in then.
func (a *Authenticator) Authenticate(ctx context.Context, presented string) (access.Principal, error) {
	if presented == "" && !a.anonymous.IsZero() {
		return a.anonymous, nil
	}
	if a.tokens != nil && identity.IsToken(presented) {
		return a.tokens.Verify(ctx, presented)
	}
	address, now := addressOf(ctx), a.now()
	proof, err := a.prove(ctx, presented, address, now)
	switch {
	case errors.Is(err, identity.ErrMalformed):
		return a.authority.Recognize(a.static(), presented)
	case err != nil:
		return access.Principal{}, err
	}
	key := proof.Key()
	if a.sighted != nil {
		a.sighted(ctx, key.ID(), key.UsedFrom(), address)
	}
	a.usage.note(key.ID(), now, address)
	p := key.Principal(now)
	p.Expires = proof.Until()
	return p, nil
}

// prove finds the key that was presented, if it holds now and at an address, and ErrMalformed when it is none.
func (a *Authenticator) prove(ctx context.Context, presented, address string, now time.Time) (identity.Proof, error) {
	if !identity.IsKey(presented) { // looking for it in memory would cost more
		return identity.Proof{}, identity.ErrMalformed
	}
	from, _ := netip.ParseAddr(address) // what is none is in no network
	known := a.recent.of(presented)
	// What does not hold any more goes on as if it were not known: to be refused takes a look-up for everybody.
	if known.proof.Key() != nil && known.proof.Holds(from, now) == nil {
		return known.proof, nil
	}
	proof, err := a.lookUp(ctx, presented, from, now)
	if err == nil {
		a.recent.keep(known, proof)
	}
	return proof, err
}

// lookUp reads the whole key for whoever holds it by its terms. All others are refused before, so that they cannot tell from the
// time that it takes whether there is such a key, nor how much it grants.
func (a *Authenticator) lookUp(ctx context.Context, presented string, from netip.Addr, now time.Time) (identity.Proof, error) {
	credential, err := identity.Parse(presented)
	if err != nil {
		return identity.Proof{}, err
	}
	terms, err := a.keys.Terms(ctx, credential.ID())
	if err != nil {
		return identity.Proof{}, err
	}
	if err := a.authority.Verify(terms, credential, now); err != nil {
		return identity.Proof{}, err
	}
	key, err := a.keys.Get(ctx, credential.ID())
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return identity.Proof{}, err
	}
	// It may have been changed since its terms were read, or be gone, which goes on as nil; what was read last decides.
	return a.authority.Prove(key, credential, from, now)
}

func addressOf(ctx context.Context) string {
	if request := cqrs.RequestFrom(ctx); request != nil {
		return request.Address()
	}
	return ""
}
