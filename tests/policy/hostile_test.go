package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// attacks are where texts that try to be more than a condition on names that may be asked. None is one.
func attacks() []string {
	all := []string{
		`1=1`, `1=1 UNION ALL SELECT 1, full_name FROM marts.customers`, `store__format = 'flagship' UNION SELECT email FROM marts.customers`,
		`store__format = 'x' OR 1=1`, `store__format = 'x'; DROP TABLE marts.orders`, `store__format = 'x' -- `, `store__format = 'x' /* */`,
		`store__format IN (SELECT name FROM marts.customers)`, `EXISTS (SELECT 1 FROM marts.customers)`, `(SELECT count(*) FROM marts.customers) > 0`,
		`store__format = (SELECT min(email) FROM marts.customers)`, `store__format = 'x') OR (1=1`, `store__format = 'x')) UNION SELECT 1 --`,
		`store__format LIKE '%' ESCAPE '\'`, `store__format = 'x' AND sleep(9)`, `read_csv('/etc/passwd') IS NOT NULL`, `getenv('HOME') = 'x'`,
		`store__format = getenv('HOME')`, `current_setting('x') = 'y'`, `length(store__format) > 1`, `store__format || 'x' = 'y'`, `store__format::int = 1`,
		`customers.email = 'a'`, `marts.customers.email = 'a'`, `email = 'a'`, `rowid > 0`, `net_amount > 1`, `subq_1.net_amount > 1`, `orders_rows_src_5.net_amount > 1`,
		`"store__format" = 'x'`, "`store__format` = 'x'", `[store__format] = 'x'`, `STORE__FORMAT = 'x'`, `store__FORMAT = 'x'`, `store__format.x = 'x'`,
		`{{ Dimension('store__format') }} = 'x' {% if true %} OR 1=1 {% endif %}`, `{% set x = 1 %} store__format = 'x'`, `{# #} store__format = 'x'`,
		`{{ ''.__class__.__mro__ }}`, `{{ Dimension('store__format').__class__ }} = 1`, `{{ cycler.__init__.__globals__.os.popen('id').read() }}`, `{{ self }}`, `{{ 7*7 }} = 49`,
		`{{ Dimension('store__format', entity_path=['x\'] OR 1=1 --']) }} = 'x'`, `{{ Dimension('store__format\') }} OR 1=1 --') }} = 'x'`,
		`{{ Dimension("store__format") | safe }} = 'x'`, `{{ Dimension('store__format') }}{{ Dimension('store__format') }}`, `{{ Dimension(dimension) }} = 1`,
		`{{ Metric('revenue') }} > 1`, `{{ Metric('revenue', group_by=['nothing']) }} > 1`, `{{ Metric('revenue) }} > 1 OR (1=1', group_by=['customer']) }} > 1`,
		`{{ TimeDimension('metric_time', 'day\') OR 1=1 --') }} > '2024-01-01'`, `{{ TimeDimension('metric_time', 'fortnight') }} > '2024-01-01'`,
		`metric_time > '2024-01-01'' OR 1=1 --'`, `metric_time > now()`, `metric_time > interval '1 day'`, `metric_time > 'yesterday'`, `metric_time__extract_dow = 1`,
		`store__format = 'a' 'b'`, `store__format = E'\x41'`, `store__format = U&'\0041'`, `store__format = $$x$$`, `store__format = 'it\'s'`, `store__format = 'x` + "\x00'",
		"store__format = 'x\n' OR 1=1", "store__format\u200b = 'x'", "store__format ＝ 'x'", "store__format = ＇x＇", "ѕtore__format = 'x'", "store__format = 'x' ＯＲ 1=1", "\ufeffstore__format = 'x'",
		`store__format = ?`, `store__format = :x`, `store__format = %(x)s`, `store__format = @x`, `store__format IS DISTINCT FROM 'x'`, `NOT`, `AND`, `()`, `(`, `)`, `'`, `"`, `;`, `--`, `/*`, `{{`, `}}`, `{%`, `*`, ` `,
		`store__format = NULL`, `store__format = true OR true`, `NOT false`, `CAST(1 AS boolean)`, `CAST(store__format AS json) = 'x'`, `CAST((SELECT 1) AS integer) = 1`, `CASE WHEN 1=1 THEN true END`,
		// Names that are hidden from whoever asks here: they are like names of nothing.
		`customer__email = 'a'`, `{{ Dimension('customer__email') }} LIKE 'a%'`, `order_id__customer__email IS NULL`, `{{ Dimension('customer__email', entity_path=['order_id']) }} > 'm'`,
		`{{ Metric('gross_margin', group_by=['customer']) }} > 100`, `store__format = 'x' OR customer__email < 'm'`, `NOT NOT customer__email = 'a'`, `CAST(customer__email AS varchar) = 'a'`, `'a' = customer__email`, `store__format = customer__email`,
		`store__format BETWEEN customer__email AND 'z'`, `store__format IN ('a', customer__email)`,
		strings.Repeat("(", 100_000) + "store__format = 'x'" + strings.Repeat(")", 100_000), strings.Repeat("(", 5000) + "store__format = 'x'" + strings.Repeat(")", 5000),
		strings.Repeat("NOT ", 4000) + "store__format = 'x'", strings.Repeat("store__format = 'x' OR ", 3000) + "store__format = 'x'", strings.Repeat("x", 16_385),
		"store__format IN ('" + strings.Repeat("x','", 3000) + "x')",
	}
	return all
}

// TestWhere_NoAttackReachesAWorker puts each text into every tool that takes one, alone and behind a good one.
func TestWhere_NoAttackReachesAWorker(t *testing.T) {
	t.Parallel()
	loader, err := loadCatalog(lab.shop.project)
	if err != nil {
		t.Fatal(err)
	}
	s := newStack(t, loader, nil, access.Local("someone", "most"), access.Persona{
		Name: "most", Allow: []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}},
		Deny: []access.Rule{{Actions: []string{"metric.query"}, Targets: []string{"dimension:*email", "metric:gross_margin"}}},
	})
	const good = "store__format in ('flagship', 'outlet')"
	calls := func(where any) map[string]object {
		return map[string]object{
			"query":                   {"metrics": []string{"orders"}, "group_by": []string{"store__format"}, "where": where},
			"query sql":               {"metrics": []string{"orders"}, "where": where, "mode": "sql"},
			"query validate":          {"metrics": []string{"orders"}, "where": where, "mode": "validate"},
			"query without metrics":   {"group_by": []string{"store__format"}, "where": where},
			"query saved":             {"saved_query": "monthly_revenue_by_region", "where": where},
			"list_dimension_values":   {"dimension": "store__format", "metrics": []string{"orders"}, "where": where},
			"list_dimension_values _": {"dimension": "store__format", "where": where},
			"compare_periods":         {"metrics": []string{"orders"}, "period": object{"start_time": "2024-03-01", "end_time": "2024-03-31"}, "where": where},
			"time_range":              {"metrics": []string{"orders"}, "where": where},
		}
	}
	all := attacks()
	for _, text := range all {
		for _, where := range []any{text, []string{text}, []string{good, text}} {
			for form, args := range calls(where) {
				name, _, _ := strings.Cut(form, " ")
				if a := s.ask(name, args); a.failure == nil {
					t.Errorf("%s accepts %.200q", form, text)
				}
			}
		}
	}
	if n := s.source.count(); n != 0 {
		t.Errorf("%d of the attacks reached a worker", n)
	}
	for form, args := range calls(good) { // so that it is the text that is refused
		name, _, _ := strings.Cut(form, " ")
		recorded := name == "compare_periods" || name == "time_range" // whose answers the recording cannot give
		if a := s.ask(name, args); a.failure != nil && (!recorded || a.failure.Code == "metric.where") {
			t.Errorf("%s refuses what is harmless: %v", form, a.failure)
		}
	}
	t.Logf("%d texts in %d calls each, and none reached a worker", len(all), 3*len(calls(good)))
}

// TestWhere_RefusesHiddenNamesAsNamesOfNothing, wherever in a text they stand.
func TestWhere_RefusesHiddenNamesAsNamesOfNothing(t *testing.T) {
	t.Parallel()
	s := denyingStack(t, "dimension:*email", "metric:gross_margin", "entity:*customer")
	for _, form := range []string{
		"%s = 'a'", "store__format = 'x' or %s = 'a'", "not (%s is null)", "{{ Dimension('%s') }} like 'a%%'", "cast(%s as varchar) = 'a'", "'a' = %s", "store__format in ('a', %s)",
	} {
		hidden := s.ask("query", object{"metrics": []string{"orders"}, "where": fmt.Sprintf(form, "customer__email")})
		nothing := s.ask("query", object{"metrics": []string{"orders"}, "where": fmt.Sprintf(form, "customer__xmail")})
		if hidden.failure == nil || nothing.failure == nil {
			t.Errorf("%s: %v, and %v of nothing", form, hidden.failure, nothing.failure)
			continue
		}
		// What is suggested depends on how a name is spelt.
		got, want := strings.ReplaceAll(hidden.failure.Message, "email", "xmail"), nothing.failure.Message
		if got != want || hidden.failure.Code != nothing.failure.Code || slices.Contains(hidden.failure.Suggestions, "customer__email") {
			t.Errorf("%s is told apart:\n%v\n%v", form, hidden.failure, nothing.failure)
		}
	}
	for _, text := range []string{
		"{{ Metric('gross_margin', group_by=['store']) }} > 1", "{{ Metric('revenue', group_by=['customer']) }} > 1",
	} {
		a := s.ask("query", object{"metrics": []string{"orders"}, "where": text})
		if a.failure == nil || !slices.Contains([]string{"metric.unknown_metric", "metric.unknown_field"}, a.failure.Code) {
			t.Errorf("%s: %v", text, a.failure)
		}
	}
}
