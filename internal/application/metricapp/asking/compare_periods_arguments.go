package asking

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// The faults of questions about periods as wholes.
var (
	ErrAlongTime = fault.New(fault.Invalid, "metric.along_time",
		"This metric is computed along time, so it has no value for a period as a whole; ask query for it, grouped by metric_time.")
	ErrGroupByTime = fault.New(fault.Invalid, "metric.group_by_time",
		"Periods are compared as wholes: a time that is in one is not in the other, so there is no grouping by time; query gives a series.")
)

// compareArguments is the input of compare_periods as it stands.
type compareArguments struct {
	Metrics   []string  `json:"metrics"`
	Period    span      `json:"period"`
	CompareTo compareTo `json:"compare_to"`
	GroupBy   []string  `json:"group_by"`
	OrderBy   []string  `json:"order_by"`
	Limit     *int      `json:"limit"`
	narrowing

	current, previous days
}

// What a period is compared with, when it is not given.
const (
	previousPeriod = "previous_period"
	previousYear   = "previous_year"
)

// compareTo is a word, or a period of its own.
type compareTo struct {
	word   string
	period *span
}

// UnmarshalJSON reads a string, or an object with the ends of a period.
func (c *compareTo) UnmarshalJSON(data []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte(`{`)) {
		return json.Unmarshal(data, &c.word)
	}
	s, err := metricapp.Decode[span](data)
	c.period = &s
	return err
}

// parseCompare reads the arguments and checks all that needs no catalog.
func parseCompare(args json.RawMessage) (compareArguments, error) {
	a, err := metricapp.Decode[compareArguments](args)
	if err != nil {
		return a, err
	}
	switch {
	case len(a.Metrics) == 0:
		return a, metricapp.ErrArguments.Saying("metrics names what to compare; list_metrics shows the metrics there are.")
	case a.Limit != nil && *a.Limit < 1:
		return a, metricapp.ErrArguments.Saying("limit is a whole number above zero.")
	}
	if a.current, err = readDays(a.Period, "period"); err != nil {
		return a, err
	}
	a.previous, err = a.CompareTo.before(a.current)
	return a, err
}

// before is the period that current is compared with.
func (c compareTo) before(current days) (days, error) {
	var previous days
	switch {
	case c.period != nil:
		return readDays(*c.period, "compare_to")
	case c.word == "", c.word == previousPeriod:
		previous = current.before()
	case c.word == previousYear:
		previous = current.yearBefore()
	default:
		return days{}, metricapp.ErrArguments.Saying("compare_to is previous_period, previous_year, or an object with start_time and end_time.")
	}
	if !previous.known() {
		return days{}, ErrTimeRange.Saying("The period to compare with would begin at %s; the metrics engine takes times from 2000-01-01 on only.", previous.start())
	}
	return previous, nil
}

// comparison turns the arguments of compare_periods into one question for each period, the current one first.
type comparison struct {
	scope
	current, previous days
	questions         [2]metric.Question
	order             []ordering
	limit             int
	ours              bool // the limit is Steward's
}

func (c *comparison) resolve(a compareArguments, catalog *metric.Catalog) error {
	c.claim = c.view.Running()
	if err := c.about(a.Metrics); err != nil || c.claim.Refuses() {
		return err
	}
	if name, inputs := alongTime(catalog, a.Metrics); name != "" {
		return ErrAlongTime.Saying("%q is computed along time, so it has no value for a period as a whole; ask query for it, grouped by metric_time.", name).
			Suggesting(inputs...)
	}
	groups, err := c.groups(a.GroupBy)
	if err != nil || c.claim.Refuses() {
		return err
	}
	if err := c.narrow(a.narrowing); err != nil || c.claim.Refuses() {
		return err
	}
	if c.order, err = orderings(a.OrderBy, groups, a.Metrics); err != nil {
		return err
	}
	for i, period := range []days{c.current, c.previous} {
		if err := c.time(period); err != nil || c.claim.Refuses() {
			return err
		}
		c.questions[i] = metric.Question{Metrics: a.Metrics, GroupBy: groups, Start: c.start, End: c.end}
	}
	if c.current.overlaps(c.previous) {
		c.warnings = append(c.warnings, "The two periods have days in common.")
	}
	c.scope.limit()
	c.questions[0].Where, c.questions[1].Where = c.where, c.where
	return nil
}

// bound sets how many groups a period may have, which is what one answer may hold, and how many rows are shown.
func (c *comparison) bound(asked *int, limits Limits) {
	most := c.view.Ceiling(limits.MaxRows)
	c.questions[0].Limit, c.questions[1].Limit = most, most
	c.limit, c.ours = min(limits.DefaultLimit, most), true
	if asked != nil {
		c.limit, c.ours = min(*asked, most), *asked > most
	}
}

// alongTime finds the first metric whose value the engine gives for single times only, or, without time, wrongly: an
// accumulating metric would begin at the start of the period. With it come those of its inputs that are no such metrics.
// It is empty when there is none.
func alongTime(catalog *metric.Catalog, metrics []string) (name string, inputs []string) {
	accumulates := func(name string) bool { m, _ := catalog.Definition(name); return m.Kind == metric.Cumulative }
	for _, name := range metrics {
		m, _ := catalog.Metric(name)
		below := slices.Concat([]string{name}, m.Inputs, m.Ingredients)
		if m.RequiresMetricTime || slices.ContainsFunc(below, accumulates) {
			bound := func(name string) bool { return accumulates(name) || catalog.RequiresMetricTime([]string{name}) }
			return name, slices.DeleteFunc(slices.Clone(m.Inputs), bound)
		}
	}
	return "", nil
}

func (c *comparison) groups(names []string) ([]metric.GroupBy, error) {
	var groups []metric.GroupBy
	for _, name := range names {
		f, err := c.field(name)
		if err != nil || c.claim.Refuses() {
			return nil, err
		}
		if f.Kind == metric.Time {
			return nil, ErrGroupByTime
		}
		groups = append(groups, metric.GroupBy{Name: f.Name})
	}
	if repeats(groups) {
		return nil, ErrRepeated.Saying("group_by names the same thing twice.")
	}
	return groups, nil
}

// time bounds the next question by a period. The engine widens a bound to the grain by which all the metrics are
// counted, without a word; so a period that would be widened is refused.
func (c *comparison) time(p days) error {
	f, err := c.field(metric.TimeField)
	if err != nil || c.claim.Refuses() {
		return err
	}
	grain := ""
	if len(f.Grains) > 0 {
		grain = f.Grains[0] // the finest
	}
	if !p.fills(grain) {
		return ErrTimeRange.Saying("These metrics are counted by %s, so a period begins and ends with one; %s to %s does not.", grain, p.start(), p.end())
	}
	return c.during(p.within(grain))
}

// ordering is a column by which rows are sorted.
type ordering struct {
	column     int
	descending bool
}

// The columns that a comparison has for each metric, behind its name.
var compareColumns = []string{"__current", "__previous", "__delta", "__delta_percent"}

// orderings finds the columns of a comparison by name; a metric alone means its current value. Groups come last, so that
// rows stand in one order whatever was asked.
func orderings(names []string, groups []metric.GroupBy, metrics []string) ([]ordering, error) {
	var columns []string
	for _, g := range groups {
		columns = append(columns, g.Name)
	}
	for _, m := range metrics {
		for _, c := range compareColumns {
			columns = append(columns, m+c)
		}
	}
	var order []ordering
	for _, text := range names {
		name, descending := strings.CutPrefix(text, "-")
		if slices.Contains(metrics, name) {
			name += compareColumns[0]
		}
		at := slices.Index(columns, name)
		if at < 0 {
			return nil, ErrOrderBy.Saying("order_by names %q, which is no column of the comparison.", metricapp.Clip(name)).Suggesting(columns...)
		}
		order = append(order, ordering{at, descending})
	}
	for i := range groups {
		order = append(order, ordering{column: i})
	}
	return order, nil
}
