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

const listDimensionsDescription = `Lists the dimensions by which all of the given metrics can be grouped and filtered together, with type, grains and date parts. ` +
	`Call it after list_metrics and before query; name every metric of the query. A dimension's name is its path: customer__region is the region of the customer. ` +
	`metric_time is the time of every metric. Ask a time dimension at one of its grains, in query as {"name": "metric_time", "grain": "month"}. ` +
	`Before filtering by a categorical dimension, call list_dimension_values to learn how its values are written. Without metrics it lists what can be queried alone.`

type fieldsArguments struct {
	paging
	Metrics []string `json:"metrics"`
}

type dimensionItem struct {
	Name               string   `json:"name"`
	Type               string   `json:"type"`
	Label              string   `json:"label,omitempty"`
	Description        string   `json:"description,omitempty"`
	Synonyms           []string `json:"synonyms,omitempty"`
	Grain              string   `json:"grain,omitempty"`
	Grains             []string `json:"grains,omitempty"`
	DateParts          []string `json:"date_parts,omitempty"`
	RequiresMetricTime bool     `json:"requires_metric_time"`
}

type dimensionsResult struct {
	Dimensions []dimensionItem    `json:"dimensions"`
	NextCursor string             `json:"next_cursor,omitempty"`
	Manifest   metricapp.Manifest `json:"manifest"`
}

func (l listings) listDimensions() tool.Tool {
	return tool.Tool{
		Definition: define("list_dimensions", "List dimensions", listDimensionsDescription),
		Bind:       l.bindFields("dimensions", fieldsArguments.dimensions),
	}
}

// bindFields is what list_dimensions and list_entities have in common: they claim the metrics, then list.
func (l listings) bindFields(
	name string, run func(a fieldsArguments, v *metricapp.View, s metric.Snapshot, from int, id string) (tool.Result, error),
) func(context.Context, access.Principal, json.RawMessage) (tool.Bound, error) {
	return func(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
		a, err := metricapp.Decode[fieldsArguments](args)
		if err != nil {
			return tool.Bound{}, err
		}
		view, snapshot, err := l.look(ctx, by)
		if err != nil {
			return tool.Bound{}, err
		}
		claim, err := view.DemandMetrics(a.Metrics)
		if err != nil {
			return tool.Bound{}, err
		}
		if claim.Refuses() {
			return claim.Refused(), nil
		}
		id := list(snapshot, name, []any{a.Metrics, a.Search})
		from, err := start(a.Cursor, id)
		if err != nil {
			return tool.Bound{}, err
		}
		return tool.Bound{Demands: claim.Demands, Refusal: metric.ErrUnknownMetric, Run: func(context.Context) (tool.Result, error) {
			return run(a, view, snapshot, from, id)
		}}, nil
	}
}

func (a fieldsArguments) dimensions(v *metricapp.View, s metric.Snapshot, from int, id string) (tool.Result, error) {
	all, err := v.Dimensions(a.Metrics)
	if err != nil {
		return tool.Result{}, err
	}
	search := a.search()
	var found []metric.Dimension
	for _, d := range all {
		if search.Matches(d.Texts()...) {
			found = append(found, d)
		}
	}
	shown, next := page(found, from, a.size(), id)
	result := dimensionsResult{Dimensions: make([]dimensionItem, 0, len(shown)), NextCursor: next, Manifest: metricapp.ManifestOf(s)}
	var t text
	t.line("%d of %d dimensions%s:", len(shown), len(found), a.of())
	for _, d := range shown {
		result.Dimensions = append(result.Dimensions, dimensionItem{
			Name: d.Name, Type: d.Kind.String(), Label: d.Label, Description: d.Description, Synonyms: d.Synonyms,
			Grain: d.Grain, Grains: d.Grains, DateParts: d.DateParts, RequiresMetricTime: d.RequiresMetricTime,
		})
		t.line("- %s (%s)%s%s", d.Name, kindWithGrain(d), about(d.Label, d.Description, d.Synonyms), needsTime(d.RequiresMetricTime))
	}
	if len(found) == 0 {
		t.line("%s", a.none("dimension"))
	}
	return tool.Result{Text: t.finish(s, next), Structured: result}, nil
}

func kindWithGrain(d metric.Dimension) string {
	if d.Kind != metric.Time || len(d.Grains) == 0 {
		return d.Kind.String()
	}
	return "time by " + strings.Join(d.Grains, ", ")
}

// of says whose fields are listed.
func (a fieldsArguments) of() string {
	switch len(a.Metrics) {
	case 0:
		return " that can be queried without metrics"
	case 1:
		return " of " + a.Metrics[0]
	}
	return " common to " + strings.Join(a.Metrics, ", ")
}

// none says why a list may be empty.
func (a fieldsArguments) none(kind string) string {
	switch {
	case a.Search != "":
		return "None matches the search; try fewer or other words, or none."
	case len(a.Metrics) > 1:
		return "These metrics have no " + kind + " in common that you may use; query them one by one."
	}
	return "There is no " + kind + " that you may use here."
}
