// Package authored reads the texts that a project's authors wrote into its semantic manifest, as far as to tell which
// names they refer to. What it cannot read it says so of.
package authored

import (
	"maps"
	"slices"
	"strings"
)

// Names are what texts of a manifest refer to, in lower case, as the engine reads them. Opaque says that some text could
// not be read, so that the lists may lack names.
type Names struct {
	Fields  []string // dimensions and entities as written, sorted
	Metrics []string // sorted
	Opaque  bool
}

// NamesIn reads conditions: SQL with object builders in {{ }}.
func NamesIn(conditions ...string) Names {
	n := names{fields: map[string]bool{}, metrics: map[string]bool{}}
	for _, text := range conditions {
		n.condition(text)
	}
	return n.sorted()
}

// NamesOf reads what a saved query consists of: metrics, group-bys and orders as names or object builders, conditions.
func NamesOf(metrics, groupBy, orderBy, where []string) Names {
	n := names{fields: map[string]bool{}, metrics: map[string]bool{}}
	for _, m := range metrics {
		n.metrics[m] = true
	}
	for _, text := range groupBy {
		n.item(text)
	}
	for _, text := range orderBy {
		n.item(strings.TrimPrefix(strings.TrimSpace(text), "-"))
	}
	for _, text := range where {
		n.condition(text)
	}
	// An order may name a metric without a builder.
	for m := range n.metrics {
		delete(n.fields, m)
	}
	return n.sorted()
}

// names collects what texts refer to: group-bys, orders and conditions, which hold names, object builders
// (Dimension('customer__region').grain('month')) and SQL.
type names struct {
	fields  map[string]bool
	metrics map[string]bool
	opaque  bool
}

func (n *names) sorted() Names {
	return Names{Fields: sortedKeys(n.fields), Metrics: sortedKeys(n.metrics), Opaque: n.opaque}
}

func sortedKeys(set map[string]bool) []string {
	return slices.Sorted(maps.Keys(set))
}

// separator parts the elements of a path.
const separator = "__"

// item reads a group-by or an order: a bare name or an object builder.
func (n *names) item(text string) {
	tokens, ok := tokenize(text)
	if ok && len(tokens) == 1 && tokens[0].kind == word {
		n.fields[strings.ToLower(tokens[0].text)] = true
		return
	}
	n.builder(tokens, ok)
}

// condition reads SQL with builders in {{ }}. Words of the SQL around them that are neither of the language nor
// called like functions may be columns, so they make the text opaque; so do comments, statements and subqueries.
func (n *names) condition(text string) {
	for {
		sql, rest, found := strings.Cut(text, "{{")
		n.sql(sql)
		if !found {
			return
		}
		inside, after, closed := strings.Cut(rest, "}}")
		if !closed {
			n.opaque = true
			return
		}
		tokens, ok := tokenize(inside)
		n.builder(tokens, ok)
		text = after
	}
}

var (
	// sqlWords are the words that a condition may use anywhere.
	sqlWords = []string{
		"and", "or", "not", "in", "is", "null", "like", "ilike", "between", "true", "false", "as", "case", "when", "then",
		"else", "end", "escape", "interval",
	}
	// typeWords are types, after AS and before a literal; elsewhere they could be columns.
	typeWords = []string{
		"date", "timestamp", "time", "varchar", "text", "string", "int", "integer", "bigint", "double", "float", "decimal",
		"numeric", "boolean",
	}
	harmlessMarks = "()<>=!+-*/,.:|"
	subqueryWords = []string{"select", "exists", "any", "all", "some"}
)

func (n *names) sql(text string) {
	tokens, ok := tokenize(text)
	n.opaque = n.opaque || !ok
	for i, t := range tokens {
		var before, after token
		if i > 0 {
			before = tokens[i-1]
		}
		if i+1 < len(tokens) {
			after = tokens[i+1]
		}
		if !harmless(t, before, after) {
			n.opaque = true
		}
	}
}

// harmless reports whether a token of SQL can certainly not name a column or a table.
func harmless(t, before, after token) bool {
	switch t.kind {
	case literal, number:
		return true
	case mark:
		return strings.Contains(harmlessMarks, t.text)
	case word:
		switch {
		case t.is(subqueryWords...):
			return false
		case t.is(sqlWords...), after.is("("):
			return true
		}
		return t.is(typeWords...) && (before.is("as") || before.is(":") || after.kind == literal)
	case quoted:
	}
	return false
}

// builder reads Dimension, TimeDimension, Entity or Metric with its arguments, and the methods called on it.
func (n *names) builder(tokens []token, ok bool) {
	if !ok || len(tokens) < 4 || tokens[0].kind != word {
		n.opaque = true
		return
	}
	call, rest, ok := readCall(tokens)
	if !ok {
		n.opaque = true
		return
	}
	switch strings.ToLower(tokens[0].text) {
	case "dimension", "timedimension", "entity":
		n.field(call)
	case "metric":
		n.metric(call)
	default:
		n.opaque = true
	}
	n.methods(rest)
}

func (n *names) field(c call) {
	name := c.first("name", "time_dimension_name", "dimension_name", "entity_name")
	if name == "" {
		n.opaque = true
		return
	}
	n.fields[strings.ToLower(strings.Join(append(slices.Clip(c.lists["entity_path"]), name), separator))] = true
}

func (n *names) metric(c call) {
	name := c.first("name", "metric_name")
	if name == "" {
		n.opaque = true
		return
	}
	n.metrics[strings.ToLower(name)] = true
	for _, text := range append(slices.Clip(c.lists["group_by"]), c.lists[""]...) {
		n.item(text)
	}
}

// methods reads .grain('month'), .date_part('dow') and .descending(True), which name nothing.
func (n *names) methods(tokens []token) {
	for len(tokens) > 0 {
		if len(tokens) < 4 || !tokens[0].is(".") {
			n.opaque = true
			return
		}
		_, rest, ok := readCall(tokens[1:])
		method := tokens[1].text
		if !ok || (method != "grain" && method != "date_part" && method != "descending") {
			n.opaque = true
			return
		}
		tokens = rest
	}
}
