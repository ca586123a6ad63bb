package identityapp

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Revoke ends the key of that id and tells how it stands then. Requests that have been authenticated already go on;
// the next one is refused. A second revocation changes nothing and succeeds. id is as List shows it: identity.ErrKeyID
// or identity.ErrNotFound when there is no such key.
func Revoke(ctx context.Context, keys identity.Repository, id string, now time.Time) (Key, error) {
	keyID, err := identity.ParseKeyID(id)
	if err != nil {
		return Key{}, err
	}
	var revoked Key
	err = keys.Update(ctx, keyID, func(k *identity.Key) error {
		k.Revoke(now)
		revoked = view(k, now)
		return nil
	})
	if err != nil {
		return Key{}, err
	}
	return revoked, nil
}
