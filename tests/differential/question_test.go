package differential_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// question is a question in parts, so that it can be asked without some of them.
type question struct {
	saved      string
	bounded    bool // by the author of the saved query
	metrics    []string
	groups     []group
	conditions []condition
	spoken     bool // conditions go as text
	order      []string
	limit      int
	start, end string

	fields     []reach      // what it could be grouped by
	restricted *restriction // nil for nobody
}

type group struct {
	argument any    // of the tool
	name     string // of the engine
	column   string // to order by; empty for none
	field    string
}

// restriction is what policy lays on whoever asks.
type restriction struct {
	personas   []access.Persona
	attributes map[string][]string
	where      []string // the same in the engine's language
	maxRows    int
	hidden     string // a name of the question that policy hides; empty for none
}

// unbounded is above what any question here answers.
const unbounded = 100_000

// arguments are those of the tool query.
func (q question) arguments() object {
	a := object{"limit": unbounded}
	switch {
	case q.limit > 0:
		a["limit"] = q.limit
	case q.bounded:
		delete(a, "limit")
	}
	if q.saved != "" {
		a["saved_query"] = q.saved
	}
	if len(q.metrics) > 0 {
		a["metrics"] = q.metrics
	}
	if len(q.groups) > 0 {
		var by []any
		for _, g := range q.groups {
			by = append(by, g.argument)
		}
		a["group_by"] = by
	}
	var texts, filters []any
	for _, c := range q.conditions {
		if c.structured != nil && !q.spoken {
			filters = append(filters, c.structured)
		} else {
			texts = append(texts, c.text)
		}
	}
	maps.Copy(a, nonEmpty(object{"where": texts, "filters": filters}))
	if len(texts) == 1 {
		a["where"] = texts[0]
	}
	if len(q.order) > 0 {
		a["order_by"] = q.order
	}
	if q.start != "" {
		a["start_time"], a["end_time"] = q.start, q.end
	}
	return a
}

func nonEmpty(o object) object {
	maps.DeleteFunc(o, func(_ string, v any) bool { return len(v.([]any)) == 0 })
	return o
}

// request is the question in the engine's language.
func (q question) request() request {
	r := request{SavedQuery: q.saved, Metrics: q.metrics, OrderBy: q.order, Limit: q.limit, Start: q.start, End: q.end}
	for _, g := range q.groups {
		r.GroupBy = append(r.GroupBy, g.name)
	}
	for _, c := range q.conditions {
		r.Where = append(r.Where, "("+c.engine+")")
	}
	if q.restricted != nil {
		r.Where = append(r.Where, q.restricted.where...)
		if q.restricted.maxRows > 0 && (r.Limit == 0 || q.restricted.maxRows < r.Limit) && q.ordered() {
			r.Limit = q.restricted.maxRows
		}
	}
	return r
}

// ordered reports whether no two rows of the answer are alike in what they are ordered by.
func (q question) ordered() bool { return len(q.order) > 0 && len(q.order) == len(q.groups) }

func (q question) String() string {
	args, _ := json.Marshal(q.arguments()) // of what JSON knows
	text := "query " + string(args)
	if q.restricted != nil {
		text += fmt.Sprintf(" under %+v with %v", q.restricted.personas[0].Rows, q.restricted.attributes)
	}
	return text
}

// smaller are the questions that lack one part each.
func (q question) smaller() []question {
	var all []question
	less := func(change func(*question)) {
		c := q
		change(&c)
		all = append(all, c)
	}
	for i := range q.conditions {
		less(func(c *question) { c.conditions = slices.Delete(slices.Clone(q.conditions), i, i+1) })
	}
	if q.start != "" {
		less(func(c *question) { c.start, c.end = "", "" })
	}
	if len(q.order) > 0 {
		less(func(c *question) { c.order, c.limit = nil, 0 })
	}
	for i := range q.groups {
		less(func(c *question) {
			c.groups, c.order, c.limit = slices.Delete(slices.Clone(q.groups), i, i+1), nil, 0
		})
	}
	if len(q.metrics) > 1 && q.restricted == nil { // a row filter may be on questions about one of them
		for i := range q.metrics {
			less(func(c *question) { c.metrics = slices.Delete(slices.Clone(q.metrics), i, i+1) })
		}
	}
	return all
}

// aQuestion is about one to three metrics, a saved query, or fields alone.
func (w *world) aQuestion(r *rand.Rand) question {
	q := question{spoken: chance(r, 50)}
	var fields []reach
	switch {
	case len(w.Saved) > 0 && chance(r, 12):
		saved := pick(r, w.Saved)
		q.saved, q.bounded = saved.Name, saved.Limit > 0
		fields = w.common(saved.Metrics)
		if len(saved.Metrics) == 0 {
			return q
		}
	case len(w.Alone) > 0 && chance(r, 10):
		return w.fieldsAlone(r, q)
	default:
		fields = w.aSubject(r, &q)
	}
	q.fields = fields
	if len(fields) == 0 {
		return q
	}
	if q.saved == "" {
		q.group(r, w, fields, pick(r, []int{0, 1, 1, 2, 2, 3}))
	}
	for range pick(r, []int{0, 0, 1, 1, 2}) {
		q.conditions = append(q.conditions, w.aCondition(r, fields, q.metrics, 2))
	}
	if chance(r, 20) {
		q.start, q.end = "2020-04-01", "2021-02-28"
		if w.Name == "demo" {
			q.start, q.end = "2024-03-01", "2025-02-28"
		}
	}
	q.sort(r)
	return q
}

// aSubject picks metrics that have something in common; those of some kind are as likely as those of another.
func (w *world) aSubject(r *rand.Rand, q *question) []reach {
	byKind := map[string][]string{}
	for _, m := range w.Metrics {
		byKind[m.Kind] = append(byKind[m.Kind], m.Name)
	}
	kinds := slices.Sorted(maps.Keys(byKind))
	q.metrics = []string{pick(r, byKind[pick(r, kinds)])}
	for range pick(r, []int{0, 0, 0, 1, 1, 2}) {
		more := append(slices.Clone(q.metrics), pick(r, byKind[pick(r, kinds)]))
		if !slices.Contains(q.metrics, more[len(more)-1]) && len(w.common(more)) > 0 {
			q.metrics = more
		}
	}
	return w.common(q.metrics)
}

// common are the fields that all the metrics have, at the grains that all have.
func (w *world) common(metrics []string) []reach {
	var common []reach
	for i, name := range metrics {
		m := w.Metrics[slices.IndexFunc(w.Metrics, func(m subject) bool { return m.Name == name })]
		if i == 0 {
			common = m.Fields
			continue
		}
		var both []reach
		for _, f := range common {
			if at := slices.IndexFunc(m.Fields, func(g reach) bool { return g.Name == f.Name }); at >= 0 {
				both = append(both, reach{f.Name, shared(f.Grains, m.Fields[at].Grains), shared(f.Parts, m.Fields[at].Parts)})
			}
		}
		common = both
	}
	return common
}

func shared(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

// fieldsAlone asks for combinations of columns of one table.
func (w *world) fieldsAlone(r *rand.Rand, q question) question {
	owner, _, _ := strings.Cut(pick(r, w.Alone).Name, "__")
	of := slices.DeleteFunc(slices.Clone(w.Alone), func(f reach) bool {
		return !strings.HasPrefix(f.Name, owner+"__") || strings.Count(f.Name, "__") > 1 || w.named[f.Name].Kind == "entity"
	})
	if len(of) == 0 {
		of = []reach{pick(r, w.Alone)}
	}
	q.fields = of
	q.group(r, w, of, 1+r.IntN(2))
	if chance(r, 40) {
		q.conditions = append(q.conditions, w.aCondition(r, of, nil, 1))
	}
	q.sort(r)
	return q
}

// group adds so many group-bys, fewer when they would repeat each other.
func (q *question) group(r *rand.Rand, w *world, fields []reach, number int) {
	used := map[string]bool{}
	for range number {
		at := pick(r, fields)
		f := w.named[at.Name]
		if number > 0 && len(used) == 0 && chance(r, 35) { // what many metrics need
			if i := slices.IndexFunc(fields, func(f reach) bool { return f.Name == "metric_time" }); i >= 0 {
				at, f = fields[i], w.named["metric_time"]
			}
		}
		if used[f.Name] || w.large(f) && (!strings.HasSuffix(f.Name, "customer") || !chance(r, 15)) {
			continue
		}
		used[f.Name] = true
		q.groups = append(q.groups, aGroup(r, f, at))
	}
}

// large reports whether grouping by a field of the demo gives about as many rows as there are orders.
func (w *world) large(f field) bool {
	return w.Name == "demo" && (f.Kind == "entity" && !strings.HasSuffix(f.Name, "store") && !strings.HasSuffix(f.Name, "region") ||
		strings.HasSuffix(f.Name, "email") || strings.HasSuffix(f.Name, "full_name"))
}

func aGroup(r *rand.Rand, f field, at reach) group {
	if f.Kind != "time" {
		return group{f.Name, f.Name, f.Name, f.Name}
	}
	grains := coarse(at.Grains)
	switch {
	case len(at.Parts) > 0 && chance(r, 20):
		part := pick(r, at.Parts)
		return group{object{"name": f.Name, "date_part": part}, partBuilder(f.Name, part), "", f.Name}
	case len(grains) == 0 || chance(r, 15):
		return group{f.Name, f.Name, "", f.Name}
	}
	grain := pick(r, grains)
	name := f.Name + "__" + grain
	if chance(r, 30) {
		return group{object{"name": f.Name, "grain": grain}, name, name, f.Name}
	}
	return group{name, name, name, f.Name}
}

func partBuilder(name, part string) string {
	return strings.Trim(place{field: field{Name: name, Kind: "time"}, part: part}.builder(), "{ }")
}

// sort orders by every group-by, so that no two rows are alike, and may set a limit then.
func (q *question) sort(r *rand.Rand) {
	if q.saved != "" || len(q.groups) == 0 || !chance(r, 50) {
		return
	}
	for _, g := range q.groups {
		if g.column == "" {
			q.order = nil
			return
		}
		q.order = append(q.order, pick(r, []string{"", "-"})+g.column)
	}
	if chance(r, 50) {
		q.limit = 1 + r.IntN(30)
	}
}
