package listing_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func describe(ts *tools, name string) (map[string]any, string) {
	ts.Helper()
	got, text := ts.call("describe_metric", `{"name": "`+name+`"}`)
	m, _ := got["metric"].(map[string]any)
	return m, text
}

func TestDescribeMetric_SpellsOutTheFormula(t *testing.T) {
	got, text := describe(listings(t, deny{}), "growth")
	revenue := map[string]any{
		"type": "simple", "expr": "revenue_column", "aggregation": "sum", "semantic_model": "orders", "time_dimension": "ordered_at",
	}
	want := map[string]any{
		"name": "growth", "type": "derived", "requires_metric_time": true, "semantic_models": []any{"orders"}, "file": nil, "line": nil,
		"formula": map[string]any{"type": "derived", "expr": "revenue / before", "inputs": []any{
			map[string]any{"metric": "revenue", "formula": revenue},
			map[string]any{"metric": "revenue", "alias": "before", "offset_window": "1 month", "formula": revenue},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, part := range []string{"= revenue / before", "revenue as before, 1 month earlier:", "sum(revenue_column) of orders by ordered_at"} {
		if !strings.Contains(text, part) {
			t.Errorf("the text lacks %q:\n%s", part, text)
		}
	}
}

func TestDescribeMetric_TellsWhereItIsDefined(t *testing.T) {
	ts := listings(t, deny{})
	for name, want := range map[string][2]any{"revenue": {"models/metrics.yml", 3.0}, "orders": {"models/metrics.yml", nil}, "margin": {nil, nil}} {
		got, _ := describe(ts, name)
		if got["file"] != want[0] || got["line"] != want[1] {
			t.Errorf("%s is in %v, line %v; want %v", name, got["file"], got["line"], want)
		}
	}
	got, text := describe(ts, "revenue")
	if got["time_grain"] != "month" || !strings.Contains(text, "defined in models/metrics.yml, line 3") {
		t.Errorf("got %v\n%s", got, text)
	}
	if diff := cmp.Diff(map[string]any{"synonyms": "sales, turnover", "tier": 1.0}, got["meta"]); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
}

func TestDescribeMetric_ShowsNoHiddenNameInTheFormula(t *testing.T) {
	for _, tt := range []struct {
		metric, denied, absent, present string
	}{
		{"web_orders", "dimension:order__channel", "order__channel", "not shown"},
		{"web_orders", "dimension:customer__email", "not shown", "order__channel"},
		{"margin", "dimension:customer__email", "customer__email", "not shown"}, // in a private input
		{"repeat_rate", "entity:customer", `"entity"`, "conversion_rate"},
		{"repeat_rate", "entity:region", "not shown", `"entity":"customer"`},
	} {
		got, text := describe(listings(t, deny{tt.denied}), tt.metric)
		data, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), tt.absent) || strings.Contains(text, tt.absent) || !strings.Contains(string(data), tt.present) {
			t.Errorf("%s without %s: %s\n%s", tt.metric, tt.denied, data, text)
		}
	}
}
