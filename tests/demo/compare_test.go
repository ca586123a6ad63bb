package demo_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// comparison is the structured result of compare_periods.
type comparison struct {
	answer
	Current, Previous struct{ Start, End string }
}

func compare(t *testing.T, c *harness.Client, args map[string]any) (comparison, harness.Result) {
	t.Helper()
	var got comparison
	r, err := c.Tool(t.Context(), "compare_periods", args, &got)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return got, r
}

func days(first, last string) map[string]any {
	return map[string]any{"start_time": first, "end_time": last}
}

// orderLines are the lines that revenue counts, with everything that these tests group by.
const orderLines = `lines as (
	select o.ordered_at, o.channel, r.region_name, p.category, i.quantity, i.discount_amount,
		i.quantity * i.unit_price - i.discount_amount as net
	from raw.order_items as i join raw.orders as o using (order_id) join raw.stores as s using (store_id)
	join raw.regions as r on r.region_id = s.region_id join raw.products as p using (product_id)
	where o.status <> 'cancelled')`

// sides is SQL that sets one aggregate of two periods side by side, by hand.
func sides(group, value, current, previous string) string {
	side := func(period string) string {
		first, last, _ := strings.Cut(period, " ")
		return fmt.Sprintf(`select %s as g, %s as v from lines where ordered_at >= timestamp '%s' and ordered_at < timestamp '%s' + interval '1 day' group by 1`,
			group, value, first, last)
	}
	return fmt.Sprintf(`with %s, a as (%s), b as (%s)
		select g, a.v, b.v, a.v - b.v, round(100.0 * (a.v - b.v) / abs(nullif(b.v, 0)), 4) from a full join b using (g) order by g`,
		orderLines, side(current), side(previous))
}

func TestComparePeriods_AnswersWhatSQLByHandAnswers(t *testing.T) {
	t.Parallel()
	onEach(t, testComparison)
}

func testComparison(t *testing.T, s *shop) {
	t.Helper()
	for name, c := range map[string]struct {
		args              map[string]any
		sql               string
		current, previous string
	}{
		"a month by region": {
			map[string]any{"metrics": []string{"revenue"}, "period": days("2025-03-01", "2025-03-31"), "group_by": []string{"region__name"}},
			sides("region_name", "sum(net)", "2025-03-01 2025-03-31", "2025-02-01 2025-02-28"),
			"2025-03-01 2025-03-31", "2025-02-01 2025-02-28",
		},
		"a quarter by category, a year before": {
			map[string]any{
				"metrics": []string{"units_sold"}, "period": days("2025-10-01", "2025-12-31"), "compare_to": "previous_year",
				"group_by": []string{"product__category"}, "order_by": []string{"product__category"},
			},
			sides("category", "sum(quantity)", "2025-10-01 2025-12-31", "2024-10-01 2024-12-31"),
			"2025-10-01 2025-12-31", "2024-10-01 2024-12-31",
		},
		"a month to date by channel, filtered": {
			map[string]any{
				"metrics": []string{"discount_amount"}, "period": days("2025-11-01", "2025-11-20"), "compare_to": days("2025-10-01", "2025-10-20"),
				"group_by": []string{"order_id__channel"}, "where": "region__name <> 'East'",
			},
			strings.Replace(sides("channel", "sum(discount_amount)", "2025-11-01 2025-11-20", "2025-10-01 2025-10-20"), "status <> 'cancelled'", "status <> 'cancelled' and region_name <> 'East'", 1),
			"2025-11-01 2025-11-20", "2025-10-01 2025-10-20",
		},
		"a week as a whole": {
			map[string]any{"metrics": []string{"revenue"}, "period": days("2025-06-09", "2025-06-15")},
			strings.Replace(sides("'all'", "sum(net)", "2025-06-09 2025-06-15", "2025-06-02 2025-06-08"), "select g, a.v", "select a.v", 1),
			"2025-06-09 2025-06-15", "2025-06-02 2025-06-08",
		},
		"a single day, with products that are sold on one of the two only": {
			map[string]any{"metrics": []string{"revenue"}, "period": days("2025-06-10", "2025-06-10"), "group_by": []string{"product__name"}},
			strings.ReplaceAll(sides("product_name", "sum(net)", "2025-06-10 2025-06-10", "2025-06-09 2025-06-09"), "p.category", "p.category, p.product_name"),
			"2025-06-10 2025-06-10", "2025-06-09 2025-06-09",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := s.sql(t, c.sql)
			got, r := compare(t, s.analyst(), c.args)
			alone := slices.ContainsFunc(want, func(row []any) bool { return row[len(row)-2] == nil })
			// Names with blanks stand in another order where the warehouse sorts as a dictionary does.
			if err := harness.SameRows(want, got.Rows, !alone); err != nil {
				t.Errorf("%v\n%s", err, r.Text())
			}
			if now, before := got.Current.Start+" "+got.Current.End, got.Previous.Start+" "+got.Previous.End; now != c.current || before != c.previous {
				t.Errorf("%s against %s", now, before)
			}
			checkCells(t, got.answer, want)
			if got.Truncated || got.RowCount != len(want) || got.Manifest.Hash != manifestHash(t, s.demo.Manifest) || !strings.Contains(r.Text(), "Previous: "+strings.Replace(c.previous, " ", " to ", 1)) {
				t.Errorf("%+v\n%s", got, r.Text())
			}
			if warned := len(got.Warnings) > 0; warned != alone || alone != strings.HasPrefix(name, "a single day") {
				t.Errorf("some groups stand alone: %v; warnings %q", alone, got.Warnings)
			}
		})
	}
}

// TestComparePeriods_AgreesWithQuery asks every metric that has a value for a period as a whole, and query for each of
// the periods.
func TestComparePeriods_AgreesWithQuery(t *testing.T) {
	t.Parallel()
	onEach(t, testComparisonOfAll)
}

func testComparisonOfAll(t *testing.T, s *shop) {
	t.Helper()
	compared := 0
	for _, m := range listed(t, s.analyst(), "list_metrics", "metrics", nil) {
		name := m["name"].(string)
		args := map[string]any{"metrics": []string{name}, "period": days("2025-05-01", "2025-05-31"), "group_by": []string{"customer__segment"}}
		if m["requires_metric_time"].(bool) || m["type"] == "cumulative" {
			if f := refused(t, s.analyst(), "compare_periods", args); f.Code != "metric.along_time" || !strings.Contains(f.Message, name) {
				t.Errorf("%s: %v", name, f)
			}
			continue
		}
		compared++
		got, _ := compare(t, s.analyst(), args)
		for at, period := range []map[string]any{days("2025-05-01", "2025-05-31"), days("2025-04-01", "2025-04-30")} {
			question := map[string]any{"metrics": []string{name}, "group_by": []string{"customer__segment"}}
			maps.Copy(question, period)
			want, _ := ask(t, s.analyst(), question)
			var side [][]any
			for _, row := range got.Rows {
				side = append(side, []any{row[0], row[1+at]})
			}
			if err := harness.SameRows(want.Rows, side, false); err != nil {
				t.Errorf("%s, period %d: %v", name, at, err)
			}
		}
	}
	if compared < 20 {
		t.Errorf("%d metrics were compared", compared)
	}
}

func TestComparePeriods_SortsByTheChange(t *testing.T) {
	t.Parallel()
	args := map[string]any{
		"metrics": []string{"revenue", "orders"}, "period": days("2025-03-01", "2025-03-31"), "group_by": []string{"product__category"},
		"order_by": []string{"-revenue__delta"}, "limit": 3,
	}
	f := refused(t, analyst(), "compare_periods", args)
	if f.Code != "metric.unknown_field" { // orders have no products
		t.Errorf("%v", f)
	}
	args["metrics"] = []string{"revenue", "units_sold"}
	got, _ := compare(t, analyst(), args)
	names := []string{"product__category"}
	for _, m := range []string{"revenue", "units_sold"} {
		names = append(names, m+"__current", m+"__previous", m+"__delta", m+"__delta_percent")
	}
	if diff := cmp.Diff(names, got.names()); diff != "" {
		t.Error(diff)
	}
	want := lab.duckdb.sql(t, fmt.Sprintf(`select g, d from (%s) as x (g, a, b, d, p) order by d desc limit 3`,
		strings.TrimSuffix(sides("category", "sum(net)", "2025-03-01 2025-03-31", "2025-02-01 2025-02-28"), " order by g")))
	var top [][]any
	for _, row := range got.Rows {
		top = append(top, []any{row[0], row[3]})
	}
	if err := harness.SameRows(want, top, true); err != nil || got.Truncated {
		t.Errorf("%v, truncated %v", err, got.Truncated)
	}
}

func TestComparePeriods_RefusesMoreGroupsThanItMayCompare(t *testing.T) {
	t.Parallel()
	f := refused(t, analyst(), "compare_periods", map[string]any{
		"metrics": []string{"revenue"}, "period": days("2025-01-01", "2025-12-31"), "group_by": []string{"customer"}, "limit": 5,
	})
	if f.Code != "metric.too_large" || !strings.Contains(f.Message, fmt.Sprint(ceiling)) {
		t.Errorf("%v", f)
	}
}

// TestComparePeriods_KeepsToTheRegion: the regional manager's whole is the region of the analyst.
func TestComparePeriods_KeepsToTheRegion(t *testing.T) {
	t.Parallel()
	args := map[string]any{"metrics": []string{"revenue", "refunds"}, "period": days("2025-03-01", "2025-03-31")}
	mine, _ := compare(t, regional(), args)
	args["filters"] = []any{homeOnly}
	want, _ := compare(t, analyst(), args)
	if err := harness.SameRows(want.Rows, mine.Rows, true); err != nil {
		t.Error(err)
	}
	all, _ := compare(t, analyst(), map[string]any{"metrics": []string{"revenue", "refunds"}, "period": days("2025-03-01", "2025-03-31")})
	if harness.SameRows(all.Rows, mine.Rows, true) == nil {
		t.Error("the region is all there is; the test shows nothing")
	}
	args["metrics"] = []string{"gross_margin"}
	if f := refused(t, regional(), "compare_periods", args); f.Code != "metric.unknown_metric" {
		t.Errorf("%v", f)
	}
}

// ranges is the structured result of time_range.
type ranges struct {
	Dimension, Grain string
	Ranges           []struct {
		Metric      string
		First, Last json.RawMessage
	}
	Common *struct{ First, Last string }
}

func (r ranges) rows(t *testing.T) [][]any {
	t.Helper()
	var all [][]any
	for _, one := range r.Ranges {
		var first, last any
		for from, to := range map[*json.RawMessage]*any{&one.First: &first, &one.Last: &last} {
			if err := json.Unmarshal(*from, to); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, []any{one.Metric, first, last})
	}
	return all
}

func TestTimeRange_AnswersWhatSQLByHandAnswers(t *testing.T) {
	t.Parallel()
	onEach(t, testRange)
}

func testRange(t *testing.T, s *shop) {
	t.Helper()
	for name, c := range map[string]struct {
		args      map[string]any
		sql       string
		dimension string
		grain     string
	}{
		"several metrics": {
			map[string]any{"metrics": []string{"revenue", "refunds", "visits", "new_customers", "average_order_value"}},
			`select 'average_order_value', min(ordered_at)::date, max(ordered_at)::date from raw.orders where status <> 'cancelled'
			union all select 'revenue', min(ordered_at)::date, max(ordered_at)::date from raw.orders where status <> 'cancelled'
			union all select 'refunds', min(refunded_at)::date, max(refunded_at)::date from raw.refunds
			union all select 'visits', min(visited_at)::date, max(visited_at)::date from raw.visits
			union all select 'new_customers', min(signed_up_at)::date, max(signed_up_at)::date from raw.customers`,
			"metric_time", "day",
		},
		"of a part": {
			map[string]any{"metrics": []string{"revenue"}, "where": "product__category = 'Outdoor' and region__name = 'West'"},
			`with ` + orderLines + ` select 'revenue', min(ordered_at)::date, max(ordered_at)::date from lines where category = 'Outdoor' and region_name = 'West'`,
			"metric_time", "day",
		},
		"by month": {
			map[string]any{"metrics": []string{"cancelled_orders"}, "dimension": "metric_time__month"},
			`select 'cancelled_orders', date_trunc('month', min(ordered_at))::date, date_trunc('month', max(ordered_at))::date from raw.orders where status = 'cancelled'`,
			"metric_time", "month",
		},
		"by another time, within a time": {
			map[string]any{
				"metrics": []string{"orders"}, "dimension": "customer__signed_up_at", "start_time": "2024-02-01", "end_time": "2024-02-29",
			},
			`select 'orders', min(signed_up_at)::date, max(signed_up_at)::date from raw.orders join raw.customers using (customer_id)
			where status <> 'cancelled' and ordered_at >= timestamp '2024-02-01' and ordered_at < timestamp '2024-03-01'`,
			"customer__signed_up_at", "day",
		},
		"of nothing": {
			map[string]any{"metrics": []string{"revenue"}, "filters": []any{map[string]any{"field": "region__name", "op": "=", "value": "Nowhere"}}},
			`select 'revenue', null, null`, "metric_time", "day",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got ranges
			r, err := s.analyst().Tool(t.Context(), "time_range", c.args, &got)
			if err != nil {
				t.Fatal(err)
			}
			if err := harness.SameRows(s.sql(t, c.sql), got.rows(t), false); err != nil {
				t.Errorf("%v\n%s", err, r.Text())
			}
			if got.Dimension != c.dimension || got.Grain != c.grain || (got.Common != nil) != (name == "several metrics") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestTimeRange_KeepsToTheRegion(t *testing.T) {
	t.Parallel()
	args := map[string]any{"metrics": []string{"refunds"}, "where": "product__category = 'Outdoor'"}
	var mine ranges
	if _, err := regional().Tool(t.Context(), "time_range", args, &mine); err != nil {
		t.Fatal(err)
	}
	want := lab.duckdb.sql(t, `select 'refunds', min(refunded_at)::date, max(refunded_at)::date from raw.refunds
		join raw.order_items using (order_item_id) join raw.products using (product_id) join raw.orders using (order_id)
		join raw.stores using (store_id) join raw.regions using (region_id) where category = 'Outdoor' and region_name = '`+home+`'`)
	if err := harness.SameRows(want, mine.rows(t), true); err != nil {
		t.Error(err)
	}
	if f := refused(t, analyst(), "time_range", map[string]any{"metrics": []string{"revenue_trailing_28d"}}); f.Code != "metric.along_time" {
		t.Errorf("%v", f)
	}
}

func TestListMetrics_ListsWhatTheDimensionsAllow(t *testing.T) {
	t.Parallel()
	for _, dimensions := range [][]string{{"product__category"}, {"region__name", "order_id__channel"}, {"visit__device"}, {"customer"}, {"metric_time__week"}} {
		var want []string
		for _, m := range namesOf(listed(t, analyst(), "list_metrics", "metrics", nil)) {
			have := namesOf(listed(t, analyst(), "list_dimensions", "dimensions", map[string]any{"metrics": []string{m}}))
			for _, e := range listed(t, analyst(), "list_entities", "entities", map[string]any{"metrics": []string{m}}) {
				have = append(have, texts(e["group_by"])...)
			}
			lacks := func(name string) bool { return !slices.Contains(have, strings.TrimSuffix(name, "__week")) }
			if !slices.ContainsFunc(dimensions, lacks) {
				want = append(want, m)
			}
		}
		got := namesOf(listed(t, analyst(), "list_metrics", "metrics", map[string]any{"dimensions": dimensions}))
		if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
			t.Errorf("%q: %s", dimensions, diff)
		}
	}
	f := refused(t, regional(), "list_metrics", map[string]any{"dimensions": []string{"product__supplier"}})
	if f.Code != "metric.unknown_field" || slices.Contains(f.Suggestions, "product__supplier") {
		t.Errorf("%v", f)
	}
}
