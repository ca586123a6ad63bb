package metric_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/authored"
)

func TestCatalog_EverythingHoldsWhatAnyMetricCanBeGroupedBy(t *testing.T) {
	c := catalog(t, shop())
	for _, m := range c.Metrics() {
		fields, err := c.Fields([]string{m.Name})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			i := slices.IndexFunc(c.Everything(), func(e metric.Field) bool {
				return e.Name == f.Name && e.Kind == f.Kind && (f.Name == metric.TimeField || slices.Equal(e.Aliases, f.Aliases))
			})
			if i < 0 {
				t.Errorf("%s of %s is not in everything, or has other aliases there", f.Name, m.Name)
			}
		}
	}
}

// A name that two paths lead to can be asked of nothing, but a text may still mean it.
func TestCatalog_EverythingHoldsAmbiguousNames(t *testing.T) {
	c := catalog(t, metric.Manifest{
		Models: []metric.Model{
			table("sales", keys(key("sale", "primary"), key("a", "foreign"), key("b", "foreign")), at("sold_at", "day")),
			table("one", keys(key("a", "primary"), key("b", "unique")), text("colour")),
			table("two", keys(key("a", "primary")), text("colour")),
		},
		Metrics: []metric.Metric{sum("sold", "sales", "sold_at")}, TimeSpines: days(),
	})
	if _, ok := resolve(t, c, "a__colour", "sold"); ok {
		t.Fatal("the name is not ambiguous")
	}
	if !slices.ContainsFunc(c.Everything(), func(f metric.Field) bool { return f.Name == "a__colour" }) {
		t.Error("the ambiguous name is not in everything")
	}
}

func TestCatalog_KnowsThePrivateIngredientsOfAMetric(t *testing.T) {
	m := shop()
	for i := range m.Metrics {
		if m.Metrics[i].Name == "revenue" {
			m.Metrics[i].Private = true
		}
	}
	m.Metrics = append(m.Metrics, of(metric.Derived, "double", "revenue", "signups"), of(metric.Derived, "deep", "double"))
	deep, ok := catalog(t, m).Metric("deep")
	if diff := cmp.Diff([]string{"revenue"}, deep.Ingredients); !ok || diff != "" {
		t.Errorf("found %v (-want +got):\n%s", ok, diff)
	}
	if diff := cmp.Diff([]string{"double", "signups"}, deep.Inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
}

// The engine turns names in texts into lower case.
func TestNamesIn_ReadsNamesInLowerCase(t *testing.T) {
	got := authored.NamesIn("{{ Dimension('Customer__EMAIL') }} = 'X' and {{ Metric('GROSS_Margin', group_by=['Customer']) }} > 1")
	want := authored.Names{Fields: []string{"customer", "customer__email"}, Metrics: []string{"gross_margin"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEntity_AlongSomeKeysIsDescribedAsTheFirstOfThem(t *testing.T) {
	c := catalog(t, metric.Manifest{
		Models: []metric.Model{
			{
				Name: "orders", Dimensions: []metric.ModelDimension{at("ordered_at", "day")},
				Entities: []metric.ModelEntity{{Name: "order", Type: "primary"}, {Name: "buyer", Type: "foreign"}, {Name: "area", Type: "foreign", Label: "ours"}},
			},
			{Name: "buyers", Entities: []metric.ModelEntity{
				{Name: "buyer", Type: "primary"}, {Name: "area", Type: "foreign", Label: "theirs", Meta: map[string]any{"synonyms": "zone"}},
			}},
		},
		Metrics: []metric.Metric{sum("orders", "orders", "ordered_at")}, TimeSpines: days(),
	})
	all, err := c.Entities([]string{"orders"})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(e metric.Entity) bool { return e.Name == "area" })
	area := all[at]
	if area.Label != "ours" {
		t.Fatalf("area is %+v", area)
	}
	far := area.Along(slices.DeleteFunc(slices.Clone(area.Keys), func(k metric.Key) bool { return k.Name != "buyer__area" }))
	if far.Label != "theirs" || !slices.Equal(far.Synonyms, []string{"zone"}) || !slices.Equal(far.GroupBy(), []string{"buyer__area"}) {
		t.Errorf("along buyer__area it is %+v", far)
	}
	if area.Label != "ours" || len(area.Keys) < 2 {
		t.Errorf("the entity itself has changed: %+v", area)
	}
}
