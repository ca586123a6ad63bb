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
	keys      identity.Repository
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

// NewAuthenticator makes one for the keys of one repository.
func NewAuthenticator(keys identity.Repository, authority identity.Authority, now func() time.Time, more ...Option) *Authenticator {
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
	credential, err := identity.Parse(presented)
	if err != nil {
		return a.authority.Recognize(a.static(), presented)
	}
	address := addressOf(ctx)
	p, before, err := a.holder(ctx, presented, credential, address)
	if err != nil {
		return p, err
	}
	if a.sighted != nil {
		a.sighted(ctx, credential.ID(), before, address)
	}
	a.usage.note(credential.ID(), a.now(), address)
	return p, nil
}

// holder is the principal of a key that holds at an address, and the address that it was used from before. The credential is what
// identity.Parse makes of what was presented.
func (a *Authenticator) holder(ctx context.Context, presented string, credential identity.Credential, address string) (p access.Principal, before string, err error) {
	known := a.recent.of(presented)
	key, err := known.key, error(nil)
	if key == nil {
		key, err = a.keys.Get(ctx, credential.ID())
	}
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return access.Principal{}, "", err
	}
	from, _ := netip.ParseAddr(address) // what is none is in no network
	now := a.now()
	// An unknown key goes on as nil, so that it costs what a known one does.
	if err := a.authority.Verify(key, credential, from, now); err != nil {
		return access.Principal{}, "", err
	}
	a.recent.keep(known, key)
	p = key.Principal(now)
	p.Expires = a.authority.Until(key, credential)
	return p, key.UsedFrom(), nil
}

func addressOf(ctx context.Context) string {
	if request := cqrs.RequestFrom(ctx); request != nil {
		return request.Address()
	}
	return ""
}
