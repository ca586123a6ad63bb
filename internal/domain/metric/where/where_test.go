package where_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/where"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop knows some names, and keeps count of what it was asked.
type shop struct {
	hidden string // answered with errHidden
	asked  []string
}

var errHidden = errors.New("hidden")

var fields = map[string]metric.Field{
	"customer__region":        {Kind: metric.Categorical},
	"order__customer__region": {Kind: metric.Categorical},
	"order__gift":             {Kind: metric.Categorical},
	"order__amount":           {Kind: metric.Categorical},
	"date":                    {Kind: metric.Categorical},
	"order":                   {Kind: metric.EntityKey},
	"customer":                {Kind: metric.EntityKey},
	"order__customer":         {Kind: metric.EntityKey},
	"metric_time":             {Kind: metric.Time, Grains: []string{"day", "month", "alien_day"}, DateParts: []string{"year", "dow"}},
	"order__at":               {Kind: metric.Time, Grains: []string{"day", "month"}},
}

func (s *shop) Field(name string) (metric.Field, error) {
	s.asked = append(s.asked, name)
	if name == s.hidden {
		return metric.Field{}, errHidden
	}
	if f, ok := fields[name]; ok {
		f.Name = name
		return f, nil
	}
	if i := strings.LastIndex(name, "__"); i > 0 {
		if f, ok := fields[name[:i]]; ok && slices.Contains(f.Grains, name[i+2:]) {
			f.Name, f.Grain = name[:i], name[i+2:]
			return f, nil
		}
	}
	return metric.Field{}, metric.UnknownField(name, []string{"customer__region"})
}

func (s *shop) Metric(name string) error {
	s.asked = append(s.asked, name)
	if name == s.hidden {
		return errHidden
	}
	if name != "orders" && name != "revenue" {
		return metric.UnknownMetric(name, []string{"orders"})
	}
	return nil
}

func (s *shop) MetricField(_, name string) (metric.Field, error) { return s.Field(name) }

func read(text string) (metric.Condition, error) {
	e, err := where.Parse(text)
	if err != nil {
		return nil, err
	}
	return e.Resolve(&shop{})
}

// printed is a condition in the grammar.
func printed(c metric.Condition) string {
	switch c := c.(type) {
	case metric.And:
		return joined(c.All, " AND ")
	case metric.Or:
		return joined(c.Any, " OR ")
	case metric.Not:
		return "NOT " + grouped(c.Of)
	case metric.Holds:
		return operand(c.Of)
	case metric.Comparison:
		right := make([]string, len(c.Right))
		for i, o := range c.Right {
			right[i] = operand(o)
		}
		left := operand(c.Left)
		switch c.Op {
		case metric.In:
			return left + " IN (" + strings.Join(right, ", ") + ")"
		case metric.NotIn:
			return left + " NOT IN (" + strings.Join(right, ", ") + ")"
		case metric.Between:
			return left + " BETWEEN " + right[0] + " AND " + right[1]
		case metric.Like:
			return left + " LIKE " + right[0]
		case metric.IsNull:
			return left + " IS NULL"
		case metric.IsNotNull:
			return left + " IS NOT NULL"
		case metric.Eq, metric.Ne, metric.Lt, metric.Le, metric.Gt, metric.Ge:
			return left + " " + string(c.Op) + " " + right[0]
		}
	}
	panic(fmt.Sprintf("no condition: %#v", c))
}

func joined(parts []metric.Condition, with string) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = grouped(part)
	}
	return strings.Join(texts, with)
}

func grouped(c metric.Condition) string {
	switch c.(type) {
	case metric.And, metric.Or:
		return "(" + printed(c) + ")"
	}
	return printed(c)
}

func operand(o metric.Operand) string {
	switch o := o.(type) {
	case metric.Ref:
		return reference(o)
	case metric.MetricRef:
		names := make([]string, len(o.GroupBy))
		for i, r := range o.GroupBy {
			names[i] = "'" + r.Name + "'"
		}
		return "{{ Metric('" + o.Metric + "', group_by=[" + strings.Join(names, ", ") + "]) }}"
	case metric.Cast:
		types := map[metric.Type]string{metric.Text: "varchar"}
		name, differs := types[o.To]
		if !differs {
			name = string(o.To)
		}
		return "CAST(" + operand(o.Of) + " AS " + name + ")"
	case metric.Value:
		switch v := o.Of.(type) {
		case string:
			return "'" + strings.ReplaceAll(v, "'", "''") + "'"
		case json.Number:
			return v.String()
		case bool:
			return strings.ToUpper(fmt.Sprint(v))
		}
	}
	panic(fmt.Sprintf("no operand: %#v", o))
}

func reference(r metric.Ref) string {
	switch {
	case r.DatePart != "":
		return "{{ TimeDimension('" + r.Name + "', date_part_name='" + r.DatePart + "') }}"
	case r.Grain != "":
		return r.Name + "__" + r.Grain
	case r.Name == "date":
		return "{{ Dimension('date') }}"
	}
	return r.Name
}

func TestParse_ReadsEveryForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		// Comparisons.
		{`customer__region = 'EU'`, ``},
		{`customer__region == 'EU'`, `customer__region = 'EU'`},
		{`customer__region <> 'EU'`, `customer__region != 'EU'`},
		{`customer__region != 'it''s'`, ``},
		{`customer__region = ''`, ``},
		{`customer__region = ''''`, ``},
		{`customer__region = 'Ünïcödé ✓ – {x} }'`, ``},
		{`order__amount<1`, `order__amount < 1`},
		{"order__amount\n\t<=\r\n1.50", `order__amount <= 1.50`},
		{`order__amount > -2`, ``},
		{`order__amount >= - 0.5e3`, `order__amount >= -0.5e3`},
		{`order__amount = 007`, `order__amount = 7`},
		{`order__amount = 0`, ``},
		{`order__amount = 1E+6`, ``},
		{`order__amount = 123456789012345678901234567890.123`, ``},
		{`'EU' = customer__region`, ``},
		{`order__amount = order__gift`, ``},
		{`order__gift = true`, `order__gift = TRUE`},
		{`order__gift = False`, `order__gift = FALSE`},
		{`(customer__region) = ('EU')`, `customer__region = 'EU'`},
		{`order < 4`, ``},
		{`date = 'x'`, `{{ Dimension('date') }} = 'x'`},
		// Sets, patterns, absence.
		{`customer__region IN ('EU', 'US')`, ``},
		{`customer__region in('EU')`, `customer__region IN ('EU')`},
		{`customer NOT IN (1, -2, 3.5)`, ``},
		{`'EU' IN (customer__region, order__customer__region)`, ``},
		{`order__amount BETWEEN 1 AND 2 AND order__gift`, `order__amount BETWEEN 1 AND 2 AND order__gift`},
		{`order__amount NOT BETWEEN 1 AND 2`, `NOT order__amount BETWEEN 1 AND 2`},
		{`customer__region LIKE 'E%'`, ``},
		{`customer__region not like '_U'`, `NOT customer__region LIKE '_U'`},
		{`customer__region IS NULL`, ``},
		{`customer__region is not null`, `customer__region IS NOT NULL`},
		{`order__gift IS TRUE`, `order__gift = TRUE AND order__gift IS NOT NULL`},
		{`order__gift IS NOT TRUE`, `order__gift = FALSE OR order__gift IS NULL`},
		{`order__gift IS FALSE`, `order__gift = FALSE AND order__gift IS NOT NULL`},
		{`order__gift IS NOT FALSE`, `order__gift = TRUE OR order__gift IS NULL`},
		// Conditions.
		{`order__gift`, ``},
		{`(((order__gift)))`, `order__gift`},
		{`NOT order__gift`, ``},
		{`NOT NOT order__gift`, ``},
		{`NOT order__amount = 1`, ``},
		{`NOT (order__gift AND order__amount = 1)`, ``},
		{`order__gift AND order__amount = 1 OR customer__region IS NULL`, `(order__gift AND order__amount = 1) OR customer__region IS NULL`},
		{`order__gift OR order__amount = 1 AND customer__region IS NULL`, `order__gift OR (order__amount = 1 AND customer__region IS NULL)`},
		{`order__gift AND (order__amount = 1 OR customer__region IS NULL)`, ``},
		{`order__gift and order__gift And order__gift`, `order__gift AND order__gift AND order__gift`},
		{`"order__gift AND customer__region = 'EU'"`, `order__gift AND customer__region = 'EU'`},
		// Casts and times.
		{`CAST(order__amount AS integer) = 1`, ``},
		{`cast(order__amount as DOUBLE PRECISION) = 1`, `CAST(order__amount AS double) = 1`},
		{`CAST(CAST(order__amount AS text) AS bool)`, `CAST(CAST(order__amount AS varchar) AS boolean)`},
		{`CAST('1' AS bigint) = order__amount`, `CAST('1' AS integer) = order__amount`},
		{`CAST(metric_time AS varchar) LIKE '2024%'`, ``},
		{`metric_time >= '2024-01-31'`, ``},
		{`metric_time__month BETWEEN '2024-01-01' AND '2024-06-01T08:00'`, ``},
		{`metric_time >= DATE '2024-01-31'`, `metric_time >= CAST('2024-01-31' AS date)`},
		{`metric_time >= timestamp '2024-01-31 08:00:00.5'`, `metric_time >= CAST('2024-01-31 08:00:00.5' AS timestamp)`},
		{`CAST(metric_time AS DATE) = '2024-01-31'`, `CAST(metric_time AS date) = CAST('2024-01-31' AS date)`},
		{`CAST(metric_time AS DATE) = '2024-01-31 08:00'`, `CAST(metric_time AS date) = CAST('2024-01-31 08:00' AS timestamp)`},
		{`CAST(metric_time__day AS TIMESTAMP) IN ('2020-01-01', '2020-01-02')`, `CAST(metric_time__day AS timestamp) IN (CAST('2020-01-01' AS timestamp), CAST('2020-01-02' AS timestamp))`},
		{`order__at = metric_time__alien_day`, ``},
		// Builders.
		{`{{Dimension('customer__region')}}='EU'`, `customer__region = 'EU'`},
		{`{{ Dimension("customer__region") }} = 'EU'`, `customer__region = 'EU'`},
		{`{{ Dimension(name='region', entity_path=['order', 'customer']) }} = 'EU'`, `order__customer__region = 'EU'`},
		{`{{ Dimension('customer__region', ['order']) }} IN ('EU')`, `order__customer__region IN ('EU')`},
		{`{{ Dimension('customer__region', entity_path=('order',)) }} IS NULL`, `order__customer__region IS NULL`},
		{`{{ Dimension('customer__region', entity_path=()) }} IS NULL`, `customer__region IS NULL`},
		{`{{ Dimension('customer__region', entity_path=[],) }} IS NULL`, `customer__region IS NULL`},
		{`{{ Dimension('metric_time').grain('DAY') }} > '2024-01-01'`, `metric_time__day > '2024-01-01'`},
		{`{{ Dimension('metric_time').date_part('year') }} = 2024`, `{{ TimeDimension('metric_time', date_part_name='year') }} = 2024`},
		{`{{ Dimension('metric_time__day') }} > '2024-01-01'`, `metric_time__day > '2024-01-01'`},
		{`{{ TimeDimension('metric_time') }} > '2024-01-01'`, `metric_time > '2024-01-01'`},
		{`{{ TimeDimension('metric_time', 'Month') }} > '2024-01-01'`, `metric_time__month > '2024-01-01'`},
		{`{{ TimeDimension('metric_time__month', 'month') }} > '2024-01-01'`, `metric_time__month > '2024-01-01'`},
		{`{{ TimeDimension('at', 'day', ['order']) }} > '2024-01-01'`, `order__at__day > '2024-01-01'`},
		{`{{ TimeDimension('metric_time', None, (), None, 'dow') }} = 1`, `{{ TimeDimension('metric_time', date_part_name='dow') }} = 1`},
		{`{{ TimeDimension(time_dimension_name='order__at', time_granularity_name='day') }} > '2024-01-01'`, `order__at__day > '2024-01-01'`},
		{`{{ Entity('customer', entity_path=['order']) }} = 1`, `order__customer = 1`},
		{`{{ Entity(entity_name='customer') }} IS NOT NULL`, `customer IS NOT NULL`},
		{`{{ Metric('orders', group_by=['customer']) }} > 2`, ``},
		{
			`{{ Metric('orders', ['order__customer', 'customer__region']) }} > {{ Metric(metric_name='revenue', group_by=('customer',)) }}`,
			`{{ Metric('orders', group_by=['order__customer', 'customer__region']) }} > {{ Metric('revenue', group_by=['customer']) }}`,
		},
	} {
		got, err := read(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if want := c.want; want == "" && printed(got) != c.text || want != "" && printed(got) != want {
			t.Errorf("%s is read as %s", c.text, printed(got))
		}
	}
}

func TestResolve_GivesTheTreeOfTheDomain(t *testing.T) {
	t.Parallel()
	got, err := read(`NOT customer__region IN ('EU', 'US') AND (metric_time__month >= '2024-01-01' OR {{ Metric('orders', group_by=['customer']) }} > 2)`)
	if err != nil {
		t.Fatal(err)
	}
	region := metric.Ref{Name: "customer__region", Kind: metric.Categorical}
	want := metric.And{All: []metric.Condition{
		metric.Not{Of: metric.Comparison{Left: region, Op: metric.In, Right: []metric.Operand{metric.Value{Of: "EU"}, metric.Value{Of: "US"}}}},
		metric.Or{Any: []metric.Condition{
			metric.Comparison{Left: metric.Ref{Name: "metric_time", Kind: metric.Time, Grain: "month"}, Op: metric.Ge, Right: []metric.Operand{metric.Value{Of: "2024-01-01"}}},
			metric.Comparison{
				Left: metric.MetricRef{Metric: "orders", GroupBy: []metric.Ref{{Name: "customer", Kind: metric.EntityKey}}}, Op: metric.Gt,
				Right: []metric.Operand{metric.Value{Of: json.Number("2")}},
			},
		}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestResolve_AsksFromLeftToRightAndStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	e, err := where.Parse(`{{ Metric('orders', group_by=['customer']) }} > 1 AND customer__region = 'EU' AND nonsense = 1 AND {{ Entity('order__gift') }} = 2`)
	if err != nil {
		t.Fatal(err)
	}
	for hidden, want := range map[string][]string{
		"orders":           {"orders"},
		"customer":         {"orders", "customer"},
		"customer__region": {"orders", "customer", "customer__region"},
		"":                 {"orders", "customer", "customer__region", "nonsense"},
	} {
		s := &shop{hidden: hidden}
		c, err := e.Resolve(s)
		if diff := cmp.Diff(want, s.asked); diff != "" || c != nil {
			t.Errorf("%q: %v %s", hidden, c, diff)
		}
		//nolint:errorlint // it must be the very error
		if hidden != "" && err != errHidden || hidden == "" && !errors.Is(err, metric.ErrUnknownField) {
			t.Errorf("%q: %v", hidden, err)
		}
	}
}

func TestResolve_KeepsSuggestions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`customer__regin = 'EU'`:                                  "customer__region",
		`{{ Metric('oders', group_by=['customer']) }} > 1`:        "orders",
		`{{ TimeDimension('order__at', 'year') }} > '2024-01-01'`: "day",
		`{{ TimeDimensions('order__at') }} > '2024-01-01'`:        "TimeDimension",
		`CAST(order__amount AS intger) = 1`:                       "integer",
		`customer__region LKE 'E%'`:                               "LIKE",
	} {
		_, err := read(text)
		f := fault.From(err)
		if !slices.Contains(f.Suggestions, want) || !strings.HasPrefix(f.Message, "At column ") {
			t.Errorf("%s: %v, suggesting %q", text, err, f.Suggestions)
		}
	}
}

func TestParse_KeepsItsBounds(t *testing.T) {
	t.Parallel()
	or := func(n int) string { return strings.Repeat("order__gift OR ", n) + "order__gift" }
	list := func(n int) string { return "order__amount IN (1" + strings.Repeat(",1", n-1) + ")" }
	nested := func(n int) string { return strings.Repeat("(", n) + "order__gift" + strings.Repeat(")", n) }
	for _, text := range []string{
		nested(50), strings.Repeat("NOT ", 50) + "order__gift", list(1000), or(900),
		"order__gift" + strings.Repeat(" ", 16<<10-len("order__gift")), "customer__region = '" + strings.Repeat("x", 4096) + "'",
	} {
		if _, err := read(text); err != nil {
			t.Errorf("%.60s… of %d bytes: %v", text, len(text), err)
		}
	}
	for column, texts := range map[int][]string{
		1: {
			nested(100_000), strings.Repeat("NOT ", 100_000) + "order__gift", strings.Repeat("x", 16<<10+1),
			"customer__region = '" + strings.Repeat("x", 4097) + "'",
		},
		51:                  {nested(51), strings.Repeat("(", 8000), strings.Repeat("(", 16<<10)},
		4*50 + 1:            {strings.Repeat("NOT ", 51) + "order__gift", strings.Repeat("NOT ", 4000)},
		5*50 + 1:            {strings.Repeat("CAST(", 51), strings.Repeat("CAST(", 3000)},
		len(list(1000)) + 1: {list(1001), list(5000)},
		5*2000 + 1:          {strings.Repeat("a OR ", 2000) + "a"},
	} {
		for _, text := range texts {
			_, err := read(text)
			refusedAt(t, text, column, err)
		}
	}
}

// refusedAt fails unless err is a refusal of text at a column, with a message that shows little of it.
func refusedAt(t *testing.T, text string, column int, err error) {
	t.Helper()
	short := fmt.Sprintf("%.80q", text)
	f := fault.From(err)
	if err == nil || !slices.Contains([]string{"metric.where", "metric.unknown_field", "metric.unknown_metric", "metric.grain", "metric.filter"}, f.Code) {
		t.Errorf("%s is not refused: %v", short, err)
		return
	}
	if want := fmt.Sprintf("At column %d: ", column); !strings.HasPrefix(f.Message, want) {
		t.Errorf("%s is not refused at column %d: %s", short, column, f.Message)
	}
	if len(f.Message) > 300 || strings.Contains(f.Message, "%!") || !strings.HasSuffix(f.Message, ".") {
		t.Errorf("%s: a bad message: %s", short, f.Message)
	}
}
