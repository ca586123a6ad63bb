// Package app puts Steward together. It is the only package that imports fx: each context has one file here that
// shows its parts of all layers side by side, and Options lists them.
package app

import (
	"context"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// Settings are what the command line decides.
type Settings struct {
	Config      config.Config
	Version     string
	Stdio       bool                // standard output belongs to the protocol
	Differences []config.Difference // what to tell a former user of mcp-metricflow at the start

	Reload func() (config.Config, error) // reads the configuration anew, for what a reload takes over; nil when that is not done
}

// Options is the whole server but for its transport. A new context adds its module to this list.
func Options(s Settings) fx.Option {
	return fx.Options(
		fx.Supply(s, s.Config),
		fx.StartTimeout(s.Config.Metrics.ReadyTimeout),
		fx.StopTimeout(s.Config.Server.DrainTimeout+stopGrace),
		fx.WithLogger(func(log *zap.Logger) fxevent.Logger {
			quiet := &fxevent.ZapLogger{Logger: log}
			quiet.UseLogLevel(zap.DebugLevel)
			quiet.UseErrorLevel(zap.DebugLevel) // Run tells the operator, once and in plain words
			return quiet
		}),
		platform,
		accessModule,
		identityModule,
		sessionModule,
		toolModule,
		taskModule,
		metricModule,
		conversationModule,
	)
}

// Run starts what the options make, waits until ctx ends, and stops it in the reverse order.
func Run(ctx context.Context, options ...fx.Option) error {
	a := fx.New(options...)
	if err := a.Err(); err != nil {
		return rootCause(err)
	}
	// A start is quick, and is finished even when the signal to end comes in the middle of it: what has begun can then
	// be ended in order.
	start, cancelStart := context.WithTimeout(context.WithoutCancel(ctx), a.StartTimeout())
	defer cancelStart()
	if err := a.Start(start); err != nil {
		return rootCause(err)
	}
	defer collectSeldom()()
	select {
	case <-ctx.Done():
	case <-a.Wait():
	}
	stop, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), a.StopTimeout())
	defer cancelStop()
	return a.Stop(stop)
}
