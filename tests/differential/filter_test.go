package differential_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// condition is one filter in three languages. None is made from another.
type condition struct {
	engine     string // a template of the engine
	text       string // where
	structured object // filters; nil where they cannot say it
}

type object = map[string]any

// place is a field at a grain or by a date part.
type place struct {
	field
	grain, part string
}

// builder names the place in the engine's templates, written without a look at Steward's own.
func (p place) builder() string {
	parts := strings.Split(p.Name, "__")
	own := 2
	if p.Kind == "entity" || len(parts) == 1 {
		own = 1
	}
	args := []string{quoted(strings.Join(parts[len(parts)-own:], "__"))}
	if p.grain != "" {
		args = append(args, quoted(p.grain))
	}
	if links := parts[:len(parts)-own]; len(links) > 0 {
		args = append(args, "entity_path=['"+strings.Join(links, "', '")+"']")
	}
	if p.part != "" {
		args = append(args, "date_part_name="+quoted(p.part))
	}
	name := map[string]string{"categorical": "Dimension", "time": "TimeDimension", "entity": "Entity"}[p.Kind]
	return "{{ " + name + "(" + strings.Join(args, ", ") + ") }}"
}

func quoted(s string) string { return "'" + s + "'" }

// name is the place as a where text of Steward may spell it: by name, or by one of the builders.
func (p place) name(r *rand.Rand) string {
	switch {
	case p.part != "" && !strings.Contains(p.Name, "__"), p.Kind == "time" && p.grain != "" && chance(r, 20):
		method := fmt.Sprintf(".grain('%s')", p.grain)
		if p.part != "" {
			method = fmt.Sprintf(".date_part('%s')", p.part)
		}
		return "{{ Dimension('" + p.Name + "')" + method + " }}"
	case p.part != "", chance(r, 40):
		return p.builder()
	case p.grain != "":
		return p.Name + "__" + p.grain
	}
	return p.Name
}

// literal is a value in SQL that the engine's templates leave alone.
func literal(v any) string {
	text, is := v.(string)
	if !is {
		return strings.ToUpper(fmt.Sprint(v))
	}
	text = strings.ReplaceAll(text, "'", "''")
	for _, mark := range []string{"{", "}"} {
		text = strings.ReplaceAll(text, mark+mark, mark+"' || '"+mark)
	}
	return "('" + text + "')"
}

// spelt is a value as a where text of Steward has it.
func spelt(v any) string {
	if text, is := v.(string); is {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return fmt.Sprint(v)
}

// cased is a keyword in any case.
func cased(r *rand.Rand, keyword string) string {
	return pick(r, []string{keyword, strings.ToLower(keyword), strings.ToUpper(keyword[:1]) + strings.ToLower(keyword[1:])})
}

// aCondition is about one of the fields, and may join several comparisons.
func (w *world) aCondition(r *rand.Rand, fields []reach, metrics []string, depth int) condition {
	if depth > 0 && chance(r, 45) {
		switch r.IntN(3) {
		case 0:
			a := w.aCondition(r, fields, metrics, depth-1)
			return condition{engine: "(NOT (" + a.engine + "))", text: cased(r, "NOT") + " (" + a.text + ")"}
		default:
			word := pick(r, []string{"AND", "OR"})
			a, b := w.aCondition(r, fields, metrics, depth-1), w.aCondition(r, fields, metrics, depth-1)
			return condition{
				engine: "((" + a.engine + ") " + word + " (" + b.engine + "))",
				text:   "(" + a.text + ") " + cased(r, word) + " (" + b.text + ")",
			}
		}
	}
	if len(metrics) > 0 && chance(r, 5) {
		if c, ok := w.onMetric(r, fields); ok {
			return c
		}
	}
	at := pick(r, fields)
	f := w.named[at.Name]
	if f.Kind == "time" {
		return onTime(r, f, at)
	}
	return onValue(r, place{field: f})
}

// onMetric compares a metric for each of some entity.
func (w *world) onMetric(r *rand.Rand, fields []reach) (condition, bool) {
	m := pick(r, w.Metrics)
	for _, own := range m.Fields {
		if w.named[own.Name].Kind == "entity" && slices.ContainsFunc(fields, func(f reach) bool { return f.Name == own.Name }) {
			text := fmt.Sprintf("{{ Metric('%s', group_by=['%s']) }} > 2", m.Name, own.Name)
			return condition{engine: text, text: text}, true
		}
	}
	return condition{}, false
}

func onTime(r *rand.Rand, f field, at reach) condition {
	p := place{field: f}
	if len(at.Parts) > 0 && chance(r, 20) {
		p.part = pick(r, at.Parts)
		return condition{engine: p.builder() + " <= 3", text: p.name(r) + " <= 3"}
	}
	if grains := coarse(at.Grains); len(grains) > 0 && chance(r, 80) {
		p.grain = pick(r, grains)
	}
	first, last := pick(r, dates), pick(r, dates)
	filter := object{"field": f.Name}
	if p.grain != "" {
		filter["grain"] = p.grain
	}
	switch r.IntN(5) {
	case 0:
		filter["op"], filter["values"] = "between", []any{first, last}
		return condition{
			p.builder() + " BETWEEN '" + first + "' AND '" + last + "'",
			p.name(r) + " " + cased(r, "BETWEEN") + " '" + first + "' " + cased(r, "AND") + " '" + last + "'", filter,
		}
	case 1:
		filter["op"] = "is_not_null"
		return condition{p.builder() + " IS NOT NULL", p.name(r) + " " + cased(r, "IS NOT NULL"), filter}
	case 2:
		return condition{
			engine: "CAST(" + p.builder() + " AS DATE) >= DATE '" + first + "'",
			text:   "cast(" + p.name(r) + " as date) >= " + pick(r, []string{"'" + first + "'", "date '" + first + "'", "cast('" + first + "' as date)"}),
		}
	}
	op := pick(r, []string{">=", "<", ">", "<=", "="})
	filter["op"], filter["value"] = op, first
	value := pick(r, []string{"'" + first + "'", "DATE '" + first + "'", "TIMESTAMP '" + first + " 00:00:00'", "cast('" + first + "' as timestamp)"})
	return condition{p.builder() + " " + op + " CAST('" + first + "' AS TIMESTAMP)", p.name(r) + " " + op + " " + value, filter}
}

// dates lie within the data of one world or another.
var dates = []string{"2020-03-01", "2020-07-15", "2020-12-31", "2021-04-01", "2024-02-29", "2024-09-10", "2025-06-30"}

// coarse leaves out grains for which there is one row a row, or no calendar to speak of.
func coarse(grains []string) []string {
	return slices.DeleteFunc(slices.Clone(grains), func(g string) bool {
		return g == "nanosecond" || g == "microsecond" || g == "millisecond" || g == "second" || g == "minute"
	})
}

func onValue(r *rand.Rand, p place) condition {
	filter := object{"field": p.Name}
	if len(p.Values) == 0 || chance(r, 12) {
		op := pick(r, []string{"is_null", "is_not_null"})
		filter["op"] = op
		word := strings.ToUpper(strings.ReplaceAll(op, "_", " "))
		return condition{p.builder() + " " + word, p.name(r) + " " + cased(r, word), filter}
	}
	v := pick(r, p.Values)
	if on, is := v.(bool); is && p.Kind == "categorical" && chance(r, 50) {
		switch r.IntN(3) {
		case 0:
			return condition{engine: p.builder(), text: p.name(r)}
		case 1:
			return condition{engine: "NOT " + p.builder(), text: cased(r, "NOT") + " " + p.name(r)}
		}
		return condition{engine: fmt.Sprintf("%s IS %v", p.builder(), on), text: fmt.Sprintf("%s is %v", p.name(r), on)}
	}
	text, isText := v.(string)
	switch r.IntN(6) {
	case 0, 1:
		not := chance(r, 30)
		some := []any{v, pick(r, p.Values), pick(r, p.Values)}
		var engine, spellings []string
		for _, one := range some {
			engine, spellings = append(engine, literal(one)), append(spellings, spelt(one))
		}
		word := map[bool]string{false: "IN", true: "NOT IN"}[not]
		filter["op"], filter["values"] = map[bool]string{false: "in", true: "not_in"}[not], some
		return condition{
			p.builder() + " " + word + " (" + strings.Join(engine, ", ") + ")",
			p.name(r) + " " + cased(r, word) + " (" + strings.Join(spellings, ",") + ")", filter,
		}
	case 2:
		if isText && text != "" {
			first := []rune(text)[:1]
			pattern := pick(r, []string{string(first) + "%", "%" + string(first) + "%", "_" + text[len(string(first)):]})
			filter["op"], filter["value"] = "like", pattern
			return condition{p.builder() + " LIKE " + literal(pattern), p.name(r) + " " + cased(r, "LIKE") + " " + spelt(pattern), filter}
		}
	case 3:
		return condition{
			engine: "CAST(" + p.builder() + " AS VARCHAR) != " + literal(fmt.Sprint(v)),
			text:   "CAST(" + p.name(r) + " AS " + pick(r, []string{"varchar", "TEXT", "string"}) + ") <> " + spelt(fmt.Sprint(v)),
		}
	}
	op := pick(r, []string{"=", "!=", "=", "<", ">="})
	if _, is := v.(bool); is {
		op = pick(r, []string{"=", "!="})
	}
	filter["op"], filter["value"] = op, v
	as := op
	if op == "!=" {
		as = pick(r, []string{"!=", "<>"})
	}
	return condition{p.builder() + " " + op + " " + literal(v), p.name(r) + " " + as + " " + spelt(v), filter}
}
