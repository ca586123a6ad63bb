package listing

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const listMetricsDescription = `Lists the metrics that you may ask, with type, description and synonyms. Start here with every business question: ` +
	`pass the question's key words as "search" (all words must occur in a name, label, description or synonym), or nothing to see all. ` +
	`When a search leaves few metrics, each comes with its dimensions, and you can go on to query at once; otherwise call list_dimensions next. ` +
	`With "dimensions" it lists only the metrics that can be grouped by all of them, as for "what can we see by region and channel?". ` +
	`describe_metric tells how one is computed. If no metric fits the question, say so and offer the nearest ones instead of guessing.`

// fewMetrics is up to how many found metrics bring their dimensions unasked.
const fewMetrics = 5

type listMetricsArguments struct {
	paging
	Dimensions        []string `json:"dimensions"`
	WithDimensions    bool     `json:"with_dimensions"`
	ShowAllDimensions bool     `json:"show_all_dimensions"` // the name that an earlier server gave to WithDimensions
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
			metrics, claim, err := groupable(view, snapshot.Catalog, a.Dimensions)
			if err != nil {
				return tool.Bound{}, err
			}
			if claim.Refuses() {
				return claim.Refused(), nil
			}
			id := list(snapshot, "metrics", []any{a.Search, a.Dimensions})
			from, err := start(a.Cursor, id)
			if err != nil {
				return tool.Bound{}, err
			}
			return tool.Bound{Demands: claim.Demands, Refusal: metric.ErrUnknownField, Run: func(context.Context) (tool.Result, error) {
				return a.run(view, metrics, snapshot, from, id)
			}}, nil
		},
	}
}

// groupable are the visible metrics that can be grouped by all the names. A name that none of them has, because there is
// no such thing or because it is hidden, is metric.ErrUnknownField: as an error, or as the refusal of a claim.
func groupable(v *metricapp.View, catalog *metric.Catalog, names []string) ([]metric.Metric, metricapp.Claim, error) {
	found := v.Metrics()
	var all metricapp.Claim
	for _, name := range names {
		having, claim, err := having(v, catalog, name)
		all = all.And(claim)
		if err != nil || all.Refuses() {
			return nil, all, err
		}
		found = slices.DeleteFunc(slices.Clone(found), func(m metric.Metric) bool { return !having[m.Name] })
	}
	return found, all, nil
}

// having tells which of the visible metrics can be grouped by a name, and claims what it stands for with them.
func having(v *metricapp.View, catalog *metric.Catalog, name string) (map[string]bool, metricapp.Claim, error) {
	metrics := map[string]bool{}
	var open, closed metricapp.Claim
	for _, m := range v.Metrics() {
		one := []string{m.Name}
		if _, there, err := catalog.Resolve(name, one); err != nil || !there {
			continue
		}
		_, claim, err := v.DemandField(name, one)
		switch {
		case err != nil:
			return nil, metricapp.Claim{}, err
		case claim.Refuses():
			closed = closed.And(claim)
		default:
			open, metrics[m.Name] = open.And(claim), true
		}
	}
	if len(metrics) > 0 {
		return metrics, open, nil
	}
	unknown := unknownToAll(v, name)
	if closed.Refuses() {
		closed.Refusal = unknown
		return nil, closed, nil
	}
	return nil, metricapp.Claim{}, unknown
}

func unknownToAll(v *metricapp.View, name string) *fault.Fault {
	visible := map[string]bool{}
	for _, m := range v.Metrics() {
		for _, field := range v.FieldNames([]string{m.Name}) {
			visible[field] = true
		}
	}
	return metric.ErrUnknownField.
		Saying("No metric can be grouped by %q; list_dimensions and list_entities show what there is.", metricapp.Clip(name)).
		Suggesting(metric.Suggest(name, slices.Sorted(maps.Keys(visible)))...)
}

func (a listMetricsArguments) run(view *metricapp.View, among []metric.Metric, snapshot metric.Snapshot, from int, id string) (tool.Result, error) {
	search := a.search()
	var found []metric.Metric
	for _, m := range among {
		if search.Matches(m.Texts()...) {
			found = append(found, m)
		}
	}
	with := a.WithDimensions || a.ShowAllDimensions || (!search.IsZero() || len(a.Dimensions) > 0) && len(found) <= fewMetrics
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
