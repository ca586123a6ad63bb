package authored_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/metric/authored"
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
		got := authored.NamesIn(tt.text)
		want := authored.Names{Fields: tt.fields, Metrics: tt.metric, Opaque: tt.opaque}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

func FuzzNamesIn(f *testing.F) {
	f.Add("{{ Dimension('a__b').grain('day') }} = 'x' and {{ Metric(\"m\", group_by=['e']) }} > 1")
	f.Add("{{{{ }} }} '")
	f.Add("{{ TimeDimension(time_dimension_name='ds', entity_path=['a',]) }}")
	f.Fuzz(func(t *testing.T, text string) {
		got := authored.NamesIn(text)
		if again := authored.NamesIn(text, text); !slices.Equal(got.Fields, again.Fields) || got.Opaque != again.Opaque {
			t.Errorf("reading %q twice gives %v, then %v", text, got, again)
		}
	})
}
