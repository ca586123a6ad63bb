package metric_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

func TestNamesIn_ReadsConditions(t *testing.T) {
	for _, tt := range []struct {
		text   string
		fields []string
		metric []string
		opaque bool
	}{
		{text: "{{ Dimension('customer__region') }} = 'EU'", fields: []string{"customer__region"}},
		{text: `{{ Dimension("customer__region") }} in ('a', 'it''s') and not {{ Entity('order') }} is null`, fields: []string{"customer__region", "order"}},
		{text: "{{ TimeDimension('metric_time', 'day') }} >= CAST('2020-01-01' AS TIMESTAMP)", fields: []string{"metric_time"}},
		{text: "{{ TimeDimension('metric_time', 'day') }} between DATE '2020-01-01' and '2020-02-01'", fields: []string{"metric_time"}},
		{text: "{{ Dimension('metric_time').grain('month').date_part('dow') }} > 3", fields: []string{"metric_time"}},
		{text: "{{ TimeDimension(time_dimension_name='ds', entity_path=['a', 'b']) }} > 1", fields: []string{"a__b__ds"}},
		{text: "{{ Metric('bookings', group_by=['listing']) }} > 2", fields: []string{"listing"}, metric: []string{"bookings"}},
		{text: "lower({{ Dimension('a__b') }}) like '%x%' or 1 = 1.5", fields: []string{"a__b"}},
		{text: "customer_region = 'EU'", opaque: true},
		{text: `"revenue" > 3`, opaque: true},
		{text: "`revenue` > 3", opaque: true},
		{text: "{{ Dimension('a__b') }} = date", fields: []string{"a__b"}, opaque: true},
		{text: "{{ Dimension('a__b') }} in (select x from y)", fields: []string{"a__b"}, opaque: true},
		{text: "{{ Dimension('a__b') }} in (select(1))", fields: []string{"a__b"}, opaque: true},
		{text: "{{ Dimension('a__b') }} = 1 -- note", fields: []string{"a__b"}, opaque: true},
		{text: "{{ Dimension('a__b') }} = 1; drop table x", fields: []string{"a__b"}, opaque: true},
		{text: "{% if true %} 1 = 1 {% endif %}", opaque: true},
		{text: "{{ something('a__b') }} = 1", opaque: true},
		{text: "{{ Dimension(name) }} = 1", opaque: true},
		{text: "{{ Dimension('a__b' ~ 'c') }} = 1", opaque: true},
		{text: "{{ Dimension('a__b').evil('x') }} = 1", fields: []string{"a__b"}, opaque: true},
		{text: "{{ Dimension('a__b') ", opaque: true},
		{text: "é = 1", opaque: true},
		{text: "{{ 'a' }}", opaque: true},
	} {
		got := metric.NamesIn(tt.text)
		want := metric.Names{Fields: orNone(tt.fields), Metrics: orNone(tt.metric), Opaque: tt.opaque}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

func orNone(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

func TestNewCatalog_ReadsWhatSavedQueriesUse(t *testing.T) {
	m := shop()
	m.SavedQueries = []metric.SavedQuery{{
		Name: "weekly", Metrics: []string{"revenue"},
		GroupBy: []string{"TimeDimension('metric_time', 'week')", "customer__segment", "Entity('order')"},
		OrderBy: []string{"-metric_time__week", "Metric('signups').descending(True)", "revenue", "-Dimension('order__channel')"},
		Where:   []string{"{{ Dimension('customer__region__name') }} = 'x'"},
	}}
	q, ok := catalog(t, m).SavedQuery("weekly")
	want := metric.Names{
		Fields:  []string{"customer__region__name", "customer__segment", "metric_time", "metric_time__week", "order", "order__channel"},
		Metrics: []string{"revenue", "signups"},
	}
	if diff := cmp.Diff(want, q.Uses); !ok || diff != "" {
		t.Errorf("found %v (-want +got):\n%s", ok, diff)
	}
}

func FuzzNamesIn(f *testing.F) {
	f.Add("{{ Dimension('a__b').grain('day') }} = 'x' and {{ Metric(\"m\", group_by=['e']) }} > 1")
	f.Add("{{{{ }} }} '")
	f.Add("{{ TimeDimension(time_dimension_name='ds', entity_path=['a',]) }}")
	f.Fuzz(func(t *testing.T, text string) {
		got := metric.NamesIn(text)
		if again := metric.NamesIn(text, text); !slices.Equal(got.Fields, again.Fields) || got.Opaque != again.Opaque {
			t.Errorf("reading %q twice gives %v, then %v", text, got, again)
		}
	})
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
