package app

import (
	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	domain "github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
)

var identityModule = fx.Module("identity",
	fx.Provide(
		fx.Annotate(identitystore.NewSQLite, fx.As(new(domain.Repository))),
		newAuthority,
		newAuthenticator,
	),
)

func newAuthority(c config.Config) (domain.Authority, error) {
	pepper, err := identitystore.Pepper(c.StateDir, c.KeyPepper.Reveal())
	if err != nil {
		return domain.Authority{}, err
	}
	return domain.NewAuthority(pepper, c.Environment)
}

// compatKey is the subject of the key that the configuration names. State that belongs to it outlives a change of the
// key's text.
const compatKey = "compat"

func newAuthenticator(c config.Config, keys domain.Repository, authority domain.Authority, n now) (*identityapp.Authenticator, error) {
	var more []identityapp.Option
	if c.Compat.APIKey.IsSet() {
		static, err := authority.Static(compatKey, c.Compat.APIKey.Reveal(), c.Compat.Persona)
		if err != nil {
			return nil, err
		}
		more = append(more, identityapp.WithStaticKey(static))
	}
	if c.Server.UnsafeNoAuth {
		more = append(more, identityapp.WithAnonymous(access.Principal{
			Issuer: "anonymous", Subject: "nobody", Name: "nobody", Personas: []string{c.Compat.Persona},
		}))
	}
	return identityapp.NewAuthenticator(keys, authority, n, more...), nil
}
