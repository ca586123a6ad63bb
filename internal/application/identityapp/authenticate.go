// Package identityapp is what can be done with API keys: present one, and, as the operator, issue, list and revoke
// them.
package identityapp

import (
	"context"
	"errors"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Authenticator tells who presents an API key. It is safe for concurrent use.
type Authenticator struct {
	keys      identity.Repository
	authority identity.Authority
	now       func() time.Time
}

// NewAuthenticator makes one for the keys of one repository.
func NewAuthenticator(keys identity.Repository, authority identity.Authority, now func() time.Time) *Authenticator {
	return &Authenticator{keys: keys, authority: authority, now: now}
}

// Authenticate gives the principal that the presented key stands for, or identity.ErrUnauthenticated, whose message
// is the same for every reason. It looks the key up every time, so a revocation holds from the next request on. A text
// that is no key costs no look-up. Other faults say that the keys cannot be read; nobody is let in then.
func (a *Authenticator) Authenticate(ctx context.Context, presented string) (access.Principal, error) {
	credential, err := identity.Parse(presented)
	if err != nil {
		return access.Principal{}, identity.ErrUnauthenticated.Because(err)
	}
	key, err := a.keys.Get(ctx, credential.ID())
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return access.Principal{}, err
	}
	// An unknown key goes on as nil, so that it costs what a known one does.
	if err := a.authority.Verify(key, credential, a.now()); err != nil {
		return access.Principal{}, err
	}
	return key.Principal(), nil
}
