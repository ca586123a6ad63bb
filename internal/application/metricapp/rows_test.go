package metricapp_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/metricapptest"
	"github.com/steward-mcp/steward/internal/domain/access"
)

// limitedView is of someone who may do everything, within row filters.
func limitedView(t *testing.T, rows ...access.RowFilter) *metricapp.View {
	t.Helper()
	all := []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}
	policy, err := access.Compile([]access.Persona{{Name: "limited", Allow: all, Rows: rows}})
	if err != nil {
		t.Fatal(err)
	}
	who := access.Principal{Issuer: "key", Subject: "k", Personas: []string{"limited"}, Attributes: map[string][]string{"segment": {"b2b"}}}
	return metricapp.NewView(metricapptest.Shop(t), policy, who)
}

func TestView_ListsOnlyWhatRowFiltersReach(t *testing.T) {
	everything := []string{"growth", "margin", "orders", "revenue", "web_orders"} // but repeat_rate, which counts conversions
	for name, c := range map[string]struct {
		filter access.RowFilter
		want   []string
	}{
		"reachable":         {access.RowFilter{Field: "customer__segment", Attribute: "segment"}, everything},
		"no such field":     {access.RowFilter{Field: "customer__age", Values: []string{"7"}}, []string{}},
		"no such attribute": {access.RowFilter{Field: "customer__segment", Attribute: "team"}, []string{}},
		"for some metrics":  {access.RowFilter{Field: "customer__age", Values: []string{"7"}, Metrics: []string{"revenue"}}, []string{"orders", "web_orders"}},
		"for a private one": {access.RowFilter{Field: "customer__age", Values: []string{"7"}, Metrics: []string{"raw_cost"}}, []string{"growth", "orders", "repeat_rate", "revenue", "web_orders"}},
	} {
		if diff := cmp.Diff(c.want, limitedView(t, c.filter).MetricNames()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestView_HidesSavedQueriesThatARowFilterCannotBeTrustedIn(t *testing.T) {
	names := func(v *metricapp.View) []string {
		var found []string
		for _, q := range v.SavedQueries() {
			found = append(found, q.Name)
		}
		return found
	}
	// murky has a condition that cannot be read.
	if diff := cmp.Diff([]string{"by_region", "by_segment", "growth_by_month"}, names(limitedView(t, access.RowFilter{Field: "customer__segment", Attribute: "segment"}))); diff != "" {
		t.Error(diff)
	}
	far := access.RowFilter{Field: "customer__age", Values: []string{"7"}, Metrics: []string{"revenue"}}
	if diff := cmp.Diff([]string{"by_segment"}, names(limitedView(t, far))); diff != "" {
		t.Error(diff)
	}
}

func TestView_ListsAloneWhatCanBeAskedAloneWithinRowFilters(t *testing.T) {
	v := limitedView(t, access.RowFilter{Field: "customer__segment", Attribute: "segment"})
	if diff := cmp.Diff([]string{"customer__email", "customer__segment"}, dimensionNames(t, v)); diff != "" {
		t.Error(diff)
	}
	entities, err := v.Entities(nil)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, e := range entities {
		keys = append(keys, e.GroupBy()...)
	}
	slices.Sort(keys)
	if diff := cmp.Diff([]string{"customer", "customer__region", "region"}, keys); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"order__channel", "metric_time", "region__name"} {
		if _, claim, err := v.DemandField(name, nil); err != nil || !claim.Refuses() || claim.Objection != "limited/rows[0]" {
			t.Errorf("%s alone: %+v, %v", name, claim, err)
		}
	}
}
