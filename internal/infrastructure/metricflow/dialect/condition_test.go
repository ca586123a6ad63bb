package dialect_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/dialect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	region = metric.Ref{Name: "customer__region", Kind: metric.Categorical}
	gift   = metric.Ref{Name: "order__gift", Kind: metric.Categorical}
	user   = metric.Ref{Name: "listing__user", Kind: metric.EntityKey}
	day    = metric.Ref{Name: "metric_time", Kind: metric.Time, Grain: "day"}
	at     = metric.Ref{Name: "store__order__at", Kind: metric.Time}
	weekly = metric.Ref{Name: "metric_time", Kind: metric.Time, DatePart: "dow"}
	perKey = metric.MetricRef{Metric: "bookings", GroupBy: []metric.Ref{{Name: "listing", Kind: metric.EntityKey}, {Name: "a__b__c", Kind: metric.EntityKey}}}
)

func compare(left metric.Operand, op metric.Op, right ...any) metric.Comparison {
	c := metric.Comparison{Left: left, Op: op}
	for _, v := range right {
		o, is := v.(metric.Operand)
		if !is {
			o = metric.Value{Of: v}
		}
		c.Right = append(c.Right, o)
	}
	return c
}

func and(all ...metric.Condition) metric.Condition { return metric.And{All: all} }
func or(some ...metric.Condition) metric.Condition { return metric.Or{Any: some} }
func not(of metric.Condition) metric.Condition     { return metric.Not{Of: of} }
func cast(of any, to metric.Type) metric.Operand {
	if o, is := of.(metric.Operand); is {
		return metric.Cast{Of: o, To: to}
	}
	return metric.Cast{Of: metric.Value{Of: of}, To: to}
}

var number = func(s string) any { return json.Number(s) }

func TestConditions_WriteNamesAsBuildersAndValuesAsLiterals(t *testing.T) {
	t.Parallel()
	eu, likes := compare(region, metric.Eq, "EU"), metric.Holds{Of: gift}
	for _, c := range []struct {
		adapter string
		where   metric.Condition
		want    string
	}{
		{"duckdb", eu, `{{ Dimension('customer__region') }} = 'EU'`},
		{
			"duckdb", compare(metric.Ref{Name: "order__customer__region", Kind: metric.Categorical}, metric.In, "EU", "it's"),
			`{{ Dimension('customer__region', entity_path=['order']) }} IN ('EU', ('it' || CHR(39) || 's'))`,
		},
		{"duckdb", compare(user, metric.IsNotNull), `{{ Entity('user', entity_path=['listing']) }} IS NOT NULL`},
		{"duckdb", compare(user, metric.IsNull), `{{ Entity('user', entity_path=['listing']) }} IS NULL`},
		{"duckdb", compare(user, metric.NotIn, number("1"), number("-2.50")), `{{ Entity('user', entity_path=['listing']) }} NOT IN (1, -2.50)`},
		{"duckdb", compare(day, metric.Ge, "2024-01-31"), `{{ TimeDimension('metric_time', 'day') }} >= CAST('2024-01-31' AS TIMESTAMP)`},
		{
			"bigquery", compare(at, metric.Between, "2024-01-31T08:00", "2024-02-01 09:30:00.5"),
			`{{ TimeDimension('order__at', entity_path=['store']) }} BETWEEN CAST('2024-01-31 08:00:00' AS DATETIME) AND CAST('2024-02-01 09:30:00.5' AS DATETIME)`,
		},
		{"duckdb", compare(weekly, metric.Lt, number("5")), `{{ TimeDimension('metric_time', date_part_name='dow') }} < 5`},
		{"duckdb", compare(gift, metric.Ne, false), `{{ Dimension('order__gift') }} != FALSE`},
		{"duckdb", compare(gift, metric.Lt, number("1e3")), `{{ Dimension('order__gift') }} < 1e+03`},
		{"duckdb", compare(perKey, metric.Gt, number("2")), `{{ Metric('bookings', group_by=['listing', 'a__b__c']) }} > 2`},
		{"duckdb", compare(metric.Value{Of: "EU"}, metric.Eq, region), `'EU' = {{ Dimension('customer__region') }}`},
		// What consists of conditions stands in parentheses.
		{"duckdb", likes, `{{ Dimension('order__gift') }}`},
		{"duckdb", not(likes), `(NOT {{ Dimension('order__gift') }})`},
		{"duckdb", not(eu), `(NOT ({{ Dimension('customer__region') }} = 'EU'))`},
		{"duckdb", not(not(likes)), `(NOT (NOT {{ Dimension('order__gift') }}))`},
		{"duckdb", and(eu, likes), `(({{ Dimension('customer__region') }} = 'EU') AND {{ Dimension('order__gift') }})`},
		{"duckdb", or(eu, and(likes, not(eu))), `(({{ Dimension('customer__region') }} = 'EU') OR ({{ Dimension('order__gift') }} AND (NOT ({{ Dimension('customer__region') }} = 'EU'))))`},
		{"duckdb", or(eu), `(({{ Dimension('customer__region') }} = 'EU'))`},
		// Types have the warehouse's names.
		{"duckdb", compare(cast(day, metric.Timestamp), metric.Ge, cast("2020-01-01T08:00", metric.Timestamp)), `CAST({{ TimeDimension('metric_time', 'day') }} AS TIMESTAMP) >= CAST('2020-01-01 08:00:00' AS TIMESTAMP)`},
		{"bigquery", compare(cast(day, metric.Timestamp), metric.Ge, cast("2020-01-01", metric.Date)), `CAST({{ TimeDimension('metric_time', 'day') }} AS DATETIME) >= CAST('2020-01-01' AS DATE)`},
		{"postgres", compare(cast(gift, metric.Double), metric.Gt, cast(number("1"), metric.Decimal)), `CAST({{ Dimension('order__gift') }} AS DOUBLE PRECISION) > CAST(1 AS DECIMAL(38, 9))`},
		{"bigquery", compare(cast(cast(gift, metric.Text), metric.Integer), metric.Gt, cast(number("1"), metric.Decimal)), `CAST(CAST({{ Dimension('order__gift') }} AS STRING) AS INT64) > CAST(1 AS NUMERIC)`},
		{"redshift", compare(cast(gift, metric.Text), metric.Eq, "x"), `CAST({{ Dimension('order__gift') }} AS VARCHAR(65535)) = 'x'`},
		{"databricks", metric.Holds{Of: cast(gift, metric.Boolean)}, `CAST({{ Dimension('order__gift') }} AS BOOLEAN)`},
		{"elsewhere", compare(region, metric.Eq, "plain {x} text"), `{{ Dimension('customer__region') }} = 'plain {x} text'`},
		// A pattern has no escapes, whatever the warehouse.
		{"duckdb", compare(region, metric.Like, `50\%`), `{{ Dimension('customer__region') }} LIKE ('50' || CHR(92) || '%')`},
		{"postgres", compare(region, metric.Like, `50\%`), `{{ Dimension('customer__region') }} LIKE ('50' || CHR(92) || CHR(92) || '%')`},
		{"postgres", compare(region, metric.Eq, `50\%`), `{{ Dimension('customer__region') }} = ('50' || CHR(92) || '%')`},
		// Nothing begins a template.
		{"snowflake", compare(region, metric.Eq, `{{ 1 }}{%`), `{{ Dimension('customer__region') }} = ('{' || '{ 1 }}{' || '%')`},
	} {
		got, err := dialect.Conditions(c.adapter, []metric.Condition{c.where})
		if diff := cmp.Diff([]string{c.want}, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	}
}

func TestConditions_KeepEachConditionApart(t *testing.T) {
	t.Parallel()
	got, err := dialect.Conditions("duckdb", []metric.Condition{compare(region, metric.Eq, "EU"), metric.Holds{Of: gift}})
	if diff := cmp.Diff([]string{`{{ Dimension('customer__region') }} = 'EU'`, `{{ Dimension('order__gift') }}`}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := dialect.Conditions("duckdb", nil); len(got) != 0 || err != nil {
		t.Error(got, err)
	}
}

func TestConditions_RefuseWhatNoConditionIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]metric.Condition{
		"no condition":          nil,
		"nothing joined":        and(),
		"nothing in one part":   or(compare(region, metric.IsNull), and()),
		"not of nothing":        not(nil),
		"no operand":            metric.Holds{},
		"a value alone":         metric.Holds{Of: metric.Value{Of: true}},
		"no left":               compare(nil, metric.IsNull),
		"no value":              compare(region, metric.Eq),
		"two values":            compare(region, metric.Eq, "a", "b"),
		"one of between":        compare(region, metric.Between, "a"),
		"an empty in":           compare(region, metric.In),
		"a value of null":       compare(region, metric.IsNull, "a"),
		"like a number":         compare(region, metric.Like, number("1")),
		"like a time":           compare(day, metric.Like, "2024-01-01"),
		"another operator":      compare(region, "~", "a"),
		"an operator of SQL":    compare(region, "= 'EU' OR 1 =", "a"),
		"a list":                compare(region, metric.Eq, []any{"a"}),
		"a Go number":           compare(region, metric.Eq, 1.5),
		"NUL":                   compare(region, metric.Eq, "a\x00b"),
		"a line break":          compare(region, metric.Eq, "a\nb"),
		"malformed text":        compare(region, metric.Eq, "a\xffb"),
		"a long text":           compare(region, metric.Eq, strings.Repeat("a", 4097)),
		"a malformed number":    compare(region, metric.Eq, number("1 OR 1=1")),
		"a hexadecimal":         compare(region, metric.Eq, number("0x10")),
		"an infinity":           compare(region, metric.Eq, number("1e999")),
		"a long number":         compare(region, metric.Eq, number(strings.Repeat("1", 65))),
		"a number for a time":   compare(day, metric.Eq, number("2024")),
		"a time with a zone":    compare(day, metric.Eq, "2024-01-01T00:00:00Z"),
		"no day":                compare(day, metric.Eq, "2024-02-30"),
		"a time and more":       compare(day, metric.Eq, "2024-01-01' OR '1'='1"),
		"a cast time and more":  compare(region, metric.Eq, cast("2024-01-01' OR '1'='1", metric.Date)),
		"a cast number":         compare(region, metric.Eq, cast(number("5"), metric.Timestamp)),
		"another type":          compare(cast(region, "text) OR (1"), metric.Eq, "a"),
		"no type":               compare(cast(region, ""), metric.Eq, "a"),
		"a cast of nothing":     compare(metric.Cast{To: metric.Date}, metric.IsNull),
		"a quote in a name":     compare(metric.Ref{Name: "a__b') }} OR 1=1 --", Kind: metric.Categorical}, metric.IsNull),
		"no name":               compare(metric.Ref{Kind: metric.Categorical}, metric.IsNull),
		"a quote in a grain":    compare(metric.Ref{Name: "metric_time", Grain: "day') }}", Kind: metric.Time}, metric.IsNull),
		"a quote in a part":     compare(metric.Ref{Name: "metric_time", DatePart: "dow') }}", Kind: metric.Time}, metric.IsNull),
		"a grain and a part":    compare(metric.Ref{Name: "metric_time", DatePart: "dow", Grain: "day", Kind: metric.Time}, metric.IsNull),
		"a grain of no time":    compare(metric.Ref{Name: "a__b", Grain: "day", Kind: metric.Categorical}, metric.IsNull),
		"an unresolved field":   compare(metric.Ref{Name: "a__b"}, metric.IsNull),
		"a quote in a metric":   compare(metric.MetricRef{Metric: "a'", GroupBy: perKey.GroupBy}, metric.IsNull),
		"a quote in its fields": compare(metric.MetricRef{Metric: "a", GroupBy: []metric.Ref{{Name: "a'"}}}, metric.IsNull),
		"a grain of its fields": compare(metric.MetricRef{Metric: "a", GroupBy: []metric.Ref{{Name: "a", Grain: "day"}}}, metric.IsNull),
		"a metric of nothing":   compare(metric.MetricRef{Metric: "a"}, metric.IsNull),
	} {
		for _, where := range []metric.Condition{c, not(and(compare(region, metric.IsNull), c))} {
			got, err := dialect.Conditions("duckdb", []metric.Condition{where})
			if !errors.Is(err, metric.ErrFilterValue) && !errors.Is(err, metric.ErrQuestion) && !errors.Is(err, metric.ErrFilter) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			if err != nil && got != nil {
				t.Errorf("%s: %q beside an error", name, got)
			}
		}
	}
}

func TestConditions_DoNotGuessHowAnUnknownWarehouseQuotes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`it's`, `a\b`, `{{`, `{%`, `{#`, `'`} {
		for _, where := range []metric.Condition{compare(region, metric.Eq, text), compare(region, metric.Like, text), compare(region, metric.In, "a", text)} {
			if got, err := dialect.Conditions("elsewhere", []metric.Condition{where}); !errors.Is(err, metric.ErrFilterValue) {
				t.Errorf("%q: %q, %v", text, got, err)
			}
		}
	}
}

func TestContains_FindsTextWhateverItsCase(t *testing.T) {
	t.Parallel()
	for adapter, want := range map[string]string{
		"duckdb":     `POSITION(('o' || CHR(39) || 'brien') IN LOWER(CAST({{ Dimension('customer__region') }} AS VARCHAR))) > 0`,
		"databricks": `POSITION(('o' || CHR(39) || 'brien') IN LOWER(CAST({{ Dimension('customer__region') }} AS STRING))) > 0`,
		"bigquery":   `STRPOS(LOWER(CAST({{ Dimension('customer__region') }} AS STRING)), ('o' || CHR(39) || 'brien')) > 0`,
	} {
		got, err := dialect.Contains(adapter, region, "O'Brien")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", adapter, err, diff)
		}
	}
	for _, needle := range []string{"a\x00", "a\nb", "\xff", strings.Repeat("a", 4097)} {
		if got, err := dialect.Contains("duckdb", region, needle); !errors.Is(err, metric.ErrFilterValue) {
			t.Errorf("%.20q: %q, %v", needle, got, err)
		}
	}
	if got, err := dialect.Contains("duckdb", metric.Ref{Name: "a'", Kind: metric.Categorical}, "a"); !errors.Is(err, metric.ErrQuestion) {
		t.Errorf("%q, %v", got, err)
	}
}
