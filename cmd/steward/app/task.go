package app

import (
	"context"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/application/taskapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	domain "github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
	"github.com/steward-mcp/steward/internal/infrastructure/taskstore"
)

var taskModule = fx.Module("task",
	fx.Provide(
		fx.Annotate(newTasks, fx.As(new(domain.Repository)), fx.As(new(domain.Upkeep))),
		newTaskRunner,
		func(g *cqrs.Gate, policy access.DataPolicy, tasks domain.Repository, r *taskapp.Runner, n now) *taskapp.Desk {
			return taskapp.NewDesk(g, policy, tasks, r, n)
		},
	),
)

func newTasks(db *database.DB, c config.Config) *taskstore.SQLite {
	return taskstore.NewSQLite(db, domain.Limits{
		PerOwner: c.Tasks.MaxKeptPerPrincipal, All: c.Tasks.MaxKept,
		BytesPerOwner: c.Tasks.MaxBytesPerPrincipal, BytesAll: c.Tasks.MaxBytes,
	})
}

// sweepEvery is how often expired tasks are forgotten.
const sweepEvery = time.Minute

type taskParts struct {
	fx.In
	Config  config.Config
	Journal *auditlog.Journal // no other process has it, so that tasks under its name are this process's
	Tools   *tool.Catalog     // which, made before, stop after the tasks that use them
	Tasks   domain.Repository
	Kept    domain.Upkeep
	Now     now
	Log     *zap.Logger
}

// newTaskRunner makes the runner, which first fails what a process before it left unfinished.
func newTaskRunner(lc fx.Lifecycle, p taskParts) *taskapp.Runner {
	c, kept, n, log := p.Config, p.Kept, p.Now, p.Log
	r := taskapp.NewRunner(p.Journal.Writer(), p.Tasks, taskapp.Bounds{
		Grace: c.Tasks.Grace, Terms: domain.Terms{TTL: c.Tasks.TTL, Poll: c.Tasks.PollInterval},
		Running: c.Tasks.MaxRunning, RunningPerOwner: c.Tasks.MaxRunningPerPrincipal,
	}, n, log)
	repeat(lc, sweepEvery, nil, func(ctx context.Context) {
		if _, err := kept.Sweep(ctx, n()); err != nil && ctx.Err() == nil {
			log.Error("expired tasks could not be forgotten", observe.Error(err))
		}
	}, nil)
	lc.Append(fx.StartStopHook(
		func(ctx context.Context) error {
			left, err := r.Recover(ctx, kept)
			if left > 0 {
				log.Warn("tasks were interrupted by the end of the process before this one", zap.Int("tasks", left))
			}
			return err
		},
		func(ctx context.Context) {
			draining, cancel := context.WithTimeout(ctx, drainLeft(ctx, n, c.Server.DrainTimeout))
			defer cancel()
			r.Stop(draining)
		},
	))
	return r
}

// drainLeft is what is left of the time that running calls have at shutdown: the listeners have had theirs of it.
func drainLeft(stopping context.Context, n now, drain time.Duration) time.Duration {
	if until, ok := stopping.Deadline(); ok {
		return min(drain, until.Add(-stopGrace).Sub(n()))
	}
	return drain
}
