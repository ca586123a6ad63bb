package identityapp

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// ErrUnknownPersona is what Create answers to a persona that is not configured: the key would be of no use.
var ErrUnknownPersona = fault.New(fault.Invalid, "identity.unknown_persona", "The persona is not configured.")

// Create issues a key for g and keeps it; personas are the names that are configured. The credential is told this
// once: nobody can have it again.
func Create(ctx context.Context, keys identity.Repository, authority identity.Authority, personas []string, g identity.Grant, now time.Time) (Key, identity.Credential, error) {
	for _, name := range g.Personas {
		if !slices.Contains(personas, name) {
			return Key{}, identity.Credential{}, unknownPersona(name, personas)
		}
	}
	k, credential, err := authority.Issue(g, now)
	if err != nil {
		return Key{}, identity.Credential{}, err
	}
	if err := keys.Add(ctx, k); err != nil {
		return Key{}, identity.Credential{}, err
	}
	return view(k, now), credential, nil
}

func unknownPersona(name string, personas []string) error {
	if len(personas) == 0 {
		return ErrUnknownPersona.Saying("No persona %q is configured; in fact there are none: write one under personas.", name)
	}
	return ErrUnknownPersona.Saying("No persona %q is configured; there are: %s.", name, strings.Join(personas, ", "))
}
