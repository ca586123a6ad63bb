package asking

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// ranged is a time_range that may run.
type ranged struct {
	*questions
	snapshot metric.Snapshot
	ranging  ranging
}

type rangeResult struct {
	Dimension  string             `json:"dimension"`
	Grain      string             `json:"grain"`
	Ranges     []rangeOf          `json:"ranges"`
	Common     *ends              `json:"common,omitempty"`
	Manifest   metricapp.Manifest `json:"manifest"`
	DurationMS float64            `json:"duration_ms"`
	Warnings   []string           `json:"warnings,omitempty"`
}

type rangeOf struct {
	Metric string `json:"metric"`
	ends
}

// ends are nil when there is no data.
type ends struct {
	First any `json:"first"`
	Last  any `json:"last"`
}

func (r ranged) run(ctx context.Context) (tool.Result, error) {
	start := r.now()
	result := rangeResult{
		Dimension: r.ranging.questions[0].GroupBy[0].Name, Grain: r.ranging.grain, Manifest: metricapp.ManifestOf(r.snapshot),
		Warnings: slices.Concat(r.ranging.warnings, metricapp.Staleness(r.snapshot)),
	}
	for _, question := range r.ranging.questions {
		found, notes, err := r.ends(ctx, question)
		if err != nil {
			return tool.Result{}, r.ranging.view.Discreet(err)
		}
		result.Ranges = append(result.Ranges, rangeOf{question.Metrics[0], found})
		result.Warnings = append(result.Warnings, notes...)
	}
	result.Common = common(result.Ranges)
	result.DurationMS = metricapp.Milliseconds(r.now().Sub(start))
	return tool.Result{Text: result.text(), Structured: result}, nil
}

// ends asks a question from both ends.
func (r ranged) ends(ctx context.Context, question metric.Question) (found ends, notes []string, err error) {
	backwards := question
	backwards.OrderBy = []metric.OrderBy{{GroupBy: question.GroupBy[0], Descending: true}}
	first, last, err := r.both(ctx, question, backwards)
	if err != nil {
		return ends{}, nil, err
	}
	var unread bool
	if found.First, unread = r.outermost(first); !unread {
		found.Last, unread = r.outermost(last)
	}
	if unread {
		notes = []string{fmt.Sprintf("%s has no value at the %d outermost times; query shows where it has some.", question.Metrics[0], question.Limit)}
	}
	return found, notes, nil
}

// outermost is the first time in a table at which the metric has a value; unread when there may be one further on.
func (r ranged) outermost(t metric.Table) (at any, unread bool) {
	for _, row := range t.Rows {
		if len(row) == 2 && row[0] != nil && row[1] != nil {
			return r.dated(row[0]), false
		}
	}
	return nil, t.Truncated
}

// dated writes the first moment of a day as its date, where that says as much.
func (r ranged) dated(cell any) any {
	if text, ok := cell.(string); ok && !finerThanDay(r.ranging.grain) {
		return strings.TrimSuffix(text, "T00:00:00")
	}
	return cell
}

// common is when all of several metrics have data; nil when there is no such time, or one metric only.
func common(ranges []rangeOf) *ends {
	var first, last string
	for i, r := range ranges {
		from, ok := r.First.(string)
		to, is := r.Last.(string)
		if !ok || !is {
			return nil
		}
		if i == 0 {
			first, last = from, to
		}
		first, last = max(first, from), min(last, to) // ISO 8601 sorts as text
	}
	if len(ranges) < 2 || first > last {
		return nil
	}
	return &ends{first, last}
}

func (r rangeResult) text() string {
	var b strings.Builder
	line := func(what string, e ends) {
		if e.First == nil || e.Last == nil {
			fmt.Fprintf(&b, "%s: none found\n", what)
			return
		}
		fmt.Fprintf(&b, "%s: %s to %s\n", what, cellText(e.First), cellText(e.Last))
	}
	for _, one := range r.Ranges {
		line(one.Metric, one.ends)
	}
	if r.Common != nil {
		line("All of them", *r.Common)
	}
	fmt.Fprintf(&b, "By %s; each time stands for its whole %s.", r.Dimension, r.Grain)
	return withWarnings(b.String(), r.Warnings)
}
