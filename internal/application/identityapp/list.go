package identityapp

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Key is what an operator sees of a key: all of it but secret and digest. Times are UTC.
type Key struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Environment string              `json:"environment"`
	Personas    []string            `json:"personas"`
	Attributes  map[string][]string `json:"attributes,omitempty"`
	State       identity.State      `json:"state"`
	Created     time.Time           `json:"created"`
	Expires     time.Time           `json:"expires"`
	Revoked     time.Time           `json:"revoked,omitzero"`
}

// List tells all keys as they stand at now, oldest first.
func List(ctx context.Context, keys identity.Repository, now time.Time) ([]Key, error) {
	all, err := keys.List(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]Key, len(all))
	for i, k := range all {
		views[i] = view(k, now)
	}
	return views, nil
}

func view(k *identity.Key, now time.Time) Key {
	s := k.Snapshot()
	return Key{
		ID: s.ID.String(), Name: s.Name, Environment: s.Env, Personas: s.Personas, Attributes: s.Attributes,
		State: s.State(now), Created: s.Created, Expires: s.Expires, Revoked: s.Revoked,
	}
}
