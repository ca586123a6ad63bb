package guide_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/application/metricapp/guide"
	"github.com/steward-mcp/steward/internal/application/metricapp/listing"
	"github.com/steward-mcp/steward/internal/application/metricapp/metricapptest"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type deny = metricapptest.Deny

// catalogs always has the one snapshot, or the one fault.
type catalogs struct {
	metric.Snapshot
	err error
}

func (c *catalogs) Current(context.Context) (metric.Snapshot, error) { return c.Snapshot, c.err }

type nowhere struct{}

func (nowhere) Locate(context.Context, string) (metric.Location, bool) {
	return metric.Location{}, false
}

// opened is a guide over the shop, and the policy that it obeys.
type opened struct {
	*testing.T
	*guide.Guide
	policy   deny
	catalogs *catalogs
}

func open(t *testing.T, policy deny) opened {
	t.Helper()
	c := &catalogs{Snapshot: metric.Snapshot{Catalog: metricapptest.Shop(t), Hash: strings.Repeat("ab", 32), Age: 90 * time.Second}}
	tools := listing.Tools(c, nowhere{}, policy)
	describe := slices.IndexFunc(tools, func(t tool.Tool) bool { return t.Name == "describe_metric" })
	return opened{t, guide.New(c, policy, tools[describe]), policy, c}
}

// use does what the gate would: a use whose demands are refused does not run.
func use[R any](o opened, bound tool.Use[R], err error) (R, error) {
	o.Helper()
	var none R
	if err != nil {
		return none, err
	}
	if len(bound.Demands) > 0 && !o.policy.Decide(metricapptest.Analyst, bound.Demands...).Allowed || bound.Objection != "" {
		return none, bound.Refusal
	}
	return bound.Run(o.Context())
}

func (o opened) catalog() (map[string]any, error) {
	o.Helper()
	bound, err := o.Resources()[0].Bind(o.Context(), metricapptest.Analyst)
	content, err := use(o, bound, err)
	var all map[string]any
	if err == nil {
		err = json.Unmarshal([]byte(content.Text), &all)
	}
	return all, err
}

func (o opened) metric(name string) (string, error) {
	o.Helper()
	bound, err := o.Templates()[0].Bind(o.Context(), metricapptest.Analyst, map[string]string{"name": name})
	content, err := use(o, bound, err)
	return content.Text, err
}

func (o opened) prompt(name string, args map[string]string) (string, error) {
	o.Helper()
	i := slices.IndexFunc(o.Prompts(), func(p tool.Prompt) bool { return p.Name == name })
	bound, err := o.Prompts()[i].Bind(o.Context(), metricapptest.Analyst, args)
	made, err := use(o, bound, err)
	if err != nil {
		return "", err
	}
	return made.Turns[0].Text, nil
}

func (o opened) complete(argument, typed string, given map[string]string) string {
	o.Helper()
	values, err := o.Prompts()[0].Complete(o.Context(), metricapptest.Analyst, argument, typed, given)
	if err != nil {
		o.Fatal(err)
	}
	return strings.Join(values, " ")
}

func entries(catalog map[string]any, kind string) string {
	var found []string
	list, _ := catalog[kind].([]any)
	for _, e := range list {
		found = append(found, fmt.Sprint(e.(map[string]any)["name"]))
	}
	return strings.Join(found, " ")
}

func TestCatalog_ShowsWhatMayBeAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy deny
		want   map[string]string
	}{
		"everything": {nil, map[string]string{
			"metrics":       "growth margin orders repeat_rate revenue web_orders",
			"dimensions":    "customer__email customer__region__name customer__segment metric_time order__channel order__ordered_at",
			"entities":      "customer order region",
			"saved_queries": "by_region by_segment growth_by_month murky",
		}},
		"not revenue, nor what is made of it": {deny{"metric:revenue", "dimension:customer__email"}, map[string]string{
			"metrics": "orders web_orders", "dimensions": "customer__region__name customer__segment metric_time order__channel order__ordered_at",
			"entities": "customer order region", "saved_queries": "",
		}},
		"no customers": {deny{"entity:customer", "dimension:customer__segment", "metric:margin"}, map[string]string{
			"metrics": "growth orders repeat_rate revenue web_orders", "dimensions": "customer__email customer__region__name metric_time order__channel order__ordered_at",
			"entities": "order region", "saved_queries": "by_region growth_by_month",
		}},
	} {
		all, err := open(t, c.policy).catalog()
		if err != nil {
			t.Fatal(err)
		}
		for kind, want := range c.want {
			if diff := cmp.Diff(want, entries(all, kind)); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, kind, diff)
			}
		}
		manifest, _ := all["manifest"].(map[string]any)
		if manifest["hash"] != strings.Repeat("ab", 32) || manifest["age_seconds"] != 90.0 || all["left_out"] != nil {
			t.Errorf("%s: %v", name, all)
		}
	}
}

func TestCatalog_IsBounded(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	m := metric.Manifest{TimeSpines: []metric.TimeSpine{{Grain: "day"}}, Models: []metric.Model{{
		Name: "orders", Entities: []metric.ModelEntity{{Name: "order", Type: "primary"}},
		Dimensions: []metric.ModelDimension{{Name: "ordered_at", Kind: metric.Time, Grain: "day"}},
	}}}
	for i := range 520 {
		m.Metrics = append(m.Metrics, metricapptest.Simple(fmt.Sprintf("m%03d", i), strings.Repeat("Long. ", 1000)))
	}
	var err error
	if o.catalogs.Catalog, err = metric.NewCatalog(m); err != nil {
		t.Fatal(err)
	}
	all, err := o.catalog()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(all)
	if listed, _ := all["metrics"].([]any); len(listed) != 500 || fmt.Sprint(all["left_out"]) != "map[metrics:20]" || len(text) > 300_000 {
		t.Errorf("%d metrics in %d bytes, left out %v", len(listed), len(text), all["left_out"])
	}
}

func TestMetric_IsWhatDescribeMetricTells(t *testing.T) {
	t.Parallel()
	text, err := open(t, nil).metric("revenue")
	if err != nil || !strings.Contains(text, `"name":"revenue"`) || !strings.Contains(text, `"hash":`) {
		t.Errorf("%s, %v", text, err)
	}
	_, hidden := open(t, deny{"metric:revenue"}).metric("revenue")
	_, absent := open(t, deny{"metric:revenue"}).metric("revenu")
	if !errors.Is(hidden, metric.ErrUnknownMetric) || fault.From(hidden).Message != strings.Replace(fault.From(absent).Message, "revenu", "revenue", 1) {
		t.Errorf("hidden: %v; absent: %v", hidden, absent)
	}
}

func TestPrompts_TeachTheOrderOfTheTools(t *testing.T) {
	t.Parallel()
	o := open(t, deny{"dimension:customer__email"})
	for name, c := range map[string]struct {
		prompt string
		args   map[string]string
		order  []string
	}{
		"an analysis": {
			"metric_analysis",
			map[string]string{"metric": "revenue", "question": "Why\n\n# less?", "period": "May", "dimension": "customer__segment", "grain": "week"},
			[]string{
				"revenue", "What customers paid.", "Grouped by: customer__region__name, customer__segment, metric_time", "The question: Why # less?", "The period: May", "list_metrics", "list_dimensions",
				`["revenue"]`, "list_dimension_values", "query", `"week"`, "compare_periods", "customer__segment",
			},
		},
		"a report": {
			"metric_report",
			map[string]string{"metrics": "orders, revenue", "audience": "the board", "saved_query": "by_region"},
			[]string{
				"orders, revenue", "How many.", "The readers: the board", "list_metrics", `["orders", "revenue"]`, "list_dimension_values",
				"query", `"month"`, "compare_periods", `"saved_query": "by_region"`,
			},
		},
	} {
		text, err := o.prompt(c.prompt, c.args)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		rest := text
		for _, word := range c.order {
			_, after, found := strings.Cut(rest, word)
			if !found {
				t.Errorf("%s: %q does not come next:\n%s", name, word, text)
				break
			}
			rest = after
		}
		if strings.Contains(text, "email") {
			t.Errorf("%s names what is hidden:\n%s", name, text)
		}
	}
}

// What is hidden is refused as if it were not there, and nothing behind it is read.
func TestPrompts_RefuseWhatTheCallerMayNotSee(t *testing.T) {
	t.Parallel()
	o := open(t, deny{"metric:margin", "dimension:customer__email"})
	for name, c := range map[string]struct {
		args map[string]string
		want *fault.Fault
	}{
		"a hidden metric":                 {map[string]string{"metrics": "margin"}, metric.ErrUnknownMetric},
		"no metric":                       {map[string]string{"metrics": "nothing"}, metric.ErrUnknownMetric},
		"one of several":                  {map[string]string{"metrics": "revenue,margin"}, metric.ErrUnknownMetric},
		"with a grain that nobody has":    {map[string]string{"metrics": "margin", "grain": "era"}, metric.ErrUnknownMetric},
		"an ingredient":                   {map[string]string{"metrics": "raw_cost"}, metric.ErrUnknownMetric},
		"a hidden dimension":              {map[string]string{"metrics": "revenue", "dimension": "customer__email"}, metric.ErrUnknownField},
		"no dimension":                    {map[string]string{"metrics": "revenue", "dimension": "customer__mail"}, metric.ErrUnknownField},
		"a hidden saved query":            {map[string]string{"metrics": "revenue", "saved_query": "by_segment"}, metric.ErrUnknownSavedQuery},
		"no saved query":                  {map[string]string{"metrics": "revenue", "saved_query": "by_nothing"}, metric.ErrUnknownSavedQuery},
		"no grain":                        {map[string]string{"metrics": "revenue", "grain": "hour"}, metric.ErrGrain},
		"commas only":                     {map[string]string{"metrics": " , "}, guide.ErrPromptMetrics},
		"too many":                        {map[string]string{"metrics": strings.Repeat("revenue,", 11)}, guide.ErrPromptMetrics},
		"a hidden one and no saved query": {map[string]string{"metrics": "margin", "saved_query": "by_nothing"}, metric.ErrUnknownMetric},
	} {
		text, err := o.prompt("metric_report", c.args)
		if !errors.Is(err, c.want) || text != "" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if f := fault.From(err); f != nil && slices.ContainsFunc(f.Suggestions, func(s string) bool { return s == "margin" || strings.Contains(s, "email") || s == "by_segment" }) {
			t.Errorf("%s: suggests %v", name, f.Suggestions)
		}
	}
}

func TestComplete_KnowsWhatTheCallerMaySee(t *testing.T) {
	t.Parallel()
	o := open(t, deny{"metric:margin", "dimension:customer__email"})
	for _, c := range []struct {
		argument, typed string
		given           map[string]string
		want            string
	}{
		{"metric", "", nil, "growth orders repeat_rate revenue web_orders"},
		{"name", "RE", nil, "repeat_rate revenue"},
		{"metric", "orders", nil, "orders web_orders"}, // what begins so, then what holds it
		{"metric", "mar", nil, ""},
		{"metrics", "revenue, or", nil, "revenue,orders revenue,web_orders"},
		{"metrics", "revenue,rev", nil, ""},
		{"dimension", "customer__s", map[string]string{"metric": "revenue"}, "customer__segment"},
		{"dimension", "", map[string]string{"metrics": "revenue, orders"}, "customer__region__name customer__segment metric_time order__channel order__ordered_at"},
		{"dimension", "", map[string]string{"metric": "margin"}, ""},
		{"dimension", "", map[string]string{"metric": "nothing"}, ""},
		{"dimension", "", map[string]string{"metric": strings.Repeat("revenue,", 11)}, ""},
		{"grain", "", map[string]string{"metric": "revenue"}, "day week month quarter year"},
		{"grain", "", map[string]string{"metric": "revenue", "dimension": "order__ordered_at"}, "day week month quarter year"},
		{"grain", "m", map[string]string{"metric": "revenue", "dimension": "customer__segment"}, "month"},
		{"saved_query", "by", nil, "by_region growth_by_month"},
		{"question", "", nil, ""},
		{"nothing", "", nil, ""},
	} {
		if got := o.complete(c.argument, c.typed, c.given); got != c.want {
			t.Errorf("%s %q given %v: %q, want %q", c.argument, c.typed, c.given, got, c.want)
		}
	}
}

// Whatever is completed can be used.
func TestComplete_OffersOnlyWhatAPromptTakes(t *testing.T) {
	t.Parallel()
	for _, policy := range []deny{nil, {"metric:margin", "dimension:customer__email"}, {"metric:revenue", "entity:customer"}} {
		o := open(t, policy)
		for name := range strings.FieldsSeq(o.complete("metric", "", nil)) {
			given := map[string]string{"metric": name}
			if _, err := o.metric(name); err != nil {
				t.Errorf("%v: metric://%s: %v", policy, name, err)
			}
			for dimension := range strings.FieldsSeq(o.complete("dimension", "", given)) {
				for grain := range strings.FieldsSeq(o.complete("grain", "", map[string]string{"metric": name, "dimension": dimension})) {
					if _, err := o.prompt("metric_analysis", map[string]string{"metric": name, "dimension": dimension, "grain": grain}); err != nil {
						t.Errorf("%v: %s by %s at %s: %v", policy, name, dimension, grain, err)
					}
				}
			}
			for saved := range strings.FieldsSeq(o.complete("saved_query", "", nil)) {
				if _, err := o.prompt("metric_report", map[string]string{"metrics": name, "saved_query": saved}); err != nil {
					t.Errorf("%v: %s and %s: %v", policy, name, saved, err)
				}
			}
		}
	}
}

func TestGuide_SaysWhenThereIsNoManifest(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	o.catalogs.err = metric.ErrNoManifest
	_, catalog := o.catalog()
	_, one := o.metric("revenue")
	_, prompt := o.prompt("metric_analysis", map[string]string{"metric": "revenue"})
	_, complete := o.Prompts()[0].Complete(t.Context(), metricapptest.Analyst, "metric", "", nil)
	for _, err := range []error{catalog, one, prompt, complete} {
		if !errors.Is(err, metric.ErrNoManifest) {
			t.Errorf("answered %v", err)
		}
	}
}
