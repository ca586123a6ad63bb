package asking_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/asking"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// limited is a call by someone whom one persona, which may do everything, obliges.
type limited struct {
	access.Persona
	attributes map[string][]string
}

func (l limited) call(t *testing.T, name, args string) (*recordingSource, string, error) {
	t.Helper()
	l.Name, l.Allow = "limited", []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}
	policy, err := access.Compile([]access.Persona{l.Persona})
	if err != nil {
		t.Fatal(err)
	}
	who := access.Principal{Issuer: "key", Subject: "k", Personas: []string{"limited"}, Attributes: l.attributes}
	source := &recordingSource{}
	snapshot := metric.Snapshot{Catalog: askedCatalog(t), Hash: "c0ffee"}
	for _, found := range asking.Tools(fixedCatalog{snapshot}, source, policy, asking.Limits{}, time.Now, noPicture) {
		if found.Name != name {
			continue
		}
		bound, err := found.Bind(t.Context(), who, json.RawMessage(args))
		if err != nil {
			return source, "", err
		}
		if bound.Objection != "" {
			return source, bound.Objection, bound.Refusal
		}
		if d := policy.Decide(who, bound.Demands...); !d.Allowed {
			t.Fatalf("refused by %s", d.Rule)
		}
		_, err = bound.Run(t.Context())
		return source, "", err
	}
	t.Fatalf("no tool %s", name)
	return nil, "", nil
}

func rows(filters ...access.RowFilter) limited {
	return limited{Persona: access.Persona{Rows: filters}, attributes: map[string][]string{"regions": {"1", "2"}}}
}

var (
	byRegion = access.RowFilter{Field: "customer__region", Attribute: "regions"}
	byTier   = access.RowFilter{Field: "customer__tier", Op: "=", Values: []string{"gold"}, Metrics: []string{"cost"}}
)

func within(field string, kind metric.FieldKind, op metric.Op, values ...string) metric.Condition {
	c := metric.Comparison{Left: metric.Ref{Name: field, Kind: kind}, Op: op}
	for _, v := range values {
		c.Right = append(c.Right, metric.Value{Of: v})
	}
	return c
}

func TestQuery_LaysRowFiltersOnWhateverIsAsked(t *testing.T) {
	ofRegion := within("customer__region", metric.EntityKey, metric.In, "1", "2")
	ofTier := within("customer__tier", metric.Categorical, metric.Eq, "gold")
	callers := within("order__channel", metric.Categorical, metric.Eq, "web")
	for name, c := range map[string]struct {
		tool, args string
		want       []metric.Condition
	}{
		"a metric":              {"query", `{"metrics": ["orders"]}`, []metric.Condition{ofRegion}},
		"SQL":                   {"query", `{"metrics": ["orders"], "mode": "sql"}`, []metric.Condition{ofRegion}},
		"a metric with another": {"query", `{"metrics": ["orders", "cost"]}`, []metric.Condition{ofRegion, ofTier}},
		"a metric below":        {"query", `{"metrics": ["margin"]}`, []metric.Condition{ofRegion, ofTier}},
		"a filter beside it":    {"query", `{"metrics": ["orders"], "filters": [{"field": "order__channel", "op": "=", "value": "web"}]}`, []metric.Condition{callers, ofRegion}},
		"an or beside it": {
			"query", `{"metrics": ["orders"], "where": "order__channel = 'web' or order__channel is not null"}`,
			[]metric.Condition{
				metric.Or{Any: []metric.Condition{callers, metric.Comparison{Left: metric.Ref{Name: "order__channel", Kind: metric.Categorical}, Op: metric.IsNotNull}}},
				ofRegion,
			},
		},
		"a saved query":        {"query", `{"saved_query": "by_tier"}`, []metric.Condition{ofRegion}},
		"values with a metric": {"list_dimension_values", `{"dimension": "order__channel", "metrics": ["cost"]}`, []metric.Condition{ofRegion, ofTier}},
		"values alone":         {"list_dimension_values", `{"dimension": "customer__tier"}`, []metric.Condition{ofRegion, ofTier}},
		"groups alone":         {"query", `{"group_by": ["customer__salary"]}`, []metric.Condition{ofRegion, ofTier}},
	} {
		t.Run(name, func(t *testing.T) {
			source, objection, err := rows(byRegion, byTier).call(t, c.tool, c.args)
			if err != nil || objection != "" {
				t.Fatal(objection, err)
			}
			got := slices.Concat(source.question.Where, source.listing.Where)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQuery_RefusesWhatARowFilterCannotReach(t *testing.T) {
	far := access.RowFilter{Field: "store__country", Values: []string{"DE"}, Metrics: []string{"cost"}}
	for name, c := range map[string]struct {
		who        limited
		tool, args string
		rule       string
		want       *fault.Fault
	}{
		"a metric":                       {rows(far), "query", `{"metrics": ["cost"]}`, "limited/rows[0]", metric.ErrUnknownMetric},
		"a metric above":                 {rows(far), "query", `{"metrics": ["margin"]}`, "limited/rows[0]", metric.ErrUnknownMetric},
		"values with it":                 {rows(far), "list_dimension_values", `{"dimension": "customer__tier", "metrics": ["cost"]}`, "limited/rows[0]", metric.ErrUnknownMetric},
		"groups of another model":        {rows(byRegion), "query", `{"group_by": ["order__channel"]}`, "limited/rows[0]", metricapp.ErrRows},
		"groups of two models":           {rows(byRegion), "query", `{"group_by": ["customer__tier", "order__channel"]}`, "limited/rows[0]", metricapp.ErrRows},
		"the calendar":                   {rows(byRegion), "query", `{"group_by": ["metric_time"]}`, "limited/rows[0]", metricapp.ErrRows},
		"a filter on another model":      {rows(byRegion), "query", `{"group_by": ["customer__tier"], "where": "order__channel = 'web'"}`, "limited/rows[0]", metricapp.ErrRows},
		"values of another model":        {rows(byRegion), "list_dimension_values", `{"dimension": "order__channel"}`, "limited/rows[0]", metricapp.ErrRows},
		"without the attribute":          {limited{Persona: access.Persona{Rows: []access.RowFilter{byRegion}}}, "query", `{"metrics": ["orders"]}`, "limited/rows[0]", metric.ErrUnknownMetric},
		"with an empty attribute":        {limited{Persona: access.Persona{Rows: []access.RowFilter{byRegion}}, attributes: map[string][]string{"regions": {}}}, "query", `{"metrics": ["orders"]}`, "limited/rows[0]", metric.ErrUnknownMetric},
		"two values where one fits":      {rows(access.RowFilter{Field: "customer__tier", Op: "=", Attribute: "regions"}), "query", `{"metrics": ["orders"]}`, "limited/rows[0]", metric.ErrUnknownMetric},
		"a time that is none":            {rows(access.RowFilter{Field: "metric_time", Op: ">=", Values: []string{"lately"}}), "query", `{"metrics": ["orders"]}`, "limited/rows[0]", metric.ErrUnknownMetric},
		"Metric() in a condition":        {rows(byRegion), "query", `{"metrics": ["orders"], "where": "{{ Metric('orders', group_by=['customer']) }} > 2"}`, "limited/rows[0]", metricapp.ErrMetricFilter},
		"Metric() in a list's condition": {rows(byTier), "list_dimension_values", `{"dimension": "customer__tier", "metrics": ["orders"], "where": "{{ Metric('orders', group_by=['customer']) }} > 2"}`, "limited/rows[0]", metricapp.ErrMetricFilter},
	} {
		t.Run(name, func(t *testing.T) {
			source, objection, err := c.who.call(t, c.tool, c.args)
			f := fault.From(err)
			if objection != c.rule || f == nil || f.Code != c.want.Code {
				t.Fatalf("by %q: %v, want %s by %s", objection, err, c.want.Code, c.rule)
			}
			if source.question.Limit+source.listing.Limit != 0 {
				t.Error("the engine was asked")
			}
			if strings.Contains(f.Message, "customer__region") || strings.Contains(f.Message, "store__country") {
				t.Errorf("the refusal tells the filter's field: %s", f.Message)
			}
		})
	}
}

func TestQuery_KeepsToCaps(t *testing.T) {
	caps := limited{Persona: access.Persona{Caps: access.Caps{MaxRows: 20, MaxRangeDays: 31}}}
	for name, c := range map[string]struct {
		tool, args string
		limit      int
		rule       string
	}{
		"rows":                  {"query", `{"metrics": ["orders"], "limit": 500, "start_time": "2024-01-01", "end_time": "2024-01-31"}`, 20, ""},
		"fewer rows":            {"query", `{"metrics": ["orders"], "limit": 5, "start_time": "2024-01-01", "end_time": "2024-01-31"}`, 5, ""},
		"the default":           {"query", `{"metrics": ["orders"], "start_time": "2024-01-31", "end_time": "2024-01-31"}`, 20, ""},
		"values":                {"list_dimension_values", `{"dimension": "customer__tier", "metrics": ["orders"], "start_time": "2024-01-01", "end_time": "2024-01-31"}`, 20, ""},
		"a day more":            {"query", `{"metrics": ["orders"], "start_time": "2024-01-01", "end_time": "2024-02-01"}`, 0, "limited/max_range_days"},
		"an open start":         {"query", `{"metrics": ["orders"], "end_time": "2024-01-01"}`, 0, "limited/max_range_days"},
		"an open end":           {"query", `{"metrics": ["orders"], "start_time": "2024-01-01"}`, 0, "limited/max_range_days"},
		"no time":               {"query", `{"metrics": ["orders"]}`, 0, "limited/max_range_days"},
		"only explained":        {"query", `{"metrics": ["orders"], "mode": "sql"}`, 0, "limited/max_range_days"},
		"groups without a time": {"query", `{"group_by": ["customer__tier"]}`, 0, "limited/max_range_days"},
		"a saved query":         {"query", `{"saved_query": "by_tier"}`, 0, "limited/max_range_days"},
		"values without a time": {"list_dimension_values", `{"dimension": "customer__tier"}`, 0, "limited/max_range_days"},
	} {
		t.Run(name, func(t *testing.T) {
			source, objection, err := caps.call(t, c.tool, c.args)
			if got := source.question.Limit + source.listing.Limit; got != c.limit || objection != c.rule || (err != nil) != (c.rule != "") {
				t.Errorf("limit %d by %q: %v", got, objection, err)
			}
		})
	}
}

func TestQuery_OnlyExplainsToWhoMayNotRun(t *testing.T) {
	planner := limited{Persona: access.Persona{Caps: access.Caps{ExplainOnly: true}}}
	for args, rule := range map[string]string{
		`{"metrics": ["orders"], "mode": "sql"}`:      "",
		`{"metrics": ["orders"], "mode": "validate"}`: "",
		`{"metrics": ["orders"], "explain": true}`:    "",
		`{"metrics": ["orders"]}`:                     "limited/explain_only",
		`{"saved_query": "by_tier"}`:                  "limited/explain_only",
	} {
		if _, objection, err := planner.call(t, "query", args); objection != rule || (err != nil) != (rule != "") {
			t.Errorf("%s: by %q, %v", args, objection, err)
		}
	}
	if _, objection, _ := planner.call(t, "list_dimension_values", `{"dimension": "customer__tier"}`); objection != "limited/explain_only" {
		t.Errorf("values are listed: %q", objection)
	}
}
