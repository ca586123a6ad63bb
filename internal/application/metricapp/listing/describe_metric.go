package listing

import (
	"context"
	"encoding/json"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const describeMetricDescription = `Tells how one metric is defined: its formula down to the columns, its conditions, time windows and offsets, the semantic models whose rows it counts, ` +
	`and the file and line where it is written down. Use it to answer "where does this number come from" and to choose between similar metrics; ` +
	`list_dimensions tells by what it can be grouped, query asks it.`

type describeMetricArguments struct {
	Name string `json:"name"`
}

type metricDefinition struct {
	Name               string         `json:"name"`
	Type               string         `json:"type"`
	Label              string         `json:"label,omitempty"`
	Description        string         `json:"description,omitempty"`
	Synonyms           []string       `json:"synonyms,omitempty"`
	RequiresMetricTime bool           `json:"requires_metric_time"`
	TimeGrain          string         `json:"time_grain,omitempty"`
	Formula            formula        `json:"formula"`
	SemanticModels     []string       `json:"semantic_models"`
	Meta               map[string]any `json:"meta,omitempty"`
	File               *string        `json:"file"`
	Line               *int           `json:"line"`
}

type describeResult struct {
	Metric   metricDefinition   `json:"metric"`
	Manifest metricapp.Manifest `json:"manifest"`
}

func (l listings) describeMetric() tool.Tool {
	return tool.Tool{
		Definition: define("describe_metric", "Describe a metric", describeMetricDescription),
		Bind: func(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
			a, err := metricapp.Decode[describeMetricArguments](args)
			if err != nil {
				return tool.Bound{}, err
			}
			view, snapshot, err := l.look(ctx, by)
			if err != nil {
				return tool.Bound{}, err
			}
			claim, err := view.DemandMetrics([]string{a.Name})
			if err != nil {
				return tool.Bound{}, err
			}
			if claim.Refuses() {
				return claim.Refused(), nil
			}
			return tool.Bound{Demands: claim.Demands, Refusal: metric.ErrUnknownMetric, Run: func(ctx context.Context) (tool.Result, error) {
				return l.describe(ctx, view, snapshot, a.Name)
			}}, nil
		},
	}
}

func (l listings) describe(ctx context.Context, view *metricapp.View, s metric.Snapshot, name string) (tool.Result, error) {
	m, ok := s.Catalog.Metric(name)
	if !ok {
		return tool.Result{}, metric.UnknownMetric(name, view.MetricNames())
	}
	d := metricDefinition{
		Name: m.Name, Type: string(m.Kind), Label: m.Label, Description: m.Description, Synonyms: m.Synonyms,
		RequiresMetricTime: m.RequiresMetricTime, TimeGrain: m.TimeGrain, SemanticModels: orEmpty(m.Models), Meta: m.Meta,
	}
	tree := formulas{view: view, catalog: s.Catalog, root: m.Name}
	d.Formula = tree.of(m, 0)
	if at, found := l.definitions.Locate(ctx, m.Name); found {
		d.File = &at.File
		if at.Line > 0 {
			d.Line = &at.Line
		}
	}
	return tool.Result{Text: d.text(s), Structured: describeResult{Metric: d, Manifest: metricapp.ManifestOf(s)}}, nil
}

func (d metricDefinition) text(s metric.Snapshot) string {
	var t text
	t.line("%s (%s)%s%s", d.Name, d.Type, about(d.Label, d.Description, d.Synonyms), needsTime(d.RequiresMetricTime))
	d.Formula.write(&t, "  ")
	for _, model := range d.SemanticModels {
		t.line("  counts rows of the semantic model %s", model)
	}
	if d.TimeGrain != "" {
		t.line("  meant to be read by %s", d.TimeGrain)
	}
	switch {
	case d.File != nil && d.Line != nil:
		t.line("  defined in %s, line %d", *d.File, *d.Line)
	case d.File != nil:
		t.line("  defined in %s", *d.File)
	}
	return t.finish(s, "")
}
