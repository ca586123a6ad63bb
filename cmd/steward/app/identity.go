package app

import (
	"context"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/auditapp"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	domain "github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
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
		check("keys", true, func(k domain.Repository) func(context.Context) error {
			return func(ctx context.Context) error { // by the look-up that every request waits for; the id is nobody's
				_, err := k.Terms(ctx, domain.KeyID{})
				return err
			}
		}),
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

type authnParts struct {
	fx.In
	Keys      domain.Repository
	Database  *database.DB // which keeps them
	Authority domain.Authority
	Tokens    *oidc.Verifier
	Usage     *identityapp.Usage
	Watch     *auditapp.Watch
	Now       now
}

func newAuthenticator(c config.Config, p authnParts) (*identityapp.Authenticator, error) {
	more := []identityapp.Option{
		identityapp.WithUsage(p.Usage), identityapp.WithSightings(p.Watch.Sighted), identityapp.WithEditions(p.Database.Edition),
	}
	if len(c.Auth.Issuers) > 0 {
		more = append(more, identityapp.WithTokens(p.Tokens))
	}
	static, err := staticKey(p.Authority, c.Compat)
	if err != nil {
		return nil, err
	}
	more = append(more, identityapp.WithStaticKey(static))
	if c.Server.UnsafeNoAuth {
		more = append(more, identityapp.WithAnonymous(access.Principal{
			Issuer: "anonymous", Subject: "nobody", Name: "nobody", Personas: []string{c.Compat.Persona},
		}))
	}
	return identityapp.NewAuthenticator(p.Keys, p.Authority, p.Now, more...), nil
}

// staticKey makes the key that the configuration names, the zero key if it names none.
func staticKey(authority domain.Authority, c config.Compat) (domain.StaticKey, error) {
	if !c.APIKey.IsSet() {
		return domain.StaticKey{}, nil
	}
	return authority.Static(compatKey, c.APIKey.Reveal(), c.Persona)
}
