// Package metricapptest has a small catalog and a simple policy for tests of the tools on metrics.
package metricapptest

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// Analyst is who asks in tests.
var Analyst = access.Local("analyst")

// Deny is a policy that allows everything but some targets, written kind:name, by any of their names.
type Deny []string

// Decide implements access.DataPolicy.
func (d Deny) Decide(p access.Principal, demands ...access.Demand) access.Decision {
	for _, demand := range demands {
		for _, name := range append([]string{demand.Target.Name}, demand.Target.Aliases...) {
			if p.IsZero() || demand.Action != metricapp.ActionQuery || slices.Contains(d, demand.Target.Kind+":"+name) {
				return access.Decision{Rule: "deny", Denied: demand}
			}
		}
	}
	return access.Decision{Allowed: true, Rule: "allow"}
}

// Obligations implements access.DataPolicy: there are none.
func (Deny) Obligations(access.Principal) access.Obligations { return access.Obligations{} }

// Simple is a metric that adds up a column of its own name on the model orders.
func Simple(name, description string, filters ...string) metric.Metric {
	return metric.Metric{
		Name: name, Kind: metric.Simple, Description: description, Filters: filters,
		Formula: metric.Formula{Aggregation: &metric.Aggregation{Model: "orders", Function: "sum", Expr: name + "_column", TimeDimension: "ordered_at"}},
	}
}

// Shop is the catalog of a small shop: orders of customers in regions.
func Shop(t testing.TB) *metric.Catalog {
	t.Helper()
	growth := metric.Metric{Name: "growth", Kind: metric.Derived, Formula: metric.Formula{Expr: "revenue / before", Inputs: []metric.Ingredient{
		{Metric: "revenue"}, {Metric: "revenue", Alias: "before", OffsetWindow: "1 month"},
	}}}
	private := Simple("raw_cost", "")
	private.Private = true
	private.Filters = []string{"{{ Dimension('customer__email') }} is not null"}
	margin := metric.Metric{Name: "margin", Kind: metric.Derived, Label: "Margin", Formula: metric.Formula{
		Expr: "revenue - raw_cost", Inputs: []metric.Ingredient{{Metric: "revenue"}, {Metric: "raw_cost"}},
	}}
	conversion := metric.Metric{Name: "repeat_rate", Kind: metric.Conversion, Formula: metric.Formula{
		Entity: "customer", Calculation: "conversion_rate", Window: "7 day",
		Inputs: []metric.Ingredient{{Metric: "orders", Role: "base"}, {Metric: "revenue", Role: "conversion"}},
	}}
	revenue := Simple("revenue", "What customers paid.")
	revenue.Meta = map[string]any{"synonyms": "sales, turnover", "tier": json.Number("1")}
	revenue.TimeGrain = "month"
	c, err := metric.NewCatalog(metric.Manifest{
		TimeSpines: []metric.TimeSpine{{Grain: "day"}},
		Models: []metric.Model{
			{
				Name:     "orders",
				Entities: []metric.ModelEntity{{Name: "order", Type: "primary"}, {Name: "customer", Type: "foreign"}},
				Dimensions: []metric.ModelDimension{
					{Name: "ordered_at", Kind: metric.Time, Grain: "day"}, {Name: "channel", Kind: metric.Categorical, Label: "Sales channel"},
				},
			},
			{
				Name:     "customers",
				Entities: []metric.ModelEntity{{Name: "customer", Type: "primary"}, {Name: "region", Type: "foreign"}},
				Dimensions: []metric.ModelDimension{
					{Name: "email", Kind: metric.Categorical}, {Name: "segment", Kind: metric.Categorical},
				},
			},
			{
				Name:       "regions",
				Entities:   []metric.ModelEntity{{Name: "region", Type: "primary"}},
				Dimensions: []metric.ModelDimension{{Name: "name", Kind: metric.Categorical}},
			},
		},
		Metrics: []metric.Metric{
			revenue, Simple("orders", "How many."), Simple("web_orders", "", "{{ Dimension('order__channel') }} = 'web'"), growth, margin, conversion, private,
		},
		SavedQueries: []metric.SavedQuery{
			{Name: "by_region", Metrics: []string{"revenue"}, GroupBy: []string{"Dimension('region__name')"}, Limit: 5},
			{Name: "by_segment", Metrics: []string{"orders"}, GroupBy: []string{"customer__segment"}, Where: []string{"{{ Dimension('customer__email') }} is not null"}},
			{Name: "growth_by_month", Label: "Growth", Metrics: []string{"growth"}, GroupBy: []string{"TimeDimension('metric_time', 'month')"}},
			{Name: "murky", Metrics: []string{"orders"}, GroupBy: []string{"order__channel"}, Where: []string{"some_column = 1"}},
		},
	})
	if err != nil {
		t.Fatalf("NewCatalog: %v", err)
	}
	return c
}
