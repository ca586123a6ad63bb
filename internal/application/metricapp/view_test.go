package metricapp_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/metricapptest"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

func dimensionNames(t *testing.T, v *metricapp.View, metrics ...string) []string {
	t.Helper()
	found, err := v.Dimensions(metrics)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, d := range found {
		all = append(all, d.Name)
	}
	return all
}

func TestView_HidesAMetricWithAHiddenInput(t *testing.T) {
	for denied, want := range map[string][]string{
		"metric:nothing": {"growth", "margin", "orders", "repeat_rate", "revenue", "web_orders"},
		"metric:revenue": {"orders", "web_orders"},
		"metric:orders":  {"growth", "margin", "revenue", "web_orders"},
		"metric:growth":  {"margin", "orders", "repeat_rate", "revenue", "web_orders"},
	} {
		if diff := cmp.Diff(want, view(t, deny{denied}).MetricNames()); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", denied, diff)
		}
	}
}

func TestView_HidesAColumnUnderEveryPath(t *testing.T) {
	all := []string{"customer__email", "customer__region__name", "customer__segment", "metric_time", "order__channel", "order__ordered_at"}
	for denied, hidden := range map[string]string{
		"dimension:customer__email":        "customer__email",
		"dimension:region__name":           "customer__region__name",
		"dimension:customer__region__name": "customer__region__name",
		"dimension:metric_time":            "metric_time",
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == hidden })
		if diff := cmp.Diff(want, dimensionNames(t, view(t, deny{denied}), "revenue")); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", denied, diff)
		}
	}
}

func TestView_HidesPathsOfEntitiesAndEntitiesWithoutAny(t *testing.T) {
	for denied, want := range map[string]map[string][]string{
		"entity:nothing":         {"order": {"order"}, "customer": {"customer", "order__customer"}, "region": {"customer__region"}},
		"entity:customer":        {"order": {"order"}, "region": {"customer__region"}},
		"entity:region":          {"order": {"order"}, "customer": {"customer", "order__customer"}},
		"entity:order__customer": {"order": {"order"}, "region": {"customer__region"}},
	} {
		found, err := view(t, deny{denied}).Entities([]string{"revenue"})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		for _, e := range found {
			got[e.Name] = e.GroupBy()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", denied, diff)
		}
	}
}

func TestView_ShowsASavedQueryOnlyToWhoMayAskEveryNameInIt(t *testing.T) {
	all := []string{"by_region", "by_segment", "growth_by_month", "murky"}
	for denied, hidden := range map[string][]string{
		"saved_query:by_region":     {"by_region"},
		"metric:revenue":            {"by_region", "growth_by_month", "murky"},
		"dimension:region__name":    {"by_region", "murky"},
		"dimension:customer__email": {"by_segment", "murky"}, // murky might name anything, so it needs everything
		"dimension:metric_time":     {"growth_by_month", "murky"},
		"entity:region":             {"murky"},
		"metric:web_orders":         {"murky"},
	} {
		var got []string
		for _, q := range view(t, deny{denied}).SavedQueries() {
			got = append(got, q.Name)
		}
		want := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(hidden, n) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", denied, diff)
		}
	}
}

// face is what a caller sees of a fault.
func face(f *fault.Fault) []any { return []any{f.Kind, f.Code, f.Message, f.Suggestions} }

func TestView_MakesAHiddenNameLookUnknown(t *testing.T) {
	hidden := view(t, deny{"metric:revenue", "dimension:customer__email", "saved_query:by_region"})
	// A catalog in which the same names do not exist at all would answer with the same words.
	claim, err := hidden.DemandMetrics([]string{"orders", "revenue", "nothing"})
	if err != nil || !claim.Refuses() {
		t.Fatalf("DemandMetrics: %+v, %v; want a hidden claim", claim, err)
	}
	if diff := cmp.Diff(face(metric.UnknownMetric("revenue", hidden.MetricNames())), face(claim.Refusal)); diff != "" {
		t.Errorf("metric (-unknown +hidden):\n%s", diff)
	}
	_, claim, err = hidden.DemandField("customer__email", []string{"orders"})
	if err != nil || !claim.Refuses() {
		t.Fatalf("DemandField: %+v, %v; want a hidden claim", claim, err)
	}
	if diff := cmp.Diff(face(metric.UnknownField("customer__email", hidden.FieldNames([]string{"orders"}))), face(claim.Refusal)); diff != "" {
		t.Errorf("field (-unknown +hidden):\n%s", diff)
	}
	_, claim, err = hidden.DemandSavedQuery("by_region")
	if err != nil || !claim.Refuses() {
		t.Fatalf("DemandSavedQuery: %+v, %v; want a hidden claim", claim, err)
	}
	for _, s := range claim.Refusal.Suggestions {
		if s == "by_region" {
			t.Error("the hidden saved query is suggested")
		}
	}
}

func TestView_AnswersUnknownNamesWithVisibleSuggestions(t *testing.T) {
	v := view(t, deny{"metric:web_orders", "dimension:customer__email"})
	_, err := v.DemandMetrics([]string{"orders", "ordrs", "revenue"})
	if !errors.Is(err, metric.ErrUnknownMetric) || !slices.Equal(fault.From(err).Suggestions, []string{"orders"}) {
		t.Errorf("DemandMetrics: %v, suggesting %q", err, fault.From(err).Suggestions)
	}
	_, _, err = v.DemandField("customer__emails", []string{"orders"})
	if !errors.Is(err, metric.ErrUnknownField) || slices.Contains(fault.From(err).Suggestions, "customer__email") {
		t.Errorf("DemandField: %v, suggesting %q", err, fault.From(err).Suggestions)
	}
	_, _, err = v.DemandSavedQuery("by_regions")
	if !errors.Is(err, metric.ErrUnknownSavedQuery) || !slices.Contains(fault.From(err).Suggestions, "by_region") {
		t.Errorf("DemandSavedQuery: %v, suggesting %q", err, fault.From(err).Suggestions)
	}
}

func TestView_ClaimsAMetricWithItsInputsOnce(t *testing.T) {
	claim, err := view(t, deny{}).DemandMetrics([]string{"growth", "margin", "revenue"})
	if err != nil || claim.Refuses() {
		t.Fatalf("DemandMetrics: %+v, %v", claim, err)
	}
	want := []access.Demand{
		access.On(metricapp.ActionQuery, "metric", "growth"),
		access.On(metricapp.ActionQuery, "metric", "revenue").Tagged([]string{"synonyms=sales, turnover", "tier=1"}),
		access.On(metricapp.ActionQuery, "metric", "margin"),
	}
	if diff := cmp.Diff(want, claim.Demands, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestView_ListsWhatItLetsAsk(t *testing.T) {
	c := metricapptest.Shop(t)
	var targets []string
	for _, m := range c.Metrics() {
		targets = append(targets, "metric:"+m.Name)
	}
	fields, err := c.Fields([]string{"orders"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		kind := "dimension:"
		if f.Kind == metric.EntityKey {
			kind = "entity:"
		}
		targets = append(targets, kind+f.Name)
	}
	targets = append(targets, "entity:region", "dimension:region__name", "saved_query:by_region")
	rapid.Check(t, func(t *rapid.T) {
		policy := deny(rapid.SliceOfN(rapid.SampledFrom(targets), 0, 5).Draw(t, "denied"))
		v := metricapp.NewView(c, policy, analyst)
		for _, m := range c.Metrics() {
			claim, err := v.DemandMetrics([]string{m.Name})
			if err != nil || claim.Refuses() == slices.Contains(v.MetricNames(), m.Name) {
				t.Fatalf("%s: listed and hidden, or neither (%v)", m.Name, err)
			}
			if claim.Refuses() == policy.Decide(analyst, claim.Demands...).Allowed {
				t.Fatalf("%s: the gate would decide otherwise than the view", m.Name)
			}
		}
		listed, err := v.Dimensions([]string{"orders"})
		if err != nil {
			t.Fatal(err)
		}
		all, err := c.Dimensions([]string{"orders"})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			_, claim, err := v.DemandField(d.Name, []string{"orders"})
			seen := slices.ContainsFunc(listed, func(l metric.Dimension) bool { return l.Name == d.Name })
			if err != nil || claim.Refuses() == seen {
				t.Fatalf("%s: listed and hidden, or neither (%v)", d.Name, err)
			}
			if claim.Refuses() == policy.Decide(analyst, claim.Demands...).Allowed {
				t.Fatalf("%s: the gate would decide otherwise than the view", d.Name)
			}
		}
		for _, q := range c.SavedQueries() {
			_, claim, err := v.DemandSavedQuery(q.Name)
			seen := slices.ContainsFunc(v.SavedQueries(), func(l metric.SavedQuery) bool { return l.Name == q.Name })
			if err != nil || claim.Refuses() == seen {
				t.Fatalf("%s: listed and hidden, or neither (%v)", q.Name, err)
			}
		}
	})
}

// What the catalog does not know might be anything, so it is shown only to who may see everything.
func TestView_ShowsAConditionOnSomethingUnknownToWhoSeesAll(t *testing.T) {
	for denied, want := range map[string]bool{"metric:nothing": true, "metric:web_orders": false, "dimension:region__name": false, "entity:region": false} {
		if got := view(t, deny{denied}).MaySee("{{ Dimension('customer__nickname') }} = 'x'", "orders"); got != want {
			t.Errorf("without %s it is shown: %v, want %v", denied, got, want)
		}
	}
}
