package metricapp

import (
	"slices"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// The faults of what a principal's obligations forbid. None tells which filter there is: its field may be hidden.
var (
	ErrRows = fault.New(fault.Denied, "metric.rows",
		"You may see some rows only, and what this question asks for cannot be limited to them together; ask its metrics apart.")
	ErrMetricFilter = fault.New(fault.Denied, "metric.metric_filter",
		"Metric() in a condition is not open to you: you may see some rows only, and the limit would not reach inside it.")
	ErrRange = fault.New(fault.Denied, "metric.range",
		"You may ask for a limited span of time only; give start_time and end_time, closer together.")
	ErrExplainOnly = fault.New(fault.Denied, "metric.explain_only",
		"You may check questions and see their SQL, but not run them; ask query with mode validate or sql.")
)

var errRowsAlone = ErrRows.Saying("You may see some rows only, and these fields alone cannot be limited to them; name metrics to ask for them with.")

// shows reports whether a metric is there for the principal.
func (v *View) shows(m metric.Metric) bool { return v.may(v.metricDemands(m)...) && v.barred(m) == "" }

// barred is the rule of a row filter that cannot be laid on questions about m; empty when all can.
func (v *View) barred(m metric.Metric) string { return v.unreachable([]string{m.Name}) }

func (v *View) showsSaved(q metric.SavedQuery) bool {
	return v.may(v.savedDemands(q)...) && v.barredSaved(q) == ""
}

// barredSaved is the rule of a row filter that cannot be laid on a saved query. One with a condition that could not be
// read might undo whatever is added to it, or name what another filter governs.
func (v *View) barredSaved(q metric.SavedQuery) string {
	if rows := v.obliged.Rows; len(rows) > 0 && q.Uses.Opaque {
		return rows[0].Rule
	}
	return v.unreachable(q.Metrics)
}

func (v *View) unreachable(metrics []string) string {
	_, claim := v.Rows(metrics, nil)
	return claim.Objection
}

// Rows are the conditions that policy lays on a question about the metrics, which the caller has claimed, and fields, by
// their full names; on a question without metrics, those of all row filters. When one cannot be laid, because its field is
// out of reach, its values are missing or are of no use there, the claim refuses with ErrRows: a filter is never dropped.
func (v *View) Rows(metrics, fields []string) ([]metric.Condition, Claim) {
	rows := v.governing(metrics)
	var conditions []metric.Condition
	for _, row := range rows {
		c, name, ok := v.condition(row, metrics)
		if !ok || slices.ContainsFunc(metrics, v.converts) {
			return nil, Claim{Refusal: ErrRows, Objection: row.Rule}
		}
		conditions = append(conditions, c)
		fields = append(slices.Clip(fields), name)
	}
	if len(rows) > 0 && len(metrics) == 0 && !v.catalog.Together(fields) {
		return nil, Claim{Refusal: errRowsAlone, Objection: rows[0].Rule}
	}
	return conditions, Claim{}
}

// condition is a row filter in a question about the metrics, with the full name of its field; false when there is none that
// would hold.
func (v *View) condition(row access.Row, metrics []string) (c metric.Comparison, field string, ok bool) {
	f, ok, err := v.catalog.Resolve(row.Field, metrics)
	c = metric.Comparison{Left: metric.Ref{Name: f.Name, Kind: f.Kind, Grain: f.Grain}, Op: metric.Op(row.Op)}
	for _, value := range row.Values {
		c.Right = append(c.Right, metric.Value{Of: value})
	}
	return c, f.Name, ok && err == nil && len(row.Values) > 0 && c.Check() == nil
}

// converts reports whether conversions are in the formula of a metric. The engine lays a question's conditions on what
// may convert, and counts every conversion of it, whosever row that is.
func (v *View) converts(name string) bool {
	m, _ := v.catalog.Definition(name)
	return slices.ContainsFunc(slices.Concat([]string{name}, m.Inputs, m.Ingredients), func(part string) bool {
		d, _ := v.catalog.Definition(part)
		return d.Kind == metric.Conversion
	})
}

// alone reports whether a question about the metrics can ask for a field, as far as row filters go.
func (v *View) alone(metrics []string, field string) bool {
	if len(metrics) > 0 {
		return true
	}
	_, claim := v.Rows(nil, []string{field})
	return !claim.Refuses()
}

// governing are the row filters that are laid on a question about the metrics: those of any of them, or of a metric in
// the formula of one.
func (v *View) governing(metrics []string) []access.Row {
	if len(metrics) == 0 {
		return v.obliged.Rows
	}
	var rows []access.Row
	for _, row := range v.obliged.Rows {
		if slices.ContainsFunc(metrics, func(name string) bool { return v.governs(row, name) }) {
			rows = append(rows, row)
		}
	}
	return rows
}

func (v *View) governs(row access.Row, name string) bool {
	m, _ := v.catalog.Definition(name)
	return row.Governs(name) || slices.ContainsFunc(m.Inputs, row.Governs) || slices.ContainsFunc(m.Ingredients, row.Governs)
}

// DemandMetricInFilter claims Metric(name) in a condition; see DemandMetrics. Under any row filter it refuses with ErrMetricFilter.
func (v *View) DemandMetricInFilter(name string) (Claim, error) {
	if rows := v.obliged.Rows; len(rows) > 0 {
		return Claim{Refusal: ErrMetricFilter, Objection: rows[0].Rule}, nil
	}
	return v.DemandMetrics([]string{name})
}

// Running claims that a question is run, not only explained.
func (v *View) Running() Claim {
	if rule := v.obliged.ExplainOnly; rule != "" {
		return Claim{Refusal: ErrExplainOnly, Objection: rule}
	}
	return Claim{}
}

// During claims the time between two moments, a zero one being an open end. The last day counts, so that a span of one
// day begins and ends on the same one.
func (v *View) During(start, end metric.Moment) Claim {
	longest := v.obliged.MaxRange
	if longest == 0 || !start.IsZero() && !end.IsZero() && end.Sub(start) < longest {
		return Claim{}
	}
	days := int(longest / (24 * time.Hour))
	refusal := ErrRange.Saying("You may ask for at most %d days at once; give start_time and end_time, no further apart.", days)
	return Claim{Refusal: refusal, Objection: v.obliged.RangeRule}
}

// Ceiling is the most rows that the principal may have of one answer, and at most limit.
func (v *View) Ceiling(limit int) int {
	if v.obliged.MaxRows == 0 {
		return limit
	}
	return min(limit, v.obliged.MaxRows)
}
