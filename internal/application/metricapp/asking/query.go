package asking

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/chartview"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/chart"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// The modes of query.
const (
	modeRows     = "rows"
	modeSQL      = "sql"
	modeValidate = "validate"
)

// The formats of query.
const (
	formatTable = "table"
	formatChart = "chart"
)

func (q *questions) queryTool() tool.Tool {
	return tool.Tool{
		Definition: tool.Definition{
			Name:  "query",
			Title: "Query metrics",
			Description: "Asks the company's metrics: one or more metrics, grouped by dimensions, entities or time, filtered, ordered, limited. " +
				"Call list_metrics first for the names of metrics, list_dimensions for what they can be grouped by, and " +
				"list_dimension_values before filtering by a value. metric_time works with every metric. For the latest periods, order by " +
				"-metric_time and set a limit. The answer's columns are the group-bys as asked, then the metrics. With format chart the " +
				"answer comes as a picture too: for something over time, or to compare a few things.",
			InputSchema: schema("query.input"), OutputSchema: schema("query.output"),
			ReadOnly: true, Idempotent: true, Icon: "query", Timeout: q.limits.Timeout, Task: tool.TaskOptional, View: chartview.URI,
			Recorded: []string{"metrics", "group_by", "order_by", "order", "start_time", "end_time", "limit", "saved_query", "mode", "format"},
		},
		Bind: q.bindQuery,
	}
}

func (q *questions) bindQuery(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
	a, err := parseQuery(args)
	if err != nil {
		return tool.Bound{}, err
	}
	snapshot, err := q.catalogs.Current(ctx)
	if err != nil {
		return tool.Bound{}, err
	}
	r := resolver{scope: scope{view: metricapp.NewView(snapshot.Catalog, q.policy, by)}, limits: q.limits}
	if err := r.resolve(a); err != nil {
		return tool.Bound{}, err
	}
	if r.claim.Refuses() {
		return r.claim.Refused(), nil
	}
	r.question.Manifest = snapshot.Hash
	run := asked{questions: q, snapshot: snapshot, resolver: r, mode: a.Mode, format: a.Format}
	return tool.Bound{Demands: r.claim.Demands, Run: run.run}, nil
}

// asked is a query that may run.
type asked struct {
	*questions
	snapshot metric.Snapshot
	resolver resolver
	mode     string
	format   string
}

func (a asked) run(ctx context.Context) (tool.Result, error) {
	start := a.now()
	var answer queryAnswer
	var err error
	if a.mode == modeRows {
		answer.table, err = a.source.Answer(ctx, a.resolver.question)
	} else {
		answer.sql, err = a.source.Compile(ctx, a.resolver.question)
	}
	if err != nil {
		return tool.Result{}, a.resolver.view.Discreet(err)
	}
	if a.mode == modeSQL && a.resolver.view.Betrays(answer.sql) {
		return tool.Result{}, ErrSQLWithheld
	}
	answer.mode = a.mode
	answer.cut = answer.table.Truncated && a.resolver.ours
	answer.warnings = slices.Concat(a.resolver.warnings, metricapp.Staleness(a.snapshot))
	answer.manifest = metricapp.ManifestOf(a.snapshot)
	answer.duration = metricapp.Milliseconds(a.now().Sub(start))
	if a.format == formatChart {
		if err := a.picture(ctx, &answer); err != nil {
			return tool.Result{}, err
		}
	}
	return answer.result(), nil
}

// picture draws the answer.
func (a asked) picture(ctx context.Context, answer *queryAnswer) error {
	table := answer.table
	table.Truncated = answer.cut
	drawn, err := chart.From(table, a.resolver.metrics, "")
	if err != nil {
		return err
	}
	answer.chart = &drawn
	answer.png, err = a.draw(ctx, drawn, chart.Inline)
	return err
}
