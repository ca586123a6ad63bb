// Package where reads filters that are written as text: conditions in a small part of SQL, with MetricFlow's object
// builders for names. What it reads is a tree in which nothing of the text is left but names that have been looked up and
// values; everything else of SQL is refused, with its place and with what to write instead.
package where

import (
	"strings"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// ErrSyntax is a text that is no filter. Its message says at which column, counted in characters from 1, and what to
// write instead.
var ErrSyntax = fault.New(fault.Invalid, "metric.where", "A where filter cannot be read.")

// Bounds of a filter.
const (
	longestText = 16 << 10 // bytes
	deepest     = 50       // parentheses, NOT and CAST within each other
	mostParts   = 2000     // names, values and conditions
)

// Names says what names stand for. An error that is metric.ErrUnknownField, metric.ErrUnknownMetric or metric.ErrGrain
// reaches the caller with the column in front of its message; any other is passed on as it is. Names are asked for from
// left to right, and after an error none any more.
type Names interface {
	// Field is a dimension or entity, by its full name with or without a grain.
	Field(name string) (metric.Field, error)
	// Metric is asked before the fields that the metric is grouped by.
	Metric(name string) error
	// MetricField is a field as a metric inside a filter can be grouped by it.
	MetricField(metric, field string) (metric.Field, error)
}

// Expression is a filter that has been read, and whose names have not been looked up. It is not changed once it is made.
type Expression struct{ root node }

// Parse reads text of at most 16 KiB:
//
//	condition  condition AND condition, OR, NOT condition, (condition), name (of a boolean dimension),
//	           operand = operand (also == != <> < <= > >=), operand [NOT] IN (operand, …),
//	           operand [NOT] BETWEEN operand AND operand, operand [NOT] LIKE 'text', operand IS [NOT] NULL,
//	           operand IS [NOT] TRUE, operand IS [NOT] FALSE
//	operand    name, 'text' (a quote in it is written twice), number, TRUE, FALSE, DATE '2024-01-31',
//	           TIMESTAMP '2024-01-31 08:00', CAST(operand AS type), (operand)
//	name       metric_time__day, {{ Dimension('customer__region') }}, {{ TimeDimension('metric_time', 'day') }},
//	           {{ Entity('customer') }}, {{ Metric('bookings', group_by=['listing']) }}
//	type       timestamp, date, integer, double, decimal, varchar, boolean, and what else these are called
//
// Keywords are read in any case, builders as MetricFlow takes them: Dimension and Entity with entity_path, Dimension with
// .grain('month') and .date_part('dow') behind it, TimeDimension with a grain and date_part_name. Every comparison has a
// name in it. Everything else is ErrSyntax, and so is what goes beyond the bounds.
func Parse(text string) (*Expression, error) {
	if len(text) > longestText {
		return nil, ErrSyntax.Saying("At column 1: a filter has at most %d bytes; put long lists of values into filters, with the operator in.", longestText)
	}
	p := &parser{lexer: lexer{rest: text, column: 1}}
	p.unwrap()
	p.advance()
	root := p.condition(p.either())
	if p.token.kind != end {
		p.unexpected()
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Expression{root: root}, nil
}

// unwrap takes off double quotes around the whole text. They mean nothing else when there are no more in between.
func (l *lexer) unwrap() {
	text := strings.Trim(l.rest, blank)
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' || strings.Count(text, `"`) != 2 {
		return
	}
	before, inside, _ := strings.Cut(l.rest, `"`)
	l.column += utf8.RuneCountInString(before) + 1
	l.rest, _, _ = strings.Cut(inside, `"`)
}

// Resolve looks up the names, and answers a tree of which every comparison passes Check. Beside the errors of n it answers
// ErrSyntax to a name that is used as what it is not.
func (e *Expression) Resolve(n Names) (metric.Condition, error) {
	r := resolver{names: n}
	c := r.condition(e.root)
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}
