package asking

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/where"
)

// scope is what every question has, whichever tool asks it: what it is about, on the catalog as a principal may see it,
// and what narrows it. Names are claimed in the order in which they stand; after the first that is refused nothing more
// is read, so that what a later name would tell cannot be told apart from the refusal.
type scope struct {
	view       *metricapp.View
	claim      metricapp.Claim
	metrics    []string // those that decide which fields there are
	fields     []string // claimed so far, by their full names
	where      []metric.Condition
	start, end string
	warnings   []string
}

// narrowing are the arguments that narrow a question by conditions. All of them must hold.
type narrowing struct {
	Filters []filterArgument `json:"filters"`
	Where   texts            `json:"where"`
}

// texts are one text or several.
type texts []string

// UnmarshalJSON reads a string, a list of strings, or null.
func (t *texts) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte(`"`)) {
		*t = make(texts, 1)
		return json.Unmarshal(data, &(*t)[0])
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// filterArgument is one condition as it stands.
type filterArgument struct {
	Field  string    `json:"field"`
	Op     metric.Op `json:"op"`
	Value  any       `json:"value"`
	Values []any     `json:"values"`
	Grain  string    `json:"grain"`
}

// operands are the values of a filter, however they were given.
func (f filterArgument) operands() []metric.Operand {
	values := f.Values
	if f.Value != nil {
		values = []any{f.Value}
	}
	operands := make([]metric.Operand, len(values))
	for i, v := range values {
		operands[i] = metric.Value{Of: v}
	}
	return operands
}

func (f filterArgument) check() error {
	switch {
	case f.Field == "":
		return metric.ErrFilter.Saying("A filter needs a field: a dimension or entity.")
	case !slices.Contains(metric.Ops(), f.Op):
		names := make([]string, len(metric.Ops()))
		for i, op := range metric.Ops() {
			names[i] = string(op)
		}
		return metric.ErrFilter.Saying("The filter on %q needs an op, one of: %s.", metricapp.Clip(f.Field), strings.Join(names, " "))
	case f.Value != nil && f.Values != nil:
		return metric.ErrFilter.Saying("The filter on %q has both value and values; give one of them.", metricapp.Clip(f.Field))
	}
	return nil
}

// about claims the metrics of a question.
func (s *scope) about(metrics []string) error {
	claim, err := s.view.DemandMetrics(metrics)
	if err != nil {
		return err
	}
	s.claim, s.metrics = s.claim.And(claim), metrics
	if !claim.Refuses() && repeats(metrics) {
		return ErrRepeated.Saying("metrics names a metric twice.")
	}
	return nil
}

// field claims one name.
func (s *scope) field(name string) (metric.Field, error) {
	f, claim, err := s.view.DemandField(name, s.metrics)
	if err == nil {
		s.claim, s.fields = s.claim.And(claim), append(s.fields, f.Name)
	}
	return f, err
}

// narrow claims what conditions name, and adds them.
func (s *scope) narrow(a narrowing) error {
	for _, argument := range a.Filters {
		c, err := s.filter(argument)
		if err != nil || s.claim.Refuses() {
			return err
		}
		s.where = append(s.where, c)
	}
	for _, text := range a.Where {
		expression, err := where.Parse(text)
		if err != nil {
			return err
		}
		c, err := expression.Resolve(filterNames{s})
		if s.claim.Refuses() {
			s.claim.Refusal = fault.From(err) // which says at which column, as for a name that is not there
			return nil
		}
		if err != nil {
			return err
		}
		s.where = append(s.where, c)
	}
	return nil
}

func (s *scope) filter(argument filterArgument) (metric.Condition, error) {
	if err := argument.check(); err != nil {
		return nil, err
	}
	f, err := s.field(argument.Field)
	if err != nil || s.claim.Refuses() {
		return nil, err
	}
	by, err := f.At(argument.Grain, "")
	if err != nil {
		return nil, err
	}
	c := metric.Comparison{
		Left: metric.Ref{Name: f.Name, Kind: f.Kind, Grain: by.Grain}, Op: argument.Op, Right: argument.operands(),
	}
	return c, c.Check()
}

// filterNames looks up the names of a condition that is a text. What is refused ends the reading, with the words of
// something that is not there.
type filterNames struct{ *scope }

// Field implements where.Names.
func (n filterNames) Field(name string) (metric.Field, error) {
	f, err := n.field(name)
	return f, n.refusedOr(err)
}

// Metric implements where.Names.
func (n filterNames) Metric(name string) error {
	claim, err := n.view.DemandMetricInFilter(name)
	n.claim = n.claim.And(claim)
	return n.refusedOr(err)
}

// MetricField implements where.Names. The engine joins what the metric is grouped by to the question by the last element
// of its name, which is claimed as the question knows it, too.
func (n filterNames) MetricField(name, field string) (metric.Field, error) {
	f, claim, err := n.view.DemandField(field, []string{name})
	n.claim = n.claim.And(claim)
	elements := strings.Split(field, "__")
	if _, joined, err := n.view.DemandField(elements[len(elements)-1], n.metrics); err == nil {
		n.claim = n.claim.And(joined)
	}
	return f, n.refusedOr(err)
}

func (n filterNames) refusedOr(err error) error {
	if err == nil && n.claim.Refuses() {
		return n.claim.Refusal
	}
	return err
}

// limit lays on what policy adds to every question. It comes last: what a caller's own names tell comes before.
func (s *scope) limit() {
	rows, claim := s.view.Rows(s.metrics, s.fields)
	s.where, s.claim = append(s.where, rows...), s.claim.And(claim)
}
