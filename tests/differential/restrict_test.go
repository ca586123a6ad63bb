package differential_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// restricted is the question as somebody asks it who may see some rows only.
func (w *world) restricted(r *rand.Rand) question {
	q := w.aQuestion(r)
	for range 20 {
		if len(q.fields) > 0 {
			break
		}
		q = w.aQuestion(r)
	}
	p := access.Persona{Name: "limited", Allow: everything()}
	q.restricted = &restriction{attributes: map[string][]string{"unused": {"x"}}}
	switch {
	case chance(r, 12) && q.hide(r, &p):
	default:
		q.limitRows(r, w, &p, 0)
	}
	if chance(r, 20) {
		p.Caps.MaxRows = 1 + r.IntN(12)
		q.restricted.maxRows = p.Caps.MaxRows
	}
	q.restricted.personas = []access.Persona{p}
	if chance(r, 25) && q.restricted.hidden == "" { // a second persona never loosens the first
		second := access.Persona{Name: "second", Allow: everything()}
		if chance(r, 60) {
			q.limitRows(r, w, &second, 1)
		}
		q.restricted.personas = append(q.restricted.personas, second)
	}
	return q
}

func everything() []access.Rule {
	return []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}
}

// hide denies something that the question names.
func (q *question) hide(r *rand.Rand, p *access.Persona) bool {
	var targets []string
	for _, m := range q.metrics {
		targets = append(targets, "metric:"+m)
	}
	for _, g := range q.groups {
		targets = append(targets, "dimension:"+g.field, "entity:"+g.field)
	}
	if q.saved != "" {
		targets = append(targets, "saved_query:"+q.saved)
	}
	if len(targets) == 0 {
		return false
	}
	at := pick(r, targets)
	_, name, _ := strings.Cut(at, ":")
	p.Deny = []access.Rule{{Actions: []string{"metric.query"}, Targets: []string{at, "dimension:" + name, "entity:" + name}}}
	q.restricted.hidden = name
	return true
}

// limitRows lays one or two row filters on the persona and says the same in the engine's language. Now and then the field
// is none that the question can reach.
func (q *question) limitRows(r *rand.Rand, w *world, p *access.Persona, number int) {
	for i := range 1 + r.IntN(5)/4 {
		at := pick(r, q.fields)
		f := w.named[at.Name]
		if chance(r, 4) {
			f = pick(r, w.Fields)
		}
		attribute := fmt.Sprintf("a%d_%d", number, i)
		row, text := rowFilter(r, f, attribute, q.restricted.attributes)
		switch {
		case len(q.metrics) > 0 && chance(r, 10):
			row.Metrics = []string{"nothing_*", pick(r, q.metrics)}
		case len(q.metrics) > 0 && chance(r, 6):
			row.Metrics, text = []string{"nothing_*"}, ""
		}
		p.Rows = append(p.Rows, row)
		if text != "" {
			q.restricted.where = append(q.restricted.where, text)
		}
	}
}

// rowFilter is on one field, with values of its own or of an attribute.
func rowFilter(r *rand.Rand, f field, attribute string, attributes map[string][]string) (access.RowFilter, string) {
	row := access.RowFilter{Field: f.Name, Op: pick(r, []string{"", "in", "not_in", "=", "!=", ">="})}
	values := f.Values
	at := place{field: f}
	if f.Kind == "time" {
		values, row.Op = []any{pick(r, dates)}, pick(r, []string{">=", "<", "<="})
	}
	if len(values) == 0 {
		values = []any{"nothing"}
	}
	if _, is := values[0].(bool); is {
		row.Op = pick(r, []string{"in", "=", "!="})
	}
	some := []any{pick(r, values)}
	if row.Op == "" || strings.HasSuffix(row.Op, "in") {
		some = append(some, pick(r, values))
	}
	var texts, literals []string
	for _, v := range some {
		texts, literals = append(texts, fmt.Sprint(v)), append(literals, literal(v))
	}
	if chance(r, 50) {
		row.Values = texts
	} else {
		row.Attribute, attributes[attribute] = attribute, texts
	}
	if f.Kind == "time" {
		return row, at.builder() + " " + row.Op + " CAST('" + texts[0] + "' AS TIMESTAMP)"
	}
	switch row.Op {
	case "", "in":
		return row, at.builder() + " IN (" + strings.Join(literals, ", ") + ")"
	case "not_in":
		return row, at.builder() + " NOT IN (" + strings.Join(literals, ", ") + ")"
	}
	return row, "(" + at.builder() + " " + row.Op + " " + literals[0] + ")"
}

// principal is who asks.
func (q question) principal() (access.Principal, []access.Persona) {
	if q.restricted == nil {
		return access.Local("analyst", "everything"), []access.Persona{{Name: "everything", Allow: everything()}}
	}
	by := access.Local("someone")
	by.Attributes = q.restricted.attributes
	for _, p := range q.restricted.personas {
		by.Personas = append(by.Personas, p.Name)
	}
	slices.Reverse(by.Personas)
	return by, q.restricted.personas
}
