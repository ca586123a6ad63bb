package app

import (
	"context"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	domain "github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
	"github.com/steward-mcp/steward/internal/infrastructure/oidc"
)

var identityModule = fx.Module("identity",
	fx.Provide(
		fx.Annotate(identitystore.NewSQLite, fx.As(new(domain.Repository))),
		newAuthority,
		newTokens,
		newAuthenticator,
		newUsage,
		newAttendance,
		newAdministration,
		check("issuers", false, func(v *oidc.Verifier) func(context.Context) error { return v.Check }),
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

// newTokens makes the verifier of access tokens, which begins to fetch the keys of the issuers with the start. That an
// issuer cannot be reached then stops nobody: keys are asked for again when a token comes.
func newTokens(lc fx.Lifecycle, c config.Config, n now, log *zap.Logger) (*oidc.Verifier, error) {
	issuers, err := c.Auth.Tokens()
	if err != nil {
		return nil, err
	}
	v, err := oidc.New(context.Background(), issuers, n, log)
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StartStopHook(v.Warm, v.Close))
	return v, nil
}

func newAuthenticator(c config.Config, keys domain.Repository, authority domain.Authority, tokens *oidc.Verifier, usage *identityapp.Usage, n now) (*identityapp.Authenticator, error) {
	more := []identityapp.Option{identityapp.WithUsage(usage)}
	if len(c.Auth.Issuers) > 0 {
		more = append(more, identityapp.WithTokens(tokens))
	}
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
