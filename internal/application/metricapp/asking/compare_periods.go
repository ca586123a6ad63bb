package asking

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const compareDescription = `Compares metrics between two periods: current value, previous value, difference and difference in percent, in all or for each group. ` +
	`Use it for "how did X change", "X against last month" or "what drove the change" instead of two queries and arithmetic of your own. ` +
	`Give the current period in whole days; compare_to is previous_period (the default: a whole month, quarter or year is compared with the one before, ` +
	`any other period with as many days right before it), previous_year, or a period of its own, as for month to date against the same days of last month. ` +
	`group_by shows where a change comes from; order by -revenue__delta or revenue__delta_percent to see the largest first. ` +
	`For a series over time use query with metric_time; time_range tells which times have data.`

func (q *questions) compareTool() tool.Tool {
	return tool.Tool{
		Definition: tool.Definition{
			Name: "compare_periods", Title: "Compare periods", Description: compareDescription,
			InputSchema: schema("compare_periods.input"), OutputSchema: schema("compare_periods.output"),
			ReadOnly: true, Idempotent: true, Icon: "query", Timeout: q.limits.Timeout, Task: tool.TaskOptional,
			Recorded: []string{"metrics", "period", "compare_to", "group_by", "order_by", "limit"},
		},
		Bind: q.bindCompare,
	}
}

func (q *questions) bindCompare(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
	a, err := parseCompare(args)
	if err != nil {
		return tool.Bound{}, err
	}
	snapshot, err := q.catalogs.Current(ctx)
	if err != nil {
		return tool.Bound{}, err
	}
	c := comparison{scope: scope{view: metricapp.NewView(snapshot.Catalog, q.policy, by)}, current: a.current, previous: a.previous}
	if err := c.resolve(a, snapshot.Catalog); err != nil {
		return tool.Bound{}, err
	}
	if c.claim.Refuses() {
		return c.claim.Refused(), nil
	}
	c.bound(a.Limit, q.limits)
	c.questions[0].Manifest, c.questions[1].Manifest = snapshot.Hash, snapshot.Hash
	run := compared{questions: q, snapshot: snapshot, comparison: c}
	return tool.Bound{Demands: c.claim.Demands, Run: run.run}, nil
}

// compared is a comparison that may run.
type compared struct {
	*questions
	snapshot   metric.Snapshot
	comparison comparison
}

type comparedResult struct {
	Current    days               `json:"current"`
	Previous   days               `json:"previous"`
	Columns    []metric.Column    `json:"columns"`
	Rows       [][]any            `json:"rows"`
	RowCount   int                `json:"row_count"`
	Truncated  bool               `json:"truncated"`
	Manifest   metricapp.Manifest `json:"manifest"`
	DurationMS float64            `json:"duration_ms"`
	Warnings   []string           `json:"warnings,omitempty"`
}

func (c compared) run(ctx context.Context) (tool.Result, error) {
	start := c.now()
	of := c.comparison
	current, previous, err := c.both(ctx, of.questions[0], of.questions[1])
	if err != nil {
		return tool.Result{}, of.view.Discreet(err)
	}
	// With one side cut, a group that is missing there may be one that was cut, and the largest change may be of a group
	// that nobody has seen: no row of such an answer could be trusted, so there is none.
	if current.Truncated || previous.Truncated {
		return tool.Result{}, metric.ErrTooLarge.Saying(
			"One of the periods has more than %d groups, so that the two cannot be compared; filter, or group more coarsely.", of.questions[0].Limit)
	}
	table, notes, err := join(current, previous, len(of.questions[0].GroupBy), of.metrics)
	if err != nil {
		return tool.Result{}, err
	}
	sortRows(table.Rows, of.order)
	cut := of.ours && len(table.Rows) > of.limit
	table.Rows = table.Rows[:min(len(table.Rows), of.limit)]
	r := comparedResult{
		Current: of.current, Previous: of.previous, Columns: table.Columns, Rows: table.Rows, RowCount: len(table.Rows), Truncated: cut,
		Manifest: metricapp.ManifestOf(c.snapshot), Warnings: slices.Concat(of.warnings, notes, metricapp.Staleness(c.snapshot)),
	}
	r.DurationMS = metricapp.Milliseconds(c.now().Sub(start))
	return tool.Result{Text: r.text(), Structured: r}, nil
}

func (r comparedResult) text() string {
	head := fmt.Sprintf("Current: %s to %s. Previous: %s to %s.\n\n", r.Current.start(), r.Current.end(), r.Previous.start(), r.Previous.end())
	return withWarnings(head+tableText(r.Columns, r.Rows)+"\n"+count(r.RowCount, r.Truncated), r.Warnings)
}
