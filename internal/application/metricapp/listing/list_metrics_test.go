package listing_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/metricapp/listing"
	"github.com/steward-mcp/steward/internal/application/metricapp/metricapptest"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// twoModels is a catalog whose metrics do not have the same dimensions.
func twoModels(t *testing.T) *metric.Catalog {
	t.Helper()
	visits := metric.Metric{Name: "visits", Kind: metric.Simple, Formula: metric.Formula{
		Aggregation: &metric.Aggregation{Model: "visits", Function: "count", Expr: "1", TimeDimension: "visited_at"},
	}}
	revenue := metricapptest.Simple("revenue", "What customers paid.")
	c, err := metric.NewCatalog(metric.Manifest{
		TimeSpines: []metric.TimeSpine{{Grain: "hour"}},
		Models: []metric.Model{
			{
				Name: "orders", Entities: []metric.ModelEntity{{Name: "order", Type: "primary"}, {Name: "customer", Type: "foreign"}},
				Dimensions: []metric.ModelDimension{{Name: "ordered_at", Kind: metric.Time, Grain: "day"}, {Name: "channel", Kind: metric.Categorical}},
			},
			{
				Name: "visits", Entities: []metric.ModelEntity{{Name: "visit", Type: "primary"}, {Name: "customer", Type: "foreign"}},
				Dimensions: []metric.ModelDimension{{Name: "visited_at", Kind: metric.Time, Grain: "hour"}, {Name: "device", Kind: metric.Categorical}},
			},
			{
				Name: "customers", Entities: []metric.ModelEntity{{Name: "customer", Type: "primary"}},
				Dimensions: []metric.ModelDimension{{Name: "email", Kind: metric.Categorical}, {Name: "segment", Kind: metric.Categorical}},
			},
		},
		Metrics: []metric.Metric{revenue, metricapptest.Simple("orders", "How many."), visits, {
			Name: "per_visit", Kind: metric.Ratio, Formula: metric.Formula{Inputs: []metric.Ingredient{{Metric: "revenue"}, {Metric: "visits"}}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestListMetrics_ListsWhatCanBeGroupedByAllTheDimensions(t *testing.T) {
	for args, want := range map[string][]string{
		`{"dimensions": ["customer__segment"]}`:                                    {"orders", "per_visit", "revenue", "visits"},
		`{"dimensions": ["customer"]}`:                                             {"orders", "per_visit", "revenue", "visits"},
		`{"dimensions": ["visit__device"]}`:                                        {"visits"},
		`{"dimensions": ["order__channel", "customer__segment", "metric_time"]}`:   {"orders", "revenue"},
		`{"dimensions": ["metric_time__hour"]}`:                                    {"visits"},
		`{"dimensions": ["order__channel", "visit__device"]}`:                      {},
		`{"dimensions": ["order__channel"], "search": "paid"}`:                     {"revenue"},
		`{"dimensions": [], "search": "PAID"}`:                                     {"revenue"},
		`{"dimensions": ["order__channel", "order__channel"], "search": "visits"}`: {},
	} {
		ts := listings(t, deny{})
		ts.catalogs.Catalog = twoModels(t)
		got, text := ts.call("list_metrics", args)
		if diff := cmp.Diff(want, names(got, "metrics")); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", args, diff, text)
		}
		for _, item := range got["metrics"].([]any) {
			if m, _ := item.(map[string]any); m["dimensions"] == nil {
				t.Errorf("%s: few are found, and %v comes without dimensions", args, m["name"])
			}
		}
	}
}

func TestListMetrics_AnswersAHiddenDimensionLikeAnUnknownOne(t *testing.T) {
	policy := deny{"dimension:customer__email", "metric:visits", "entity:order"}
	ts := listings(t, policy)
	ts.catalogs.Catalog = twoModels(t)
	for hidden, unknown := range map[string]string{
		"customer__email": "customer__emaix", // denied
		"visit__device":   "visit__devicx",   // of hidden metrics only
		"order":           "ordex",
	} {
		b, err := ts.bind("list_metrics", fmt.Sprintf(`{"dimensions": ["customer__segment", %q]}`, hidden))
		got := fault.From(err)
		if err == nil {
			if policy.Decide(analyst, b.Demands...).Allowed {
				t.Errorf("%s: the gate would let %v pass", hidden, b.Demands)
			}
			got = b.Refusal
		}
		_, err = ts.bind("list_metrics", fmt.Sprintf(`{"dimensions": ["customer__segment", %q]}`, unknown))
		if !errors.Is(err, metric.ErrUnknownField) {
			t.Fatalf("%s: %v", unknown, err)
		}
		// Names that differ have other neighbours, so the suggestions are looked at alone.
		told := fault.From(err)
		if got.Kind != told.Kind || got.Code != told.Code || got.Message != strings.ReplaceAll(told.Message, unknown, hidden) {
			t.Errorf("hidden says %+v, unknown %+v", got, told)
		}
		for _, suggested := range append(slices.Clone(got.Suggestions), told.Suggestions...) {
			if slices.Contains([]string{"customer__email", "visit__device", "order"}, suggested) {
				t.Errorf("%s: suggests %q", hidden, suggested)
			}
		}
	}
}

func TestListMetrics_SuggestsADimensionThatSomeMetricHas(t *testing.T) {
	ts := listings(t, deny{})
	ts.catalogs.Catalog = twoModels(t)
	_, err := ts.bind("list_metrics", `{"dimensions": ["visit__devise"]}`)
	if f := fault.From(err); len(f.Suggestions) == 0 || f.Suggestions[0] != "visit__device" {
		t.Errorf("%+v", f)
	}
}

func TestListMetrics_PagesOfOtherDimensionsAreAnotherList(t *testing.T) {
	ts := listings(t, deny{})
	ts.catalogs.Catalog = twoModels(t)
	got, _ := ts.call("list_metrics", `{"limit": 1, "dimensions": ["order__channel"]}`)
	cursor, _ := got["next_cursor"].(string)
	if next, _ := ts.call("list_metrics", fmt.Sprintf(`{"limit": 1, "dimensions": ["order__channel"], "cursor": %q}`, cursor)); names(next, "metrics")[0] != "revenue" {
		t.Errorf("%v", next)
	}
	if _, err := ts.bind("list_metrics", fmt.Sprintf(`{"limit": 1, "cursor": %q}`, cursor)); !errors.Is(err, listing.ErrCursor) {
		t.Errorf("%v", err)
	}
}
