package demo_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

func TestQuery_LimitsWhatItAnswersAndSaysSo(t *testing.T) {
	t.Parallel()
	onEach(t, testLimits)
}

func testLimits(t *testing.T, s *shop) {
	t.Helper()
	buyers, err := s.sql(t, `select count(distinct customer_id) from raw.orders where status <> 'cancelled'`)[0][0].(json.Number).Int64()
	if err != nil || buyers <= ceiling {
		t.Fatalf("%d customers have ordered (%v); the demo is too small for the ceiling of %d", buyers, err, ceiling)
	}
	for name, c := range map[string]struct {
		limit     int
		rows      int
		truncated bool
	}{
		"without a limit the default one holds, and the answer is cut": {0, 1000, true},
		"the caller's own limit is no cut":                             {1500, 1500, false},
		"a limit above the ceiling is cut there":                       {ceiling + 1, ceiling, true},
		"one row":                                                      {1, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			question := map[string]any{"metrics": []string{"revenue"}, "group_by": []string{"customer"}}
			if c.limit > 0 {
				question["limit"] = c.limit
			}
			a, r := ask(t, s.analyst(), question)
			if len(a.Rows) != c.rows || a.RowCount != c.rows || a.Truncated != c.truncated {
				t.Errorf("%d rows, row_count %d, truncated %v; want %d and %v", len(a.Rows), a.RowCount, a.Truncated, c.rows, c.truncated)
			}
			if cut := strings.Contains(r.Text(), "cut off by this server's limit"); cut != c.truncated {
				t.Errorf("the text says that it is cut: %v, want %v", cut, c.truncated)
			}
			checkTable(t, a, r.Text())
		})
	}
}

func TestQuery_GivesSQLInsteadOfRows(t *testing.T) {
	t.Parallel()
	onEach(t, testSQL)
}

func testSQL(t *testing.T, s *shop) {
	t.Helper()
	question := map[string]any{"metrics": []string{"revenue"}, "group_by": []string{"region__name"}, "mode": "sql"}
	var got struct{ SQL *string }
	r, err := s.analyst().Tool(t.Context(), "query", question, &got)
	if err != nil {
		t.Fatal(err)
	}
	if got.SQL == nil || strings.Contains(string(r.Structured), `"rows"`) {
		t.Fatalf("mode sql answered %s", r.Structured)
	}
	// What would run gives what the question gives.
	question["mode"] = "rows"
	rows, _ := ask(t, s.analyst(), question)
	if err := harness.SameRows(s.sql(t, *got.SQL), rows.Rows, false); err != nil {
		t.Error(err)
	}
}

func TestQuery_ValidatesWithoutRunning(t *testing.T) {
	t.Parallel()
	var got struct{ Valid *bool }
	r, err := analyst().Tool(t.Context(), "query", map[string]any{"metrics": []string{"gross_margin_rate"}, "mode": "validate"}, &got)
	if err != nil || got.Valid == nil || !*got.Valid || strings.Contains(string(r.Structured), `"rows"`) {
		t.Errorf("%v: %s", err, r.Structured)
	}
	// The growth metrics cannot be computed without time; that is for the engine to say.
	f := refused(t, analyst(), "query", map[string]any{"metrics": []string{"revenue_growth_mom"}, "mode": "validate"})
	if f.Code != "metric.question" || !strings.Contains(f.Message, "metric_time") {
		t.Errorf("refused with %v", f)
	}
}

func TestQuery_RefusesWithAReasonAndAWayOn(t *testing.T) {
	t.Parallel()
	revenue := []string{"revenue"}
	filter := func(field, op string, value any) []map[string]any {
		return []map[string]any{{"field": field, "op": op, "value": value}}
	}
	for name, c := range map[string]struct {
		tool    string
		args    map[string]any
		code    string
		says    string // in the message
		suggest string // among the suggestions
	}{
		"more than a condition": {
			"query",
			map[string]any{"metrics": revenue, "where": "{{ Dimension('order_id__channel') }} = 'web' union all select 1"},
			"metric.where", "column 46", "",
		},
		"a condition on something unknown": {
			"query", map[string]any{"metrics": revenue, "where": "order_id__chanel = 'web'"}, "metric.unknown_field", "column 1", "order_id__channel",
		},
		"an empty where":             {"query", map[string]any{"metrics": revenue, "where": " "}, "metric.where", "", ""},
		"an unknown metric":          {"query", map[string]any{"metrics": []string{"revenu"}}, "metric.unknown_metric", `"revenu"`, "revenue"},
		"an unknown group-by":        {"query", map[string]any{"metrics": revenue, "group_by": []string{"region__nam"}}, "metric.unknown_field", `"region__nam"`, "region__name"},
		"a group-by out of reach":    {"query", map[string]any{"metrics": []string{"visits"}, "group_by": []string{"product__category"}}, "metric.unknown_field", "for these metrics", ""},
		"an unknown filter":          {"query", map[string]any{"metrics": revenue, "filters": filter("order_id__chanel", "=", "web")}, "metric.unknown_field", `"order_id__chanel"`, "order_id__channel"},
		"an unknown saved query":     {"query", map[string]any{"saved_query": "weekly_online_funel"}, "metric.unknown_saved_query", "weekly_online_funel", "weekly_online_funnel"},
		"an order by something else": {"query", map[string]any{"metrics": revenue, "order_by": []string{"orders"}}, "metric.order_by", `"orders"`, "revenue"},
		"a grain that is too fine": {
			"query",
			map[string]any{"metrics": revenue, "group_by": []any{map[string]any{"name": "metric_time", "grain": "hour"}}},
			"metric.grain", "hour", "day",
		},
		"a grain of no time":           {"query", map[string]any{"metrics": revenue, "group_by": []any{map[string]any{"name": "region__name", "grain": "day"}}}, "metric.grain", "region__name", ""},
		"a time that is none":          {"query", map[string]any{"metrics": revenue, "start_time": "yesterday"}, "metric.moment", "start_time", ""},
		"an end before the start":      {"query", map[string]any{"metrics": revenue, "start_time": "2025-02-01", "end_time": "2025-01-01"}, "metric.time_range", "before", ""},
		"nothing":                      {"query", map[string]any{}, "metric.nothing_asked", "list_metrics", ""},
		"a metric twice":               {"query", map[string]any{"metrics": []string{"revenue", "revenue"}}, "metric.repeated", "twice", ""},
		"a saved query with metrics":   {"query", map[string]any{"saved_query": "weekly_online_funnel", "metrics": revenue}, "metric.saved_query_alone", "its own", ""},
		"a text for like that is none": {"query", map[string]any{"metrics": revenue, "filters": filter("region__name", "like", 5)}, "metric.filter", "like", ""},
		"a limit of nothing":           {"query", map[string]any{"metrics": revenue, "limit": 0}, "tool.arguments", "limit", ""},
		"an argument that is none":     {"query", map[string]any{"metrics": revenue, "metric": 1}, "tool.arguments", "metric", ""},
		"values of nothing known":      {"list_dimension_values", map[string]any{"dimension": "customer__sgment"}, "metric.unknown_field", "customer__sgment", "customer__segment"},
		"a description of nothing":     {"describe_metric", map[string]any{"name": "revenue_mdt"}, "metric.unknown_metric", "revenue_mdt", "revenue_mtd"},
		"dimensions of nothing":        {"list_dimensions", map[string]any{"metrics": []string{"ordres"}}, "metric.unknown_metric", "ordres", "orders"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := refused(t, analyst(), c.tool, c.args)
			if f.Code != c.code || !strings.Contains(f.Message, c.says) {
				t.Errorf("refused with %v, want %s and %q", f, c.code, c.says)
			}
			if c.suggest != "" && !slices.Contains(f.Suggestions, c.suggest) {
				t.Errorf("suggested %q, want %s among them", f.Suggestions, c.suggest)
			}
		})
	}
}

// TestQuery_KeepsEveryDigit adds up revenue in the warehouse and compares digit by digit; the general comparison of
// questions allows for floats.
func TestQuery_KeepsEveryDigit(t *testing.T) {
	t.Parallel()
	onEach(t, testDigits)
}

func testDigits(t *testing.T, s *shop) {
	t.Helper()
	a, r := ask(t, s.analyst(), map[string]any{"metrics": []string{"revenue", "discount_amount"}, "group_by": []string{"metric_time__year"}})
	want := s.sql(t, `select date_trunc('year', ordered_at), sum(quantity * unit_price - discount_amount), sum(discount_amount)
		from raw.order_items join raw.orders using (order_id) where status <> 'cancelled' group by 1`)
	for at := 1; at <= 2; at++ {
		if got, want := exact(t, a.Rows, at), exact(t, want, at); !slices.Equal(got, want) {
			t.Errorf("column %d: %v, want %v", at, got, want)
		}
		if a.Columns[at].Type != "decimal" {
			t.Errorf("column %+v, want a decimal", a.Columns[at])
		}
	}
	for _, row := range a.Rows {
		if !strings.Contains(r.Text(), fmt.Sprint(row[1])) {
			t.Errorf("the text for the model has another number than %v:\n%s", row[1], r.Text())
		}
	}
}

func TestListDimensionValues_ListsWhatTheDataHolds(t *testing.T) {
	t.Parallel()
	onEach(t, testValues)
}

func testValues(t *testing.T, s *shop) {
	t.Helper()
	for name, c := range map[string]struct {
		args      map[string]any
		sql       string
		truncated bool
	}{
		"all values": {
			map[string]any{"dimension": "region__name"},
			`select distinct region_name from raw.regions`, false,
		},
		"those that hold a text, whatever its case": {
			map[string]any{"dimension": "product__name", "search": "nORdic", "limit": 500},
			`select distinct product_name from raw.products where product_name ilike '%nordic%'`, false,
		},
		"a search that would match all as a pattern": {
			map[string]any{"dimension": "product__name", "search": "%"},
			`select distinct product_name from raw.products where strpos(product_name, '%') > 0`, false,
		},
		"those that occur with a metric": {
			map[string]any{"dimension": "order_id__channel", "metrics": []string{"online_revenue"}},
			`select distinct channel from raw.orders where channel in ('web', 'app') and status <> 'cancelled'`, false,
		},
		"as many as asked for, in order": {
			map[string]any{"dimension": "product__name", "limit": 3},
			`select distinct product_name from raw.products order by 1 limit 3`, true,
		},
		"what is missing is no value": {
			map[string]any{"dimension": "customer__loyalty_tier"},
			`select distinct loyalty_tier from raw.customers where loyalty_tier is not null`, false,
		},
		"times at a grain": {
			map[string]any{"dimension": "metric_time__year", "metrics": []string{"revenue"}},
			`select distinct date_trunc('year', ordered_at) from raw.orders`, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got struct {
				Values []struct {
					Name  *string
					Value any
				}
				Truncated bool
			}
			r, err := s.analyst().Tool(t.Context(), "list_dimension_values", c.args, &got)
			if err != nil {
				t.Fatal(err)
			}
			rows := make([][]any, len(got.Values))
			for i, v := range got.Values {
				if rows[i] = []any{v.Value}; v.Name == nil {
					t.Errorf("a value without a name: %v", v.Value)
				}
				if text, ok := v.Value.(string); ok && !strings.Contains(r.Text(), text) {
					t.Errorf("the text leaves out %q", text)
				}
			}
			if err := harness.SameRows(s.sql(t, c.sql), rows, false); err != nil {
				t.Error(err)
			}
			if got.Truncated != c.truncated {
				t.Errorf("truncated %v", got.Truncated)
			}
		})
	}
}
