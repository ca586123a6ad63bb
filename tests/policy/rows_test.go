package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// numbers runs statements on the shop past everything, each of which gives one number.
func numbers(t *testing.T, statements ...string) []string {
	t.Helper()
	answers, err := lab.Demo.SQL(t.Context(), lab.shop.warehouse, statements...)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, rows := range answers {
		all = append(all, fmt.Sprint(rows[0][0]))
	}
	return all
}

// inShop is somebody who sees some rows of the shop.
func inShop(t *testing.T, rows ...access.RowFilter) *stack {
	t.Helper()
	loader, err := loadCatalog(lab.shop.project)
	if err != nil {
		t.Fatal(err)
	}
	p := access.Persona{Name: "regional", Allow: []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}, Rows: rows}
	return newStack(t, loader, lab.engine, access.Local("manager", "regional"), p)
}

// TestRows_ReachTheConversionSideToo: the engine lays a filter on the visits alone, and counts the orders of whoever made
// them wherever they were placed. Either the metric is refused, or it counts the orders that may be seen.
func TestRows_ReachTheConversionSideToo(t *testing.T) {
	t.Parallel()
	s := inShop(t, access.RowFilter{Field: "region__name", Values: []string{"North"}})
	want := numbers(t, `select count(*) from marts.orders o where o.region_id = 1 and exists (
		select 1 from marts.visits v where v.customer_id = o.customer_id and v.region_id = 1
		and date_trunc('day', v.visited_at) <= date_trunc('day', o.ordered_at)
		and date_trunc('day', v.visited_at) > date_trunc('day', o.ordered_at) - interval 7 day)`)[0]
	a := s.ask("query", object{"metrics": []string{"visit_to_order_conversions"}})
	if a.failure != nil {
		if a.failure.Code != "metric.unknown_metric" || a.record.DeniedBy != "policy" {
			t.Errorf("refused with %v, recorded as %+v", a.failure, a.record)
		}
		return
	}
	if got := fmt.Sprint(rowsOf(t, a.structured)[0][0]); got != want {
		t.Errorf("visit_to_order_conversions counts %s, of which %s are orders of the region that the caller may see", got, want)
	}
}

// TestRows_AreAllLaidOnAQuestionWithoutMetrics: two row filters whose fields are columns of different tables, both of which
// have the key that is asked for. There is no question that limits its values by both.
func TestRows_AreAllLaidOnAQuestionWithoutMetrics(t *testing.T) {
	t.Parallel()
	segment := access.RowFilter{Field: "customer__segment", Values: []string{"trade"}}
	channel := access.RowFilter{Field: "order_id__channel", Values: []string{"web"}}
	s := inShop(t, segment, channel)
	for name, args := range map[string]object{
		"query":                 {"group_by": []string{"region"}},
		"list_dimension_values": {"dimension": "region"},
	} {
		if a := s.ask(name, args); a.failure == nil || a.failure.Code != "metric.rows" {
			t.Errorf("%s %s: %v, want it refused for its rows\n%s", name, a.args, a.failure, a.all())
		}
		if a := inShop(t, segment).ask(name, args); a.failure != nil {
			t.Logf("%s %s under one row filter: %v", name, a.args, a.failure)
		}
	}
}

// TestRows_WithoutMetricsAreThoseOfOneTable compares what can be listed without metrics with the tables themselves.
func TestRows_WithoutMetricsAreThoseOfOneTable(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, c := range []struct {
		row   access.RowFilter
		field string
		sql   string
	}{
		{access.RowFilter{Field: "customer__segment", Values: []string{"trade"}}, "customer__full_name", "select count(distinct full_name) from marts.customers where segment = 'trade'"},
		{access.RowFilter{Field: "customer__segment", Values: []string{"trade"}}, "customer__email", "select count(distinct email) from marts.customers where segment = 'trade'"},
		{access.RowFilter{Field: "order_id__channel", Values: []string{"web"}}, "order_id__promo_code", "select count(distinct promo_code) from marts.orders where channel = 'web'"},
		{access.RowFilter{Field: "order_id__channel", Op: "!=", Values: []string{"web"}}, "order_id__payment_method", "select count(distinct payment_method) from marts.orders where channel != 'web'"},
		{access.RowFilter{Field: "region", Values: []string{"1"}}, "store__name", "select count(distinct name) from marts.stores where region_id = 1"},
		{access.RowFilter{Field: "region", Values: []string{"1"}}, "customer__full_name", "select count(distinct full_name) from marts.customers where region_id = 1"},
		{access.RowFilter{Field: "region", Values: []string{"1"}}, "order_id__promo_code", "select count(distinct promo_code) from marts.orders where region_id = 1"},
	} {
		a := inShop(t, c.row).ask("list_dimension_values", object{"dimension": c.field, "limit": 20_000})
		if a.failure != nil {
			if a.failure.Code != "metric.rows" {
				t.Errorf("%s under %v: %v", c.field, c.row, a.failure)
			}
			continue
		}
		compared++
		var got struct{ Values []any }
		if err := json.Unmarshal([]byte(a.structured), &got); err != nil {
			t.Fatal(err)
		}
		if want := numbers(t, c.sql)[0]; fmt.Sprint(len(got.Values)) != want {
			t.Errorf("%s under %v has %d values, want %s", c.field, c.row, len(got.Values), want)
		}
	}
	if compared == 0 {
		t.Error("nothing was answered")
	}
}

// TestRows_NeverWidenByAnotherPersona: adding a persona, a row filter or a deny never shows more.
func TestRows_NeverWidenByAnotherPersona(t *testing.T) {
	t.Parallel()
	loader, err := loadCatalog(lab.shop.project)
	if err != nil {
		t.Fatal(err)
	}
	all := []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}
	north := access.Persona{Name: "north", Allow: all, Rows: []access.RowFilter{{Field: "region__name", Values: []string{"North"}}}}
	more := map[string]access.Persona{
		"an analyst":         {Name: "other", Allow: all},
		"another region":     {Name: "other", Allow: all, Rows: []access.RowFilter{{Field: "region__name", Values: []string{"South"}}}},
		"a cap":              {Name: "other", Allow: all, Caps: access.Caps{MaxRows: 2}},
		"a filter elsewhere": {Name: "other", Allow: all, Rows: []access.RowFilter{{Field: "visit__device", Values: []string{"mobile"}}}},
		"no attribute":       {Name: "other", Allow: all, Rows: []access.RowFilter{{Field: "region__name", Attribute: "missing"}}},
		"a deny":             {Name: "other", Deny: []access.Rule{{Actions: []string{"metric.query"}, Targets: []string{"metric:re*"}}}},
	}
	listings := map[string]string{"list_metrics": "metrics", "list_dimensions": "dimensions", "list_entities": "entities", "list_saved_queries": "saved_queries"}
	before := newStack(t, loader, lab.engine, access.Local("x", "north"), north)
	question := object{"metrics": []string{"revenue"}, "group_by": []string{"region__name", "store__name"}}
	seen, answered := rowsOf(t, before.ask("query", question).structured), 0
	for name, p := range more {
		after := newStack(t, loader, lab.engine, access.Local("x", "north", "other"), north, p)
		for tool, member := range listings {
			subset(t, name+": "+tool, before.names(tool, member, nil), after.names(tool, member, nil))
		}
		for _, m := range after.names("list_metrics", "metrics", nil) { // what is listed can be asked
			args := object{"metrics": []string{m}, "group_by": []string{"metric_time__month"}, "mode": "validate"}
			if a := after.ask("query", args); a.failure != nil && m != "loud_orders" && m != "loud_profitable_orders" {
				t.Errorf("%s: %s is listed, and %s is refused: %v", name, m, a.args, a.failure)
			}
		}
		a := after.ask("query", question)
		if a.failure != nil {
			continue
		}
		answered++
		for _, row := range rowsOf(t, a.structured) {
			if !slices.ContainsFunc(seen, func(other []any) bool { return fmt.Sprint(other) == fmt.Sprint(row) }) {
				t.Errorf("%s: the row %v has come to light", name, row)
			}
		}
	}
	if len(seen) == 0 || answered < 3 {
		t.Errorf("%d rows were seen, and %d of the others were answered", len(seen), answered)
	}
}

// TestTags_DenyWhatTheyMark, however it is asked for.
func TestTags_DenyWhatTheyMark(t *testing.T) {
	t.Parallel()
	var m object
	text, err := calendarCorners(lab.shop.manifest) // which marks names and mail addresses
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	s := newStack(t, project(t, text), nil, access.Local("someone", "most"), access.Persona{
		Name: "most", Allow: []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}},
		Deny: []access.Rule{{Actions: []string{"metric.query"}, Targets: []string{"dimension:meta.pii"}}},
	})
	for _, field := range []string{"customer__email", "order_id__customer__full_name", "customer__full_name"} {
		for name, args := range map[string]object{
			"query":                 {"metrics": []string{"revenue"}, "group_by": []string{field}},
			"query by condition":    {"metrics": []string{"revenue"}, "where": field + " like 'a%'"},
			"query by filter":       {"metrics": []string{"revenue"}, "filters": []object{{"field": field, "op": "is_null"}}},
			"list_dimension_values": {"dimension": field, "metrics": []string{"revenue"}},
		} {
			tool := "query"
			if name == "list_dimension_values" {
				tool = name
			}
			if a := s.ask(tool, args); a.failure == nil || a.failure.Code != "metric.unknown_field" || a.record.DeniedBy != "policy" {
				t.Errorf("%s %s: %v, recorded as %+v", name, a.args, a.failure, a.record)
			}
		}
	}
	if slices.Contains(s.names("list_dimensions", "dimensions", object{"metrics": []string{"orders"}}), "customer__email") {
		t.Error("customer__email is listed")
	}
	if slices.Contains(s.names("list_saved_queries", "saved_queries", nil), "contact_list") {
		t.Error("a saved query that names it is listed")
	}
	if s.source.count() != 0 {
		t.Error("a question went through")
	}
}
