package app

import (
	"encoding/json"

	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	domain "github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/ratelimit"
	"github.com/steward-mcp/steward/internal/infrastructure/schema"
)

// toolModule gathers what all contexts offer to a model. A context offers its own in the groups "tools", "resources",
// "templates" and "prompts".
var toolModule = fx.Module("tool",
	fx.Provide(
		fx.Annotate(newCatalog, fx.ParamTags(`group:"tools"`)),
		func(g *cqrs.Gate, policy access.DataPolicy, c *domain.Catalog) (cqrs.Governed[toolapp.Call, domain.Result], error) {
			return toolapp.NewCall(g, policy, c, func(name string, s json.RawMessage) (toolapp.Check, error) { return schema.Compile(name, s) })
		},
		toolapp.NewVisible,
		fx.Annotate(domain.NewResources, fx.ParamTags(``, `group:"resources"`, `group:"templates"`)),
		fx.Annotate(domain.NewPrompts, fx.ParamTags(`group:"prompts"`)),
		toolapp.NewLibrary,
		toolapp.NewRead,
		toolapp.NewGetPrompt,
		toolapp.NewComplete,
	),
)

func newCatalog(tools []domain.Tool, s Settings, policy access.Policy, limiter *ratelimit.Limiter, n now) (*domain.Catalog, error) {
	var catalog *domain.Catalog // whoami tells about the catalog that it is part of
	names := func(p access.Principal) []string {
		seen := toolapp.NewVisible(policy, catalog).Names(p)
		for i, name := range seen {
			seen[i] = catalog.Published(name)
		}
		return seen
	}
	left := func(p access.Principal) toolapp.Allowance {
		b := limiter.Left(p.ID(), toolapp.Class)
		return toolapp.Allowance{Limited: b.Limited, PerMinute: b.RequestsPerMinute, Burst: b.BurstSize, Remaining: b.Remaining}
	}
	all, err := domain.NewCatalog(append(tools, toolapp.Echo(), toolapp.SystemInfo(s.Version, n), toolapp.WhoAmI(policy, names, left))...)
	if err != nil {
		return nil, err
	}
	catalog, err = all.Suffixed(s.Config.ToolSuffix)
	return catalog, err
}
