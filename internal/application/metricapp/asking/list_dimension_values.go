package asking

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

func (q *questions) valuesTool() tool.Tool {
	return tool.Tool{
		Definition: tool.Definition{
			Name:  "list_dimension_values",
			Title: "List values of a dimension",
			Description: "Lists the values that a dimension or entity has, in all the data or with some metrics. Use it before filtering, " +
				"so that the filter's value is spelled as the data spells it; search narrows a long list.",
			InputSchema: schema("list_dimension_values.input"), OutputSchema: schema("list_dimension_values.output"),
			ReadOnly: true, Idempotent: true, Icon: "list", Timeout: q.limits.Timeout,
		},
		Bind: q.bindValues,
	}
}

type valuesArguments struct {
	Dimension string   `json:"dimension"`
	Metrics   []string `json:"metrics"`
	Search    string   `json:"search"`
	Limit     *int     `json:"limit"`
	StartTime string   `json:"start_time"`
	EndTime   string   `json:"end_time"`
}

func (q *questions) bindValues(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
	a, l, err := q.parseValues(args)
	if err != nil {
		return tool.Bound{}, err
	}
	snapshot, err := q.catalogs.Current(ctx)
	if err != nil {
		return tool.Bound{}, err
	}
	view := metricapp.NewView(snapshot.Catalog, q.policy, by)
	claim, err := view.DemandMetrics(a.Metrics)
	if err != nil || claim.Hidden() {
		return refusedOr(claim, err)
	}
	f, fields, err := view.DemandField(a.Dimension, a.Metrics)
	claim = claim.And(fields)
	if err != nil || claim.Hidden() {
		return refusedOr(claim, err)
	}
	if l.Start+l.End != "" {
		_, time, err := view.DemandField(metric.TimeField, a.Metrics)
		if claim = claim.And(time); err != nil || claim.Hidden() {
			return refusedOr(claim, err)
		}
	}
	if l.Field, err = f.At("", ""); err != nil {
		return tool.Bound{}, err
	}
	l.Manifest, l.Kind = snapshot.Hash, f.Kind
	run := listed{questions: q, snapshot: snapshot, view: view, listing: l}
	return tool.Bound{Demands: claim.Demands, Run: run.run}, nil
}

func refusedOr(c metricapp.Claim, err error) (tool.Bound, error) {
	if err != nil {
		return tool.Bound{}, err
	}
	return c.Refused(), nil
}

// parseValues reads the arguments, and checks and sets all that needs no catalog.
func (q *questions) parseValues(args json.RawMessage) (valuesArguments, metric.Listing, error) {
	a, err := metricapp.Decode[valuesArguments](args)
	if err != nil {
		return a, metric.Listing{}, err
	}
	l := metric.Listing{Metrics: a.Metrics, Contains: a.Search, Limit: min(defaultValues, q.limits.MaxRows)}
	switch {
	case a.Dimension == "":
		return a, l, metricapp.ErrArguments.Saying("dimension names what to list the values of; list_dimensions shows what there is.")
	case a.Limit != nil && *a.Limit < 1:
		return a, l, metricapp.ErrArguments.Saying("limit is a whole number above zero.")
	case a.Limit != nil:
		l.Limit = min(*a.Limit, q.limits.MaxRows)
	}
	from, to, err := parseRange(a.StartTime, a.EndTime)
	if err != nil {
		return a, l, err
	}
	l.Start, l.End = printed(from), printed(to)
	if l.Start+l.End != "" && len(a.Metrics) == 0 {
		return a, l, ErrTimeRange.Saying("start_time and end_time need metrics: they bound the time by which metrics are counted.")
	}
	return a, l, nil
}

// listed is a listing of values that may run.
type listed struct {
	*questions
	snapshot metric.Snapshot
	view     *metricapp.View
	listing  metric.Listing
}

type valuesResult struct {
	Values     []namedValue       `json:"values"`
	Truncated  bool               `json:"truncated"`
	Manifest   metricapp.Manifest `json:"manifest"`
	DurationMS float64            `json:"duration_ms"`
	Warnings   []string           `json:"warnings,omitempty"`
}

type namedValue struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

func (l listed) run(ctx context.Context) (tool.Result, error) {
	start := l.now()
	table, err := l.source.Values(ctx, l.listing)
	if err != nil {
		return tool.Result{}, l.view.Discreet(err)
	}
	r := valuesResult{Values: make([]namedValue, 0, len(table.Rows)), Truncated: table.Truncated, Manifest: metricapp.ManifestOf(l.snapshot)}
	for _, row := range table.Rows {
		r.Values = append(r.Values, namedValue{Name: cellText(row[0]), Value: row[0]})
	}
	r.Warnings = metricapp.Staleness(l.snapshot)
	r.DurationMS = milliseconds(l.now().Sub(start))
	return tool.Result{Text: withWarnings(r.text(l.listing.Field.Name), r.Warnings), Structured: r}, nil
}

func (r valuesResult) text(dimension string) string {
	var b strings.Builder
	for _, v := range r.Values {
		b.WriteString(short(v.Name) + "\n")
	}
	fmt.Fprintf(&b, "%d values of %s", len(r.Values), dimension)
	if r.Truncated {
		b.WriteString("; there are more: search narrows them, limit asks for more")
	}
	return b.String() + "."
}
