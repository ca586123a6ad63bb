package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestConditions_RenderNamesAsBuildersAndValuesAsLiterals(t *testing.T) {
	n := func(s string) any { return json.Number(s) }
	for _, c := range []struct {
		adapter string
		filter  metric.Filter
		want    string
	}{
		{"duckdb", metric.Filter{Field: "customer__region", Kind: metric.Categorical, Op: metric.Eq, Values: []any{"EU"}}, `{{ Dimension('customer__region') }} = 'EU'`},
		{"duckdb", metric.Filter{Field: "order__customer__region", Kind: metric.Categorical, Op: metric.In, Values: []any{"EU", "it's"}}, `{{ Dimension('customer__region', entity_path=['order']) }} IN ('EU', ('it' || CHR(39) || 's'))`},
		{"duckdb", metric.Filter{Field: "listing__user", Kind: metric.EntityKey, Op: metric.IsNotNull}, `{{ Entity('user', entity_path=['listing']) }} IS NOT NULL`},
		{"duckdb", metric.Filter{Field: "user", Kind: metric.EntityKey, Op: metric.NotIn, Values: []any{n("1"), n("-2.50")}}, `{{ Entity('user') }} NOT IN (1, -2.50)`},
		{"duckdb", metric.Filter{Field: "metric_time", Grain: "day", Kind: metric.Time, Op: metric.Ge, Values: []any{"2024-01-31"}}, `{{ TimeDimension('metric_time', 'day') }} >= CAST('2024-01-31' AS TIMESTAMP)`},
		{"bigquery", metric.Filter{Field: "order__at", Kind: metric.Time, Op: metric.Between, Values: []any{"2024-01-31T08:00", "2024-02-01 09:30:00.5"}}, `{{ TimeDimension('order__at') }} BETWEEN CAST('2024-01-31 08:00:00' AS DATETIME) AND CAST('2024-02-01 09:30:00.5' AS DATETIME)`},
		{"duckdb", metric.Filter{Field: "a__b", Kind: metric.Categorical, Op: metric.Ne, Values: []any{false}}, `{{ Dimension('a__b') }} != FALSE`},
		{"duckdb", metric.Filter{Field: "a__b", Kind: metric.Categorical, Op: metric.Lt, Values: []any{n("1e3")}}, `{{ Dimension('a__b') }} < 1e+03`},
	} {
		got, err := condition(c.adapter, c.filter)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
}

func TestConditions_RefuseWhatNoFieldOrValueIs(t *testing.T) {
	categorical := func(op metric.Op, values ...any) metric.Filter {
		return metric.Filter{Field: "a__b", Kind: metric.Categorical, Op: op, Values: values}
	}
	at := func(op metric.Op, values ...any) metric.Filter {
		return metric.Filter{Field: "metric_time", Kind: metric.Time, Op: op, Values: values}
	}
	for name, f := range map[string]metric.Filter{
		"no value":            categorical(metric.Eq),
		"two values":          categorical(metric.Eq, "a", "b"),
		"one of between":      categorical(metric.Between, "a"),
		"an empty in":         categorical(metric.In),
		"a value of null":     categorical(metric.IsNull, "a"),
		"like a number":       categorical(metric.Like, json.Number("1")),
		"like a time":         at(metric.Like, "2024-01-01"),
		"another operator":    categorical("~", "a"),
		"a list":              categorical(metric.Eq, []any{"a"}),
		"a Go number":         categorical(metric.Eq, 1.5),
		"NUL":                 categorical(metric.Eq, "a\x00b"),
		"a line break":        categorical(metric.Eq, "a\nb"),
		"malformed text":      categorical(metric.Eq, "a\xffb"),
		"a long text":         categorical(metric.Eq, strings.Repeat("a", longestText+1)),
		"a malformed number":  categorical(metric.Eq, json.Number("1 OR 1=1")),
		"a hexadecimal":       categorical(metric.Eq, json.Number("0x10")),
		"an infinity":         categorical(metric.Eq, json.Number("1e999")),
		"a long number":       categorical(metric.Eq, json.Number(strings.Repeat("1", longestNumber+1))),
		"a number for a time": at(metric.Eq, json.Number("2024")),
		"a time with a zone":  at(metric.Eq, "2024-01-01T00:00:00Z"),
		"no day":              at(metric.Eq, "2024-02-30"),
		"a time and more":     at(metric.Eq, "2024-01-01' OR '1'='1"),
		"a quote in a name":   {Field: "a__b') }} OR 1=1 --", Kind: metric.Categorical, Op: metric.IsNull},
		"a quote in a grain":  {Field: "metric_time", Grain: "day') }}", Kind: metric.Time, Op: metric.IsNull},
		"an unresolved field": {Field: "a__b", Op: metric.IsNull},
	} {
		if got, err := condition("duckdb", f); !errors.Is(err, metric.ErrFilterValue) && !errors.Is(err, metric.ErrQuestion) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// The real engine and DuckDB must take every one of these for the text that it is.
var hostile = []string{
	`' OR 1=1 --`, `'; DROP TABLE shop.orders; --`, `{{ 1 }}`, `{{ 1 + 1 }} {% raw %} {# note #} {{{`, `{% for x in range(9) %}x{% endfor %}`,
	`{# gone #}`, `back\slash \' quote`, `\`, `\\`, `'`, `''`, `O'Brien`, `‘curly’ „quotes“ ＇`, `100% _sure_; DROP TABLE shop.orders`,
	`}} OR 1=1 {{`, `{{ Dimension('customer__tier') }}`, `$1 ? :name %s %(x)s`, `/* */ -- #`, `ʼ′´`, `{`, `{{`, `{%`, `a{'{b`, `#{`, "e\u0301\u00a0\u202e",
}

func TestSource_TakesHostileTextForText(t *testing.T) {
	_, dir := ownShop(t, nil)
	insert := "DELETE FROM shop.customers WHERE customer_id > 0;"
	for i, text := range hostile {
		insert += "INSERT INTO shop.customers VALUES (" + strconv.Itoa(i+100) + ", 1, '" + strings.ReplaceAll(text, "'", "''") + "', 'x');"
	}
	if err := writeSQL(mustPython(t), warehouseOf(dir), insert); err != nil {
		t.Fatal(err)
	}
	s := newSource(t, shopConfig(dir, mustPython(t)), nil)
	for i, text := range hostile {
		name := func(op metric.Op, values ...any) metric.Filter {
			return metric.Filter{Field: "customer__name", Kind: metric.Categorical, Op: op, Values: values}
		}
		for _, filters := range [][]metric.Filter{
			{name(metric.Eq, text)},
			{name(metric.In, text, "never")},
			{name(metric.Between, text, text), name(metric.Ne, "never")},
		} {
			got := ask(t, s, metric.Question{GroupBy: []metric.GroupBy{{Name: "customer"}, {Name: "customer__name"}}, Filters: filters})
			if diff := cmp.Diff([][]any{{json.Number(strconv.Itoa(i + 100)), text}}, got.Rows); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
		}
		values, err := s.Values(within(t, time.Minute), metric.Listing{
			Field: metric.GroupBy{Name: "customer__name"}, Kind: metric.Categorical, Contains: text, Limit: 100,
		})
		if err != nil || len(values.Rows) == 0 {
			t.Errorf("search for %q: %v, %v", text, values.Rows, err)
		}
	}
}

// meaning evaluates what textLiteral writes, as SQL does.
func meaning(t *testing.T, literal string) string {
	t.Helper()
	rest := strings.TrimSuffix(strings.TrimPrefix(literal, "("), ")")
	if !strings.HasPrefix(literal, "(") {
		rest = literal
	}
	var b strings.Builder
	for {
		switch {
		case strings.HasPrefix(rest, "CHR(39)"), strings.HasPrefix(rest, "CHR(92)"):
			b.WriteByte(map[string]byte{"39": '\'', "92": '\\'}[rest[4:6]])
			rest = rest[7:]
		case strings.HasPrefix(rest, "'"):
			inside, after, closed := strings.Cut(rest[1:], "'")
			if !closed {
				t.Fatalf("an open quote in %s", literal)
			}
			b.WriteString(inside)
			rest = after
		default:
			t.Fatalf("unexpected %q in %s", rest, literal)
		}
		if rest == "" {
			return b.String()
		}
		var joined bool
		if rest, joined = strings.CutPrefix(rest, " || "); !joined {
			t.Fatalf("unexpected %q in %s", rest, literal)
		}
	}
}

func FuzzTextLiteral(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Add("")
	f.Add("a\x00b")
	f.Fuzz(func(t *testing.T, text string) {
		literal, err := textLiteral("field", text)
		if err != nil {
			if len(text) <= longestText && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl) {
				t.Fatalf("refused %q: %v", text, err)
			}
			return
		}
		for _, opening := range []string{"{{", "{%", "{#", `\`} {
			if strings.Contains(literal, opening) {
				t.Errorf("%q is in %s", opening, literal)
			}
		}
		if got := meaning(t, literal); got != text {
			t.Errorf("%q means %q", literal, got)
		}
	})
}

func FuzzCondition(f *testing.F) {
	f.Add("customer__region", "day", uint8(1), "=", "text", "1")
	f.Add("metric_time", "day') }}", uint8(2), "between", "2024-01-01", "2024-01-02T00:00:00")
	f.Fuzz(func(t *testing.T, field, grain string, kind uint8, op, text, number string) {
		where, err := condition("duckdb", metric.Filter{
			Field: field, Grain: grain, Kind: metric.FieldKind(kind), Op: metric.Op(op), Values: []any{text, json.Number(number)}[:len(op)%3],
		})
		if err != nil {
			return
		}
		if strings.Count(where, "{{") != 1 || strings.Count(where, "{%")+strings.Count(where, "{#") != 0 {
			t.Errorf("a template beside the builder: %s", where)
		}
		if strings.Count(where, "'")%2 != 0 || strings.ContainsAny(where, "\\;\x00\n") && !strings.Contains(text, ";") {
			t.Errorf("an open literal: %s", where)
		}
	})
}
