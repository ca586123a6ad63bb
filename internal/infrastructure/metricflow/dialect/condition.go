package dialect

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// Conditions writes each condition as a template of its own; MetricFlow puts AND between several. Adapter is the dbt
// adapter's name. Whatever consists of conditions stands in parentheses, also at the top, because MetricFlow writes a
// single filter as it is. A comparison that cannot be is metric.ErrFilter, a value that cannot be written in this dialect
// metric.ErrFilterValue, a tree that no resolution makes metric.ErrQuestion.
func Conditions(adapter string, where []metric.Condition) ([]string, error) {
	w := warehouseOf(adapter)
	out := make([]string, 0, len(where))
	for _, c := range where {
		text, err := w.condition(c)
		if err != nil {
			return nil, err
		}
		if _, alone := c.(metric.Comparison); !alone {
			text = grouped(c, text)
		}
		out = append(out, text)
	}
	return out, nil
}

// Contains is the condition, as a template, that the text of a field contains needle, whatever the case of either. Faults
// are those of Conditions.
func Contains(adapter string, field metric.Ref, needle string) (string, error) {
	w := warehouseOf(adapter)
	name, err := builder(field)
	if err != nil {
		return "", err
	}
	if len(needle) > longestText || !utf8.ValidString(needle) {
		return "", metric.ErrFilterValue.Saying("The text to search for is too long, or malformed.")
	}
	sought, err := w.text(strings.ToLower(needle))
	if err != nil {
		return "", err
	}
	text := "LOWER(CAST(" + name + " AS " + w.types[metric.Text] + "))"
	if adapter == "bigquery" {
		return "STRPOS(" + text + ", " + sought + ") > 0", nil
	}
	return "POSITION(" + sought + " IN " + text + ") > 0", nil
}

// grouped puts parentheses around what is more than one operand.
func grouped(c metric.Condition, text string) string {
	if _, operand := c.(metric.Holds); operand {
		return text
	}
	return "(" + text + ")"
}

func (w warehouse) condition(c metric.Condition) (string, error) {
	switch c := c.(type) {
	case metric.And:
		return w.joined(c.All, " AND ")
	case metric.Or:
		return w.joined(c.Any, " OR ")
	case metric.Not:
		text, err := w.condition(c.Of)
		return "NOT " + grouped(c.Of, text), err
	case metric.Comparison:
		return w.comparison(c)
	case metric.Holds:
		if _, value := c.Of.(metric.Value); !value {
			return w.operand(c.Of, false)
		}
	}
	return "", metric.ErrQuestion.Saying("A filter has a part that is no condition.")
}

func (w warehouse) joined(parts []metric.Condition, with string) (string, error) {
	if len(parts) == 0 {
		return "", metric.ErrQuestion.Saying("A filter joins no conditions.")
	}
	texts := make([]string, len(parts))
	for i, part := range parts {
		text, err := w.condition(part)
		if err != nil {
			return "", err
		}
		texts[i] = grouped(part, text)
	}
	return strings.Join(texts, with), nil
}

// shape is how an operator is written around what it compares with.
type shape struct{ before, between, after string }

var shapes = map[metric.Op]shape{
	metric.Eq: {" = ", "", ""}, metric.Ne: {" != ", "", ""}, metric.Lt: {" < ", "", ""}, metric.Le: {" <= ", "", ""},
	metric.Gt: {" > ", "", ""}, metric.Ge: {" >= ", "", ""}, metric.Like: {" LIKE ", "", ""}, metric.Between: {" BETWEEN ", " AND ", ""},
	metric.In: {" IN (", ", ", ")"}, metric.NotIn: {" NOT IN (", ", ", ")"},
	metric.IsNull: {" IS NULL", "", ""}, metric.IsNotNull: {" IS NOT NULL", "", ""},
}

func (w warehouse) comparison(c metric.Comparison) (string, error) {
	if err := c.Check(); err != nil {
		return "", err
	}
	shape, known := shapes[c.Op]
	if !known {
		return "", metric.ErrQuestion.Saying("A filter has an operator that no warehouse has.")
	}
	moments := isMoment(c.Left) || slices.ContainsFunc(c.Right, isMoment)
	if c.Op == metric.Like {
		c.Right = w.patterns(c.Right)
	}
	left, err := w.operand(c.Left, moments)
	if err != nil {
		return "", err
	}
	right := make([]string, len(c.Right))
	for i, o := range c.Right {
		if right[i], err = w.operand(o, moments); err != nil {
			return "", err
		}
	}
	return left + shape.before + strings.Join(right, shape.between) + shape.after, nil
}

func isMoment(o metric.Operand) bool {
	r, is := o.(metric.Ref)
	return is && r.Kind == metric.Time && r.DatePart == ""
}

// patterns are the patterns of LIKE in which only % and _ stand for something, as in the warehouses without an escape.
func (w warehouse) patterns(operands []metric.Operand) []metric.Operand {
	if !w.escapes {
		return operands
	}
	out := slices.Clone(operands)
	for i, o := range out {
		if v, is := o.(metric.Value); is {
			if text, is := v.Of.(string); is {
				out[i] = metric.Value{Of: strings.ReplaceAll(text, `\`, `\\`)}
			}
		}
	}
	return out
}

func (w warehouse) operand(o metric.Operand, moment bool) (string, error) {
	switch o := o.(type) {
	case metric.Ref:
		return builder(o)
	case metric.MetricRef:
		return metricBuilder(o)
	case metric.Value:
		return w.value(o, moment)
	case metric.Cast:
		return w.cast(o)
	}
	return "", metric.ErrQuestion.Saying("A filter compares something that is neither a name nor a value.")
}

// cast writes a text as a time in the one form that every warehouse reads.
func (w warehouse) cast(c metric.Cast) (string, error) {
	to, known := w.types[c.To]
	if !known {
		return "", metric.ErrQuestion.Saying("A filter casts to a type that no warehouse has.")
	}
	if v, is := c.Of.(metric.Value); is && (c.To == metric.Timestamp || c.To == metric.Date) {
		return w.moment(v, c.To)
	}
	text, err := w.operand(c.Of, false)
	return "CAST(" + text + " AS " + to + ")", err
}
