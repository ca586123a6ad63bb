package asking

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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
			ReadOnly: true, Idempotent: true, Icon: "list", Timeout: q.limits.Timeout, Task: tool.TaskOptional,
			Recorded: []string{"dimension", "metrics", "limit", "start_time", "end_time"},
		},
		Bind: q.bindValues,
	}
}

type valuesArguments struct {
	Dimension string   `json:"dimension"`
	Metrics   []string `json:"metrics"`
	Search    string   `json:"search"`
	Limit     *int     `json:"limit"`
	narrowing
	span

	period period
}

func (q *questions) bindValues(ctx context.Context, by access.Principal, args json.RawMessage) (tool.Bound, error) {
	a, err := parseValues(args)
	if err != nil {
		return tool.Bound{}, err
	}
	snapshot, err := q.catalogs.Current(ctx)
	if err != nil {
		return tool.Bound{}, err
	}
	s := scope{view: metricapp.NewView(snapshot.Catalog, q.policy, by)}
	l, err := a.resolve(&s)
	if err != nil {
		return tool.Bound{}, err
	}
	if s.claim.Refuses() {
		return s.claim.Refused(), nil
	}
	l.Manifest, l.Limit = snapshot.Hash, min(l.Limit, s.view.Ceiling(q.limits.MaxRows))
	run := listed{questions: q, snapshot: snapshot, view: s.view, listing: l, warnings: s.warnings}
	return tool.Bound{Demands: s.claim.Demands, Run: run.run}, nil
}

// parseValues reads the arguments and checks all that needs no catalog.
func parseValues(args json.RawMessage) (valuesArguments, error) {
	a, err := metricapp.Decode[valuesArguments](args)
	if err != nil {
		return a, err
	}
	switch {
	case a.Dimension == "":
		return a, metricapp.ErrArguments.Saying("dimension names what to list the values of; list_dimensions shows what there is.")
	case a.Limit != nil && *a.Limit < 1:
		return a, metricapp.ErrArguments.Saying("limit is a whole number above zero.")
	}
	if a.period, err = a.read(); err == nil && !a.period.isZero() && len(a.Metrics) == 0 {
		err = ErrTimeRange.Saying("start_time and end_time need metrics: they bound the time by which metrics are counted.")
	}
	return a, err
}

// resolve claims every name and makes the listing; it stops early when the claim refuses.
func (a valuesArguments) resolve(s *scope) (l metric.Listing, err error) {
	l = metric.Listing{Metrics: a.Metrics, Contains: a.Search, Limit: defaultValues}
	if a.Limit != nil {
		l.Limit = *a.Limit
	}
	s.claim = s.view.Running()
	if err = s.about(a.Metrics); err != nil || s.claim.Refuses() {
		return l, err
	}
	f, err := s.field(a.Dimension)
	if err != nil || s.claim.Refuses() {
		return l, err
	}
	l.Kind = f.Kind
	if l.Field, err = f.At("", ""); err != nil {
		return l, err
	}
	if err = s.narrow(a.narrowing); err != nil || s.claim.Refuses() {
		return l, err
	}
	if err = s.during(a.period); err != nil || s.claim.Refuses() {
		return l, err
	}
	s.limit()
	l.Where, l.Start, l.End = s.where, s.start, s.end
	return l, nil
}

// listed is a listing of values that may run.
type listed struct {
	*questions
	snapshot metric.Snapshot
	view     *metricapp.View
	listing  metric.Listing
	warnings []string
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
	r.Warnings = slices.Concat(l.warnings, metricapp.Staleness(l.snapshot))
	r.DurationMS = metricapp.Milliseconds(l.now().Sub(start))
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
