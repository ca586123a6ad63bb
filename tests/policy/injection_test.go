package policy_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

// contents are the values of a field as the warehouse has them, with the number of orders of each; a nil value is null.
type contents []struct {
	value  any
	orders int
}

// columns are the fields that values are tried on, and where they lie.
var columns = map[string]string{
	"customer__full_name":      "c.full_name",
	"order_id__promo_code":     "o.promo_code",
	"order_id__channel":        "o.channel",
	"order_id__hour_of_day":    "cast(extract(hour from o.ordered_at) as integer)",
	"order_id__is_first_order": "o.is_first_order",
	"customer":                 "o.customer_id",
}

func warehouse(t *testing.T) map[string]contents {
	t.Helper()
	fields := slices.Sorted(maps.Keys(columns))
	statements := make([]string, len(fields))
	for i, f := range fields {
		statements[i] = "select " + columns[f] + ", count(*) from marts.orders o left join marts.customers c using (customer_id) group by 1"
	}
	answers, err := lab.Demo.SQL(t.Context(), lab.shop.warehouse, statements...)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]contents{}
	for i, f := range fields {
		for _, row := range answers[i] {
			n, err := row[1].(json.Number).Int64()
			if err != nil {
				t.Fatal(err)
			}
			all[f] = append(all[f], struct {
				value  any
				orders int
			}{row[0], int(n)})
		}
	}
	return all
}

// untouched fails when the warehouse has changed by a byte.
func untouched(t *testing.T) func() {
	t.Helper()
	sum := func() [32]byte {
		data, err := os.ReadFile(lab.shop.warehouse)
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(data)
	}
	before := sum()
	return func() {
		if sum() != before {
			t.Error("the warehouse has changed")
		}
	}
}

// like is SQL's LIKE without an escape.
func like(text, pattern []rune) bool {
	if len(pattern) == 0 {
		return len(text) == 0
	}
	switch pattern[0] {
	case '%':
		return like(text, pattern[1:]) || len(text) > 0 && like(text[1:], pattern)
	case '_':
		return len(text) > 0 && like(text[1:], pattern[1:])
	}
	return len(text) > 0 && text[0] == pattern[0] && like(text[1:], pattern[1:])
}

// holds decides a condition on text by hand. Null satisfies none but is_null.
func holds(value any, op string, operands []any) bool {
	if value == nil || op == "is_null" || op == "is_not_null" {
		return (value == nil) == (op == "is_null") && strings.HasPrefix(op, "is_")
	}
	have := printed(value)
	if _, numeric := value.(json.Number); numeric && operands[0] == true {
		operands = []any{1} // to a warehouse
	}
	compare := func(i int) int {
		if n, ok := value.(json.Number); ok {
			x, _ := n.Float64()
			y, _ := json.Number(strings.TrimSpace(printed(operands[i]))).Float64()
			return cmp.Compare(x, y)
		}
		return strings.Compare(have, printed(operands[i]))
	}
	among := slices.ContainsFunc(operands, func(o any) bool { return printed(o) == have })
	switch op {
	case "=":
		return compare(0) == 0
	case "!=":
		return compare(0) != 0
	case "<":
		return compare(0) < 0
	case "<=":
		return compare(0) <= 0
	case ">":
		return compare(0) > 0
	case ">=":
		return compare(0) >= 0
	case "in":
		return among
	case "not_in":
		return !among
	case "between":
		return compare(0) >= 0 && compare(1) <= 0
	case "like":
		return like([]rune(have), []rune(printed(operands[0])))
	}
	panic("no such operator: " + op)
}

func printed(v any) string { return fmt.Sprint(v) }

// typed are the faults that an input may be refused with. None of them is the engine's or the warehouse's failure.
var typed = []string{
	"tool.arguments", "metric.arguments", "metric.filter", "metric.filter_value", "metric.unknown_field", "metric.unknown_metric",
	"metric.unknown_saved_query", "metric.grain", "metric.order_by", "metric.moment", "metric.time_range", "metric.where",
	"metric.repeated", "metric.nothing_asked", "metric.question",
}

// refusal is the fault of a refused call; anything but a typed one is an error.
func refusal(t *testing.T, what string, err error) (*harness.Failure, bool) {
	t.Helper()
	var f *harness.Failure
	if _, malformed := errors.AsType[*harness.RPCError](err); malformed {
		return nil, true // a number that no JSON reader takes for one
	}
	if !errors.As(err, &f) {
		t.Errorf("%s: %v", what, err)
		return nil, false
	}
	if !slices.Contains(typed, f.Code) {
		t.Errorf("%s: refused with %v", what, f)
	}
	return f, true
}

type attempt struct {
	field, op string
	operands  []any
	verdict   verdict
}

type verdict int

const (
	answered verdict = iota // as by hand
	refused                 // with a typed fault
	either                  // refused, or answered as by hand: the warehouse's own types decide
)

// attempts are values that try to be more than values.
func attempts() []attempt {
	const name, code, hour, first = "customer__full_name", "order_id__promo_code", "order_id__hour_of_day", "order_id__is_first_order"
	all := []attempt{}
	add := func(v verdict, field, op string, operands ...any) { all = append(all, attempt{field, op, operands, v}) }
	for _, key := range slices.Sorted(maps.Keys(awkward)) { // each is some customer's name
		add(answered, name, "=", awkward[key])
		add(answered, name, "in", awkward[key], "nobody")
	}
	for _, text := range []string{
		`' OR '1'='1`, `' OR 1=1 --`, `'; DROP TABLE marts.orders; --`, `' UNION ALL SELECT 42 --`, `x') OR ('1'='1`, `\' OR 1=1 --`, `''''`,
		`{{ Dimension('customer__email') }}`, `{{ ''.__class__.__mro__ }}`, `{{`, `}}`, `{%`, `{% for i in range(9999999) %}{% endfor %}`, `{#`, `#}`, `{{{`, `{{%`,
		`$$`, `$tag$`, `/*`, `*/`, `--`, `;`, `\\`, `\n`, `\x27`, `'`, `＇ OR 1=1`, `ʼ`, `‘`, `"`, "`", `%27`, `&#39;`, `CHR(39)`, `||`, `' || CHR(39) || '`,
		"\u202e", "\u200b", "\ufeff", "\U0001f4a5", "", " ", "NULL", "null", "TRUE", strings.Repeat("'", 500), strings.Repeat("{", 501), strings.Repeat("\\", 500),
		strings.Repeat("é", 2000), strings.Repeat("x", 4096), "?", ":1", "%(name)s", "@x", "@@version", "E'x'", "U&'\\0027'", "0x27",
	} {
		add(answered, name, "=", text)
		add(answered, code, "!=", text)
	}
	for _, pattern := range []string{"%", "_", "", "%'%", `%\%`, `\%`, "%{%", "100%", "under_score", "O_Brien", "%%", "SPRING%", `%" OR 1=1 --%`, "%}}%", "_'_"} {
		add(answered, name, "like", pattern)
	}
	add(answered, code, "like", "%0")
	add(answered, code, "is_null")
	add(answered, code, "is_not_null")
	add(answered, code, "not_in", "SPRING10", "' OR 1=1 --")
	add(answered, code, "between", "HOLIDAY20", "SPRING10")
	add(answered, code, "between", "'", "{{")
	add(answered, name, "<", "'")
	add(answered, name, ">=", "}")
	add(answered, "order_id__channel", "in", many(1000)...)
	add(refused, "order_id__channel", "in", many(1001)...)
	add(refused, "order_id__channel", "in")
	add(refused, code, "=")
	add(refused, code, "=", "a", "b")
	add(refused, code, "between", "a")
	add(refused, code, "is_null", "a")
	add(refused, code, "==", "a")
	add(refused, code, "= 'a' OR 1", "a")
	add(refused, code, "LIKE", "a")
	add(refused, code, "=", object{"a": "b"})
	add(refused, code, "=", []any{"a"})
	add(refused, code, "=", nil)
	add(refused, code, "in", nil)
	add(refused, code, "like", 1)
	add(refused, code, "=", "a\x00b")
	add(refused, code, "=", "a\nb")
	add(refused, code, "=", "\x1b[0m")
	add(refused, code, "=", "a\u0085b")
	add(refused, code, "=", strings.Repeat("x", 4097))
	add(refused, name, "=", strings.Repeat("é", 2049))
	add(answered, hour, "=", 10)
	add(answered, hour, "in", 10, 11, 23)
	add(answered, hour, "between", 9, 17)
	add(answered, hour, ">", 9.5)
	add(answered, hour, "=", json.Number("1e1"))
	add(answered, hour, "=", json.Number("-0"))
	add(answered, hour, ">", json.Number("123456789012345678901234567890"))
	add(answered, hour, "<", json.Number("0."+strings.Repeat("0", 40)+"1"))
	add(refused, hour, "=", json.Number("1"+strings.Repeat("0", 300)))
	add(refused, hour, "=", json.Number("1e999"))
	add(either, hour, "=", "10")
	add(either, hour, "=", " 10 ")
	add(refused, hour, "=", "10 OR 1=1")
	add(refused, hour, "=", "ten")
	add(refused, hour, "=", "")
	add(refused, hour, "=", "'")
	add(either, hour, "=", true)
	add(answered, first, "=", true)
	add(answered, first, "!=", true)
	add(answered, first, "in", true, false)
	add(either, first, "=", "true")
	add(refused, first, "=", "maybe")
	add(either, code, "=", 42)
	add(either, code, "=", true)
	add(either, name, "in", "42", 42, true)
	add(answered, "customer", "=", 17)
	add(either, "customer", "=", "17")
	add(refused, "customer", "=", "17 OR 1=1")
	return all
}

func many(n int) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = fmt.Sprintf("none'%d", i)
	}
	all[n/2] = "web"
	return all
}

func (a attempt) argument() object {
	o := object{"field": a.field, "op": a.op}
	switch {
	case len(a.operands) == 1 && a.op != "in" && a.op != "not_in" && a.op != "between":
		o["value"] = a.operands[0]
	case len(a.operands) > 0 || a.op == "in":
		o["values"] = a.operands
	}
	return o
}

// TestInjection_ValuesAreNothingButValues asks for the orders of each value of a field, under a filter whose value
// tries to be more than a value. Either it is refused, or the rows are those that were picked by hand.
func TestInjection_ValuesAreNothingButValues(t *testing.T) {
	t.Parallel()
	check, data, all := untouched(t), warehouse(t), attempts()
	if len(all) < 60 {
		t.Fatalf("only %d values", len(all))
	}
	for _, a := range all {
		what := fmt.Sprintf("%.120s", fmt.Sprintf("%s %s %q", a.field, a.op, a.operands))
		var got struct{ Rows [][]any }
		_, err := lab.client.Tool(t.Context(), "query", object{
			"metrics": []string{"placed_orders"}, "group_by": []string{a.field}, "filters": []object{a.argument()}, "limit": 20_000,
		}, &got)
		if err != nil {
			if f, ok := refusal(t, what, err); ok && a.verdict == answered {
				t.Errorf("%s: refused with %v", what, f)
			}
			continue
		}
		if a.verdict == refused {
			t.Errorf("%s: answered with %d rows, want it refused", what, len(got.Rows))
			continue
		}
		var want [][]any
		for _, c := range data[a.field] {
			if holds(c.value, a.op, a.operands) {
				want = append(want, []any{c.value, json.Number(fmt.Sprint(c.orders))})
			}
		}
		if err := harness.SameRows(want, got.Rows, false); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	check()
}

// TestInjection_NamesAreNothingButNames puts SQL and templates where names, times and words to search for belong.
func TestInjection_NamesAreNothingButNames(t *testing.T) {
	t.Parallel()
	check := untouched(t)
	names := []string{
		`1=1`, `1`, `*`, `''`, `"customer__segment"`, `customer__segment'`, `customer__segment" --`, `customer__segment; drop table marts.orders`, `customer__segment, customer__email`,
		`customer.segment`, `marts.customers.segment`, `customer__segment) UNION SELECT 1`, `{{ Dimension('customer__segment') }}`, `Dimension('customer__segment')`,
		`Dimension('customer__segment').grain('day')`, `TimeDimension('metric_time', 'day')`, `Entity('customer')`, `Metric('revenue', group_by=['customer'])`,
		`{% raw %}customer__segment{% endraw %}`, "customer__segment\x00", "customer__segment\n", " customer__segment", "customer__segment ", "-customer__segment", "--customer__segment",
		"CUSTOMER__SEGMENT", "сustomer__segment", "customer\uff3f\uff3fsegment", "customer___segment", "customer__", "__segment", "__", "_", "customer__segment__day",
		"metric_time__", "metric_time__DAY", "metric_time__day__day", "metric_time__extract_dow", "metric_time;", "../../etc/passwd", strings.Repeat("x", 300), strings.Repeat("a__", 99) + "a",
	}
	for _, name := range names {
		for where, args := range map[string]object{
			"metrics":     {"metrics": []any{name}},
			"group_by":    {"metrics": []any{"revenue"}, "group_by": []any{name}},
			"group_by of": {"metrics": []any{"revenue"}, "group_by": []any{object{"name": name, "grain": "day"}}},
			"grain":       {"metrics": []any{"revenue"}, "group_by": []any{object{"name": "metric_time", "grain": name}}},
			"date part":   {"metrics": []any{"revenue"}, "group_by": []any{object{"name": "metric_time", "date_part": name}}},
			"filter":      {"metrics": []any{"revenue"}, "filters": []any{object{"field": name, "op": "is_not_null"}}},
			"order":       {"metrics": []any{"revenue"}, "group_by": []any{"store__format"}, "order_by": []any{name}},
			"saved":       {"saved_query": name},
			"saved order": {"saved_query": "by_tier", "order_by": []any{name}},
			"start":       {"metrics": []any{"revenue"}, "start_time": name},
			"end":         {"metrics": []any{"revenue"}, "end_time": name},
			"mode":        {"metrics": []any{"revenue"}, "mode": name},
			"where":       {"metrics": []any{"revenue"}, "where": name},
			"limit":       {"metrics": []any{"revenue"}, "limit": name},
		} {
			var got struct{ Rows [][]any }
			_, err := lab.client.Tool(t.Context(), "query", args, &got)
			what := fmt.Sprintf("%s %.100q", where, name)
			if err != nil {
				_, _ = refusal(t, what, err)
			} else if where != "saved order" || name != "-customer__segment" {
				t.Errorf("%s: answered with %v", what, got.Rows)
			}
		}
	}
	check()
}

// TestInjection_SearchesFindTextAsItStands searches values for awkward parts of them.
func TestInjection_SearchesFindTextAsItStands(t *testing.T) {
	t.Parallel()
	check, data := untouched(t), warehouse(t)
	for _, sought := range append(slices.Collect(maps.Values(awkward)), `' OR '1'='1`, `%`, `_`, `{{`, `\`, `"`, `'`, `o'BRIEN`, `✓`, `{% raw %}{{`, `') = '' OR POSITION('`) {
		want := map[any]bool{}
		for _, c := range data["customer__full_name"] {
			if name, ok := c.value.(string); ok && strings.Contains(strings.ToLower(name), strings.ToLower(sought)) {
				want[name] = true
			}
		}
		var got struct{ Values []struct{ Value any } }
		_, err := lab.client.Tool(t.Context(), "list_dimension_values", object{
			"dimension": "customer__full_name", "metrics": []string{"placed_orders"}, "search": sought, "limit": 20_000,
		}, &got)
		if err != nil {
			t.Errorf("%q: %v", sought, err)
			continue
		}
		found := map[any]bool{}
		for _, v := range got.Values {
			found[v.Value] = true
		}
		if !maps.Equal(want, found) {
			t.Errorf("%q: found %v, want %v", sought, found, want)
		}
	}
	check()
}
