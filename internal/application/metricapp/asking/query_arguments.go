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

// The faults of a question's arguments. Each says what to write instead.
var (
	ErrWhere = fault.New(fault.Invalid, "metric.where",
		`A raw where is not accepted yet. Put each condition into filters instead, as {"field": "customer__region", "op": "=", "value": "EU"}; all of them must hold.`)
	ErrNothingAsked = fault.New(fault.Invalid, "metric.nothing_asked",
		"A question needs metrics, group_by or saved_query; list_metrics shows the metrics there are.")
	ErrSavedQueryAlone = fault.New(fault.Invalid, "metric.saved_query_alone",
		"A saved query brings its own metrics and group_by; leave them out, or leave saved_query out.")
	ErrSQLWithheld = fault.New(fault.Denied, "metric.sql_withheld",
		"The SQL of this question is not shown to you, because it names things that you may not see; mode rows answers the question.")
	ErrOrderBy   = fault.New(fault.Invalid, "metric.order_by", "order_by names metrics and group-bys of the question only.")
	ErrTimeRange = fault.New(fault.Invalid, "metric.time_range", "start_time and end_time do not fit.")
	ErrRepeated  = fault.New(fault.Invalid, "metric.repeated", "The question names the same thing twice.")
)

// queryArguments is the input of query as it stands.
type queryArguments struct {
	Metrics    []string          `json:"metrics"`
	GroupBy    []groupByArgument `json:"group_by"`
	Filters    []filterArgument  `json:"filters"`
	OrderBy    []string          `json:"order_by"`
	StartTime  string            `json:"start_time"`
	EndTime    string            `json:"end_time"`
	Limit      *int              `json:"limit"`
	SavedQuery string            `json:"saved_query"`
	Mode       string            `json:"mode"`
	Where      json.RawMessage   `json:"where"`

	// Names of the former server's tool.
	Order     []string        `json:"order"`
	Explain   bool            `json:"explain"`
	SessionID json.RawMessage `json:"session_id"` // a label once; it has no effect

	start, end metric.Moment
}

// groupByArgument is a name, or an object that says more.
type groupByArgument struct {
	Name     string `json:"name"`
	Grain    string `json:"grain"`
	DatePart string `json:"date_part"`
}

// UnmarshalJSON reads a string or an object without further fields.
func (g *groupByArgument) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte(`"`)) {
		return json.Unmarshal(data, &g.Name)
	}
	type plain groupByArgument
	p, err := metricapp.Decode[plain](data)
	*g = groupByArgument(p)
	return err
}

// filterArgument is one condition as it stands.
type filterArgument struct {
	Field  string    `json:"field"`
	Op     metric.Op `json:"op"`
	Value  any       `json:"value"`
	Values []any     `json:"values"`
	Grain  string    `json:"grain"`
}

// parseQuery reads the arguments and checks all that needs no catalog.
func parseQuery(args json.RawMessage) (queryArguments, error) {
	a, err := metricapp.Decode[queryArguments](args)
	if err != nil {
		return a, err
	}
	if len(a.Where) > 0 && string(a.Where) != "null" {
		return a, ErrWhere
	}
	if err := a.check(); err != nil {
		return a, err
	}
	a.OrderBy = append(a.OrderBy, a.Order...)
	for _, f := range a.Filters {
		if err := f.check(); err != nil {
			return a, err
		}
	}
	a.start, a.end, err = parseRange(a.StartTime, a.EndTime)
	return a, err
}

func (a *queryArguments) check() error {
	switch a.Mode {
	case "":
		a.Mode = modeRows
		if a.Explain {
			a.Mode = modeSQL
		}
	case modeRows, modeSQL, modeValidate:
	default:
		return metricapp.ErrArguments.Saying("mode is rows, sql or validate.")
	}
	if a.Limit != nil && *a.Limit < 1 {
		return metricapp.ErrArguments.Saying("limit is a whole number above zero.")
	}
	asked := len(a.Metrics) + len(a.GroupBy)
	if a.SavedQuery != "" && asked > 0 {
		return ErrSavedQueryAlone
	}
	if a.SavedQuery == "" && asked == 0 {
		return ErrNothingAsked
	}
	return nil
}

// parseRange reads both ends. MetricFlow knows times between two moments only: it would move an earlier start
// without a word, so that is refused here.
func parseRange(start, end string) (from, to metric.Moment, err error) {
	if start != "" {
		if from, err = metric.ParseMoment(start); err != nil {
			return from, to, metric.ErrMoment.Saying("start_time is a date (2024-01-31) or a date-time (2024-01-31T08:00:00), without a zone.")
		}
	}
	if end != "" {
		if to, err = metric.ParseMoment(end); err != nil {
			return from, to, metric.ErrMoment.Saying("end_time is a date (2024-01-31) or a date-time (2024-01-31T08:00:00), without a zone.")
		}
	}
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		return from, to, ErrTimeRange.Saying("end_time is before start_time.")
	}
	for _, m := range []metric.Moment{from, to} {
		if !m.IsZero() && (m.Before(metric.EngineStart) || metric.EngineEnd.Before(m)) {
			return from, to, ErrTimeRange.Saying(
				"The metrics engine takes times from 2000-01-01 to 2040-12-31 only; for others, put a filter on metric_time instead.")
		}
	}
	return from, to, nil
}

var ops = []metric.Op{
	metric.Eq, metric.Ne, metric.Lt, metric.Le, metric.Gt, metric.Ge, metric.In, metric.NotIn,
	metric.Between, metric.Like, metric.IsNull, metric.IsNotNull,
}

// operands are the values of a filter, however they were given.
func (f filterArgument) operands() []any {
	if f.Value != nil {
		return []any{f.Value}
	}
	return f.Values
}

func (f filterArgument) check() error {
	switch {
	case f.Field == "":
		return metric.ErrFilter.Saying("A filter needs a field: a dimension or entity.")
	case !slices.Contains(ops, f.Op):
		names := make([]string, len(ops))
		for i, op := range ops {
			names[i] = string(op)
		}
		return metric.ErrFilter.Saying("The filter on %q needs an op, one of: %s.", metricapp.Clip(f.Field), strings.Join(names, " "))
	case f.Value != nil && f.Values != nil:
		return metric.ErrFilter.Saying("The filter on %q has both value and values; give one of them.", metricapp.Clip(f.Field))
	}
	takes := operands[f.Op]
	if n := len(f.operands()); n < takes.least || takes.most >= 0 && n > takes.most {
		return metric.ErrFilter.Saying("The filter on %q with %s takes %s.", metricapp.Clip(f.Field), f.Op, takes.words)
	}
	return f.checkTypes()
}

// operands are how many values each operator takes; a negative most has no bound here.
var operands = func() map[metric.Op]operandCount {
	one := operandCount{1, 1, "one value; is_null asks for what is missing"}
	none := operandCount{0, 0, "no value"}
	some := operandCount{1, -1, "values"}
	return map[metric.Op]operandCount{
		metric.Eq: one, metric.Ne: one, metric.Lt: one, metric.Le: one, metric.Gt: one, metric.Ge: one, metric.Like: one,
		metric.IsNull: none, metric.IsNotNull: none, metric.In: some, metric.NotIn: some,
		metric.Between: {2, 2, "two values: the lowest and the highest"},
	}
}()

type operandCount struct {
	least, most int
	words       string
}

func (f filterArgument) checkTypes() error {
	for _, v := range f.operands() {
		switch v.(type) {
		case string, json.Number, bool:
		default:
			return metric.ErrFilter.Saying("The filter on %q has a value that is no text, number or boolean; is_null asks for what is missing.", metricapp.Clip(f.Field))
		}
		if _, text := v.(string); f.Op == metric.Like && !text {
			return metric.ErrFilter.Saying("The filter on %q takes a text with like.", metricapp.Clip(f.Field))
		}
	}
	return nil
}
