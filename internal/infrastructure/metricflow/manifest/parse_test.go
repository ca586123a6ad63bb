package manifest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
)

// older is a project that declares measures, as dbt writes it before any transformation.
const older = `{
 "semantic_models": [{
  "name": "Orders", "description": "One row an order.", "label": null, "primary_entity": null,
  "defaults": {"agg_time_dimension": "Ordered_At"},
  "entities": [{"name": "Order", "type": "primary", "expr": "order_id"}, {"name": "customer", "type": "FOREIGN"}],
  "dimensions": [
   {"name": "Ordered_At", "type": "time", "type_params": {"time_granularity": "day", "validity_params": null}},
   {"name": "shipped_at", "type": "time", "type_params": {"time_granularity": "hour"}},
   {"name": "channel", "type": "categorical", "type_params": null, "config": {"meta": {"synonyms": ["route"]}}}],
  "measures": [
   {"name": "Revenue_m", "agg": "sum", "expr": "amount", "agg_time_dimension": null, "create_metric": false},
   {"name": "shipments", "agg": "count", "expr": 1, "agg_time_dimension": "shipped_at", "create_metric": true,
    "description": "Parcels.", "label": "Shipments"},
   {"name": "plain", "agg": "sum"}]
 }],
 "metrics": [
  {"name": "revenue", "type": "simple", "label": "Revenue", "description": "Paid.", "time_granularity": "month",
   "filter": {"where_filters": [{"where_sql_template": "{{ Dimension('order__channel') }} = 'web'"}]},
   "config": {"meta": {"synonyms": "sales, turnover", "owner": {"team": "finance", "level": 3}}},
   "type_params": {"measure": {"name": "revenue_m", "filter": {"where_filters": [{"where_sql_template": "1 = 1"}]}}, "is_private": false}},
  {"name": "running", "type": "cumulative", "type_params": {"measure": {"name": "revenue_m", "alias": "r"}, "window": {"count": 7, "granularity": "days"}}},
  {"name": "to_date", "type": "cumulative", "type_params": {"measure": {"name": "plain"}, "grain_to_date": "month",
   "cumulative_type_params": {"period_agg": "last", "grain_to_date": "year"}}},
  {"name": "share", "type": "ratio", "type_params": {"numerator": {"name": "revenue", "filter": {"where_filters": [{"where_sql_template": "2 = 2"}]}}, "denominator": {"name": "shipments"}}},
  {"name": "growth", "type": "derived", "type_params": {"expr": "now - before", "metrics": [
   {"name": "revenue", "alias": "now"}, {"name": "revenue", "alias": "before", "offset_window": {"count": 1, "granularity": "martian_days"}, "offset_to_grain": null}]}},
  {"name": "converted", "type": "conversion", "type_params": {"conversion_type_params": {
   "base_measure": {"name": "plain"}, "conversion_measure": {"name": "revenue_m"}, "entity": "customer", "calculation": "conversions", "window": {"count": 2, "granularity": "weeks"}}}}
 ],
 "project_configuration": {
  "time_spines": [{"primary_column": {"name": "ds", "time_granularity": "day"}, "custom_granularities": [{"name": "martian_day", "column_name": "md"}]}],
  "time_spine_table_configurations": [{"location": "x", "column_name": "ds", "grain": "hour"}]},
 "saved_queries": [{"name": "weekly", "description": "Week by week.", "query_params": {
   "metrics": ["revenue"], "group_by": ["TimeDimension('metric_time', 'week')"], "order_by": ["-metric_time"], "limit": 10,
   "where": {"where_filters": [{"where_sql_template": "{{ Dimension('order__channel') }} = 'web'"}]}}}]
}`

func measureOf(name, function, expr, dimension string) *metric.Aggregation {
	return &metric.Aggregation{Model: "orders", Function: function, Expr: expr, TimeDimension: dimension, Measure: name}
}

func parse(t *testing.T, text string) metric.Manifest {
	t.Helper()
	m, _, err := manifest.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return m
}

func TestParse_ReadsModelsInLowerCase(t *testing.T) {
	m := parse(t, older)
	want := []metric.Model{{
		Name: "orders", Description: "One row an order.",
		Entities: []metric.ModelEntity{{Name: "order", Type: "primary"}, {Name: "customer", Type: "foreign"}},
		Dimensions: []metric.ModelDimension{
			{Name: "ordered_at", Kind: metric.Time, Grain: "day"},
			{Name: "shipped_at", Kind: metric.Time, Grain: "hour"},
			{Name: "channel", Kind: metric.Categorical, Meta: map[string]any{"synonyms": []any{"route"}}},
		},
	}}
	if diff := cmp.Diff(want, m.Models); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	spines := []metric.TimeSpine{{Grain: "day", Custom: []string{"martian_day"}}, {Grain: "hour"}}
	if diff := cmp.Diff(spines, m.TimeSpines); diff != "" {
		t.Errorf("calendars (-want +got):\n%s", diff)
	}
}

func TestParse_PutsAggregationsInThePlaceOfMeasures(t *testing.T) {
	want := []metric.Metric{
		{
			Name: "revenue", Kind: metric.Simple, Label: "Revenue", Description: "Paid.", TimeGrain: "month",
			Filters: []string{"1 = 1", "{{ Dimension('order__channel') }} = 'web'"},
			Meta:    map[string]any{"synonyms": "sales, turnover", "owner": map[string]any{"team": "finance", "level": json.Number("3")}},
			Formula: metric.Formula{Aggregation: measureOf("Revenue_m", "sum", "amount", "ordered_at")},
		},
		{Name: "running", Kind: metric.Cumulative, Formula: metric.Formula{
			Window: "7 day", PeriodAgg: "first",
			Inputs: []metric.Ingredient{{Aggregation: measureOf("Revenue_m", "sum", "amount", "ordered_at"), Alias: "r"}},
		}},
		{Name: "to_date", Kind: metric.Cumulative, Formula: metric.Formula{
			GrainToDate: "year", PeriodAgg: "last",
			Inputs: []metric.Ingredient{{Aggregation: measureOf("plain", "sum", "plain", "ordered_at")}},
		}},
		{Name: "share", Kind: metric.Ratio, Formula: metric.Formula{Inputs: []metric.Ingredient{
			{Metric: "revenue", Role: "numerator", Filters: []string{"2 = 2"}}, {Metric: "shipments", Role: "denominator"},
		}}},
		{Name: "growth", Kind: metric.Derived, Formula: metric.Formula{Expr: "now - before", Inputs: []metric.Ingredient{
			{Metric: "revenue", Alias: "now"}, {Metric: "revenue", Alias: "before", OffsetWindow: "1 martian_day"},
		}}},
		{Name: "converted", Kind: metric.Conversion, Formula: metric.Formula{
			Window: "2 week", Entity: "customer", Calculation: "conversions",
			Inputs: []metric.Ingredient{
				{Aggregation: measureOf("plain", "sum", "plain", "ordered_at"), Role: "base"},
				{Aggregation: measureOf("Revenue_m", "sum", "amount", "ordered_at"), Role: "conversion"},
			},
		}},
		{
			Name: "shipments", Kind: metric.Simple, Label: "Shipments", Description: "Parcels.",
			Formula: metric.Formula{Aggregation: measureOf("shipments", "count", "1", "shipped_at")},
		},
	}
	if diff := cmp.Diff(want, parse(t, older).Metrics); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParse_ReadsSavedQueries(t *testing.T) {
	want := []metric.SavedQuery{{
		Name: "weekly", Description: "Week by week.", Metrics: []string{"revenue"}, Limit: 10,
		GroupBy: []string{"TimeDimension('metric_time', 'week')"}, OrderBy: []string{"-metric_time"},
		Where: []string{"{{ Dimension('order__channel') }} = 'web'"},
	}}
	if diff := cmp.Diff(want, parse(t, older).SavedQueries); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// newer is the same in the generation in which metrics carry their aggregation.
const newer = `{
 "semantic_models": [{"name": "orders", "defaults": {"agg_time_dimension": "ordered_at"},
  "entities": [{"name": "order", "type": "primary"}],
  "dimensions": [{"name": "ordered_at", "type": "time", "type_params": {"time_granularity": "day"}},
   {"name": "from", "type": "time", "type_params": {"time_granularity": "day", "validity_params": {"is_start": true, "is_end": false}}}]}],
 "metrics": [
  {"name": "revenue", "type": "simple", "type_params": {"expr": "amount", "metric_aggregation_params": {"semantic_model": "Orders", "agg": "SUM", "agg_time_dimension": null}}},
  {"name": "count", "type": "simple", "type_params": {"is_private": true, "metric_aggregation_params": {"semantic_model": "orders", "agg": "count", "agg_time_dimension": "from"}}},
  {"name": "running", "type": "cumulative", "type_params": {"measure": {"name": "gone"}, "cumulative_type_params": {"metric": {"name": "revenue"}, "window": {"count": 1, "granularity": "month"}, "period_agg": "average"}}},
  {"name": "converted", "type": "conversion", "type_params": {"conversion_type_params": {"base_metric": {"name": "count"}, "conversion_metric": {"name": "revenue"}, "entity": "order"}}}
 ]}`

func TestParse_ReadsMetricsThatCarryTheirAggregation(t *testing.T) {
	want := []metric.Metric{
		{Name: "revenue", Kind: metric.Simple, Formula: metric.Formula{Aggregation: &metric.Aggregation{
			Model: "orders", Function: "sum", Expr: "amount", TimeDimension: "ordered_at",
		}}},
		{Name: "count", Kind: metric.Simple, Private: true, Formula: metric.Formula{Aggregation: &metric.Aggregation{
			Model: "orders", Function: "count", Expr: "count", TimeDimension: "from",
		}}},
		{Name: "running", Kind: metric.Cumulative, Formula: metric.Formula{
			Window: "1 month", PeriodAgg: "average", Inputs: []metric.Ingredient{{Metric: "revenue"}},
		}},
		{Name: "converted", Kind: metric.Conversion, Formula: metric.Formula{
			Entity: "order", Calculation: "conversion_rate",
			Inputs: []metric.Ingredient{{Metric: "count", Role: "base"}, {Metric: "revenue", Role: "conversion"}},
		}},
	}
	m := parse(t, newer)
	if diff := cmp.Diff(want, m.Metrics); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !m.Models[0].Dimensions[1].Validity || m.Models[0].Dimensions[0].Validity {
		t.Error("the interval of validity is not where it belongs")
	}
	if _, err := metric.NewCatalog(m); err != nil {
		t.Errorf("NewCatalog: %v", err)
	}
}

func TestParse_SeesWhatIsFilledWhereThereAreNoRows(t *testing.T) {
	for name, params := range map[string]string{
		"by the calendar": `"join_to_timespine": true`, "by a number": `"fill_nulls_with": 0`,
		"of a measure, by the calendar": `"measure": {"name": "x", "join_to_timespine": true}`,
		"of a measure, by a number":     `"measure": {"name": "x", "fill_nulls_with": 0}`,
	} {
		m := parse(t, `{"semantic_models": [], "metrics": [{"name": "m", "type": "simple", "type_params": {`+params+`}}]}`)
		if !m.Metrics[0].Formula.Filled {
			t.Error(name)
		}
	}
	m := parse(t, `{"semantic_models": [], "metrics": [{"name": "m", "type": "simple", "type_params": {"join_to_timespine": false, "fill_nulls_with": null}}]}`)
	if m.Metrics[0].Formula.Filled {
		t.Error("filled by nothing")
	}
}

func TestParse_RefusesWhatIsNotOneWholeManifest(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "half": older[:len(older)/2], "more": newer + "{}", "a list": "[]", "null": "null", "another file": `{"nodes": {}}`,
		"the wrong shape": `{"semantic_models": {}}`, "a number for a name": `{"semantic_models": [{"name": 3}]}`,
	} {
		_, _, err := manifest.Parse([]byte(text))
		if !errors.Is(err, metric.ErrManifest) || fault.From(err).Kind != fault.Unavailable {
			t.Errorf("%s: %v; want ErrManifest", name, err)
		}
	}
}

func TestParse_LeavesAHoleForTheCatalogToRefuse(t *testing.T) {
	for name, change := range map[string][2]string{
		"an unknown measure":   {`"measure": {"name": "revenue_m", "alias": "r"}`, `"measure": {"name": "nothing"}`},
		"no denominator":       {`, "denominator": {"name": "shipments"}`, ""},
		"no conversion":        {`"conversion_measure": {"name": "revenue_m"}, `, ""},
		"an unknown kind":      {`"type": "ratio"`, `"type": "riddle"`},
		"nothing to aggregate": {`"measure": {"name": "revenue_m", "filter": {"where_filters": [{"where_sql_template": "1 = 1"}]}}, `, ""},
	} {
		text := strings.Replace(older, change[0], change[1], 1)
		if text == older {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := metric.NewCatalog(parse(t, text)); !errors.Is(err, metric.ErrManifest) {
			t.Errorf("%s: %v; want ErrManifest", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(older))
	f.Add([]byte(newer))
	f.Add([]byte(`{"semantic_models": [{"name": "a", "primary_entity": "a", "entities": [{"name": "a"}, {"name": "a"}]}], "metrics": [{"type": "derived", "type_params": {"metrics": [{"name": ""}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		m, _, err := manifest.Parse(data)
		if err != nil {
			if !errors.Is(err, metric.ErrManifest) {
				t.Fatalf("Parse: %v; want ErrManifest", err)
			}
			return
		}
		c, err := metric.NewCatalog(m)
		if err != nil {
			if !errors.Is(err, metric.ErrManifest) {
				t.Fatalf("NewCatalog: %v; want ErrManifest", err)
			}
			return
		}
		for _, public := range c.Metrics() {
			if _, err := c.Dimensions([]string{public.Name}); err != nil {
				t.Fatalf("Dimensions(%q): %v", public.Name, err)
			}
		}
		if _, err := c.Entities(nil); err != nil {
			t.Fatalf("Entities: %v", err)
		}
	})
}
