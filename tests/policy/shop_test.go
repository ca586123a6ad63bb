package policy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
	"github.com/steward-mcp/steward/tests/harness"
)

// shop is the demo with more corners: metrics whose definitions name what others must not see, saved queries of every
// form, prose that can be told apart from everything else, and customers with awkward names.
type shop struct {
	project   string
	warehouse string
	manifest  []byte
	parsed    metric.Manifest
	catalog   *metric.Catalog
}

// object is one object of the manifest's JSON.
type object = map[string]any

// awkward are names of customers that no escaping must stumble over, by customer_id.
var awkward = map[int]string{
	1: `O'Brien`, 2: `''`, 3: `back\slash`, 4: `\`, 5: `\'`, 6: `{{ 7*7 }}`, 7: `{% raw %}`, 8: `{# note #}`, 9: `100%`, 10: `under_score`,
	11: `-- comment`, 12: `/* comment */`, 13: `; drop table orders`, 14: `“curly”`, 15: `’`, 16: `"quoted"`, 17: `Ünïcödé ✓`, 18: `{`, 19: `}}`,
	20: `a' OR '1'='1`, 21: `$1`, 22: `:name`, 23: `?`, 24: `%s`, 25: ` padded `, 26: `NULL`, 27: `true`, 28: `42`, 29: `'||'`, 30: `{{`,
	31: `E'\x41'`, 32: "ＯＲ", 33: `a{{b}}c{%d%}e{#f#}g`, 34: `'`, 35: `\\`, 36: `customer__email`,
}

func buildShop(ctx context.Context, demo harness.Demo, dir string) (shop, error) {
	s := shop{project: dir, warehouse: filepath.Join(dir, "shop.duckdb")}
	original, err := os.ReadFile(filepath.Join(demo.Root, "configs", "demo", "semantic_manifest.json"))
	if err != nil {
		return s, err
	}
	if s.manifest, err = enrich(original); err != nil {
		return s, err
	}
	if s.parsed, _, err = manifest.Parse(s.manifest); err != nil {
		return s, err
	}
	if s.catalog, err = metric.NewCatalog(s.parsed); err != nil {
		return s, fmt.Errorf("the shop's manifest: %w: %w", err, unwrap(err))
	}
	for from, to := range map[string]string{
		filepath.Join(demo.Project, "dbt_project.yml"): filepath.Join(dir, "dbt_project.yml"), demo.Warehouse: s.warehouse,
	} {
		if err := copyFile(from, to); err != nil {
			return s, err
		}
	}
	if err := writeManifest(dir, s.manifest); err != nil {
		return s, err
	}
	if err := writeProfile(dir, s.warehouse, ""); err != nil {
		return s, err
	}
	names, err := json.Marshal(awkward)
	if err != nil {
		return s, err
	}
	_, err = demo.Run(ctx, `import json, sys
import duckdb
con = duckdb.connect(sys.argv[1])
for key, name in json.load(sys.stdin).items():
    con.execute("update marts.customers set full_name = ? where customer_id = ?", [name, int(key)])
`, bytes.NewReader(names), s.warehouse)
	return s, err
}

func unwrap(err error) error {
	if w, ok := err.(interface{ Unwrap() error }); ok {
		return w.Unwrap()
	}
	return nil
}

func writeManifest(project string, text []byte) error {
	target := filepath.Join(project, "target")
	if err := os.MkdirAll(target, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(target, "semantic_manifest.json"), text, 0o600)
}

// enrich adds the corners, and writes prose of which every word tells whose it is.
func enrich(original []byte) ([]byte, error) {
	var m object
	if err := json.Unmarshal(original, &m); err != nil {
		return nil, err
	}
	byName := map[string]object{}
	for _, node := range m["metrics"].([]any) {
		byName[node.(object)["name"].(string)] = node.(object)
	}
	for _, add := range corners() {
		node := clone(byName[add.like])
		node["name"] = add.name
		add.change(node, node["type_params"].(object))
		m["metrics"] = append(m["metrics"].([]any), node)
	}
	queries := m["saved_queries"].([]any)
	for _, q := range savedCorners {
		node := clone(queries[0].(object))
		node["name"] = q.name
		node["query_params"] = object{
			"metrics": q.metrics, "group_by": q.groupBy, "order_by": q.orderBy, "limit": nil, "where": filter(q.where...),
		}
		queries = append(queries, node)
	}
	m["saved_queries"] = queries
	tellApart(m)
	return json.Marshal(m)
}

func clone(o object) object {
	text, _ := json.Marshal(o) // came from JSON
	var c object
	_ = json.Unmarshal(text, &c)
	return c
}

func filter(conditions ...string) any {
	if len(conditions) == 0 {
		return nil
	}
	var all []any
	for _, c := range conditions {
		all = append(all, object{"where_sql_template": c})
	}
	return object{"where_filters": all}
}

type corner struct {
	name, like string
	change     func(node, params object)
}

func corners() []corner {
	return []corner{
		{"supplied_cost", "cost_of_goods_sold", func(node, params object) { // an ingredient that no list names
			params["is_private"] = true
			node["filter"] = filter("{{ Dimension('product__supplier') }} is not null")
		}},
		{"contribution", "gross_margin", func(_, params object) {
			params["expr"] = "revenue - supplied_cost"
			params["metrics"].([]any)[1].(object)["name"] = "supplied_cost"
		}},
		{"damage_per_visit", "refund_rate", func(_, params object) { // the condition holds for one input's rows only
			params["numerator"].(object)["filter"] = filter("{{ Dimension('refund__reason') }} = 'damaged'")
			params["denominator"].(object)["name"] = "visits"
		}},
		{"card_conversions", "visit_to_order_conversions", func(_, params object) { // so does this, and no group-by reaches it
			measure := params["conversion_type_params"].(object)["conversion_measure"].(object)
			measure["filter"] = filter("{{ Dimension('order_id__payment_method') }} = 'card'")
		}},
		{"profitable_orders", "orders", func(node, _ object) {
			node["filter"] = filter("{{ Metric('gross_margin', group_by=['customer']) }} > 100")
		}},
		{"loud_orders", "orders", func(node, _ object) {
			node["filter"] = filter("{{ Dimension('CUSTOMER__EMAIL') }} is not null")
		}},
		{"loud_profitable_orders", "orders", func(node, _ object) {
			node["filter"] = filter("{{ Metric('GROSS_MARGIN', group_by=['CUSTOMER']) }} > 100")
		}},
		{"murky_orders", "orders", func(node, _ object) {
			node["filter"] = filter("{% if true %}1 = 1{% endif %}")
		}},
	}
}

var savedCorners = []struct {
	name                             string
	metrics, groupBy, orderBy, where []string
}{
	{"contact_list", []string{"orders"}, []string{"Dimension('customer__segment')"}, []string{}, []string{"{{ Dimension('customer__email') }} is not null"}},
	{"by_tier", []string{"revenue", "units_sold"}, []string{"Dimension('customer__loyalty_tier')"}, []string{"Metric('revenue').descending(True)", "Dimension('customer__loyalty_tier')"}, nil},
	{"by_customer", []string{"orders"}, []string{"Entity('customer')"}, []string{}, nil},
	{"loud_margin", []string{"orders"}, []string{"Dimension('store__format')"}, []string{}, []string{"{{ Metric('GROSS_MARGIN', group_by=['customer']) }} > 100"}},
	{"murky", []string{"orders"}, []string{"Dimension('order_id__channel')"}, []string{}, []string{"{% if true %}1 = 1{% endif %}"}},
}

// tellApart gives the models names that nothing else has, and everything that can be described words of its own: what
// stands in an answer can then be traced to what it is about.
func tellApart(m object) {
	for _, node := range m["semantic_models"].([]any) {
		model := node.(object)
		name := model["name"].(string)
		model["name"] = name + "_rows"
		describe(model, "model_"+name)
		for _, part := range []string{"entities", "dimensions", "measures"} {
			for _, element := range model[part].([]any) {
				describe(element.(object), proseOf(name+"_rows", element.(object)["name"].(string)))
			}
		}
	}
	for _, part := range []string{"metrics", "saved_queries"} {
		for _, node := range m[part].([]any) {
			describe(node.(object), proseOf(part, node.(object)["name"].(string)))
		}
	}
}

// proseOf is the stem of the words that describe one element of a model, metric or saved query.
func proseOf(of, name string) string { return "says_" + of + "_" + name }

func describe(node object, stem string) {
	node["label"], node["description"] = stem+"_label", stem+"_text"
	node["config"] = object{"meta": object{"synonyms": []any{stem + "_synonym"}}}
}
