package listing

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const listMetricsDescription = `Lists the metrics that you may ask, with type, description and synonyms. Start here with every business question: ` +
	`pass the question's key words as "search" (all words must occur in a name, label, description or synonym), or nothing to see all. ` +
	`When a search leaves few metrics, each comes with its dimensions, and you can go on to query at once; otherwise call list_dimensions next. ` +
	`describe_metric tells how one is computed. If no metric fits the question, say so and offer the nearest ones instead of guessing.`

// fewMetrics is up to how many found metrics bring their dimensions unasked.
const fewMetrics = 5

type listMetricsArguments struct {
	paging
	WithDimensions    bool `json:"with_dimensions"`
	ShowAllDimensions bool `json:"show_all_dimensions"` // the name that an earlier server gave to WithDimensions
}

type metricItem struct {
	Name               string   `json:"name"`
	Type               string   `json:"type"`
	Label              string   `json:"label,omitempty"`
	Description        string   `json:"description,omitempty"`
	Synonyms           []string `json:"synonyms,omitempty"`
	RequiresMetricTime bool     `json:"requires_metric_time"`
	Dimensions         []string `json:"dimensions,omitempty"`
}

type metricsResult struct {
	Metrics    []metricItem       `json:"metrics"`
	NextCursor string             `json:"next_cursor,omitempty"`
	Manifest   metricapp.Manifest `json:"manifest"`
}

func (l listings) listMetrics() tool.Tool {
	return tool.Tool{
		Definition: define("list_metrics", "List metrics", listMetricsDescription),
		Bind: func(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
			a, err := metricapp.Decode[listMetricsArguments](args)
			if err != nil {
				return tool.Bound{}, err
			}
			view, snapshot, err := l.look(ctx, by)
			if err != nil {
				return tool.Bound{}, err
			}
			id := list(snapshot, "metrics", a.Search)
			from, err := start(a.Cursor, id)
			if err != nil {
				return tool.Bound{}, err
			}
			return tool.Bound{Run: func(context.Context) (tool.Result, error) {
				return a.run(view, snapshot, from, id)
			}}, nil
		},
	}
}

func (a listMetricsArguments) run(view *metricapp.View, snapshot metric.Snapshot, from int, id string) (tool.Result, error) {
	search := a.search()
	var found []metric.Metric
	for _, m := range view.Metrics() {
		if search.Matches(m.Texts()...) {
			found = append(found, m)
		}
	}
	with := a.WithDimensions || a.ShowAllDimensions || !search.IsZero() && len(found) <= fewMetrics
	shown, next := page(found, from, a.size(), id)
	result := metricsResult{Metrics: make([]metricItem, 0, len(shown)), NextCursor: next, Manifest: metricapp.ManifestOf(snapshot)}
	var t text
	t.line("%d of %d metrics:", len(shown), len(found))
	for _, m := range shown {
		item := metricItem{
			Name: m.Name, Type: string(m.Kind), Label: m.Label, Description: m.Description, Synonyms: m.Synonyms,
			RequiresMetricTime: m.RequiresMetricTime,
		}
		t.line("- %s (%s)%s%s", m.Name, m.Kind, about(m.Label, m.Description, m.Synonyms), needsTime(m.RequiresMetricTime))
		if with {
			var err error
			if item.Dimensions, err = dimensionNames(view, m.Name); err != nil {
				return tool.Result{}, err
			}
			t.line("  by %s", strings.Join(item.Dimensions, ", "))
		}
		result.Metrics = append(result.Metrics, item)
	}
	if len(found) == 0 {
		t.line("No metric that you may ask matches. Try fewer or other words, or none to see all.")
	}
	return tool.Result{Text: t.finish(snapshot, next), Structured: result}, nil
}

func dimensionNames(v *metricapp.View, metricName string) ([]string, error) {
	dimensions, err := v.Dimensions([]string{metricName})
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(dimensions))
	for _, d := range dimensions {
		names = append(names, d.Name)
	}
	return names, nil
}
