package app

import (
	"context"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/application/sessionapp"
	domain "github.com/steward-mcp/steward/internal/domain/session"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/sessionstore"
)

// How often a running process looks at its sessions.
const (
	closingsEvery = 2 * time.Second // whether another process has closed one
	quietEvery    = time.Minute     // to write down what was heard of closed ones, and to let others expire
)

var sessionModule = fx.Module("session",
	fx.Provide(
		fx.Annotate(sessionstore.NewSQLite, fx.As(new(domain.Repository))),
		newRegistry,
		sessionapp.NewAdministration,
	),
)

// newRegistry makes the registry, which knows every closing before it lets the first request in.
func newRegistry(lc fx.Lifecycle, kept domain.Repository, c config.Config, n now, log *zap.Logger) *sessionapp.Registry {
	registry := sessionapp.NewRegistry(kept, c.Server.Sessions.Idle, n)
	lc.Append(fx.StartHook(func(ctx context.Context) error {
		_, err := registry.Sync(ctx)
		return err
	}))
	repeat(lc, closingsEvery, nil, func(ctx context.Context) {
		closed, err := registry.Sync(ctx)
		if err != nil {
			log.Error("the closed sessions could not be read", observe.Error(err))
		}
		for _, sid := range closed {
			log.Warn("a session was closed by another process", zap.Stringer("session", sid))
		}
	}, nil)
	sweep := func(ctx context.Context) {
		if err := registry.Sweep(ctx); err != nil {
			log.Error("what was heard of closed sessions could not be written down", observe.Error(err))
		}
	}
	repeat(lc, quietEvery, nil, sweep, sweep)
	return registry
}
