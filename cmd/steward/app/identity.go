package app

import (
	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/identityapp"
	domain "github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
)

var identityModule = fx.Module("identity",
	fx.Provide(
		fx.Annotate(identitystore.NewSQLite, fx.As(new(domain.Repository))),
		newAuthority,
		identityapp.NewAuthenticator,
	),
)

func newAuthority(c config.Config) (domain.Authority, error) {
	pepper, err := identitystore.Pepper(c.StateDir, c.KeyPepper.Reveal())
	if err != nil {
		return domain.Authority{}, err
	}
	return domain.NewAuthority(pepper, c.Environment)
}
