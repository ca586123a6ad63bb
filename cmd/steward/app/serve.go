package app

import (
	"context"
	"net/http"
	"strings"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/changes"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/application/taskapp"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/redact"
	domain "github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/certificate"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/telemetry"
	"github.com/steward-mcp/steward/internal/presentation/adminapi"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
)

// instructions teach a model the order of the tools. They name only tools; which of them a caller may use is told by
// tools/list.
const instructions = `Steward answers questions about a company's metrics and holds conversations with Claude. Every call is checked against what you may do, and recorded.

To answer a question about numbers:
1. list_metrics finds the metric (search by business words; synonyms count). Never guess a metric's name.
2. describe_metric tells what it means and how it is computed, when that matters to the answer.
3. list_dimensions and list_entities tell by what it can be grouped and filtered. metric_time works for most metrics without asking.
4. list_dimension_values gives the exact values before you filter by one.
5. query answers. Give group_by names with a grain (metric_time__month), structured filters, start_time and end_time; order by -metric_time__month and set a limit for "the latest". mode "validate" checks a question without running it, format "chart" adds a picture.
compare_periods compares a period with the one before or a year ago; time_range tells from when to when there is data. health_checks tells what is wrong when the engine fails.
list_saved_queries lists questions that are ready to be asked with query's saved_query.
If no metric fits the question, say so and name the nearest ones; do not compute it from others.
An error has a code, a sentence and often suggestions: mend the call and try again. whoami tells what you may do.`

// newMCP makes the MCP server of the given parts.
func newMCP(s Settings, p mcpParts) *mcpapi.Server {
	return mcpapi.New(mcpapi.Identity{Version: s.Version, Instructions: p.Catalog.Mention(instructions)}, mcpapi.Parts{
		Catalog: p.Catalog, Call: p.Call, Sees: p.Sees, Library: p.Library, Read: p.Read, Prompt: p.Prompt, Complete: p.Complete, Subscribe: p.Subscribe, Changes: p.Changes, Limiter: p.Limiter, Records: p.Records,
		Members: p.Members, Tasks: p.Tasks, Tracer: p.Tracer, Log: p.Log, Now: p.Now, Drain: s.Config.Server.DrainTimeout,
		Redact: p.Redact, MaxResult: withFrame(s.Config.Server.MaxResultBytes),
	})
}

// withFrame is how long an answer may be whose content is no longer than most: around content there is a frame, and a mark
// in the place of a secret may be longer than the secret. Content is bounded where it is made, and recorded as refused then; this
// bounds listings, which are not made there.
func withFrame(most int) int {
	const frame = 64 << 10
	return most + most/2 + frame
}

type mcpParts struct {
	fx.In
	Catalog   *domain.Catalog
	Call      cqrs.Governed[toolapp.Call, domain.Result]
	Sees      *toolapp.Visible
	Library   *toolapp.Library
	Read      cqrs.Governed[toolapp.ReadResource, domain.Content]
	Prompt    cqrs.Governed[toolapp.GetPrompt, domain.Conversation]
	Complete  cqrs.Governed[toolapp.Complete, toolapp.Completion]
	Subscribe cqrs.Governed[toolapp.Subscribe, struct{}]
	Changes   *changes.Board
	Limiter   cqrs.Limiter
	Records   *cqrs.Recorder
	Members   *sessionapp.Registry
	Tasks     *taskapp.Desk
	Tracer    *mcptrace.Tracer
	Log       *zap.Logger
	Redact    *redact.Redactor
	Now       now
}

// Serve is the HTTP transport: the public listener and the operators' one.
func Serve() fx.Option {
	return fx.Options(
		reloadModule,
		fx.Provide(mcptrace.New, newMCP, newEdgeLimits, newEdge, newCertificate, newListeners),
		fx.Invoke(sayDifferences, warnOfProxy, warnOfExpiry, func(c config.Config, log *zap.Logger) {
			if c.Server.UnsafeNoAuth {
				log.Warn("authentication is off: who presents no key has the rights of the persona", zap.String("persona", c.Compat.Persona))
			}
		}, func(*Listeners) {}),
	)
}

func lower(words []string) []string {
	lowered := make([]string, len(words))
	for i, w := range words {
		lowered[i] = strings.ToLower(w)
	}
	return lowered
}

// sayDifferences tells a former user of mcp-metricflow, before anything is served, what is no longer as it was.
func sayDifferences(s Settings, log *zap.Logger) {
	for _, d := range s.Differences {
		log.Warn("differs from mcp-metricflow", zap.String("about", d.About), zap.String("difference", d.Text))
	}
}

// Listeners are the two open ports of a server.
type Listeners struct {
	Main, Admin *httpapi.Listener
}

type listenerParts struct {
	fx.In
	Config      config.Config
	Edge        *httpapi.Edge
	Certificate *certificate.Files // nil without TLS
	MCP         *mcpapi.Server
	Telemetry   *telemetry.Telemetry
	Checks      []httpapi.Check `group:"checks"`
	Keys        identityapp.Administration
	Sessions    sessionapp.Administration
	Attendance  *identityapp.Attendance
	Log         *zap.Logger
}

func newListeners(p listenerParts, lc fx.Lifecycle) *Listeners {
	s := p.Config.Server
	_ = withdraw(p.Config) // of a process that was killed: its port may be another's by now; announce tells what is wrong
	p.Edge.Attendance = p.Attendance
	acts := adminapi.New(p.Edge.Operators(), p.Keys, p.Sessions)
	l := &Listeners{
		Main:  httpapi.NewListener(s.Listen, httpapi.Main(p.Edge, p.MCP.HTTP(), legacySSE(p.Config, p.MCP)), p.Log, mainOptions(p.Config, p.Edge, p.Certificate)...),
		Admin: httpapi.NewListener(s.AdminListen, httpapi.Admin(p.Telemetry.MetricsHandler(), withCertificate(p.Checks, p.Certificate), acts), p.Log),
	}
	lc.Append(fx.StartStopHook(l.Admin.Start, l.Admin.Stop))
	lc.Append(fx.StartStopHook(
		func() error { return announce(p.Config, l.Admin.Address()) },
		func() error { return withdraw(p.Config) },
	))
	lc.Append(fx.StartStopHook(l.Main.Start, func(ctx context.Context) error {
		p.MCP.HangUp() // what only waits for something to be told would wait for as long
		drain, cancel := context.WithTimeout(ctx, s.DrainTimeout)
		defer cancel()
		return l.Main.Stop(drain)
	}))
	scheme := "http://"
	if p.Certificate != nil {
		scheme = "https://"
	}
	lc.Append(fx.StartHook(func() {
		p.Log.Info("serving", zap.String("mcp", scheme+l.Main.Address()+httpapi.MCPPath), zap.String("admin", "http://"+l.Admin.Address()))
	}))
	return l
}

// check provides a readiness check of a part of type T.
func check[T any](name string, vital bool, ask func(T) func(context.Context) error) any {
	return fx.Annotate(func(part T) httpapi.Check {
		return httpapi.Check{Name: name, Vital: vital, Ask: ask(part)}
	}, fx.ResultTags(`group:"checks"`))
}

// Stdio is the stdio transport: one peer, who is the configured local user.
func Stdio(serve func(context.Context, *mcpapi.Server, access.Principal) error) fx.Option {
	return fx.Options(
		fx.Provide(mcptrace.New, newMCP),
		fx.Invoke(sayDifferences, func(lc fx.Lifecycle, s *mcpapi.Server, c config.Config, stop fx.Shutdowner) {
			who := access.Local(c.Stdio.User, c.Stdio.Personas...)
			who.Attributes = c.Stdio.Claims()
			done := make(chan error, 1)
			ctx, cancel := context.WithCancel(context.Background())
			lc.Append(fx.StartStopHook(
				func() {
					go func() {
						done <- serve(ctx, s, who)
						_ = stop.Shutdown() // fails only when nobody waits any more
					}()
				},
				func() error { cancel(); return <-done },
			))
		}),
	)
}

// legacySSE serves the transport of old clients where the operator wants it.
func legacySSE(c config.Config, m *mcpapi.Server) http.Handler {
	if !c.Server.LegacySSE {
		return nil
	}
	return m.SSE(httpapi.MessagesPath)
}
