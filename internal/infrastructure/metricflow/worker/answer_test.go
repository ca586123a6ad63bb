package worker

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

func TestSource_AnswersWithTypedColumnsInTheOrderAsked(t *testing.T) {
	got := ask(t, shop(t), metric.Question{
		Metrics: []string{"weight", "orders", "revenue", "average_order"},
		GroupBy: []metric.GroupBy{
			{Name: "order__channel"},
			{Name: "metric_time", Grain: "month"},
			{Name: "customer"},
			{Name: "order__gift"},
			{Name: "order__packed_at", Grain: "second"},
			{Name: "order__items"},
			{Name: "order__tags"},
			{Name: "order__delivery"},
			{Name: "order__ordered_at", DatePart: "year"},
		},
		OrderBy: []metric.OrderBy{{GroupBy: metric.GroupBy{Name: "customer"}}},
		Limit:   3,
	})
	n := func(s string) json.Number { return json.Number(s) }
	want := metric.Table{
		Columns: []metric.Column{
			{Name: "order__channel", Type: "string"},
			{Name: "metric_time__month", Type: "timestamp", Grain: "month"},
			{Name: "customer", Type: "integer"},
			{Name: "order__gift", Type: "boolean"},
			{Name: "order__packed_at__second", Type: "timestamp", Grain: "second"},
			{Name: "order__items", Type: "integer"},
			{Name: "order__tags", Type: "json"},
			{Name: "order__delivery", Type: "time"},
			{Name: "order__ordered_at__extract_year", Type: "integer"},
			{Name: "weight", Type: "float"},
			{Name: "orders", Type: "integer"},
			{Name: "revenue", Type: "decimal"},
			{Name: "average_order", Type: "float"},
		},
		Rows: [][]any{
			{
				"web", "2024-01-01T00:00:00", n("1"), true, "2024-01-01T08:00:00", n("2"),
				[]any{"a", "b"},
				"09:30:00", n("2024"),
				n("1.5"), n("1"), n("12345678901234567890.123456789"), n("1.2345678901234567e+19"),
			},
			{
				"shop", "2024-01-01T00:00:00", n("2"), false, "2024-01-15T09:00:00", n("1"),
				[]any{},
				nil, n("2024"),
				n("2.25"), n("1"), n("0.000000001"), n("1e-09"),
			},
			{
				"web", "2024-02-01T00:00:00", n("3"), nil, nil, n("9007199254740993"), nil, "23:59:59", n("2024"),
				"Infinity", n("1"), n("20.000000000"), n("20.0"),
			},
		},
		Truncated: true,
	}
	if !strings.Contains(got.SQL, "LIMIT 4") {
		t.Errorf("one row more than the limit tells whether there are more; the SQL is %s", got.SQL)
	}
	got.SQL = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSource_SaysExactlyWhetherThereWereMoreRows(t *testing.T) {
	for limit, more := range map[int]bool{5: true, 6: false, 7: false} {
		got := ask(t, shop(t), metric.Question{GroupBy: []metric.GroupBy{{Name: "customer__name"}}, Limit: limit})
		if got.Truncated != more || len(got.Rows) != min(limit, 6) {
			t.Errorf("limit %d: %d rows, truncated %v", limit, len(got.Rows), got.Truncated)
		}
	}
}

func TestSource_OrdersDescendingAndBoundsTime(t *testing.T) {
	got := ask(t, shop(t), metric.Question{
		Metrics: []string{"orders"}, GroupBy: []metric.GroupBy{{Name: "metric_time"}},
		OrderBy: []metric.OrderBy{{GroupBy: metric.GroupBy{Name: "metric_time"}, Descending: true}},
		Start:   "2024-01-15T00:00:00", End: "2024-02-29T00:00:00",
	})
	want := [][]any{
		{"2024-02-29T00:00:00", json.Number("1")},
		{"2024-02-01T00:00:00", json.Number("1")},
		{"2024-01-15T00:00:00", json.Number("1")},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Error(diff)
	}
}

func TestSource_AnswersDerivedAndCumulativeMetrics(t *testing.T) {
	got := ask(t, shop(t), metric.Question{
		Metrics: []string{"revenue_growth", "revenue_to_date"}, GroupBy: []metric.GroupBy{{Name: "metric_time", Grain: "month"}},
		OrderBy: []metric.OrderBy{{GroupBy: metric.GroupBy{Name: "metric_time", Grain: "month"}}},
		Start:   "2024-01-01T00:00:00", End: "2024-03-31T00:00:00",
	})
	names := []string{}
	for _, c := range got.Columns {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"metric_time__month", "revenue_growth", "revenue_to_date"}, names); diff != "" || len(got.Rows) != 3 {
		t.Errorf("%s, %d rows", diff, len(got.Rows))
	}
}

func TestSource_RunsASavedQueryWithMoreFilters(t *testing.T) {
	got := ask(t, shop(t), metric.Question{
		SavedQuery: "monthly_revenue", Limit: 2,
		Where: []metric.Condition{compare(metric.Ref{Name: "customer__tier", Kind: metric.Categorical}, metric.Eq, "gold")},
	})
	want := [][]any{
		{"2024-02-01T00:00:00", "gold", json.Number("20.000000000"), json.Number("1")},
		{"2024-01-01T00:00:00", "gold", json.Number("12345678901234567890.123456789"), json.Number("1")},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" || got.Truncated {
		t.Errorf("truncated %v\n%s", got.Truncated, diff)
	}
}

func compare(left metric.Ref, op metric.Op, values ...any) metric.Condition {
	c := metric.Comparison{Left: left, Op: op}
	for _, v := range values {
		c.Right = append(c.Right, metric.Value{Of: v})
	}
	return c
}

func TestSource_FiltersByEveryOperator(t *testing.T) {
	n := func(s string) any { return json.Number(s) }
	channel := func(op metric.Op, values ...any) metric.Condition {
		return compare(metric.Ref{Name: "order__channel", Kind: metric.Categorical}, op, values...)
	}
	items := func(op metric.Op, values ...any) metric.Condition {
		return compare(metric.Ref{Name: "order__items", Kind: metric.Categorical}, op, values...)
	}
	at := func(grain string, op metric.Op, values ...any) metric.Condition {
		return compare(metric.Ref{Name: "metric_time", Grain: grain, Kind: metric.Time}, op, values...)
	}
	for name, c := range map[string]struct {
		filter metric.Condition
		want   string
	}{
		"=":                {channel(metric.Eq, "web"), "3"},
		"!=":               {channel(metric.Ne, "web"), "2"},
		"<":                {items(metric.Lt, n("4")), "2"},
		"<=":               {items(metric.Le, n("4")), "3"},
		">":                {items(metric.Gt, n("5.5")), "2"},
		">=":               {items(metric.Ge, n("9007199254740993")), "1"},
		"in":               {channel(metric.In, "web", "shop"), "5"},
		"not_in":           {items(metric.NotIn, n("1"), n("2")), "4"},
		"between":          {items(metric.Between, n("2"), n("5")), "3"},
		"like":             {channel(metric.Like, "w_b"), "3"},
		"is_null":          {channel(metric.IsNull), "1"},
		"is_not_null":      {channel(metric.IsNotNull), "5"},
		"boolean":          {compare(metric.Ref{Name: "order__gift", Kind: metric.Categorical}, metric.Eq, true), "3"},
		"day":              {at("", metric.Eq, "2024-02-29"), "1"},
		"month":            {at("month", metric.Eq, "2024-02-01"), "2"},
		"time between":     {at("", metric.Between, "2024-01-15", "2024-02-29"), "3"},
		"time in":          {at("day", metric.In, "2024-01-15", "2024-02-29T00:00"), "2"},
		"date-time":        {compare(metric.Ref{Name: "order__packed_at", Kind: metric.Time}, metric.Ge, "2024-02-29 23:59:59"), "1"},
		"entity":           {compare(metric.Ref{Name: "customer", Kind: metric.EntityKey}, metric.Eq, n("2")), "1"},
		"joined entity":    {compare(metric.Ref{Name: "customer__region", Kind: metric.EntityKey}, metric.Eq, n("1")), "2"},
		"joined dimension": {compare(metric.Ref{Name: "customer__tier", Kind: metric.Categorical}, metric.Eq, "silver"), "2"},
		"two joins away":   {compare(metric.Ref{Name: "customer__region__country", Kind: metric.Categorical}, metric.Eq, "FR"), "2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(t, shop(t), metric.Question{Metrics: []string{"orders"}, Where: []metric.Condition{c.filter}})
			if diff := cmp.Diff([][]any{{json.Number(c.want)}}, got.Rows); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSource_CompilesWithoutRunning(t *testing.T) {
	// The metric would run for years.
	sql, err := shop(t).Compile(within(t, time.Minute), metric.Question{Metrics: []string{"endless"}, Limit: 7})
	if err != nil || !strings.Contains(sql, "LIMIT 7") {
		t.Errorf("%q, %v", sql, err)
	}
}

func TestSource_ListsValues(t *testing.T) {
	n := func(s string) any { return json.Number(s) }
	for name, c := range map[string]struct {
		listing metric.Listing
		want    []any
		more    bool
	}{
		"without metrics":       {metric.Listing{Field: metric.GroupBy{Name: "customer__tier"}, Kind: metric.Categorical}, []any{"bronze", "gold", "silver"}, false},
		"with a metric":         {metric.Listing{Field: metric.GroupBy{Name: "customer__region__country"}, Kind: metric.Categorical, Metrics: []string{"orders"}}, []any{"DE", "FR"}, false},
		"cut":                   {metric.Listing{Field: metric.GroupBy{Name: "customer__tier"}, Kind: metric.Categorical, Limit: 2}, []any{"bronze", "gold"}, true},
		"searched":              {metric.Listing{Field: metric.GroupBy{Name: "customer__tier"}, Kind: metric.Categorical, Contains: "OL"}, []any{"gold"}, false},
		"searched for a quote":  {metric.Listing{Field: metric.GroupBy{Name: "customer__name"}, Kind: metric.Categorical, Contains: `o'b`}, []any{"O'Brien"}, false},
		"searched for a joker":  {metric.Listing{Field: metric.GroupBy{Name: "customer__name"}, Kind: metric.Categorical, Contains: `%`}, []any{"100% _sure_; DROP TABLE shop.orders", "{{ 1 + 1 }} {% raw %} {# note #} {{{"}, false},
		"an entity":             {metric.Listing{Field: metric.GroupBy{Name: "customer"}, Kind: metric.EntityKey, Limit: 2}, []any{n("1"), n("2")}, true},
		"an entity of a metric": {metric.Listing{Field: metric.GroupBy{Name: "customer__region"}, Kind: metric.EntityKey, Metrics: []string{"orders"}}, []any{n("1"), n("2"), n("3")}, false},
		"months": {
			metric.Listing{Field: metric.GroupBy{Name: "metric_time", Grain: "month"}, Kind: metric.Time, Metrics: []string{"orders"}, End: "2024-02-29T00:00:00"},
			[]any{"2024-01-01T00:00:00", "2024-02-01T00:00:00"},
			false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.listing.Limit == 0 {
				c.listing.Limit = 10
			}
			got, err := shop(t).Values(within(t, time.Minute), c.listing)
			if err != nil {
				t.Fatal(explain(err))
			}
			var values []any
			for _, row := range got.Rows {
				values = append(values, row...)
			}
			if diff := cmp.Diff(c.want, values); diff != "" || got.Truncated != c.more {
				t.Errorf("truncated %v\n%s", got.Truncated, diff)
			}
		})
	}
}

func TestSource_TellsWhatTheEngineSaysWithItsSuggestions(t *testing.T) {
	_, err := shop(t).Answer(within(t, time.Minute), metric.Question{
		Metrics: []string{"orders"}, GroupBy: []metric.GroupBy{{Name: "customer__teir"}}, Limit: 1,
	})
	f := gotFault(t, err, metric.ErrQuestion)
	if !slices.Contains(f.Suggestions, "customer__tier") || !strings.Contains(f.Message, "customer__teir") {
		t.Errorf("%+v", f)
	}
	_, err = shop(t).Answer(within(t, time.Minute), metric.Question{
		Metrics: []string{"revenue_growth"}, GroupBy: []metric.GroupBy{{Name: "customer__tier"}}, Limit: 1,
	})
	f = gotFault(t, err, metric.ErrQuestion)
	if !strings.Contains(f.Message, "metric_time") || strings.Contains(f.Message, "Pydantic") {
		t.Errorf("%+v", f)
	}
}

func TestSource_TellsWarehouseFaultsWithoutTheirDetail(t *testing.T) {
	_, err := shop(t).Answer(within(t, time.Minute), metric.Question{Metrics: []string{"lost"}, Limit: 1})
	if f := gotFault(t, err, metric.ErrWarehouse); !strings.Contains(f.Message, "dbt build") {
		t.Errorf("%+v", f)
	}
	_, err = shop(t).Answer(within(t, time.Minute), metric.Question{
		Metrics: []string{"orders"}, Limit: 1,
		Where: []metric.Condition{compare(metric.Ref{Name: "order__gift", Kind: metric.Categorical}, metric.Eq, "perhaps")},
	})
	wantFault(t, err, metric.ErrFilterValue)
}

func TestSource_RefusesNamesThatAreNoNames(t *testing.T) {
	for _, name := range []string{"Dimension('customer__tier')", "orders; DROP TABLE x", "ordérs", ""} {
		_, err := shop(t).Answer(within(t, time.Minute), metric.Question{Metrics: []string{name}, Limit: 1})
		wantFault(t, err, metric.ErrQuestion)
		_, err = shop(t).Answer(within(t, time.Minute), metric.Question{
			Metrics: []string{"orders"}, GroupBy: []metric.GroupBy{{Name: "metric_time", Grain: name + "'"}}, Limit: 1,
		})
		wantFault(t, err, metric.ErrQuestion)
	}
}

func TestSource_RefusesAnAnswerThatIsTooLargeAndGoesOn(t *testing.T) {
	s, _ := ownShop(t, func(c *Config) { c.MaxAnswer = 1000 })
	_, err := s.Answer(within(t, time.Minute), metric.Question{
		Metrics: []string{"orders", "revenue", "weight"}, Limit: 1000,
		GroupBy: []metric.GroupBy{{Name: "customer__name"}, {Name: "customer__tier"}, {Name: "order__packed_at", Grain: "second"}, {Name: "order"}},
	})
	wantFault(t, err, metric.ErrTooLarge)
	pid := pidOf(t, s)
	ask(t, s, anOrder)
	if pidOf(t, s) != pid {
		t.Error("the worker was replaced")
	}
}

func TestSource_SeesAReplacedWarehouseAtTheNextQuestion(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.IdleRelease = time.Hour })
	count := func() any { return ask(t, s, metric.Question{Metrics: []string{"orders"}}).Rows[0][0] }
	if got := count(); got != json.Number("6") {
		t.Fatal(got)
	}
	other := t.TempDir()
	if err := buildShop(other, mustPython(t)); err != nil {
		t.Fatal(err)
	}
	if err := writeSQL(mustPython(t), warehouseOf(other), "DELETE FROM shop.orders WHERE order_id > 2"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(warehouseOf(other), warehouseOf(dir)); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != json.Number("2") {
		t.Errorf("got %v orders after the file was replaced", got)
	}
}
