package metric_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/authored"
)

func TestNewCatalog_ReadsWhatSavedQueriesUse(t *testing.T) {
	m := shop()
	m.SavedQueries = []metric.SavedQuery{{
		Name: "weekly", Metrics: []string{"revenue"},
		GroupBy: []string{"TimeDimension('metric_time', 'week')", "customer__segment", "Entity('order')"},
		OrderBy: []string{"-metric_time__week", "Metric('signups').descending(True)", "revenue", "-Dimension('order__channel')"},
		Where:   []string{"{{ Dimension('customer__region__name') }} = 'x'"},
	}}
	q, ok := catalog(t, m).SavedQuery("weekly")
	want := authored.Names{
		Fields:  []string{"customer__region__name", "customer__segment", "metric_time", "metric_time__week", "order", "order__channel"},
		Metrics: []string{"revenue", "signups"},
	}
	if diff := cmp.Diff(want, q.Uses); !ok || diff != "" {
		t.Errorf("found %v (-want +got):\n%s", ok, diff)
	}
}

func TestSuggest_OffersTheNearestNames(t *testing.T) {
	names := []string{"bookings", "booking_value", "views", "instant_bookings", "listings", "revenue", "customer__region", "store__region__name"}
	for asked, want := range map[string][]string{
		"booking":         {"bookings", "booking_value", "instant_bookings"},
		"REVENUE":         {"revenue"},
		"revenu":          {"revenue"},
		"region":          {"customer__region", "store__region__name"},
		"clients__region": {"customer__region"},
		"zzzzzzzzzz":      nil,
		"":                nil,
	} {
		if diff := cmp.Diff(want, metric.Suggest(asked, names)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", asked, diff)
		}
	}
}

func TestSuggest_OffersAtMostSixOfTheGivenNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.StringMatching(`[a-c]{1,4}(__[a-c]{1,3})?`)).Draw(t, "names")
		got := metric.Suggest(rapid.String().Draw(t, "asked"), names)
		if len(got) > 6 {
			t.Fatalf("%d suggestions", len(got))
		}
		for i, name := range got {
			if !slices.Contains(names, name) || slices.Contains(got[:i], name) {
				t.Fatalf("%q among %q is made up or repeated", name, got)
			}
		}
	})
}

func TestUnknownMetric_EchoesLittleAndSuggestsOnlyTheVisible(t *testing.T) {
	f := metric.UnknownMetric(strings.Repeat("é", 5000), []string{"revenue"})
	if len(f.Message) > 600 {
		t.Errorf("the message has %d bytes", len(f.Message))
	}
	if got := metric.UnknownMetric("revenu", []string{"revenue"}).Suggestions; !slices.Equal(got, []string{"revenue"}) {
		t.Errorf("suggestions are %q", got)
	}
}

func TestSearch_WantsEveryWordSomewhere(t *testing.T) {
	m := metric.Manifest{TimeSpines: days(), Models: shop().Models}
	revenue := sum("revenue", "orders", "ordered_at")
	revenue.Label, revenue.Description = "Net Revenue", "What customers paid in the EU."
	revenue.Meta = map[string]any{"synonyms": []any{"turnover", 3, " sales "}}
	orders := sum("orders", "orders", "ordered_at")
	orders.Meta = map[string]any{"synonyms": "purchases, , baskets"}
	m.Metrics = []metric.Metric{revenue, orders}
	c := catalog(t, m)
	if got, _ := c.Metric("orders"); !slices.Equal(got.Synonyms, []string{"purchases", "baskets"}) {
		t.Errorf("synonyms from a string with commas: %q", got.Synonyms)
	}
	for text, want := range map[string][]string{
		"": {"orders", "revenue"}, "rev eu": {"revenue"}, "TURNOVER": {"revenue"}, "sales net": {"revenue"}, "basket": {"orders"},
		"revenue orders": nil, "3": nil,
	} {
		var got []string
		for _, m := range c.Metrics() {
			if metric.ParseSearch(text).Matches(m.Texts()...) {
				got = append(got, m.Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}
