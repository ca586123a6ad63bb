package asking

import (
	"bytes"
	"encoding/json"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// The faults of a question's arguments. Each says what to write instead.
var (
	ErrNothingAsked = fault.New(fault.Invalid, "metric.nothing_asked",
		"A question needs metrics, group_by or saved_query; list_metrics shows the metrics there are.")
	ErrSavedQueryAlone = fault.New(fault.Invalid, "metric.saved_query_alone",
		"A saved query brings its own metrics and group_by; leave others out, or leave saved_query out.")
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
	OrderBy    []string          `json:"order_by"`
	Limit      *int              `json:"limit"`
	SavedQuery string            `json:"saved_query"`
	Mode       string            `json:"mode"`
	Format     string            `json:"format"`
	narrowing
	span

	// Names of the former server's tool.
	Order     []string        `json:"order"`
	Explain   bool            `json:"explain"`
	SessionID json.RawMessage `json:"session_id"` // a label once; it has no effect
	Plan      bool            `json:"show_dataflow_plan"`
	Comments  bool            `json:"show_sql_descriptions"`

	period period
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

// parseQuery reads the arguments and checks all that needs no catalog.
func parseQuery(args json.RawMessage) (queryArguments, error) {
	a, err := metricapp.Decode[queryArguments](args)
	if err != nil {
		return a, err
	}
	if err := a.check(); err != nil {
		return a, err
	}
	a.OrderBy = append(a.OrderBy, a.Order...)
	a.period, err = a.read()
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
	if err := a.checkFormat(); err != nil {
		return err
	}
	if a.Limit != nil && *a.Limit < 1 {
		return metricapp.ErrArguments.Saying("limit is a whole number above zero.")
	}
	if a.SavedQuery != "" && len(a.GroupBy) > 0 {
		return ErrSavedQueryAlone
	}
	if a.SavedQuery == "" && len(a.Metrics)+len(a.GroupBy) == 0 {
		return ErrNothingAsked
	}
	return nil
}

func (a *queryArguments) checkFormat() error {
	switch {
	case a.Format != "" && a.Format != formatTable && a.Format != formatChart:
		return metricapp.ErrArguments.Saying("format is table or chart.")
	case a.Format == formatChart && a.Mode != modeRows:
		return metricapp.ErrArguments.Saying("format chart needs mode rows: there is nothing to draw without an answer.")
	}
	return nil
}
