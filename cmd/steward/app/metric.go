package app

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/changes"
	"github.com/steward-mcp/steward/internal/application/metricapp/asking"
	"github.com/steward-mcp/steward/internal/application/metricapp/care"
	"github.com/steward-mcp/steward/internal/application/metricapp/chartview"
	"github.com/steward-mcp/steward/internal/application/metricapp/guide"
	"github.com/steward-mcp/steward/internal/application/metricapp/listing"
	"github.com/steward-mcp/steward/internal/domain/access"
	domain "github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/chart"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/worker"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

var metricModule = fx.Module("metric",
	fx.Provide(
		fx.Annotate(newManifest, fx.As(fx.Self()), fx.As(new(domain.Catalogs)), fx.As(new(domain.Definitions))),
		fx.Annotate(newWorker, fx.As(fx.Self()), fx.As(new(domain.Source)), fx.As(new(domain.Validator))),
		fx.Annotate(newMetricTools, fx.ResultTags(`group:"tools,flatten"`)),
		fx.Annotate(newHealthTool, fx.ParamTags(`group:"checks"`), fx.ResultTags(`group:"tools"`)),
		fx.Annotate(newMetricGuide, fx.ResultTags(`group:"resources,flatten"`, `group:"templates,flatten"`, `group:"prompts,flatten"`)),
		fx.Annotate(newMetricViews, fx.ResultTags(`group:"resources,flatten"`)),
		fx.Annotate(newMetricChecks, fx.ResultTags(`group:"checks,flatten"`)),
	),
	fx.Invoke(watchManifest),
)

// manifestEvery is how often the manifest is looked at for clients that want to know when it changes.
const manifestEvery = 2 * time.Second

// watchManifest tells those clients of a manifest that took another's place. Without them it is looked at once, so that it is
// known what there was when they came.
func watchManifest(lc fx.Lifecycle, c config.Config, l *manifest.Loader, board *changes.Board) {
	if c.Metrics.ProjectDir == "" {
		return
	}
	last := ""
	look := func(ctx context.Context) (changed bool) {
		hash, err := l.Present(ctx)
		if err != nil || hash == last {
			return false // what cannot be read has changed nothing
		}
		last = hash
		return true
	}
	repeat(lc, manifestEvery, func(ctx context.Context) { look(ctx) }, func(ctx context.Context) {
		if board.Anybody() && look(ctx) {
			board.Announce(changes.Change{Content: guide.Holds})
		}
	}, nil)
}

func newManifest(c config.Config, n now) *manifest.Loader {
	return manifest.NewLoader(c.Metrics.ProjectDir, "", n)
}

// WorkerConfig is the part of the configuration that the engine's worker needs.
func WorkerConfig(m config.Metrics) worker.Config {
	return worker.Config{
		ProjectDir: m.ProjectDir, ProfilesDir: m.ProfilesDir, Target: m.Target, Python: m.Python, Env: m.Env,
		IdleRelease: m.IdleRelease, LockWait: m.LockWait, ReadyTimeout: m.ReadyTimeout, QueueDepth: m.QueueDepth,
		MaxAnswer: m.MaxAnswerBytes, Workers: m.Workers, Spare: cmp.Or(m.SpareWorkers, -1),
		MaxRequests: m.MaxRequests, MaxMemory: m.MaxMemoryBytes, MaxAge: m.MaxAge,
	}
}

func newWorker(lc fx.Lifecycle, c config.Config, l *manifest.Loader, n now, log *zap.Logger) (*worker.Source, error) {
	s, err := worker.New(WorkerConfig(c.Metrics), n, log, worker.WithManifests(l))
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StartStopHook(func(ctx context.Context) {
		if c.Metrics.ProjectDir != "" {
			s.Start(ctx)
		}
	}, s.Close))
	return s, nil
}

// newMetricChecks has nothing to say of metrics that nobody has configured.
func newMetricChecks(c config.Config, l *manifest.Loader, s *worker.Source) []httpapi.Check {
	if c.Metrics.ProjectDir == "" {
		return nil
	}
	return []httpapi.Check{
		{Name: "metrics.manifest", Ask: func(ctx context.Context) error { _, err := l.Current(ctx); return err }},
		{Name: "metrics.engine", Ask: func(context.Context) error { return s.Health() }},
	}
}

// newMetricTools offers nothing when no project is configured: a tool that cannot answer only misleads a model.
func newMetricTools(c config.Config, l *manifest.Loader, s *worker.Source, policy access.DataPolicy, n now, log *zap.Logger) []tool.Tool {
	if c.Metrics.ProjectDir == "" {
		log.Warn("there are no metric tools: set metrics.project_dir to a dbt project")
		return nil
	}
	limits := asking.Limits{DefaultLimit: c.Metrics.DefaultLimit, MaxRows: c.Metrics.MaxRows, Timeout: c.Metrics.Timeout}
	return slices.Concat(
		listing.Tools(l, l, policy), asking.Tools(l, s, policy, limits, n, chart.InTurns(runtime.GOMAXPROCS(0))),
		[]tool.Tool{care.ValidateConfigs(l, s, policy, n)},
	)
}

// newHealthTool looks at what readiness looks at; of the engine, which has more to tell, at every part.
func newHealthTool(checks []httpapi.Check, c config.Config, s *worker.Source, policy access.Policy, n now) tool.Tool {
	var probes []care.Probe
	if c.Metrics.ProjectDir != "" {
		probes = append(probes, care.Probe{Name: "metrics", Look: func(ctx context.Context) (found []care.Finding) {
			for _, c := range s.Inspect(ctx).Checks {
				found = append(found, care.Finding{Name: c.Name, Status: care.Status(c.Status), Text: cmp.Or(c.Reason, c.Found), Mend: c.Mend})
			}
			return found
		}})
	}
	for _, c := range checks {
		if !strings.HasPrefix(c.Name, "metrics.") {
			probes = append(probes, care.Asked(c.Name, c.Ask))
		}
	}
	return care.HealthChecks(probes, policy, n)
}

// newMetricGuide offers what can be read of the metrics, and prompts about them.
func newMetricGuide(c config.Config, catalogs domain.Catalogs, definitions domain.Definitions, policy access.DataPolicy) (
	[]tool.Resource, []tool.ResourceTemplate, []tool.Prompt,
) {
	if c.Metrics.ProjectDir == "" {
		return nil, nil, nil
	}
	tools := listing.Tools(catalogs, definitions, policy)
	describe := slices.IndexFunc(tools, func(t tool.Tool) bool { return t.Name == "describe_metric" })
	g := guide.New(catalogs, policy, tools[describe])
	return g.Resources(), g.Templates(), g.Prompts()
}

// newMetricViews are the pages that draw what metric tools answer. Without the tools there is nothing to draw.
func newMetricViews(c config.Config) []tool.Resource {
	if c.Metrics.ProjectDir == "" {
		return nil
	}
	return []tool.Resource{chartview.Resource()}
}
