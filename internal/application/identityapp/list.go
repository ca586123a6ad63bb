package identityapp

import (
	"context"
	"net/netip"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
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
	Scope       []Narrowing         `json:"scope,omitempty"`
	Networks    []netip.Prefix      `json:"networks,omitempty"`
	Created     time.Time           `json:"created"`
	Rotated     time.Time           `json:"rotated,omitzero"`   // when it got the secret that it has
	Overlaps    time.Time           `json:"old_until,omitzero"` // until when the secret before holds too
	Expires     time.Time           `json:"expires"`
	Revoked     time.Time           `json:"revoked,omitzero"`
	LastUsed    time.Time           `json:"last_used,omitzero"` // to about a minute
	LastAddress string              `json:"last_address,omitempty"`
}

// Narrowing is a rule of a key's scope.
type Narrowing struct {
	Actions []string `json:"actions"`
	Targets []string `json:"targets"`
}

// List tells all keys as they stand at now, oldest first; of those that hold, when unused is not zero, only the ones that
// were neither used nor issued for so long.
func List(ctx context.Context, keys identity.Repository, unused time.Duration, now time.Time) ([]Key, error) {
	all, err := keys.List(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]Key, 0, len(all))
	for _, k := range all {
		if unused == 0 || k.Snapshot().UnusedSince(now.Add(-unused), now) {
			views = append(views, view(k, now))
		}
	}
	return views, nil
}

func view(k *identity.Key, now time.Time) Key {
	s := k.Snapshot()
	v := Key{
		ID: s.ID.String(), Name: s.Name, Environment: s.Env, Personas: s.Personas, Attributes: s.Attributes,
		State: s.State(now), Networks: s.Networks, Created: s.Created, Expires: s.Expires, Revoked: s.Revoked,
		LastUsed: s.Used, LastAddress: s.UsedFrom,
	}
	if !s.Issued.Equal(s.Created) {
		v.Rotated = s.Issued
	}
	if now.Before(s.PreviousUntil) {
		v.Overlaps = s.PreviousUntil
	}
	for _, r := range s.Scope {
		v.Scope = append(v.Scope, Narrowing{Actions: r.Actions, Targets: r.Targets})
	}
	return v
}

// Rules are the rules of a scope as policies write them.
func Rules(scope []Narrowing) []access.Rule {
	var rules []access.Rule
	for _, n := range scope {
		rules = append(rules, access.Rule{Actions: n.Actions, Targets: n.Targets})
	}
	return rules
}
