package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/dig"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/auditapp"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/clock"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
	"github.com/steward-mcp/steward/internal/infrastructure/ratelimit"
	"github.com/steward-mcp/steward/internal/infrastructure/telemetry"
)

// stopGrace is what stopping may take beyond the drain of running calls: flushing telemetry, closing the stores.
const stopGrace = 10 * time.Second

// now is the clock as everything that needs the time takes it.
type now = func() time.Time

// platform is what every context stands on. The stores open in their constructors, because nothing that depends on
// them can be made without; what listens or runs starts in OnStart.
var platform = fx.Module("platform",
	fx.Provide(
		func() now { return clock.Now },
		newRedactor,
		newLogger,
		newTelemetry,
		func(t *telemetry.Telemetry) (trace.TracerProvider, metric.MeterProvider, propagation.TextMapPropagator) {
			return t.TracerProvider(), t.MeterProvider(), t.Propagator()
		},
		newDatabase,
		fx.Annotate(newJournal, fx.As(fx.Self()), fx.As(new(audit.Log))),
		newWatch,
		newRecorder,
		fx.Annotate(newLimiter, fx.As(fx.Self()), fx.As(new(cqrs.Limiter))),
		newGate,
		check("audit", true, func(j *auditlog.Journal) func(context.Context) error {
			return func(context.Context) error { return j.Err() }
		}),
		check("checkpoints", false, func(j *auditlog.Journal) func(context.Context) error {
			return func(context.Context) error { return j.Elsewhere() }
		}),
		check("database", true, func(d *database.DB) func(context.Context) error { return d.Check }),
	),
	fx.Invoke(countFirings),
)

func newLogger(c config.Config, r *redact.Redactor) (*zap.Logger, error) {
	return telemetry.NewLogger(telemetry.LogConfig{Level: c.Log.Level, Format: c.Log.Format, Redact: r}, os.Stderr)
}

func newTelemetry(lc fx.Lifecycle, s Settings, log *zap.Logger) (*telemetry.Telemetry, error) {
	t, err := telemetry.New(context.Background(), telemetry.Config{Version: s.Version, Stdio: s.Stdio, Baggage: s.Config.Telemetry.Baggage})
	if err != nil {
		return nil, err
	}
	t.Install(log)
	lc.Append(fx.StopHook(t.Shutdown))
	return t, nil
}

// StateFile is the database below the state directory.
func StateFile(c config.Config) string { return filepath.Join(c.StateDir, "steward.db") }

// newDatabase takes the journal because that is the lock of the state: whoever cannot have it touches nothing.
func newDatabase(lc fx.Lifecycle, c config.Config, _ *auditlog.Journal) (*database.DB, error) {
	ctx := context.Background()
	db, err := database.Open(ctx, StateFile(c))
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StopHook(db.Close))
	return db, db.Migrate(ctx)
}

func newJournal(lc fx.Lifecycle, s Settings, n now, log *zap.Logger) (*auditlog.Journal, error) {
	journal, err := openJournal(s, auditlog.Options{MaxSegmentBytes: s.Config.Audit.MaxSegmentBytes, Now: n})
	if err != nil {
		return nil, err
	}
	note := func(ctx context.Context, detail string) error {
		return journal.Append(ctx, audit.Record{Time: n(), Phase: audit.Note, Detail: detail})
	}
	keeping, cancel := context.WithCancel(context.Background())
	var retained sync.WaitGroup
	lc.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			if keep := s.Config.Audit.Retention; keep > 0 {
				retained.Go(func() { retention(keeping, journal, keep, log) })
			}
			return note(ctx, "Steward "+s.Version+" took up the journal.")
		},
		OnStop: func(ctx context.Context) error {
			cancel()
			retained.Wait()
			_ = note(ctx, "Steward laid down the journal.") // a broken journal has said so already
			return journal.Close(ctx)
		},
	})
	return journal, nil
}

// newWatch makes the watch over security events. The recorder's owner flushes it.
func newWatch(lc fx.Lifecycle, meters metric.MeterProvider, log *zap.Logger, n now) (*auditapp.Watch, error) {
	w, err := auditapp.NewWatch(meters, log, n)
	if err == nil {
		lc.Append(fx.StartHook(w.Begin))
	}
	return w, err
}

type recorderParts struct {
	fx.In
	Journal audit.Log
	Redact  *redact.Redactor
	Watch   *auditapp.Watch
	Tracers trace.TracerProvider
	Now     now
	Log     *zap.Logger
}

// newRecorder makes the recorder, which tells once a minute, and before the journal closes, how many refusals it has
// only counted.
func newRecorder(lc fx.Lifecycle, p recorderParts) *cqrs.Recorder {
	recorder := cqrs.NewRecorder(discreetLog{p.Journal, p.Redact}, p.Now).Watched(p.Watch).Traced(p.Tracers.Tracer(observe.Scope))
	flush := func(ctx context.Context) {
		p.Watch.Flush()
		if err := recorder.Flush(ctx); err != nil {
			p.Log.Error("audit.lost", zap.String("what", "counts of refusals"), observe.Error(err))
		}
	}
	repeat(lc, time.Minute, nil, flush, flush)
	return recorder
}

// stdioJournals is how many stdio processes may share one state: desktop clients start one for each window.
const stdioJournals = 64

// openJournal takes the server's chain, or over stdio the first chain that no other process writes: a chain has one
// writer.
func openJournal(s Settings, o auditlog.Options) (*auditlog.Journal, error) {
	if !s.Stdio {
		return serverChain(s.Config).open(o)
	}
	for i := 1; ; i++ {
		journal, err := stdioChain(s.Config, fmt.Sprintf("stdio-%d", i)).open(o)
		if !errors.Is(err, auditlog.ErrLocked) || i == stdioJournals {
			return journal, err
		}
	}
}

func newLimiter(c config.Config, n now) (*ratelimit.Limiter, error) {
	r := c.Security.RateLimit
	return ratelimit.New(ratelimit.Config{Enabled: r.Enabled, RequestsPerMinute: r.RequestsPerMinute, BurstSize: r.BurstSize}, n)
}

func newGate(p access.Policy, l cqrs.Limiter, r *cqrs.Recorder, log *zap.Logger, c config.Config) *cqrs.Gate {
	return cqrs.NewGate(p, l, r, log, c.Server.RequestTimeout)
}

// rootCause is the error of the constructor or hook that failed, without fx's account of the way to it.
func rootCause(err error) error { return dig.RootCause(err) }
