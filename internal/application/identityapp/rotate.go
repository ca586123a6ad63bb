package identityapp

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Rotate gives the key of that id another secret and another term, and tells the credential this once. The old secret
// holds until the overlap is over. id is as List shows it: identity.ErrKeyID or identity.ErrNotFound when there is no
// such key, identity.ErrEnded when it holds no more.
func Rotate(ctx context.Context, keys identity.Repository, authority identity.Authority, id string, r identity.Rotation, now time.Time) (Created, error) {
	keyID, err := identity.ParseKeyID(id)
	if err != nil {
		return Created{}, err
	}
	var rotated Created
	err = keys.Update(ctx, keyID, func(k *identity.Key) error {
		credential, err := authority.Rotate(k, r, now)
		rotated = Created{Key: view(k, now), Credential: credential}
		return err
	})
	if err != nil {
		return Created{}, err
	}
	return rotated, nil
}
