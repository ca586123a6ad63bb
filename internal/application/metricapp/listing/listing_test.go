package listing_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/listing"
	"github.com/steward-mcp/steward/internal/application/metricapp/metricapptest"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

func TestListings_AreReadOnlyToolsWithClosedSchemas(t *testing.T) {
	ts := listings(t, deny{})
	var got []string
	for _, tl := range ts.all {
		got = append(got, tl.Name)
		if !tl.ReadOnly || tl.Title == "" || tl.Description == "" {
			t.Errorf("%s: %+v", tl.Name, tl.Definition)
		}
		compile(t, tl.Name+" input", tl.InputSchema)
		compile(t, tl.Name+" output", tl.OutputSchema)
		var input any
		if err := json.Unmarshal(tl.InputSchema, &input); err != nil {
			t.Fatal(err)
		}
		for _, complaint := range unbounded(tl.Name, input) {
			t.Error(complaint)
		}
	}
	want := []string{"list_metrics", "describe_metric", "list_dimensions", "list_entities", "list_saved_queries"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// unbounded finds strings, arrays and objects of a schema that a caller could make as large as it likes, and
// arguments without a description.
func unbounded(path string, schema any) []string {
	node, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	var complaints []string
	for kind, bound := range map[string]string{"string": "maxLength", "array": "maxItems", "object": "additionalProperties", "integer": "maximum"} {
		if node["type"] == kind && node[bound] == nil {
			complaints = append(complaints, fmt.Sprintf("%s: %s without %s", path, kind, bound))
		}
	}
	properties, _ := node["properties"].(map[string]any)
	for name, p := range properties {
		complaints = append(complaints, unbounded(path+"."+name, p)...)
		if p, ok := p.(map[string]any); ok && p["description"] == nil {
			complaints = append(complaints, path+"."+name+": no description")
		}
	}
	return append(complaints, unbounded(path+"[]", node["items"])...)
}

func TestListMetrics_ShowsWhatThereIs(t *testing.T) {
	ts := listings(t, deny{"metric:web_orders"})
	got, text := ts.call("list_metrics", `{}`)
	if diff := cmp.Diff([]string{"growth", "margin", "orders", "repeat_rate", "revenue"}, names(got, "metrics")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want := map[string]any{"hash": strings.Repeat("ab", 32), "age_seconds": 90.0}
	if diff := cmp.Diff(want, got["manifest"]); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	revenue, _ := got["metrics"].([]any)[4].(map[string]any)
	if diff := cmp.Diff(map[string]any{
		"name": "revenue", "type": "simple", "description": "What customers paid.", "synonyms": []any{"sales", "turnover"}, "requires_metric_time": false,
	}, revenue); diff != "" {
		t.Errorf("revenue (-want +got):\n%s", diff)
	}
	for _, part := range []string{"5 of 5 metrics", "- revenue (simple): What customers paid. (also: sales, turnover)", "- growth (derived) [needs metric_time in group_by]"} {
		if !strings.Contains(text, part) {
			t.Errorf("the text lacks %q:\n%s", part, text)
		}
	}
	if strings.Contains(text, "web_orders") {
		t.Error("the text names the hidden metric")
	}
}

func TestListMetrics_SearchesAndBringsTheDimensionsOfFew(t *testing.T) {
	ts := listings(t, deny{"dimension:customer__email"})
	got, _ := ts.call("list_metrics", `{"search": "TURNOVER paid"}`)
	items, _ := got["metrics"].([]any)
	if len(items) != 1 {
		t.Fatalf("found %v; want revenue", got)
	}
	found, _ := items[0].(map[string]any)
	want := []any{"customer__region__name", "customer__segment", "metric_time", "order__channel", "order__ordered_at"}
	if diff := cmp.Diff(want, found["dimensions"]); diff != "" {
		t.Errorf("dimensions (-want +got):\n%s", diff)
	}
	for _, args := range []string{`{"with_dimensions": true}`, `{"show_all_dimensions": true}`} {
		got, _ = ts.call("list_metrics", args)
		for _, item := range got["metrics"].([]any) {
			if m, _ := item.(map[string]any); m["dimensions"] == nil {
				t.Errorf("%s: %v has no dimensions", args, m["name"])
			}
		}
	}
	got, text := ts.call("list_metrics", `{"search": "unheard of"}`)
	if len(names(got, "metrics")) != 0 || !strings.Contains(text, "No metric that you may ask matches") {
		t.Errorf("an empty answer is %v\n%s", got, text)
	}
}

func TestListDimensions_TellsTypesAndGrains(t *testing.T) {
	ts := listings(t, deny{})
	got, text := ts.call("list_dimensions", `{"metrics": ["growth"]}`)
	byName := map[string]map[string]any{}
	for _, item := range got["dimensions"].([]any) {
		d, _ := item.(map[string]any)
		byName[d["name"].(string)] = d
	}
	if diff := cmp.Diff(map[string]any{
		"name": "metric_time", "type": "time", "grain": "day", "requires_metric_time": false,
		"description": byName["metric_time"]["description"],
		"grains":      []any{"day", "week", "month", "quarter", "year"},
		"date_parts":  []any{"year", "quarter", "month", "day", "dow", "doy"},
	}, byName["metric_time"]); diff != "" {
		t.Errorf("metric_time (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{
		"name": "order__channel", "type": "categorical", "label": "Sales channel", "requires_metric_time": true,
	}, byName["order__channel"]); diff != "" {
		t.Errorf("order__channel (-want +got):\n%s", diff)
	}
	if !strings.Contains(text, "- metric_time (time by day, week, month, quarter, year)") {
		t.Errorf("the text is\n%s", text)
	}
	got, _ = ts.call("list_dimensions", `{"metrics": ["revenue"], "search": "sales CHANNEL"}`)
	if diff := cmp.Diff([]string{"order__channel"}, names(got, "dimensions")); diff != "" {
		t.Errorf("search (-want +got):\n%s", diff)
	}
	got, _ = ts.call("list_dimensions", `{}`)
	if !slices.Contains(names(got, "dimensions"), "region__name") {
		t.Errorf("without metrics: %q", names(got, "dimensions"))
	}
}

func TestListEntities_TellsEveryPath(t *testing.T) {
	got, text := listings(t, deny{}).call("list_entities", `{"metrics": ["revenue", "orders"]}`)
	if diff := cmp.Diff([]string{"customer", "order", "region"}, names(got, "entities")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	first, _ := got["entities"].([]any)[0].(map[string]any)
	if diff := cmp.Diff([]any{"customer", "order__customer"}, first["group_by"]); diff != "" {
		t.Errorf("customer (-want +got):\n%s", diff)
	}
	if !strings.Contains(text, "- customer: group by customer or order__customer") {
		t.Errorf("the text is\n%s", text)
	}
}

func TestListSavedQueries_TellsWhatTheyAsk(t *testing.T) {
	got, _ := listings(t, deny{}).call("list_saved_queries", `{"search": "region"}`)
	if diff := cmp.Diff([]any{map[string]any{
		"name": "by_region", "metrics": []any{"revenue"}, "group_by": []any{"Dimension('region__name')"}, "limit": 5.0,
	}}, got["saved_queries"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestListings_AnswerAHiddenMetricLikeAnUnknownOne(t *testing.T) {
	ts := listings(t, deny{"metric:revenue"})
	for name, args := range map[string]string{
		"describe_metric": `{"name": "revenue"}`, "list_dimensions": `{"metrics": ["orders", "revenue"]}`, "list_entities": `{"metrics": ["revenue"]}`,
	} {
		b, err := ts.bind(name, args)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, unknown := ts.bind(name, strings.ReplaceAll(args, "revenue", "revenux"))
		if unknown == nil || b.Refusal == nil {
			t.Fatalf("%s: refusal %v, and for an unknown name %v", name, b.Refusal, unknown)
		}
		asUnknown := strings.ReplaceAll(fmt.Sprint(face(fault.From(unknown))), "revenux", "revenue")
		if got := fmt.Sprint(face(b.Refusal)); got != asUnknown {
			t.Errorf("%s: hidden says %s, unknown %s", name, got, asUnknown)
		}
		if (deny{"metric:revenue"}).Decide(analyst, b.Demands...).Allowed {
			t.Errorf("%s: the gate would let %v pass", name, b.Demands)
		}
		if _, err := b.Run(t.Context()); !errors.Is(err, metric.ErrUnknownMetric) {
			t.Errorf("%s: run past the gate it gives %v", name, err)
		}
	}
}

func TestListings_PageWithoutKeepingState(t *testing.T) {
	ts := listings(t, deny{})
	var all []string
	args := `{"limit": 4}`
	for range 3 {
		got, text := ts.call("list_metrics", args)
		all = append(all, names(got, "metrics")...)
		next, more := got["next_cursor"].(string)
		if !more {
			break
		}
		if !strings.Contains(text, next) {
			t.Error("the text does not tell the cursor")
		}
		args = fmt.Sprintf(`{"limit": 4, "cursor": %q}`, next)
	}
	if diff := cmp.Diff([]string{"growth", "margin", "orders", "repeat_rate", "revenue", "web_orders"}, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestListings_RefuseACursorOfAnotherList(t *testing.T) {
	ts := listings(t, deny{})
	got, _ := ts.call("list_metrics", `{"limit": 2}`)
	cursor, _ := got["next_cursor"].(string)
	refused := func(what, name, args string) {
		t.Helper()
		if _, err := ts.bind(name, args); !errors.Is(err, listing.ErrCursor) {
			t.Errorf("%s: %v; want ErrCursor", what, err)
		}
	}
	refused("another tool", "list_saved_queries", fmt.Sprintf(`{"cursor": %q}`, cursor))
	refused("another search", "list_metrics", fmt.Sprintf(`{"cursor": %q, "search": "r"}`, cursor))
	refused("no cursor", "list_metrics", `{"cursor": "nonsense"}`)
	refused("no base64", "list_metrics", `{"cursor": "?"}`)
	refused("a negative place", "list_dimensions", `{"cursor": "eyJmIjotMSwibCI6IiJ9"}`)
	refused("more than a cursor", "list_metrics", fmt.Sprintf(`{"cursor": %q}`, cursor+"\\n"))
	ts.catalogs.Hash = strings.Repeat("cd", 32)
	refused("another manifest", "list_metrics", fmt.Sprintf(`{"cursor": %q, "limit": 2}`, cursor))
}

func TestListings_ReadArgumentsStrictly(t *testing.T) {
	ts := listings(t, deny{})
	for _, tt := range []struct{ name, args, says string }{
		{"list_metrics", `{"serch": "x"}`, `"serch"`},
		{"list_metrics", `{"Search": "x"}`, `"Search"`},
		{"list_metrics", `{"limit": "3"}`, `"limit"`},
		{"list_dimensions", `{"metrics": "revenue"}`, `"metrics"`},
		{"list_entities", `[]`, "JSON object"},
		{"list_saved_queries", `{"metrics": []}`, `"metrics"`},
		{"describe_metric", `null`, "JSON object"},
		{"describe_metric", `{"name": 3}`, `"name"`},
	} {
		_, err := ts.bind(tt.name, tt.args)
		f := fault.From(err)
		if !errors.Is(err, metricapp.ErrArguments) || f.Kind != fault.Invalid || !strings.Contains(f.Message, tt.says) {
			t.Errorf("%s %s: %v; want ErrArguments naming %s", tt.name, tt.args, err, tt.says)
		}
	}
}

func TestListings_SayWhenThereIsNoManifest(t *testing.T) {
	ts := listings(t, deny{})
	ts.catalogs.err = metric.ErrNoManifest
	for _, tl := range ts.all {
		args := `{}`
		if tl.Name == "describe_metric" {
			args = `{"name": "revenue"}`
		}
		if _, err := ts.bind(tl.Name, args); !errors.Is(err, metric.ErrNoManifest) {
			t.Errorf("%s: %v; want ErrNoManifest", tl.Name, err)
		}
	}
}

func TestListings_SayWhenTheManifestIsNotTheNewest(t *testing.T) {
	ts := listings(t, deny{})
	ts.catalogs.Stale = metric.ErrManifest
	if _, text := ts.call("list_metrics", `{}`); !strings.Contains(text, "dbt parse") {
		t.Errorf("the text is\n%s", text)
	}
}

func TestListMetrics_BoundsItsText(t *testing.T) {
	var many []metric.Metric
	for i := range 400 {
		many = append(many, metricapptest.Simple(fmt.Sprintf("metric_%03d", i), strings.Repeat("words and ", 100)))
	}
	c, err := metric.NewCatalog(metric.Manifest{Models: []metric.Model{{
		Name: "orders", Dimensions: []metric.ModelDimension{{Name: "ordered_at", Kind: metric.Time}},
	}}, Metrics: many})
	if err != nil {
		t.Fatal(err)
	}
	ts := listings(t, deny{})
	ts.catalogs.Catalog = c
	got, text := ts.call("list_metrics", `{"limit": 400}`)
	if len(names(got, "metrics")) != 400 || len(text) > 25_000 || !strings.Contains(text, "more lines") {
		t.Errorf("%d metrics, %d bytes of text ending in %q", len(names(got, "metrics")), len(text), text[len(text)-80:])
	}
}
