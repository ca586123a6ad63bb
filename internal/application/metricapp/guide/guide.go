// Package guide is what of a project's metrics can be read, and how a conversation about them can begin: resources,
// prompts and completions. It shows exactly what the listings show, since it looks through the same view.
package guide

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const jsonMIME = "application/json"

// Guide offers resources and prompts. It is safe for concurrent use.
type Guide struct {
	catalogs metric.Catalogs
	policy   access.DataPolicy
	describe tool.Tool
}

// New makes a guide to the metrics of catalogs as policy lets each principal see them. describe is the tool
// describe_metric: metric://{name} holds what it answers.
func New(catalogs metric.Catalogs, policy access.DataPolicy, describe tool.Tool) *Guide {
	return &Guide{catalogs: catalogs, policy: policy, describe: describe}
}

// Resources is metrics://catalog: what can be asked, in one document.
func (g *Guide) Resources() []tool.Resource {
	return []tool.Resource{{
		URI: "metrics://catalog", Name: "metrics_catalog", Title: "Metrics catalog", MIME: jsonMIME,
		Description: "All metrics, dimensions, entities and saved queries that you may ask, with their descriptions, in one document.",
		Bind:        g.bindCatalog,
	}}
}

// Holds reports whether a URI may be of a resource that shows the manifest.
func Holds(uri string) bool {
	return strings.HasPrefix(uri, "metrics://") || strings.HasPrefix(uri, "metric://")
}

func (g *Guide) bindCatalog(ctx context.Context, by access.Principal) (tool.Use[tool.Content], error) {
	view, snapshot, err := g.look(ctx, by)
	if err != nil {
		return tool.Use[tool.Content]{}, err
	}
	return tool.Use[tool.Content]{Run: func(context.Context) (tool.Content, error) {
		catalog, err := newCatalog(view, snapshot)
		if err != nil {
			return tool.Content{}, err
		}
		return asJSON(catalog)
	}}, nil
}

// Templates is metric://{name}: how one metric is defined.
func (g *Guide) Templates() []tool.ResourceTemplate {
	return []tool.ResourceTemplate{{
		URI: "metric://{name}", Name: "metric", Title: "Metric", MIME: jsonMIME,
		Description: "How one metric is defined: its formula, conditions, time windows and where it is written down, as describe_metric tells it.",
		Bind:        g.bindMetric,
		Complete:    g.complete,
		Recorded:    []string{"name"},
	}}
}

// bindMetric demands and answers what describe_metric does.
func (g *Guide) bindMetric(ctx context.Context, by access.Principal, values map[string]string) (tool.Use[tool.Content], error) {
	args, err := json.Marshal(values)
	if err != nil {
		return tool.Use[tool.Content]{}, err
	}
	described, err := g.describe.Bind(ctx, by, args)
	if err != nil {
		return tool.Use[tool.Content]{}, err
	}
	return tool.Use[tool.Content]{
		Demands: described.Demands, Refusal: described.Refusal, Objection: described.Objection,
		Run: func(ctx context.Context) (tool.Content, error) {
			result, err := described.Run(ctx)
			if err != nil {
				return tool.Content{}, err
			}
			return asJSON(result.Structured)
		},
	}, nil
}

// look opens the present catalog for a principal.
func (g *Guide) look(ctx context.Context, by access.Principal) (*metricapp.View, metric.Snapshot, error) {
	snapshot, err := g.catalogs.Current(ctx)
	if err != nil {
		return nil, metric.Snapshot{}, err
	}
	return metricapp.NewView(snapshot.Catalog, g.policy, by), snapshot, nil
}

func asJSON(value any) (tool.Content, error) {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return tool.Content{}, err
	}
	return tool.Content{Text: text.String()}, nil
}

const longestLine = 300 // runes of an author's text

// brief is an author's text in one short line.
func brief(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > longestLine {
		return string(r[:longestLine]) + "…"
	}
	return text
}
