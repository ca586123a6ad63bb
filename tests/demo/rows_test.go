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

// homeOnly is the condition that the configuration lays on whatever the regional manager asks, in the words of a caller.
var homeOnly = map[string]any{"field": "region__name", "op": "=", "value": home}

// TestRegional_GetsTheRowsOfItsRegionAndNoOthers asks every question of the demo that the regional manager may ask, of
// every kind of metric, and compares with what the analyst gets who filters by hand.
func TestRegional_GetsTheRowsOfItsRegionAndNoOthers(t *testing.T) {
	t.Parallel()
	asked := 0
	for _, q := range questions(t) {
		filtered := maps.Clone(q.Query)
		filters, _ := filtered["filters"].([]any)
		filtered["filters"] = append(slices.Clone(filters), homeOnly)
		mine, err := regional().Tool(t.Context(), "query", q.Query, nil)
		if err != nil {
			metrics, _ := q.Query["metrics"].([]any) // without any, there may be no road from the fields to the region
			if len(metrics) > 0 && !mentions(q.Query, append(hiddenMetrics, "customer", "supplier", hiddenQuery)) {
				t.Errorf("%s: %v", q.Name, err)
			}
			continue
		}
		theirs, err := analyst().Tool(t.Context(), "query", filtered, nil)
		if err != nil {
			t.Errorf("%s, filtered by hand: %v", q.Name, err)
			continue
		}
		asked++
		var got, want struct{ Rows [][]any }
		if err := harness.Decode(mine.Structured, &got); err != nil {
			t.Fatal(err)
		}
		if err := harness.Decode(theirs.Structured, &want); err != nil {
			t.Fatal(err)
		}
		if err := harness.SameRows(want.Rows, got.Rows, false); err != nil {
			t.Errorf("%s: %v", q.Name, err)
		}
	}
	if asked < 30 {
		t.Errorf("only %d questions were compared", asked)
	}
}

func mentions(query map[string]any, names []string) bool {
	text, err := json.Marshal(query)
	return err == nil && slices.ContainsFunc(names, func(n string) bool { return strings.Contains(string(text), n) })
}

func TestRegional_FindsNoOtherRegionByAnyRoad(t *testing.T) {
	t.Parallel()
	others := []string{"East", "South", "West"}
	revenue := []string{"revenue"}
	for name, c := range map[string]struct {
		tool string
		args map[string]any
	}{
		"grouped":              {"query", map[string]any{"metrics": revenue, "group_by": []string{"region__name"}}},
		"by another path":      {"query", map[string]any{"metrics": revenue, "group_by": []string{"store__region__name"}}},
		"grouped alone":        {"query", map[string]any{"group_by": []string{"region__name"}}},
		"values":               {"list_dimension_values", map[string]any{"dimension": "region__name"}},
		"values with a metric": {"list_dimension_values", map[string]any{"dimension": "region__name", "metrics": revenue}},
		"another's by name":    {"query", map[string]any{"metrics": revenue, "group_by": []string{"region__name"}, "where": "region__name = 'South'"}},
		"an or":                {"query", map[string]any{"metrics": revenue, "group_by": []string{"region__name"}, "where": "region__name = 'South' or region__name is not null"}},
		"a not":                {"query", map[string]any{"metrics": revenue, "group_by": []string{"region__name"}, "where": "not region__name = 'North'"}},
		"a saved query":        {"query", map[string]any{"saved_query": "monthly_revenue_by_region"}},
		"a filtered one":       {"query", map[string]any{"saved_query": "monthly_revenue_by_region", "where": "region__name in ('East', 'West') or region__name is not null"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := regional().Tool(t.Context(), c.tool, c.args, nil)
			if err != nil {
				t.Fatal(err)
			}
			said := string(r.Structured) + r.Text()
			for _, other := range others {
				if strings.Contains(said, other) {
					t.Errorf("the answer holds %s: %s", other, said)
				}
			}
			if nothing := name == "another's by name" || name == "a not"; !nothing && !strings.Contains(said, home) {
				t.Errorf("the answer does not hold the region's own rows: %s", said)
			}
		})
	}
	f := refused(t, regional(), "query", map[string]any{"metrics": revenue, "where": "{{ Metric('revenue', group_by=['region']) }} > 5"})
	if f.Code != "metric.metric_filter" {
		t.Errorf("Metric() in a condition: %v", f)
	}
}

// TestRegional_SumsUpItsRegion holds the numbers against SQL by hand, without the engine.
func TestRegional_SumsUpItsRegion(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *shop) {
		t.Helper()
		want := s.sql(t, fmt.Sprintf(`select count(distinct o.order_id) from raw.orders as o
			join raw.stores as st using (store_id) join raw.regions as r using (region_id)
			where o.status <> 'cancelled' and r.region_name = '%s'`, home))
		got, _ := ask(t, s.regional(), map[string]any{"metrics": []string{"orders"}})
		if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got.Rows)); diff != "" {
			t.Error(diff)
		}
	})
}
