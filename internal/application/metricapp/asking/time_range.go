package asking

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const timeRangeDescription = `Tells from when to when there is data: for each metric the first and the last time at which it has a value, by metric_time or another time dimension. ` +
	`Call it before a question about "the latest" or "all" of something, to choose start_time and end_time of query or the periods of compare_periods, ` +
	`and to say honestly how far an answer reaches. With filters it tells the range of a part, such as one region or one product. ` +
	`It is asked of the warehouse anew each time.`

func (q *questions) rangeTool() tool.Tool {
	return tool.Tool{
		Definition: tool.Definition{
			Name: "time_range", Title: "Range of times with data", Description: timeRangeDescription,
			InputSchema: schema("time_range.input"), OutputSchema: schema("time_range.output"),
			ReadOnly: true, Idempotent: true, Icon: "query", Timeout: q.limits.Timeout,
			Recorded: []string{"metrics", "dimension", "start_time", "end_time"},
		},
		Bind: q.bindRange,
	}
}

type rangeArguments struct {
	Metrics   []string `json:"metrics"`
	Dimension string   `json:"dimension"`
	narrowing
	span

	period period
}

// mostRanges is how many metrics one call takes: each costs two questions.
const mostRanges = 20

// edge is how many times from either end are read, to find one at which the metric has a value: a ratio has none where
// its denominator is zero.
const edge = 100

func (q *questions) bindRange(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
	a, err := parseRange(args)
	if err != nil {
		return tool.Bound{}, err
	}
	snapshot, err := q.catalogs.Current(ctx)
	if err != nil {
		return tool.Bound{}, err
	}
	r := ranging{scope: scope{view: metricapp.NewView(snapshot.Catalog, q.policy, by)}}
	if err := r.resolve(a, snapshot.Catalog); err != nil {
		return tool.Bound{}, err
	}
	if r.claim.Refuses() {
		return r.claim.Refused(), nil
	}
	for i := range r.questions {
		r.questions[i].Manifest, r.questions[i].Limit = snapshot.Hash, min(edge, r.view.Ceiling(q.limits.MaxRows))
	}
	run := ranged{questions: q, snapshot: snapshot, ranging: r}
	return tool.Bound{Demands: r.claim.Demands, Run: run.run}, nil
}

// parseRange reads the arguments and checks all that needs no catalog.
func parseRange(args json.RawMessage) (rangeArguments, error) {
	a, err := metricapp.Decode[rangeArguments](args)
	if err != nil {
		return a, err
	}
	if n := len(a.Metrics); n == 0 || n > mostRanges {
		return a, metricapp.ErrArguments.Saying("metrics names 1 to %d metrics; list_metrics shows the metrics there are.", mostRanges)
	}
	if a.Dimension == "" {
		a.Dimension = metric.TimeField
	}
	a.period, err = a.read()
	return a, err
}

// ranging turns the arguments of time_range into one question for each metric, which is asked from both ends.
type ranging struct {
	scope
	grain     string
	questions []metric.Question
}

func (r *ranging) resolve(a rangeArguments, catalog *metric.Catalog) error {
	r.claim = r.view.Running()
	if err := r.about(a.Metrics); err != nil || r.claim.Refuses() {
		return err
	}
	// The engine joins such metrics to the project's calendar: they have values wherever that has days.
	name, inputs := alongTime(catalog, a.Metrics)
	if name == "" {
		name = filled(catalog, a.Metrics)
	}
	if name != "" {
		return ErrAlongTime.Saying("%q is computed along the project's calendar, so its times are not those of data; ask for a metric that it is made of.", name).
			Suggesting(inputs...)
	}
	by, err := r.dimension(a.Dimension)
	if err != nil || r.claim.Refuses() {
		return err
	}
	if err := r.narrow(a.narrowing); err != nil || r.claim.Refuses() {
		return err
	}
	if err := r.during(a.period); err != nil || r.claim.Refuses() {
		return err
	}
	known := metric.Comparison{Left: metric.Ref{Name: by.Name, Kind: metric.Time, Grain: by.Grain}, Op: metric.IsNotNull}
	for _, m := range a.Metrics {
		// Each metric is a question of its own, so it gets the row filters that govern it and no other's.
		rows, claim := r.view.Rows([]string{m}, nil)
		r.claim = r.claim.And(claim)
		r.questions = append(r.questions, metric.Question{
			Metrics: []string{m}, GroupBy: []metric.GroupBy{by}, Where: slices.Concat(r.where, []metric.Condition{known}, rows),
			OrderBy: []metric.OrderBy{{GroupBy: by}}, Start: r.start, End: r.end,
		})
	}
	return nil
}

// dimension claims a time dimension, at the grain in its name or else at its finest.
func (r *ranging) dimension(name string) (metric.GroupBy, error) {
	f, err := r.field(name)
	if err != nil || r.claim.Refuses() {
		return metric.GroupBy{}, err
	}
	if f.Kind != metric.Time || len(f.Grains) == 0 {
		return metric.GroupBy{}, metric.ErrGrain.Saying("%q is no time dimension; time_range takes metric_time, or another of type time from list_dimensions.", metricapp.Clip(name))
	}
	r.grain = f.Grain
	if r.grain == "" {
		r.grain = f.Grains[0]
	}
	f.Grain = "" // said once
	return f.At(r.grain, "")
}

// filled finds the first metric that has values where there are no rows, itself or by way of its formula.
func filled(catalog *metric.Catalog, metrics []string) string {
	for _, m := range metrics {
		definition, _ := catalog.Definition(m)
		for _, part := range slices.Concat([]string{m}, definition.Inputs, definition.Ingredients) {
			if d, _ := catalog.Definition(part); d.Formula.Filled {
				return m
			}
		}
	}
	return ""
}
