package metricapp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var analyst = access.Local("analyst")

// deny is a policy that allows everything but some targets, written kind:name, by any of their names.
type deny []string

func (d deny) Decide(p access.Principal, demands ...access.Demand) access.Decision {
	for _, demand := range demands {
		for _, name := range append([]string{demand.Target.Name}, demand.Target.Aliases...) {
			if p.IsZero() || demand.Action != metricapp.ActionQuery || slices.Contains(d, demand.Target.Kind+":"+name) {
				return access.Decision{Rule: "deny", Denied: demand}
			}
		}
	}
	return access.Decision{Allowed: true, Rule: "allow"}
}

// catalogs always has the one snapshot, or the one fault.
type catalogs struct {
	metric.Snapshot
	err error
}

func (c *catalogs) Current(context.Context) (metric.Snapshot, error) { return c.Snapshot, c.err }

// definitions knows where some metrics are.
type definitions map[string]metric.Location

func (d definitions) Locate(_ context.Context, name string) (metric.Location, bool) {
	at, ok := d[name]
	return at, ok
}

func simple(name, description string, filters ...string) metric.Metric {
	return metric.Metric{
		Name: name, Kind: metric.Simple, Description: description, Filters: filters,
		Formula: metric.Formula{Aggregation: &metric.Aggregation{Model: "orders", Function: "sum", Expr: name + "_column", TimeDimension: "ordered_at"}},
	}
}

func shop(t *testing.T) *metric.Catalog {
	t.Helper()
	growth := metric.Metric{Name: "growth", Kind: metric.Derived, Formula: metric.Formula{Expr: "revenue / before", Inputs: []metric.Ingredient{
		{Metric: "revenue"}, {Metric: "revenue", Alias: "before", OffsetWindow: "1 month"},
	}}}
	private := simple("raw_cost", "")
	private.Private = true
	private.Filters = []string{"{{ Dimension('customer__email') }} is not null"}
	margin := metric.Metric{Name: "margin", Kind: metric.Derived, Label: "Margin", Formula: metric.Formula{
		Expr: "revenue - raw_cost", Inputs: []metric.Ingredient{{Metric: "revenue"}, {Metric: "raw_cost"}},
	}}
	conversion := metric.Metric{Name: "repeat_rate", Kind: metric.Conversion, Formula: metric.Formula{
		Entity: "customer", Calculation: "conversion_rate", Window: "7 day",
		Inputs: []metric.Ingredient{{Metric: "orders", Role: "base"}, {Metric: "revenue", Role: "conversion"}},
	}}
	revenue := simple("revenue", "What customers paid.")
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
			revenue, simple("orders", "How many."), simple("web_orders", "", "{{ Dimension('order__channel') }} = 'web'"), growth, margin, conversion, private,
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

func view(t *testing.T, policy access.Policy) *metricapp.View {
	t.Helper()
	return metricapp.NewView(shop(t), policy, analyst)
}

// tools are the listings over the shop.
type tools struct {
	*testing.T
	catalogs *catalogs
	all      []tool.Tool
}

func listings(t *testing.T, policy access.Policy) *tools {
	t.Helper()
	c := &catalogs{Snapshot: metric.Snapshot{Catalog: shop(t), Hash: strings.Repeat("ab", 32), Age: 90 * time.Second}}
	at := definitions{"revenue": {File: "models/metrics.yml", Line: 3}, "orders": {File: "models/metrics.yml"}}
	return &tools{T: t, catalogs: c, all: metricapp.Listings(c, at, policy)}
}

func (ts *tools) bind(name, args string) (tool.Bound, error) {
	ts.Helper()
	for _, tl := range ts.all {
		if tl.Name == name {
			return tl.Bind(ts.Context(), analyst, json.RawMessage(args))
		}
	}
	ts.Fatalf("there is no tool %s", name)
	return tool.Bound{}, nil
}

// call runs a tool, checks arguments and answer against its schemas, and gives the answer.
func (ts *tools) call(name, args string) (map[string]any, string) {
	ts.Helper()
	ts.validate(name, "input", []byte(args))
	b, err := ts.bind(name, args)
	if err != nil {
		ts.Fatalf("%s %s: %v", name, args, err)
	}
	r, err := b.Run(ts.Context())
	if err != nil {
		ts.Fatalf("%s %s: %v", name, args, err)
	}
	data, err := json.Marshal(r.Structured)
	if err != nil {
		ts.Fatal(err)
	}
	ts.validate(name, "output", data)
	var structured map[string]any
	if err := json.Unmarshal(data, &structured); err != nil {
		ts.Fatal(err)
	}
	return structured, r.Text
}

func (ts *tools) validate(name, which string, value []byte) {
	ts.Helper()
	for _, tl := range ts.all {
		if tl.Name != name {
			continue
		}
		schema := tl.InputSchema
		if which == "output" {
			schema = tl.OutputSchema
		}
		compiled := compile(ts.T, name+" "+which, schema)
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
		if err != nil {
			ts.Fatal(err)
		}
		if err := compiled.Validate(instance); err != nil {
			ts.Errorf("%s of %s: %v\n%s", which, name, err, value)
		}
	}
}

func compile(t *testing.T, name string, schema json.RawMessage) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("test:///schema", document); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	compiled, err := c.Compile("test:///schema")
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return compiled
}

// names are the names in a listing's answer.
func names(structured map[string]any, member string) []string {
	found := []string{}
	items, _ := structured[member].([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		name, _ := fields["name"].(string)
		found = append(found, name)
	}
	return found
}
