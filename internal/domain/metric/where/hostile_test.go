package where_test

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile are texts that are no filters. The ¦ is not part of them: it stands where each is refused.
var hostile = []string{
	// Statements and queries.
	`customer__region = 'EU' ¦UNION SELECT 1`, `customer__region = 'EU' ¦union all select password from users`, `customer__region = 'EU'¦; DROP TABLE orders`,
	`customer__region = 'EU'¦;`, `¦; SELECT 1`, `¦SELECT 1`, `(¦SELECT 1) = 1`, `customer__region IN (¦SELECT region FROM t)`, `customer__region = (¦select 'EU')`,
	`¦EXISTS (SELECT 1)`, `customer__region = ¦ANY (SELECT 1)`, `customer__region = ¦ALL(ARRAY['EU'])`, `customer__region = 'EU' ¦INTERSECT SELECT 1`,
	`customer__region = 'EU' ¦EXCEPT SELECT 1`, `customer__region = 'EU' ¦ORDER BY 1`, `customer__region = 'EU' ¦LIMIT 1`, `customer__region = 'EU' ¦GROUP BY 1`,
	`customer__region = 'EU' ¦HAVING 1=1`, `¦WHERE customer__region = 'EU'`, `¦DROP TABLE orders`, `¦WITH x AS (SELECT 1) SELECT 1`, `customer__region = 'EU' ¦WINDOW w AS ()`,
	`customer__region = 'EU' OR ¦EXISTS(SELECT 1)`, `customer__region ¦FROM orders`, `¦) UNION SELECT (1`,
	// Comments of each dialect.
	`customer__region = 'EU' ¦-- all`, `customer__region = 'EU'¦--`, `¦/* */ order__gift`, `order__gift ¦/*!50000 OR 1=1 */`, `order__gift ¦# all`, `order__gift ¦// all`, `order__gift ¦{# note #}`, `order__amount = 5¦--3`,
	// Templates.
	`¦{% if true %} order__gift {% endif %}`, `¦{% raw %}order__gift{% endraw %}`, `{{ ¦'' }}`, `{{ ¦7*7 }}`, `{{ ¦''.__class__ }}`, `{{ ¦config.items() }}`, `{{ ¦cycler.__init__.__globals__ }}`,
	`{{ ¦self }}`, `{{ ¦range(9) }}`, `{{ ¦lipsum }}`, `{{ Dimension('customer__region') ¦| upper }} = 'EU'`, `{{ Dimension('customer__region')¦['x'] }} = 'EU'`,
	`{{ Dimension('customer__region').¦__class__ }} = 'EU'`, `{{ Dimension('customer__region').¦descending(True) }} = 'EU'`, `{{ Dimension('customer__region').grain(¦) }} = 'EU'`,
	`{{ Dimension('customer__region').grain ¦}} = 'EU'`, `{{ Dimension('customer__region' ¦~ 'x') }} = 'EU'`, `{{ Dimension(¦region) }} = 'EU'`, `{{ Dimension(¦7) }} = 1`, `{{ Dimension(¦*args) }} = 1`,
	`{{ Dimension(¦**args) }} = 1`, `{{ Dimension(¦['customer__region']) }} = 'EU'`, `{{ ¦Dimension(None) }} = 1`, `{{ ¦Dimension() }} = 1`, `{{ Dimension ¦}} = 1`, `{{ ¦dimension('customer__region') }} = 'EU'`,
	`{{ ¦Column('x') }} = 1`, `{{ Dimension('customer__region', ¦'order') }} = 'EU'`, `{{ Dimension('customer__region', entity_path=¦'order') }} = 'EU'`, `{{ Dimension('customer__region', ¦nonsense='x') }} = 'EU'`,
	`{{ Dimension('customer__region', ¦name='x') }} = 'EU'`, `{{ Dimension('customer__region', entity_path=['order', ¦Dimension('x')]) }} = 1`,
	`{{ Dimension('customer__region', entity_path=['order'¦) }} = 1`, `{{ Dimension('customer__region' ¦'x') }} = 1`, `{{ Dimension(¦'customer__region"') }} = 1`, `{{ Dimension(¦'customer__region) }} = 1`,
	`{{ Dimension('a') }} OR 1=1 ¦--') }}`, `{{ Dimension(¦'a b') }} = 1`, `{{ Dimension(¦'') }} = 1`, `{{ Dimension('a¦\' OR 1=1') }} = 1`, `{{ Dimension('customer__region') ¦= 'EU'`, `{{ Dimension('customer__region') ¦} = 'EU'`,
	`{{ Dimension('customer__region') ¦}}} = 'EU'`, `¦{{{ Dimension('customer__region') }}} = 'EU'`, `{{ ¦{{ Dimension('customer__region') }} }} = 'EU'`, `¦{ Dimension('customer__region') }`, `¦}} OR 1=1 {{`, `{{¦`,
	`{{ ¦- Dimension('customer__region') }} = 'EU'`, `{{ Dimension('customer__region')¦, Dimension('x') }} = 1`, `{{ TimeDimension('metric_time', 'day', descending=¦True) }} > '2024-01-01'`,
	`{{ TimeDimension('metric_time', ¦['day']) }} > 1`, `{{ TimeDimension('metric_time')¦.grain('day') }} > '2024-01-01'`, `{{ Metric(¦'orders') }} > 1`, `{{ Metric(¦'orders', group_by=[]) }} > 1`, `{{ Metric('orders', group_by=¦'customer') }} > 1`,
	`{{ Metric('orders', group_by=[¦Dimension('x')]) }} > 1`, `{{ Metric('orders', group_by=¦('customer')) }} > 1`, `{{ Metric('orders', group_by=¦None) }} > 1`, `{{ Entity('customer', ¦'a', 'b') }} = 1`,
	`customer__region = '¦{{ 1 }}'`, `customer__region = 'x¦{% raw %}'`, `customer__region = '¦{# x #}'`, `customer__region = 'a ¦}} OR'`, `'¦{{ Dimension('customer__region') }} = 1'`, `customer__region = '¦{{{'`,
	// Names that are none.
	`¦nonsense = 1`, `¦customer__regoin = 'EU'`, `order__gift AND ¦nonsense`, `¦CUSTOMER__REGION = 'EU'`, `¦NaN = 1`, `order__amount = ¦NaN`, `order__amount = ¦Infinity`, `order__amount > ¦-Infinity`, `¦customer__region__day = 'EU'`,
	`¦metric_time__year > '2024-01-01'`, `{{ TimeDimension(¦'metric_time', 'year') }} > '2024-01-01'`, `{{ TimeDimension(¦'metric_time__day', 'month') }} > '2024-01-01'`, `{{ TimeDimension(¦'order__at', date_part_name='dow') }} = 1`,
	`{{ TimeDimension(¦'metric_time', 'day', date_part_name='dow') }} = 1`, `{{ Dimension(¦'nonsense') }} = 1`, `{{ Entity(¦'customer__region') }} = 'EU'`, `{{ Dimension(¦'customer') }} = 1`, `{{ TimeDimension(¦'customer__region') }} = 'EU'`,
	`{{ Dimension(¦'customer__region').grain('day') }} = 'EU'`, `{{ Metric(¦'nonsense', group_by=['customer']) }} > 1`, `{{ Metric('orders', group_by=['customer', ¦'nonsense']) }} > 1`, `{{ Metric('orders', group_by=[¦'metric_time']) }} > 1`,
	`customer¦.region = 'EU'`, `main¦.orders.region = 'EU'`, `¦*`, `¦"customer__region" = 'EU'`, `customer__region = ¦"EU"`, "¦`customer__region` = 'EU'", `¦[customer__region] = 'EU'`, `¦$customer__region = 'EU'`, `customer__region¦$ = 1`,
	// Functions and other operators.
	`¦LOWER(customer__region) = 'eu'`, `customer__region = ¦UPPER('eu')`, `¦sleep(9)`, `¦pg_sleep(9) IS NULL`, `¦read_csv('/etc/passwd')`, `¦COALESCE(order__gift, TRUE)`, `¦DATE_TRUNC('month', metric_time) = '2024-01-01'`, `¦EXTRACT(year FROM metric_time) = 2024`,
	`metric_time > ¦NOW()`, `metric_time > ¦CURRENT_DATE`, `metric_time > ¦INTERVAL '1 day'`, `¦Dimension('customer__region') = 'EU'`, `¦metric('orders') > 1`, `¦SUM(order__amount) > 1`, `¦TRUE()`, `¦TRY_CAST(order__amount AS integer) = 1`, `¦DATE('2024-01-01') = metric_time`,
	`customer__region ¦|| 'x' = 'EUx'`, `order__amount ¦+ 1 = 2`, `order__amount ¦- 1 = 2`, `order__amount ¦* 2 = 4`, `order__amount ¦/ 2 = 1`, `order__amount ¦% 2 = 1`, `order__amount ¦& 1 = 1`, `order__amount ¦^ 1 = 1`, `order__amount = ¦+1`, `order__amount = ¦--1`, `order__amount = ¦- -1`,
	`order__amount¦::integer = 1`, `order__amount¦::text::integer = 1`, `order__amount ¦<=> 1`, `order__amount ¦=> 1`, `order__amount ¦=< 1`, `order__amount = ¦= 1`, `order__amount ¦!< 1`, `¦!order__gift`, `order__gift ¦&& order__gift`, `customer__region ¦~ 'E'`, `customer__region ¦!~ 'E'`, `customer__region ¦=~ 'E'`,
	`customer__region ¦ILIKE 'eu'`, `customer__region NOT ¦ILIKE 'eu'`, `customer__region ¦RLIKE 'E'`, `customer__region ¦SIMILAR TO 'E'`, `customer__region LIKE 'E!%' ¦ESCAPE '!'`, `customer__region LIKE ¦5`, `customer__region LIKE ¦customer__region`, `customer__region ¦COLLATE nocase = 'eu'`, `order__gift ¦XOR order__gift`,
	`customer__region ¦CONTAINS 'E'`, `customer__region IS ¦DISTINCT FROM 'EU'`, `customer__region IS ¦'EU'`, `customer__region = ¦NULL`, `customer__region IN ('EU', ¦NULL)`, `¦NULL`, `¦CASE WHEN TRUE THEN TRUE END`, `order__amount = ¦ROW(1)`, `order__amount = ¦ARRAY[1]`, `order__amount IN ¦[1]`, `order__amount IN ¦1`, `order__amount IN (¦)`,
	`(order__amount¦, order__gift) = (1, 2)`, `order__amount IN ((1¦, 2))`, `order__amount BETWEEN 1 ¦OR 2`, `order__amount BETWEEN 1¦`, `order__amount BETWEEN (¦order__amount = 1) AND 2`, `order__amount BETWEEN 1 AND 2 ¦= TRUE`, `(order__amount = 1) ¦= TRUE`, `(order__amount = 1) ¦IS NULL`, `order__amount = 1 ¦= 1`, `1 < order__amount ¦< 2`,
	`order__amount = ¦NOT order__gift`, `order__amount NOT ¦= 1`, `NOT¦`, `order__gift AND¦`, `order__gift OR ¦OR order__gift`, `¦AND order__gift`, `order__gift ¦order__gift`, `customer__region ¦'EU'`, `order__amount ¦1`, `order__gift¦)`, `¦(order__gift`, `(order__gift ¦]`, `(¦)`, `¦`, `   ¦`, `¦,`, `¦=`, `¦.`,
	// Values that are none, or nothing but values.
	`¦1=1`, `¦1`, `¦'a' = 'a'`, `¦TRUE`, `order__gift OR ¦TRUE`, `order__gift OR ¦1=1`, `NOT ¦FALSE`, `¦'a' IN ('a')`, `¦CAST(1 AS boolean)`, `¦CAST('1' AS integer) = 1`, `¦'a' IS NOT NULL`, `¦1 IS TRUE`, `¦'a' LIKE '%'`, `¦DATE '2024-01-01' = DATE '2024-01-01'`, `¦'EU'`,
	`order__amount = ¦1e999`, `order__amount = ¦-1e999`, `order__amount = ¦0x1F`, `order__amount = ¦1_000`, `order__amount = ¦12abc`, `order__amount = ¦1.2.3`, `order__amount = ¦.5`, `order__amount = ¦5.`, `order__amount = ¦1e`, `order__amount = ¦` + strings.Repeat("9", 65),
	`customer__region = ¦'EU`, `customer__region = ¦'it''s`, `customer__region = ¦'`, `customer__region = 'EU¦\'`, `customer__region = '¦\' OR 1=1 --'`, `customer__region LIKE '%¦\%'`, `customer__region = ¦\'EU\'`, `customer__region = ¦E'\x41'`, `customer__region = ¦e'x'`, `customer__region = U¦&'\0041'`, `customer__region = ¦N'EU'`, `customer__region = ¦x'41'`, `customer__region = ¦q'[EU]'`, `customer__region = r¦"EU"`,
	`customer__region = ¦$$EU$$`, `customer__region = ¦$tag$EU$tag$`, "customer__region = ¦`EU`", `customer__region = 'a' ¦'b'`, `customer__region = ¦_utf8'EU'`,
	`customer__region = ¦@x`, `customer__region = ¦@@version`, `customer__region = ¦?`, `customer__region = ¦$1`, `customer__region = ¦:name`, `customer__region = ¦%(name)s`, `customer__region = ¦#x#`, `customer__region = ¦{x}`,
	`metric_time > ¦'soon'`, `metric_time > ¦'2024-02-30'`, `metric_time > ¦'2024-01-01T00:00:00Z'`, `metric_time > ¦2024`, `metric_time > ¦TRUE`, `metric_time IN ('2024-01-01', ¦'x')`, `¦metric_time LIKE '2024%'`, `¦CAST(metric_time AS date) LIKE '2024%'`, `CAST(metric_time AS date) > ¦'x'`, `CAST(metric_time AS date) > ¦5`, `metric_time > DATE ¦'x'`, `metric_time > DATE ¦'2024-01-01 08:00'`, `metric_time > TIMESTAMP ¦'x'`, `metric_time > CAST(¦'x' AS timestamp)`, `metric_time > CAST(¦5 AS date)`, `¦metric_time`, `¦customer`, `{{ Entity(¦'customer') }}`, `{{ Metric(¦'orders', group_by=['customer']) }}`, `NOT {{ Metric(¦'orders', group_by=['customer']) }}`, `¦CAST(order__amount AS integer)`,
	`CAST(order__amount AS ¦json) = 1`, `CAST(order__amount AS varchar¦(10)) = '1'`, `CAST(order__amount AS timestamp ¦WITH TIME ZONE) > '2024-01-01'`, `CAST(order__amount¦) = 1`, `CAST(order__amount¦, integer) = 1`, `CAST(order__amount ¦= 1 AS boolean)`, `CAST(order__amount AS integer ¦= 1`,
	// Characters that look like others, or like nothing.
	"customer__region = ¦‘EU’", "customer__region = ¦“EU”", "customer__region = ¦＇EU＇", "customer__region ¦＝ 'EU'", "customer__region = 'EU' ¦ＯＲ order__gift", "¦сustomer__region = 'EU'", "customer¦＿＿region = 'EU'", "customer__region¦\u200b = 'EU'", "¦\ufeffcustomer__region = 'EU'",
	"customer__region¦\u00a0= 'EU'", "customer__region = ¦\u202e'EU'", "customer__region = 'E¦\u202eU'", "customer__region = 'E¦\u200bU'", "customer__region = 'é¦\u2066'", "customer__region¦\x00 = 'EU'", "customer__region = 'E¦\x00U'", "customer__region = 'E¦\nU'", "customer__region = 'E¦\u0085'", "customer__region ¦\v= 'EU'", "customer__region = 'E¦\xff'", "customer__region ¦\xc3= 'EU'", "¦\xff",
	"customer__region = 'E¦\u2028'", "customer__region = 'E¦\U000e0041'", "ord¦еr__gift", "order__gift ¦💥", "order__amount = ¦１", "order__amount = ¦٣", "order__amount ¦≥ 1", "order__amount ¦− 1", "order__gift¦； DROP", "customer__region = ¦´EU´", "customer__region = ¦«EU»",
	"'é' = customer__region AND ¦nonsense", "  \n\t'✓' = customer__region AND\n¦nonsense",
}

func TestParse_RefusesWhatIsNoFilter(t *testing.T) {
	t.Parallel()
	if len(hostile) < 120 {
		t.Fatalf("only %d texts", len(hostile))
	}
	for _, marked := range hostile {
		before, after, found := strings.Cut(marked, "¦")
		if !found || strings.Contains(after, "¦") {
			t.Errorf("%q is not marked once", marked)
			continue
		}
		_, err := read(before + after)
		refusedAt(t, before+after, utf8.RuneCountInString(before)+1, err)
	}
	t.Logf("%d texts", len(hostile))
}
