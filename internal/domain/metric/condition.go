package metric

import (
	"encoding/json"
	"slices"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Condition is a filter as a tree: And, Or, Not, Comparison or Holds. Every name in it has been resolved against a
// catalog, and every value is a Value, so that a renderer writes nothing that a caller wrote. A tree is not changed once
// it is made.
type Condition interface{ condition() }

// And holds when all of its parts do. It has at least one.
type And struct{ All []Condition }

// Or holds when some of its parts does. It has at least one.
type Or struct{ Any []Condition }

// Not holds when its part does not.
type Not struct{ Of Condition }

// Comparison sets an operand beside others: none for is_null and is_not_null, two for between, at least one for in and
// not_in, exactly one otherwise.
type Comparison struct {
	Left  Operand
	Op    Op
	Right []Operand
}

// Holds is an operand of a boolean type, alone.
type Holds struct{ Of Operand }

func (And) condition()        {}
func (Or) condition()         {}
func (Not) condition()        {}
func (Comparison) condition() {}
func (Holds) condition()      {}

// Operand is what a condition compares: Ref, MetricRef, Value or Cast.
type Operand interface{ operand() }

// Ref is a dimension, an entity or a time dimension by its full name. Grain and DatePart are of time dimensions; at most
// one of them is set, and neither means the dimension's own grain.
type Ref struct {
	Name     string
	Kind     FieldKind
	Grain    string
	DatePart string
}

// MetricRef is a metric's value for each combination of some dimensions and entities: Metric('bookings',
// group_by=['listing']). It counts all rows there are; no other condition of the question reaches inside it.
type MetricRef struct {
	Metric  string
	GroupBy []Ref
}

// Value is a string, json.Number or bool.
type Value struct{ Of any }

// Cast is an operand as another type.
type Cast struct {
	Of Operand
	To Type
}

func (Ref) operand()       {}
func (MetricRef) operand() {}
func (Value) operand()     {}
func (Cast) operand()      {}

// Type is what an operand can be cast to; a renderer knows what its warehouse calls it.
type Type string

// The types.
const (
	Timestamp Type = "timestamp"
	Date      Type = "date"
	Integer   Type = "integer"
	Double    Type = "double"
	Decimal   Type = "decimal"
	Text      Type = "text"
	Boolean   Type = "boolean"
)

// Bounds of conditions, whoever makes them.
const (
	MostOperands = 1000 // of one in or not_in
	longestValue = 4096 // bytes of one text
)

// ErrFilter is a condition that cannot be: its operator does not take such operands.
var ErrFilter = fault.New(fault.Invalid, "metric.filter", "A filter cannot be read.")

// operands are how many values an operator takes; a negative most means up to MostOperands.
var arities = map[Op]arity{
	Eq: one, Ne: one, Lt: one, Le: one, Gt: one, Ge: one, Like: one, IsNull: none, IsNotNull: none, In: some, NotIn: some,
	Between: {2, 2, "two values: the lowest and the highest"},
}

type arity struct {
	least, most int
	words       string
}

var (
	one  = arity{1, 1, "one value; is_null asks for what is missing"}
	none = arity{0, 0, "no value"}
	some = arity{1, MostOperands, "one to 1000 values"}
)

// Ops are the operators there are.
func Ops() []Op {
	return []Op{Eq, Ne, Lt, Le, Gt, Ge, In, NotIn, Between, Like, IsNull, IsNotNull}
}

// Check answers ErrFilter, naming the field when there is one, to a comparison that no warehouse could make: an unknown
// operator, another number of operands than it takes, like with anything but a text, a time dimension compared with a
// text that is no moment, a value that is no string, number or boolean, or is too long.
func (c Comparison) Check() error {
	on := about(c.Left)
	takes, known := arities[c.Op]
	if !known {
		return ErrFilter.Saying("The filter on %s has no such operator.", on)
	}
	if n := len(c.Right); n < takes.least || n > takes.most {
		return ErrFilter.Saying("The filter on %s with %s takes %s.", on, c.Op, takes.words)
	}
	moments := isMoment(c.Left) || slices.ContainsFunc(c.Right, isMoment)
	if moments && c.Op == Like {
		return ErrFilter.Saying("%s is a time dimension; compare it, or use between, but not like.", on)
	}
	for _, o := range append([]Operand{c.Left}, c.Right...) {
		if v, ok := o.(Value); ok {
			if err := v.check(on, moments, c.Op == Like); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v Value) check(on string, moment, text bool) error {
	switch of := v.Of.(type) {
	case string:
		if len(of) > longestValue {
			return ErrFilter.Saying("The filter on %s has a text that is too long.", on)
		}
		if !moment {
			return nil
		}
		if _, err := ParseMoment(of); err == nil {
			return nil
		}
	case json.Number, bool:
		if !moment && !text {
			return nil
		}
	default:
		return ErrFilter.Saying("The filter on %s has a value that is no text, number or boolean; is_null asks for what is missing.", on)
	}
	if moment {
		return ErrFilter.Saying("%s is a time dimension; its values are dates (2024-01-31) or date-times (2024-01-31T08:00:00) without a zone.", on)
	}
	return ErrFilter.Saying("The filter on %s takes a text with like.", on)
}

// isMoment reports whether an operand is a point in time by what the catalog says of it.
func isMoment(o Operand) bool {
	r, ok := o.(Ref)
	return ok && r.Kind == Time && r.DatePart == ""
}

// about is how a message calls an operand.
func about(o Operand) string {
	switch o := o.(type) {
	case Ref:
		return `"` + clip(o.Name) + `"`
	case MetricRef:
		return `"` + clip(o.Metric) + `"`
	case Cast:
		return about(o.Of)
	}
	return "a value"
}
