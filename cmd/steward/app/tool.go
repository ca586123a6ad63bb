package app

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/changes"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/conversation"
	domain "github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/ratelimit"
	"github.com/steward-mcp/steward/internal/infrastructure/schema"
)

// toolModule gathers what all contexts offer to a model. A context offers its own in the groups "tools", "resources",
// "templates" and "prompts".
var toolModule = fx.Module("tool",
	fx.Provide(
		fx.Annotate(newCatalog, fx.ParamTags(`group:"tools"`)),
		func(g *cqrs.Gate, policy access.DataPolicy, c *domain.Catalog, of toolapp.Option) (cqrs.Governed[toolapp.Call, domain.Result], error) {
			return toolapp.NewCall(g, policy, c, compile, of)
		},
		toolapp.NewVisible,
		toolapp.NewSubscribe,
		func() *changes.Board { return &changes.Board{} },
		fx.Annotate(domain.NewResources, fx.ParamTags(``, `group:"resources"`, `group:"templates"`)),
		fx.Annotate(domain.NewPrompts, fx.ParamTags(`group:"prompts"`)),
		toolapp.NewLibrary,
		func(g *cqrs.Gate, r *domain.Resources, of toolapp.Option) cqrs.Governed[toolapp.ReadResource, domain.Content] {
			return toolapp.NewRead(g, r, of)
		},
		func(g *cqrs.Gate, p *domain.Prompts, of toolapp.Option) cqrs.Governed[toolapp.GetPrompt, domain.Conversation] {
			return toolapp.NewGetPrompt(g, p, of)
		},
		func(g *cqrs.Gate, l *toolapp.Library, of toolapp.Option) cqrs.Governed[toolapp.Complete, toolapp.Completion] {
			return toolapp.NewComplete(g, l, of)
		},
		func(c config.Config) toolapp.Option { return toolapp.WithMaxResult(c.Server.MaxResultBytes) },
	),
)

func compile(name string, s json.RawMessage) (toolapp.Check, error) { return schema.Compile(name, s) }

func newCatalog(tools []domain.Tool, s Settings, policy access.DataPolicy, limiter *ratelimit.Limiter, ledger conversation.Ledger, n now) (*domain.Catalog, error) {
	var catalog *domain.Catalog // whoami tells about the catalog that it is part of
	names := func(p access.Principal) []string {
		seen := toolapp.NewVisible(policy, catalog).Names(p)
		for i, name := range seen {
			seen[i] = catalog.Published(name)
		}
		return seen
	}
	left := func(ctx context.Context, p access.Principal) toolapp.Allowance {
		b := limiter.Left(p.ID(), toolapp.Class)
		return toolapp.Allowance{
			Limited: b.Limited, PerMinute: b.RequestsPerMinute, Burst: b.BurstSize, Remaining: b.Remaining,
			Tokens: tokensLeft(ctx, s.Config, ledger, p, n()),
		}
	}
	all, err := domain.NewCatalog(append(tools, toolapp.Echo(), toolapp.SystemInfo(s.Version, n), toolapp.WhoAmI(policy, names, left))...)
	if err != nil {
		return nil, err
	}
	catalog, err = all.Suffixed(s.Config.ToolSuffix)
	return catalog, err
}

// tokensLeft is what p may still spend on conversations today. What cannot be read is not told: the next question is refused
// for it.
func tokensLeft(ctx context.Context, c config.Config, ledger conversation.Ledger, p access.Principal, at time.Time) toolapp.Tokens {
	most := c.Conversations.MaxTokensPerDay
	if most == 0 || !c.Claude.APIKey.IsSet() {
		return toolapp.Tokens{}
	}
	spent, err := ledger.Spent(ctx, p.ID(), at)
	if err != nil {
		return toolapp.Tokens{}
	}
	return toolapp.Tokens{PerDay: most, Remaining: max(0, most-spent)}
}
