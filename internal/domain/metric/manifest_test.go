package metric_test

import (
	"testing"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// The hand-made manifests of these tests are written with these few words.

func key(name, kind string) metric.ModelEntity { return metric.ModelEntity{Name: name, Type: kind} }

func text(name string) metric.ModelDimension {
	return metric.ModelDimension{Name: name, Kind: metric.Categorical}
}

func at(name, grain string) metric.ModelDimension {
	return metric.ModelDimension{Name: name, Kind: metric.Time, Grain: grain}
}

func interval() []metric.ModelDimension {
	return []metric.ModelDimension{
		{Name: "valid_from", Kind: metric.Time, Grain: "day", Validity: true},
		{Name: "valid_to", Kind: metric.Time, Grain: "day", Validity: true},
	}
}

func table(name string, keys []metric.ModelEntity, columns ...metric.ModelDimension) metric.Model {
	return metric.Model{Name: name, Entities: keys, Dimensions: columns}
}

func keys(k ...metric.ModelEntity) []metric.ModelEntity { return k }

func sum(name, model, dimension string) metric.Metric {
	return metric.Metric{Name: name, Kind: metric.Simple, Formula: metric.Formula{Aggregation: &metric.Aggregation{
		Model: model, Function: "sum", Expr: name, TimeDimension: dimension,
	}}}
}

func of(kind metric.Kind, name string, inputs ...string) metric.Metric {
	m := metric.Metric{Name: name, Kind: kind}
	for _, in := range inputs {
		m.Formula.Inputs = append(m.Formula.Inputs, metric.Ingredient{Metric: in})
	}
	return m
}

func days() []metric.TimeSpine { return []metric.TimeSpine{{Grain: "day"}} }

// shop is orders by customers in regions: two joins deep, with one metric on each of two tables.
func shop() metric.Manifest {
	return metric.Manifest{
		TimeSpines: days(),
		Models: []metric.Model{
			table("orders", keys(key("order", "primary"), key("customer", "foreign")), at("ordered_at", "day"), text("channel")),
			table("customers", keys(key("customer", "primary"), key("region", "foreign")), text("segment"), at("signed_up_at", "month")),
			table("regions", keys(key("region", "primary"), key("continent", "foreign")), text("name")),
			table("continents", keys(key("continent", "primary")), text("hemisphere")),
		},
		Metrics: []metric.Metric{sum("revenue", "orders", "ordered_at"), sum("signups", "customers", "signed_up_at")},
	}
}

func catalog(t *testing.T, m metric.Manifest) *metric.Catalog {
	t.Helper()
	c, err := metric.NewCatalog(m)
	if err != nil {
		t.Fatalf("NewCatalog: %v", err)
	}
	return c
}

func dimensions(t *testing.T, c *metric.Catalog, metrics ...string) []string {
	t.Helper()
	found, err := c.Dimensions(metrics)
	if err != nil {
		t.Fatalf("Dimensions(%q): %v", metrics, err)
	}
	names := []string{}
	for _, d := range found {
		names = append(names, d.Name)
	}
	return names
}

func entities(t *testing.T, c *metric.Catalog, metrics ...string) map[string][]string {
	t.Helper()
	found, err := c.Entities(metrics)
	if err != nil {
		t.Fatalf("Entities(%q): %v", metrics, err)
	}
	paths := map[string][]string{}
	for _, e := range found {
		paths[e.Name] = e.GroupBy()
	}
	return paths
}

func dimension(t *testing.T, c *metric.Catalog, name string, metrics ...string) metric.Dimension {
	t.Helper()
	found, err := c.Dimensions(metrics)
	if err != nil {
		t.Fatalf("Dimensions(%q): %v", metrics, err)
	}
	for _, d := range found {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("%q is not a dimension of %q", name, metrics)
	return metric.Dimension{}
}

func resolve(t *testing.T, c *metric.Catalog, name string, metrics ...string) (metric.Field, bool) {
	t.Helper()
	f, ok, err := c.Resolve(name, metrics)
	if err != nil {
		t.Fatalf("Resolve(%q, %q): %v", name, metrics, err)
	}
	return f, ok
}
