package demo_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// What the demo's configuration keeps from the regional manager.
var (
	hiddenMetrics = []string{
		"cost_of_goods_sold", "gross_margin", "gross_margin_rate",
		"visit_to_order_conversion_rate", "visit_to_order_conversions", // whose orders a row filter does not reach
	}
	hiddenFields = []string{"*customer__email", "*customer__full_name", "*product__supplier", "*customer"}
	hiddenQuery  = "category_profitability"
	funnelQuery  = "weekly_online_funnel" // which asks for conversions
)

func isHidden(field string) bool {
	return slices.ContainsFunc(hiddenFields, func(pattern string) bool {
		matches, err := path.Match(pattern, field)
		return err == nil && matches
	})
}

// scene is everything that a persona is shown.
type scene struct {
	metrics, queries []string
	fields           map[string][]string         // dimensions and group-by paths: metrics that have them; "" is none
	grains           map[string][]string         // of dimensions
	byMetric         map[string][]string         // dimensions by metric
	all              map[string]bool             // every name
	text             map[string][]map[string]any // the items as they came, by listing
}

func look(t *testing.T, c *harness.Client) scene {
	t.Helper()
	s := scene{
		fields: map[string][]string{}, grains: map[string][]string{}, byMetric: map[string][]string{}, all: map[string]bool{},
		text: map[string][]map[string]any{},
	}
	s.text["metrics"] = listed(t, c, "list_metrics", "metrics", map[string]any{"with_dimensions": true})
	s.text["saved queries"] = listed(t, c, "list_saved_queries", "saved_queries", nil)
	s.metrics, s.queries = namesOf(s.text["metrics"]), namesOf(s.text["saved queries"])
	for _, m := range append([]string{""}, s.metrics...) {
		args := map[string]any{}
		if m != "" {
			args["metrics"] = []string{m}
		}
		for _, d := range listed(t, c, "list_dimensions", "dimensions", args) {
			name := d["name"].(string)
			s.fields[name] = append(s.fields[name], m)
			s.grains[name] = texts(d["grains"])
			s.byMetric[m] = append(s.byMetric[m], name)
			s.text["dimensions of "+m] = append(s.text["dimensions of "+m], d)
		}
		for _, e := range listed(t, c, "list_entities", "entities", args) {
			s.text["entities of "+m] = append(s.text["entities of "+m], e)
			s.all[e["name"].(string)] = true
			for _, name := range texts(e["group_by"]) {
				s.fields[name] = append(s.fields[name], m)
			}
		}
	}
	for _, names := range [][]string{s.metrics, s.queries, slices.Collect(maps.Keys(s.fields))} {
		for _, name := range names {
			s.all[name] = true
		}
	}
	return s
}

func TestRegional_IsShownStrictlyLess(t *testing.T) {
	t.Parallel()
	full, part := look(t, analyst()), look(t, regional())
	without := slices.DeleteFunc(slices.Clone(full.metrics), func(m string) bool { return slices.Contains(hiddenMetrics, m) })
	if diff := cmp.Diff(without, part.metrics); diff != "" || len(part.metrics) != len(full.metrics)-len(hiddenMetrics) {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if slices.Contains(part.queries, hiddenQuery) || slices.Contains(part.queries, funnelQuery) || len(part.queries) != len(full.queries)-2 {
		t.Errorf("saved queries %q of %q", part.queries, full.queries)
	}
	for field := range full.fields {
		if _, shown := part.fields[field]; shown == isHidden(field) {
			t.Errorf("field %s is shown: %v", field, shown)
		}
	}
	if len(part.fields) == 0 || len(part.fields) >= len(full.fields) {
		t.Errorf("%d fields are shown, of %d", len(part.fields), len(full.fields))
	}
	for listing, items := range part.text {
		if strings.HasPrefix(listing, "dimensions of ") && len(items) > len(full.text[listing]) {
			t.Errorf("more %s than the analyst sees", listing)
		}
	}
	for _, pattern := range []string{"*customer__email", "*customer__full_name", "*product__supplier", "*customer"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(full.fields)), func(f string) bool { ok, _ := path.Match(pattern, f); return ok }) {
			t.Errorf("the demo has nothing that %q would hide", pattern)
		}
	}
}

// TestRegional_FindsNoTraceOfWhatIsHidden reads everything that listings, descriptions and searches say.
func TestRegional_FindsNoTraceOfWhatIsHidden(t *testing.T) {
	t.Parallel()
	traces := append([]string{hiddenQuery, funnelQuery, "customer__email", "customer__full_name", "product__supplier", "cogs"}, hiddenMetrics...)
	searched := func(what string, text []byte) {
		t.Helper()
		for _, trace := range traces {
			if strings.Contains(strings.ToLower(string(text)), trace) {
				t.Errorf("%s tells of %s", what, trace)
			}
		}
	}
	part := look(t, regional())
	for listing, items := range part.text {
		text, err := json.Marshal(items)
		if err != nil {
			t.Fatal(err)
		}
		searched(listing, text)
	}
	for _, m := range part.metrics {
		r, err := regional().Tool(t.Context(), "describe_metric", map[string]any{"name": m}, nil)
		if err != nil {
			t.Fatal(err)
		}
		searched("describe_metric "+m, append(r.Structured, r.Text()...))
	}
	for _, word := range []string{"margin", "cogs", "profit", "e-mail", "supplier", "confidential", "buyer"} {
		for tool, member := range map[string]string{
			"list_metrics": "metrics", "list_dimensions": "dimensions", "list_entities": "entities", "list_saved_queries": "saved_queries",
		} {
			for _, item := range listed(t, regional(), tool, member, map[string]any{"search": word}) {
				if name := item["name"].(string); !part.all[name] {
					t.Errorf("a search for %q finds %s", word, name)
				}
			}
		}
	}
}

// ghost is a name like another that nothing has.
func ghost(name string) string {
	if at := strings.LastIndex(name, "__"); at >= 0 {
		return name[:at] + "__zzzzzzzz"
	}
	return "zzzzzzzz"
}

// sameAsNothing makes a call about a hidden name, and about one that nothing has: both must be refused in the same
// words, and suggest only what is shown.
func sameAsNothing(t *testing.T, shown scene, name, tool string, args func(string) map[string]any) {
	t.Helper()
	plain := func(f *harness.Failure, name string) string {
		return f.Code + " " + strings.ReplaceAll(f.Message, name, "…") + fmt.Sprint(f.RetryAfter)
	}
	none := ghost(name)
	hidden, unknown := refused(t, regional(), tool, args(name)), refused(t, regional(), tool, args(none))
	if got, want := plain(hidden, name), plain(unknown, none); got != want {
		t.Errorf("%s %v: %q, want what a name that is not there gets: %q", tool, args(name), got, want)
	}
	for _, s := range append(hidden.Suggestions, unknown.Suggestions...) {
		if !shown.all[s] {
			t.Errorf("%s %v suggests %s", tool, args(name), s)
		}
	}
}

func TestRegional_HiddenMetricsAreUnknown(t *testing.T) {
	t.Parallel()
	shown := look(t, regional())
	calls := map[string]struct {
		tool string
		args func(name string) map[string]any
	}{
		"asked":          {"query", func(n string) map[string]any { return map[string]any{"metrics": []string{n}} }},
		"asked for SQL":  {"query", func(n string) map[string]any { return map[string]any{"metrics": []string{n}, "mode": "sql"} }},
		"validated":      {"query", func(n string) map[string]any { return map[string]any{"metrics": []string{n}, "mode": "validate"} }},
		"asked second":   {"query", func(n string) map[string]any { return map[string]any{"metrics": []string{"revenue", n}} }},
		"before another": {"query", func(n string) map[string]any { return map[string]any{"metrics": []string{n, "zzzz"}} }},
		"with a bad group-by": {"query", func(n string) map[string]any {
			return map[string]any{"metrics": []string{n}, "group_by": []string{"product__zzzz"}}
		}},
		"with a field of its own": {"query", func(n string) map[string]any {
			return map[string]any{"metrics": []string{n}, "group_by": []string{"product__category"}}
		}},
		"in order_by": {"query", func(n string) map[string]any {
			return map[string]any{"metrics": []string{"revenue"}, "order_by": []string{"-" + n}}
		}},
		"in order_by of a saved query": {"query", func(n string) map[string]any {
			return map[string]any{"saved_query": "monthly_revenue_by_region", "order_by": []string{n}}
		}},
		"in group_by": {"query", func(n string) map[string]any {
			return map[string]any{"metrics": []string{"revenue"}, "group_by": []string{n}}
		}},
		"in filters": {"query", func(n string) map[string]any {
			return map[string]any{"metrics": []string{"revenue"}, "filters": []any{map[string]any{"field": n, "op": ">", "value": 0}}}
		}},
		"as a saved query": {"query", func(n string) map[string]any { return map[string]any{"saved_query": n} }},
		"described":        {"describe_metric", func(n string) map[string]any { return map[string]any{"name": n} }},
		"its dimensions":   {"list_dimensions", func(n string) map[string]any { return map[string]any{"metrics": []string{n}} }},
		"its entities":     {"list_entities", func(n string) map[string]any { return map[string]any{"metrics": []string{"orders", n}} }},
		"values with it": {"list_dimension_values", func(n string) map[string]any {
			return map[string]any{"dimension": "region__name", "metrics": []string{n}}
		}},
		"values of it": {"list_dimension_values", func(n string) map[string]any { return map[string]any{"dimension": n} }},
	}
	for _, m := range hiddenMetrics {
		for how, call := range calls {
			t.Run(m+" "+how, func(t *testing.T) {
				t.Parallel()
				sameAsNothing(t, shown, m, call.tool, call.args)
			})
		}
	}
}

func TestRegional_HiddenFieldsAreUnknownByEveryPath(t *testing.T) {
	t.Parallel()
	shown := look(t, regional())
	calls := map[string]struct {
		tool string
		args func(metric, name string) map[string]any
	}{
		"in group_by": {"query", func(m, n string) map[string]any {
			return map[string]any{"metrics": []string{m}, "group_by": []string{n}}
		}},
		"as an object": {"query", func(m, n string) map[string]any {
			return map[string]any{"metrics": []string{m}, "group_by": []any{"metric_time__month", map[string]any{"name": n, "grain": "day"}}, "mode": "sql"}
		}},
		"in filters": {"query", func(m, n string) map[string]any {
			return map[string]any{"metrics": []string{m}, "filters": []any{map[string]any{"field": n, "op": "like", "value": "a%"}}}
		}},
		"in a null filter": {"query", func(m, n string) map[string]any {
			return map[string]any{"metrics": []string{m}, "filters": []any{map[string]any{"field": n, "op": "is_null"}}, "mode": "validate"}
		}},
		"in order_by": {"query", func(m, n string) map[string]any {
			return map[string]any{"metrics": []string{m}, "order_by": []string{n}}
		}},
		"with values": {"list_dimension_values", func(m, n string) map[string]any {
			return map[string]any{"dimension": n, "metrics": []string{m}}
		}},
		"with values alone": {"list_dimension_values", func(_, n string) map[string]any {
			return map[string]any{"dimension": n}
		}},
		"in a filter of a saved query": {"query", func(_, n string) map[string]any {
			return map[string]any{"saved_query": "monthly_revenue_by_region", "filters": []any{map[string]any{"field": n, "op": "=", "value": "x"}}}
		}},
		"in order_by of a saved query": {"query", func(_, n string) map[string]any {
			return map[string]any{"saved_query": "monthly_revenue_by_region", "order_by": []string{n}}
		}},
	}
	roads := 0
	for metric, prefixes := range map[string][]string{
		"revenue": {"", "order_id__", "order_item__", "order_item__order_id__"},
		"orders":  {"", "order_id__"},
		"refunds": {"", "order_id__", "refund__", "refund__order_id__"},
		"visits":  {"", "visit__"},
	} {
		for _, prefix := range prefixes {
			for _, leaf := range []string{"customer", "customer__email", "customer__full_name", "product__supplier"} {
				name := prefix + leaf
				if _, err := analyst().Tool(t.Context(), "query", map[string]any{"metrics": []string{metric}, "group_by": []string{name}, "mode": "validate"}, nil); err == nil {
					roads++
				}
				for how, call := range calls {
					t.Run(metric+" "+name+" "+how, func(t *testing.T) {
						t.Parallel()
						sameAsNothing(t, shown, name, call.tool, func(n string) map[string]any { return call.args(metric, n) })
					})
				}
			}
		}
	}
	if roads < 20 {
		t.Errorf("only %d of the paths lead anywhere for the analyst, so that little is proved", roads)
	}
}

func TestRegional_HiddenSavedQueriesAreUnknown(t *testing.T) {
	t.Parallel()
	shown := look(t, regional())
	for how, more := range map[string]map[string]any{
		"alone": {}, "as SQL": {"mode": "sql"}, "with a limit": {"limit": 1},
		"filtered":   {"filters": []any{map[string]any{"field": "product__category", "op": "=", "value": "Tea"}}},
		"by a wrong": {"filters": []any{map[string]any{"field": "product__zzzz", "op": "=", "value": "Tea"}}},
		"ordered":    {"order_by": []string{"-revenue"}},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			sameAsNothing(t, shown, hiddenQuery, "query", func(n string) map[string]any {
				args := maps.Clone(more)
				args["saved_query"] = n
				return args
			})
		})
	}
}

// TestRegional_MayAskWhateverIsListed is the other half: what is shown can be had.
func TestRegional_MayAskWhateverIsListed(t *testing.T) {
	t.Parallel()
	part := look(t, regional())
	for _, m := range part.metrics {
		t.Run(m, func(t *testing.T) {
			t.Parallel()
			a, _ := ask(t, regional(), map[string]any{"metrics": []string{m}, "group_by": []string{"metric_time__month"}, "limit": 3})
			if diff := cmp.Diff([]string{"metric_time__month", m}, a.names()); diff != "" || len(a.Rows) != 3 {
				t.Errorf("%d rows of columns (-want +got):\n%s", len(a.Rows), diff)
			}
		})
	}
	for _, q := range part.queries {
		t.Run(q, func(t *testing.T) {
			t.Parallel()
			if a, _ := ask(t, regional(), map[string]any{"saved_query": q, "limit": 3}); len(a.Rows) == 0 {
				t.Error("no rows")
			}
		})
	}
	for field, metrics := range part.fields {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			for _, m := range []string{metrics[0], metrics[len(metrics)-1]} {
				question := map[string]any{"group_by": []string{field}, "limit": 1}
				if m != "" {
					question["metrics"] = []string{m}
				}
				r, err := regional().Tool(t.Context(), "query", question, nil)
				if err != nil || !strings.Contains(string(r.Structured), `"row_count":1`) {
					t.Errorf("with %q: %v %s", m, err, r.Text())
				}
			}
		})
	}
}
