package asking_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/asking"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

func TestTimeRange_AsksEachMetricFromBothEnds(t *testing.T) {
	c := &calendar{policy: persona(t, access.Persona{
		Rows: []access.RowFilter{{Field: "customer__region", Attribute: "regions", Metrics: []string{"cost"}}}, Caps: access.Caps{MaxRows: 7},
	})}
	_, bound, err := c.call(t, "time_range", `{"metrics": ["revenue", "cost"], "filters": [{"field": "sales_id__channel", "op": "=", "value": "web"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	day := metric.GroupBy{Name: "metric_time", Grain: "day"}
	known := metric.Comparison{Left: metric.Ref{Name: "metric_time", Kind: metric.Time, Grain: "day"}, Op: metric.IsNotNull}
	callers := within("sales_id__channel", metric.Categorical, metric.Eq, "web")
	rows := map[string][]metric.Condition{
		"revenue": {callers, known}, "cost": {callers, known, within("customer__region", metric.Categorical, metric.In, "EU")},
	}
	var want []metric.Question
	for _, m := range []string{"revenue", "cost"} {
		for _, down := range []bool{false, true} {
			want = append(want, metric.Question{
				Manifest: "c0ffee", Metrics: []string{m}, GroupBy: []metric.GroupBy{day}, Where: rows[m],
				OrderBy: []metric.OrderBy{{GroupBy: day, Descending: down}}, Limit: 7,
			})
		}
	}
	for _, pair := range [][]metric.Question{c.asked[:2], c.asked[2:]} { // the two of a pair are asked at once
		slices.SortFunc(pair, func(a, _ metric.Question) int {
			if a.OrderBy[0].Descending {
				return 1
			}
			return -1
		})
	}
	if diff := cmp.Diff(want, c.asked); diff != "" {
		t.Error(diff)
	}
	var demands []string
	for _, d := range bound.Demands {
		demands = append(demands, d.Target.String())
	}
	if diff := cmp.Diff([]string{"metric:revenue", "metric:cost", "dimension:metric_time", "dimension:sales_id__channel"}, demands); diff != "" {
		t.Error(diff)
	}
}

func TestTimeRange_TakesTheFinestGrainOrTheOneAskedFor(t *testing.T) {
	for args, want := range map[string]metric.GroupBy{
		`{"metrics": ["clicks"]}`:                                          {Name: "metric_time", Grain: "hour"},
		`{"metrics": ["budget"]}`:                                          {Name: "metric_time", Grain: "month"},
		`{"metrics": ["clicks", "revenue"]}`:                               {Name: "metric_time", Grain: "day"},
		`{"metrics": ["revenue"], "dimension": "metric_time__year"}`:       {Name: "metric_time", Grain: "year"},
		`{"metrics": ["revenue"], "dimension": "sales_id__at"}`:            {Name: "sales_id__at", Grain: "day"},
		`{"metrics": ["clicks"], "dimension": "clicks_id__at__month"}`:     {Name: "clicks_id__at", Grain: "month"},
		`{"metrics": ["revenue"], "start_time": "2025-01-01"}`:             {Name: "metric_time", Grain: "day"},
		`{"metrics": ["revenue"], "where": "metric_time >= '2020-01-01'"}`: {Name: "metric_time", Grain: "day"},
	} {
		c := &calendar{}
		if _, _, err := c.call(t, "time_range", args); err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		for _, q := range c.asked {
			if diff := cmp.Diff([]metric.GroupBy{want}, q.GroupBy); diff != "" {
				t.Errorf("%s: %s", args, diff)
			}
			if strings.Contains(args, "start_time") != (q.Start == "2025-01-01T00:00:00") {
				t.Errorf("%s: begins %q", args, q.Start)
			}
		}
	}
}

// times answers with what is at either end.
func times(first, last map[string][][]any, truncated bool) func(context.Context, metric.Question) (metric.Table, error) {
	return func(_ context.Context, q metric.Question) (metric.Table, error) {
		from := first
		if q.OrderBy[0].Descending {
			from = last
		}
		return metric.Table{Columns: empty(q).Columns, Rows: from[q.Metrics[0]], Truncated: truncated}, nil
	}
}

func TestTimeRange_TellsWhenMetricsHaveValues(t *testing.T) {
	c := &calendar{answer: times(
		map[string][][]any{
			"revenue": {{"2023-01-01T00:00:00", nil}, {"2023-01-03T00:00:00", n("1")}, {"2023-01-04T00:00:00", n("2")}},
			"cost":    {{"2023-02-01", n("0")}},
		},
		map[string][][]any{
			"revenue": {{"2025-12-31T00:00:00", n("5")}},
			"cost":    {{"2025-12-30", nil}, {"2025-11-30", n("0")}},
		}, true)}
	r, _, err := c.call(t, "time_range", `{"metrics": ["revenue", "cost"]}`)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r.Structured)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"dimension":"metric_time","grain":"day","ranges":[{"metric":"revenue","first":"2023-01-03","last":"2025-12-31"},` +
		`{"metric":"cost","first":"2023-02-01","last":"2025-11-30"}],"common":{"first":"2023-02-01","last":"2025-11-30"},"manifest":`
	if !strings.HasPrefix(string(data), want) {
		t.Errorf("%s\nwant %s", data, want)
	}
	text := "revenue: 2023-01-03 to 2025-12-31\ncost: 2023-02-01 to 2025-11-30\nAll of them: 2023-02-01 to 2025-11-30\nBy metric_time; each time stands for its whole day."
	if diff := cmp.Diff(text, r.Text); diff != "" {
		t.Error(diff)
	}
}

func TestTimeRange_TellsNoDataFromWhatItHasNotRead(t *testing.T) {
	nothing := map[string][][]any{"revenue": {{"2023-01-01", nil}, {"2023-01-02", nil}}}
	for _, truncated := range []bool{false, true} {
		c := &calendar{answer: times(nothing, nothing, truncated)}
		r, _, err := c.call(t, "time_range", `{"metrics": ["revenue"]}`)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Ranges   []struct{ First, Last any }
			Common   any
			Warnings []string
		}
		structured(t, r, &got)
		if got.Ranges[0].First != nil || got.Ranges[0].Last != nil || got.Common != nil || !strings.Contains(r.Text, "revenue: none found") {
			t.Errorf("%+v\n%s", got, r.Text)
		}
		if warned := len(got.Warnings) == 1; warned != truncated {
			t.Errorf("truncated %v, warned %q", truncated, got.Warnings)
		}
	}
}

func TestTimeRange_KeepsTheHourOfWhatIsCountedByTheHour(t *testing.T) {
	at := map[string][][]any{"clicks": {{"2023-01-01T00:00:00", n("1")}}}
	r, _, err := (&calendar{answer: times(at, at, false)}).call(t, "time_range", `{"metrics": ["clicks"]}`)
	if err != nil || !strings.Contains(r.Text, "2023-01-01T00:00:00 to 2023-01-01T00:00:00") {
		t.Errorf("%v\n%s", err, r.Text)
	}
}

func TestTimeRange_HasNothingInCommonWhereRangesDoNotMeet(t *testing.T) {
	early := map[string][][]any{"revenue": {{"2023-01-01", n("1")}}, "cost": {{"2024-01-01", n("1")}}}
	late := map[string][][]any{"revenue": {{"2023-06-01", n("1")}}, "cost": {{"2024-06-01", n("1")}}}
	r, _, err := (&calendar{answer: times(early, late, false)}).call(t, "time_range", `{"metrics": ["revenue", "cost"]}`)
	if err != nil || strings.Contains(r.Text, "All of them") {
		t.Errorf("%v\n%s", err, r.Text)
	}
}

func TestTimeRange_Refuses(t *testing.T) {
	many := `{"metrics": ["revenue"` + strings.Repeat(`, "cost"`, 20) + `]}`
	hidden := access.Persona{Deny: []access.Rule{{Actions: []string{"*"}, Targets: []string{"metric:cost", "dimension:sales_id__at"}}}}
	for name, c := range map[string]struct {
		persona access.Persona
		args    string
		want    *fault.Fault
	}{
		"no metric":          {access.Persona{}, `{}`, metricapp.ErrArguments},
		"too many":           {access.Persona{}, many, metricapp.ErrArguments},
		"an unknown metric":  {access.Persona{}, `{"metrics": ["x"]}`, metric.ErrUnknownMetric},
		"a hidden metric":    {hidden, `{"metrics": ["cost"]}`, metric.ErrUnknownMetric},
		"a metric twice":     {access.Persona{}, `{"metrics": ["cost", "cost"]}`, asking.ErrRepeated},
		"an unknown field":   {access.Persona{}, `{"metrics": ["revenue"], "dimension": "x"}`, metric.ErrUnknownField},
		"a hidden field":     {hidden, `{"metrics": ["revenue"], "dimension": "sales_id__at"}`, metric.ErrUnknownField},
		"no time":            {access.Persona{}, `{"metrics": ["revenue"], "dimension": "sales_id__channel"}`, metric.ErrGrain},
		"too fine a grain":   {access.Persona{}, `{"metrics": ["revenue"], "dimension": "metric_time__hour"}`, metric.ErrUnknownField},
		"a running total":    {access.Persona{}, `{"metrics": ["total"]}`, asking.ErrAlongTime},
		"a growth":           {access.Persona{}, `{"metrics": ["growth"]}`, asking.ErrAlongTime},
		"explain only":       {access.Persona{Caps: access.Caps{ExplainOnly: true}}, `{"metrics": ["revenue"]}`, metricapp.ErrExplainOnly},
		"all of time":        {access.Persona{Caps: access.Caps{MaxRangeDays: 30}}, `{"metrics": ["revenue"]}`, metricapp.ErrRange},
		"a time with a zone": {access.Persona{}, `{"metrics": ["revenue"], "start_time": "2025-01-01Z"}`, metric.ErrMoment},
	} {
		t.Run(name, func(t *testing.T) {
			b := &calendar{policy: persona(t, c.persona)}
			if _, _, err := b.call(t, "time_range", c.args); !errors.Is(err, c.want) {
				t.Errorf("%v, want %s", err, c.want.Code)
			}
			if len(b.asked) > 0 {
				t.Error("the engine was asked")
			}
		})
	}
	b := &calendar{policy: persona(t, access.Persona{Caps: access.Caps{MaxRangeDays: 30}})}
	if _, _, err := b.call(t, "time_range", `{"metrics": ["revenue"], "start_time": "2025-01-01", "end_time": "2025-01-30"}`); err != nil {
		t.Errorf("a span that is allowed: %v", err)
	}
}
