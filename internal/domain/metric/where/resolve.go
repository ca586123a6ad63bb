package where

import (
	"errors"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// resolver makes a filter's tree. After an error it asks for no more names, and what it returns is of no use.
type resolver struct {
	names Names
	err   error
}

func (r *resolver) fail(column int, format string, args ...any) {
	r.failed(column, ErrSyntax.Saying(format, args...))
}

// failed keeps the first error, with its place when it is about a name.
func (r *resolver) failed(column int, err error) {
	if r.err != nil || err == nil {
		return
	}
	r.err = err
	for _, placed := range []*fault.Fault{metric.ErrUnknownField, metric.ErrUnknownMetric, metric.ErrGrain, metric.ErrFilter, ErrSyntax} {
		if errors.Is(err, placed) {
			r.err = at(column, fault.From(err))
		}
	}
}

func (r *resolver) condition(n node) metric.Condition {
	switch n := n.(type) {
	case junction:
		parts := make([]metric.Condition, len(n.parts))
		for i, part := range n.parts {
			parts[i] = r.condition(part)
		}
		if n.or {
			return metric.Or{Any: parts}
		}
		return metric.And{All: parts}
	case negation:
		return metric.Not{Of: r.condition(n.of)}
	case comparison:
		return r.comparison(n)
	case truth:
		return r.truth(n)
	}
	of := r.operand(n)
	if ref, is := of.(metric.Ref); is && ref.Kind != metric.Categorical {
		r.fail(n.at(), "%q alone is no condition; compare it with something.", clip(ref.Name))
	}
	return metric.Holds{Of: of}
}

// truth writes IS TRUE with what every warehouse has. It is never unknown, as a comparison with NULL would be.
func (r *resolver) truth(n truth) metric.Condition {
	of := r.operand(n.of)
	if n.not {
		return metric.Or{Any: []metric.Condition{r.checked(n.at(), of, metric.Eq, metric.Value{Of: !n.want}), r.checked(n.at(), of, metric.IsNull)}}
	}
	return metric.And{All: []metric.Condition{r.checked(n.at(), of, metric.Eq, metric.Value{Of: n.want}), r.checked(n.at(), of, metric.IsNotNull)}}
}

func (r *resolver) checked(column int, left metric.Operand, op metric.Op, right ...metric.Operand) metric.Condition {
	c := metric.Comparison{Left: left, Op: op, Right: right}
	if r.err == nil {
		r.failed(column, c.Check())
	}
	return c
}

func (r *resolver) comparison(n comparison) metric.Condition {
	nodes := append([]node{n.left}, n.right...)
	operands := make([]metric.Operand, len(nodes))
	for i, o := range nodes {
		operands[i] = r.operand(o)
	}
	if i := slices.IndexFunc(operands, isMoment); i >= 0 {
		if n.op == metric.Like {
			r.fail(nodes[i].at(), "LIKE is for texts, and this is a time; compare it, or write CAST(… AS varchar).")
		}
		bare := slices.ContainsFunc(operands, func(o metric.Operand) bool { _, ref := o.(metric.Ref); return ref && isMoment(o) })
		for j, o := range operands {
			operands[j] = r.moment(nodes[j].at(), o, operands[i], bare)
		}
	}
	if len(n.right) == 0 {
		return r.checked(n.at(), operands[0], n.op)
	}
	return r.checked(n.at(), operands[0], n.op, operands[1:]...)
}

// isMoment reports whether an operand is a point in time.
func isMoment(o metric.Operand) bool {
	switch o := o.(type) {
	case metric.Ref:
		return o.Kind == metric.Time && o.DatePart == ""
	case metric.Cast:
		return o.To == metric.Timestamp || o.To == metric.Date
	}
	return false
}

// moment checks a value that is compared with a time. Beside a dimension it is known for a time; beside a cast it is cast
// too, because some warehouses compare no text with a time.
func (r *resolver) moment(column int, o, beside metric.Operand, bare bool) metric.Operand {
	v, is := o.(metric.Value)
	if !is {
		return o
	}
	text, _ := v.Of.(string)
	m, err := metric.ParseMoment(text)
	if err != nil {
		r.fail(column, momentHint)
	}
	if bare {
		return o
	}
	if c, cast := beside.(metric.Cast); cast && c.To == metric.Date && !strings.Contains(m.SQL(), " ") {
		return metric.Cast{Of: v, To: metric.Date}
	}
	return metric.Cast{Of: v, To: metric.Timestamp}
}

func (r *resolver) operand(n node) metric.Operand {
	switch n := n.(type) {
	case value:
		return metric.Value{Of: n.of}
	case cast:
		return metric.Cast{Of: r.operand(n.of), To: n.to}
	case measure:
		return r.measure(n)
	case reference:
		return r.reference(n)
	}
	return nil
}

func (r *resolver) reference(n reference) metric.Operand {
	if r.err != nil {
		return nil
	}
	f, err := r.names.Field(n.name)
	if err != nil {
		r.failed(n.at(), err)
		return nil
	}
	r.built(n, f.Kind)
	by, err := f.At(n.grain, n.part)
	r.failed(n.at(), err)
	return metric.Ref{Name: by.Name, Kind: f.Kind, Grain: by.Grain, DatePart: by.DatePart}
}

// built refuses a name in the builder of another kind, as MetricFlow does.
func (r *resolver) built(n reference, kind metric.FieldKind) {
	switch {
	case n.builder == entityBuilder && kind != metric.EntityKey:
		r.fail(n.at(), "%q is a dimension; write {{ Dimension('%[1]s') }}.", clip(n.name))
	case n.builder != "" && n.builder != entityBuilder && kind == metric.EntityKey:
		r.fail(n.at(), "%q is an entity; write {{ Entity('%[1]s') }}.", clip(n.name))
	case n.builder == timeDimensionBuilder && kind != metric.Time:
		r.fail(n.at(), "%q is no time dimension; write {{ Dimension('%[1]s') }}.", clip(n.name))
	}
}

func (r *resolver) measure(n measure) metric.Operand {
	if r.err != nil {
		return nil
	}
	if err := r.names.Metric(n.metric); err != nil {
		r.failed(n.at(), err)
		return nil
	}
	m := metric.MetricRef{Metric: n.metric, GroupBy: make([]metric.Ref, len(n.groupBy))}
	for i, t := range n.groupBy {
		f, err := r.names.MetricField(n.metric, t.text)
		if err != nil {
			r.failed(t.column, err)
			return nil
		}
		if f.Kind == metric.Time {
			r.fail(t.column, "a metric in a filter is not grouped by a time; name an entity.")
		}
		m.GroupBy[i] = metric.Ref{Name: f.Name, Kind: f.Kind}
	}
	return m
}
