package app

import (
	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

var accessModule = fx.Module("access",
	fx.Provide(
		config.Config.Policy,
		fx.Annotate(access.NewSwitch, fx.As(fx.Self()), fx.As(new(access.Policy)), fx.As(new(access.DataPolicy))),
	),
	// All of a request is decided by the policy that holds when its principal becomes known.
	fx.Invoke(func(r *cqrs.Recorder, s *access.Switch) { r.Settling(s.Settle) }),
)
