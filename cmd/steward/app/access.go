package app

import (
	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

var accessModule = fx.Module("access",
	fx.Provide(fx.Annotate(config.Config.Policy, fx.As(new(access.Policy)), fx.As(new(access.DataPolicy)))),
)
