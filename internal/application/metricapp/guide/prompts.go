package guide

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const mostPromptMetrics = 10

// ErrPromptMetrics is about a list of metrics that no prompt can be made of.
var ErrPromptMetrics = fault.New(fault.Invalid, "metric.prompt_metrics", "Give one to ten names of metrics, with commas between them.")

// Prompts are metric_analysis and metric_report. Their texts teach a model the order of the tools and name only what the
// caller may see; an argument that names something else is refused as if it were not there.
func (g *Guide) Prompts() []tool.Prompt {
	dimension := tool.Argument{Name: argDimension, Description: "A dimension to look at more closely, such as customer__region."}
	grain := tool.Argument{Name: argGrain, Description: "The grain of time to compare by, such as month."}
	return []tool.Prompt{
		{
			Name: "metric_analysis", Title: "Analyse a metric", Icon: "metrics", Complete: g.complete,
			Description: "Finds out how one metric has moved, and what moved it.",
			Arguments: []tool.Argument{
				{Name: argMetric, Description: "The metric.", Required: true},
				{Name: "question", Description: "What you want to know of it."},
				{Name: "period", Description: "The time to look at, such as last quarter."},
				dimension, grain,
			},
			Bind:     g.bindPrompt(analysis),
			Recorded: []string{argMetric, argDimension, argGrain},
		},
		{
			Name: "metric_report", Title: "Report on metrics", Icon: "metrics", Complete: g.complete,
			Description: "Writes a short report on some metrics over a period, for a given audience.",
			Arguments: []tool.Argument{
				{Name: argMetrics, Description: "The metrics, with commas between them.", Required: true},
				{Name: "period", Description: "The time to report on, such as the last month."},
				{Name: "audience", Description: "Who will read it, such as the board."},
				dimension, grain,
				{Name: argSavedQuery, Description: "A saved query whose answer belongs into the report."},
			},
			Bind:     g.bindPrompt(report),
			Recorded: []string{argMetrics, argDimension, argGrain, argSavedQuery},
		},
	}
}

// subject is what a prompt is about, once everything in it is known to be there and visible.
type subject struct {
	metrics    []metric.Metric
	dimensions []string // by which all of them can be grouped
	args       map[string]string
}

// bindPrompt claims what the arguments name. What they name first that is hidden refuses, and nothing after it is read.
func (g *Guide) bindPrompt(text func(subject) string) func(context.Context, access.Principal, map[string]string) (tool.Use[tool.Conversation], error) {
	return func(ctx context.Context, by access.Principal, args map[string]string) (tool.Use[tool.Conversation], error) {
		var none tool.Use[tool.Conversation]
		view, snapshot, err := g.look(ctx, by)
		if err != nil {
			return none, err
		}
		names := split(args[argMetric] + "," + args[argMetrics])
		if len(names) == 0 || len(names) > mostPromptMetrics {
			return none, ErrPromptMetrics
		}
		all, err := claim(view, names, args)
		if err != nil {
			return none, err
		}
		return tool.Use[tool.Conversation]{
			Demands: all.Demands, Refusal: cmp.Or(all.Refusal, metric.ErrUnknownMetric), Objection: all.Objection,
			Run: func(context.Context) (tool.Conversation, error) {
				if all.Refuses() {
					return tool.Conversation{}, all.Refusal
				}
				s, err := newSubject(view, snapshot, names, args)
				return tool.Conversation{Turns: []tool.Turn{{Text: text(s)}}}, err
			},
		}, nil
	}
}

func claim(view *metricapp.View, names []string, args map[string]string) (metricapp.Claim, error) {
	all, err := view.DemandMetrics(names)
	if err != nil || all.Refuses() {
		return all, err
	}
	grains := func() []string {
		dimensions, _ := view.Dimensions(names)
		return grainsOf(dimensions, "")
	}
	if name := args[argDimension]; name != "" {
		field, one, err := view.DemandField(name, names)
		if all = all.And(one); err != nil || all.Refuses() {
			return all, err
		}
		if len(field.Grains) > 0 {
			grains = func() []string { return field.Grains }
		}
	}
	if name := args[argSavedQuery]; name != "" {
		_, one, err := view.DemandSavedQuery(name)
		if all = all.And(one); err != nil || all.Refuses() {
			return all, err
		}
	}
	if grain := args[argGrain]; grain != "" {
		if known := grains(); !slices.Contains(known, grain) {
			return all, metric.ErrGrain.Suggesting(known...)
		}
	}
	return all, nil
}

func newSubject(view *metricapp.View, s metric.Snapshot, names []string, args map[string]string) (subject, error) {
	about := subject{args: args}
	for _, name := range names {
		m, ok := s.Catalog.Metric(name)
		if !ok {
			return subject{}, metric.UnknownMetric(name, view.MetricNames())
		}
		about.metrics = append(about.metrics, m)
	}
	dimensions, err := view.Dimensions(names)
	if err != nil {
		return subject{}, err
	}
	for _, d := range dimensions {
		about.dimensions = append(about.dimensions, d.Name)
	}
	return about, nil
}

// names are the metrics as a tool takes them.
func (s subject) names() string {
	quoted := make([]string, len(s.metrics))
	for i, m := range s.metrics {
		quoted[i] = fmt.Sprintf("%q", m.Name)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
