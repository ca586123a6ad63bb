package asking_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/application/metricapp/asking"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// calendarCatalog has metrics counted by day, hour and month, and some that are computed along time.
func calendarCatalog(t testing.TB) *metric.Catalog {
	t.Helper()
	of := func(model string) *metric.Aggregation {
		return &metric.Aggregation{Model: model, Function: "sum", Expr: "n", TimeDimension: "at"}
	}
	simple := func(name, model string) metric.Metric {
		return metric.Metric{Name: name, Kind: metric.Simple, Formula: metric.Formula{Aggregation: of(model)}}
	}
	model := func(name, grain string) metric.Model {
		return metric.Model{
			Name: name, Entities: []metric.ModelEntity{{Name: name + "_id", Type: "primary"}, {Name: "customer", Type: "foreign"}},
			Dimensions: []metric.ModelDimension{{Name: "at", Kind: metric.Time, Grain: grain}, {Name: "channel", Kind: metric.Categorical}},
		}
	}
	derived := func(name string, inputs ...metric.Ingredient) metric.Metric {
		return metric.Metric{Name: name, Kind: metric.Derived, Formula: metric.Formula{Expr: "a", Inputs: inputs}}
	}
	customers := metric.Model{
		Name: "customers", Entities: []metric.ModelEntity{{Name: "customer", Type: "primary"}},
		Dimensions: []metric.ModelDimension{{Name: "region", Kind: metric.Categorical}, {Name: "salary", Kind: metric.Categorical}},
	}
	c, err := metric.NewCatalog(metric.Manifest{
		TimeSpines: []metric.TimeSpine{{Grain: "hour"}, {Grain: "day"}},
		Models:     []metric.Model{model("sales", "day"), model("clicks", "hour"), model("budgets", "month"), customers},
		Metrics: []metric.Metric{
			simple("revenue", "sales"), simple("cost", "sales"), simple("clicks", "clicks"), simple("budget", "budgets"),
			{Name: "total", Kind: metric.Cumulative, Formula: metric.Formula{Inputs: []metric.Ingredient{{Metric: "revenue"}}}},
			derived("growth", metric.Ingredient{Metric: "revenue"}, metric.Ingredient{Metric: "revenue", Alias: "b", OffsetWindow: "1 month"}),
			derived("double_total", metric.Ingredient{Metric: "total"}, metric.Ingredient{Metric: "cost"}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// calendar is a server over calendarCatalog; answer is called from several goroutines.
type calendar struct {
	policy access.DataPolicy
	limits asking.Limits
	answer func(context.Context, metric.Question) (metric.Table, error)

	mu    sync.Mutex
	asked []metric.Question
}

func (c *calendar) Answer(ctx context.Context, q metric.Question) (metric.Table, error) {
	c.mu.Lock()
	c.asked = append(c.asked, q)
	c.mu.Unlock()
	if c.answer == nil {
		return empty(q), nil
	}
	return c.answer(ctx, q)
}

func (*calendar) Compile(context.Context, metric.Question) (string, error) {
	return "", errors.New("nobody asks for SQL here")
}

func (*calendar) Values(context.Context, metric.Listing) (metric.Table, error) {
	return metric.Table{}, errors.New("nobody asks for values here")
}

// empty has the columns of a question and no rows.
func empty(q metric.Question) metric.Table {
	var t metric.Table
	for _, g := range q.GroupBy {
		t.Columns = append(t.Columns, metric.Column{Name: g.Name, Type: "string"})
	}
	for _, m := range q.Metrics {
		t.Columns = append(t.Columns, metric.Column{Name: m, Type: "decimal"})
	}
	return t
}

var ann = access.Principal{Issuer: "key", Subject: "ann", Personas: []string{"p"}, Attributes: map[string][]string{"regions": {"EU"}}}

func (c *calendar) call(t testing.TB, name, args string) (tool.Result, tool.Bound, error) {
	t.Helper()
	if c.policy == nil {
		c.policy = hiding{}
	}
	snapshot := metric.Snapshot{Catalog: calendarCatalog(t), Hash: "c0ffee"}
	for _, found := range asking.Tools(fixedCatalog{snapshot}, c, c.policy, c.limits, time.Now, noPicture) {
		if found.Name != name {
			continue
		}
		bound, err := found.Bind(t.Context(), ann, json.RawMessage(args))
		if err != nil {
			return tool.Result{}, bound, err
		}
		if bound.Objection != "" || !c.policy.Decide(ann, bound.Demands...).Allowed {
			return tool.Result{}, bound, bound.Refusal
		}
		r, err := bound.Run(t.Context())
		return r, bound, err
	}
	t.Fatalf("no tool %s", name)
	return tool.Result{}, tool.Bound{}, nil
}

// persona is a policy of one persona that may do everything but what it denies.
func persona(t testing.TB, p access.Persona) access.DataPolicy {
	t.Helper()
	p.Name, p.Allow = "p", []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}
	policy, err := access.Compile([]access.Persona{p})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// asks are the two questions of a comparison, the one of the current period first.
func (c *calendar) asks(t *testing.T, args string) [2]metric.Question {
	t.Helper()
	if _, _, err := c.call(t, "compare_periods", args); err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	if len(c.asked) != 2 {
		t.Fatalf("%d questions", len(c.asked))
	}
	slices.SortFunc(c.asked, func(a, b metric.Question) int { return strings.Compare(b.Start, a.Start) })
	return [2]metric.Question{c.asked[0], c.asked[1]}
}

func TestComparePeriods_AsksTheSameQuestionOfBothPeriods(t *testing.T) {
	c := &calendar{policy: persona(t, access.Persona{
		Rows: []access.RowFilter{{Field: "customer__region", Attribute: "regions"}}, Caps: access.Caps{MaxRows: 40, MaxRangeDays: 31},
	})}
	got := c.asks(t, `{
		"metrics": ["revenue", "cost"], "period": {"start_time": "2025-03-01", "end_time": "2025-03-31"}, "group_by": ["sales_id__channel", "customer"],
		"filters": [{"field": "sales_id__channel", "op": "!=", "value": "x"}], "where": "customer__salary is not null", "limit": 3, "order_by": ["-revenue"]}`)
	want := metric.Question{
		Manifest: "c0ffee", Metrics: []string{"revenue", "cost"},
		GroupBy: []metric.GroupBy{{Name: "sales_id__channel"}, {Name: "customer"}},
		Where: []metric.Condition{
			within("sales_id__channel", metric.Categorical, metric.Ne, "x"),
			metric.Comparison{Left: metric.Ref{Name: "customer__salary", Kind: metric.Categorical}, Op: metric.IsNotNull},
			within("customer__region", metric.Categorical, metric.In, "EU"),
		},
		Start: "2025-03-01T00:00:00", End: "2025-03-31T00:00:00", Limit: 40, // the ceiling, not what is shown of the join
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("current: %s", diff)
	}
	want.Start, want.End = "2025-02-01T00:00:00", "2025-02-28T00:00:00"
	if diff := cmp.Diff(want, got[1]); diff != "" {
		t.Errorf("previous: %s", diff)
	}
}

func TestComparePeriods_KnowsTheCalendar(t *testing.T) {
	for name, c := range map[string]struct{ period, to, want string }{
		"a month":                        {"2025-03-01 2025-03-31", `"previous_period"`, "2025-02-01 2025-02-28"},
		"a month, by default":            {"2025-01-01 2025-01-31", ``, "2024-12-01 2024-12-31"},
		"a month after a leap day":       {"2024-03-01 2024-03-31", ``, "2024-02-01 2024-02-29"},
		"a quarter":                      {"2025-01-01 2025-03-31", ``, "2024-10-01 2024-12-31"},
		"two months":                     {"2025-03-01 2025-04-30", ``, "2025-01-01 2025-02-28"},
		"a year":                         {"2025-01-01 2025-12-31", ``, "2024-01-01 2024-12-31"},
		"a week":                         {"2025-03-03 2025-03-09", ``, "2025-02-24 2025-03-02"},
		"a day":                          {"2025-03-01 2025-03-01", ``, "2025-02-28 2025-02-28"},
		"a month to date":                {"2025-03-01 2025-03-10", ``, "2025-02-19 2025-02-28"},
		"thirty days that are no month":  {"2025-03-02 2025-03-31", ``, "2025-01-31 2025-03-01"},
		"a month, a year before":         {"2024-02-01 2024-02-29", `"previous_year"`, "2023-02-01 2023-02-28"},
		"a month before a leap year's":   {"2025-02-01 2025-02-28", `"previous_year"`, "2024-02-01 2024-02-29"},
		"a leap day":                     {"2024-02-29 2024-02-29", `"previous_year"`, "2023-02-28 2023-02-28"},
		"days, a year before":            {"2025-02-20 2025-03-10", `"previous_year"`, "2024-02-20 2024-03-10"},
		"a period of its own":            {"2025-03-01 2025-03-10", `{"start_time": "2025-02-01", "end_time": "2025-02-10"}`, "2025-02-01 2025-02-10"},
		"a later one than the current":   {"2025-03-01 2025-03-10", `{"start_time": "2025-04-01", "end_time": "2025-04-30"}`, "2025-04-01 2025-04-30"},
		"as early as the engine goes":    {"2000-02-01 2000-02-29", ``, "2000-01-01 2000-01-31"},
		"one that overlaps is warned of": {"2024-01-01 2025-12-31", `"previous_year"`, "2023-01-01 2024-12-31"},
	} {
		t.Run(name, func(t *testing.T) {
			first, last, _ := strings.Cut(c.period, " ")
			args := fmt.Sprintf(`{"metrics": ["revenue"], "period": {"start_time": %q, "end_time": %q}`, first, last)
			if c.to != "" {
				args += `, "compare_to": ` + c.to
			}
			r, _, err := (&calendar{}).call(t, "compare_periods", args+"}")
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Current, Previous struct{ Start, End string }
				Warnings          []string
			}
			structured(t, r, &got)
			if got.Previous.Start+" "+got.Previous.End != c.want || got.Current.Start+" "+got.Current.End != c.period {
				t.Errorf("%+v, want %s", got, c.want)
			}
			if warned := len(got.Warnings) > 0; warned != strings.Contains(name, "overlaps") {
				t.Errorf("warned: %q", got.Warnings)
			}
		})
	}
}

// TestComparePeriods_LooksBackAsFarAsForward: whatever the period, the one before it ends the day before it begins, and
// is as long in days or in months.
func TestComparePeriods_LooksBackAsFarAsForward(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		first := time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 9000).Draw(rt, "first"))
		last := first.AddDate(0, 0, rapid.IntRange(0, 800).Draw(rt, "length"))
		if rapid.Bool().Draw(rt, "whole months") {
			first = first.AddDate(0, 0, 1-first.Day())
			last = first.AddDate(0, rapid.IntRange(1, 30).Draw(rt, "months"), -1)
		}
		c := &calendar{}
		args := fmt.Sprintf(`{"metrics": ["revenue"], "period": {"start_time": %q, "end_time": %q}}`, first.Format(time.DateOnly), last.Format(time.DateOnly))
		r, _, err := c.call(t, "compare_periods", args)
		if err != nil {
			rt.Fatal(err)
		}
		var got struct{ Previous struct{ Start, End string } }
		structured(t, r, &got)
		start, err1 := time.Parse(time.DateOnly, got.Previous.Start)
		end, err2 := time.Parse(time.DateOnly, got.Previous.End)
		if err1 != nil || err2 != nil || !end.AddDate(0, 0, 1).Equal(first) {
			rt.Fatalf("%s: %+v", args, got)
		}
		next := last.AddDate(0, 0, 1)
		if first.Day() == 1 && next.Day() == 1 {
			if months := int(next.Month()-first.Month()) + 12*(next.Year()-first.Year()); !start.AddDate(0, months, 0).Equal(first) {
				rt.Errorf("%s: %+v is not %d months", args, got, months)
			}
		} else if end.Sub(start) != last.Sub(first) {
			rt.Errorf("%s: %+v is not as long", args, got)
		}
	})
}

func TestComparePeriods_RefusesWhatCannotBeCompared(t *testing.T) {
	march := `"period": {"start_time": "2025-03-01", "end_time": "2025-03-31"}`
	for name, c := range map[string]struct {
		args string
		want *fault.Fault
		says string
	}{
		"no metric":              {`{` + march + `}`, metricapp.ErrArguments, "list_metrics"},
		"no period":              {`{"metrics": ["revenue"]}`, metric.ErrMoment, "whole days"},
		"an open period":         {`{"metrics": ["revenue"], "period": {"start_time": "2025-03-01"}}`, metric.ErrMoment, "whole days"},
		"a time of day":          {`{"metrics": ["revenue"], "period": {"start_time": "2025-03-01T08:00", "end_time": "2025-03-31"}}`, metric.ErrMoment, "whole days"},
		"no such day":            {`{"metrics": ["revenue"], "period": {"start_time": "2025-02-30", "end_time": "2025-03-31"}}`, metric.ErrMoment, "whole days"},
		"a period backwards":     {`{"metrics": ["revenue"], "period": {"start_time": "2025-04-01", "end_time": "2025-03-31"}}`, asking.ErrTimeRange, "before"},
		"too late a period":      {`{"metrics": ["revenue"], "period": {"start_time": "2040-12-01", "end_time": "2041-01-01"}}`, asking.ErrTimeRange, "2040"},
		"nothing before it":      {`{"metrics": ["revenue"], "period": {"start_time": "2000-01-01", "end_time": "2000-01-31"}}`, asking.ErrTimeRange, "1999-12-01"},
		"another word":           {`{"metrics": ["revenue"], ` + march + `, "compare_to": "last_month"}`, metricapp.ErrArguments, "previous_year"},
		"another open period":    {`{"metrics": ["revenue"], ` + march + `, "compare_to": {"start_time": "2025-02-01"}}`, metric.ErrMoment, "compare_to"},
		"a typing error":         {`{"metrics": ["revenue"], ` + march + `, "compare_to": {"start": "2025-02-01"}}`, metricapp.ErrArguments, ""},
		"a limit of nothing":     {`{"metrics": ["revenue"], ` + march + `, "limit": 0}`, metricapp.ErrArguments, "limit"},
		"an unknown metric":      {`{"metrics": ["revenu"], ` + march + `}`, metric.ErrUnknownMetric, "revenu"},
		"a metric twice":         {`{"metrics": ["revenue", "revenue"], ` + march + `}`, asking.ErrRepeated, "twice"},
		"a growth":               {`{"metrics": ["revenue", "growth"], ` + march + `}`, asking.ErrAlongTime, `"growth"`},
		"a running total":        {`{"metrics": ["total"], ` + march + `}`, asking.ErrAlongTime, `"total"`},
		"one over another":       {`{"metrics": ["double_total"], ` + march + `}`, asking.ErrAlongTime, `"double_total"`},
		"metric_time":            {`{"metrics": ["revenue"], ` + march + `, "group_by": ["metric_time__month"]}`, asking.ErrGroupByTime, "series"},
		"its own time":           {`{"metrics": ["revenue"], ` + march + `, "group_by": ["sales_id__at"]}`, asking.ErrGroupByTime, "series"},
		"an unknown group":       {`{"metrics": ["revenue"], ` + march + `, "group_by": ["sales_id__chanel"]}`, metric.ErrUnknownField, "chanel"},
		"a group twice":          {`{"metrics": ["revenue"], ` + march + `, "group_by": ["customer", "customer"]}`, asking.ErrRepeated, "twice"},
		"an order by what isn't": {`{"metrics": ["revenue"], ` + march + `, "order_by": ["cost__delta"]}`, asking.ErrOrderBy, "cost__delta"},
		"days of a monthly metric": {
			`{"metrics": ["budget"], "period": {"start_time": "2025-03-01", "end_time": "2025-03-15"}}`, asking.ErrTimeRange, "counted by month",
		},
		"days of a monthly metric to compare with": {
			`{"metrics": ["budget"], ` + march + `, "compare_to": {"start_time": "2025-02-01", "end_time": "2025-02-15"}}`, asking.ErrTimeRange, "2025-02-15",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &calendar{}
			_, _, err := b.call(t, "compare_periods", c.args)
			if !errors.Is(err, c.want) || !strings.Contains(fault.From(err).Message, c.says) {
				t.Errorf("%v, want %s with %q", err, c.want.Code, c.says)
			}
			if len(b.asked) > 0 {
				t.Error("the engine was asked")
			}
		})
	}
}

func TestComparePeriods_SuggestsInputsThatHaveAValue(t *testing.T) {
	for name, want := range map[string][]string{"growth": {"revenue"}, "double_total": {"cost", "revenue"}} {
		_, _, err := (&calendar{}).call(t, "compare_periods", `{"metrics": ["`+name+`"], "period": {"start_time": "2025-03-01", "end_time": "2025-03-31"}}`)
		if diff := cmp.Diff(want, fault.From(err).Suggestions); diff != "" {
			t.Error(diff)
		}
	}
}

func TestComparePeriods_TakesTheLastDayWhole(t *testing.T) {
	for name, end := range map[string]string{"revenue": "2025-03-31T00:00:00", "clicks": "2025-03-31T23:59:59", "budget": "2025-03-31T00:00:00"} {
		got := (&calendar{}).asks(t, `{"metrics": ["`+name+`"], "period": {"start_time": "2025-03-01", "end_time": "2025-03-31"}}`)
		if got[0].End != end || !strings.HasPrefix(got[1].End, "2025-02-28") {
			t.Errorf("%s: %s, %s", name, got[0].End, got[1].End)
		}
	}
}

// sides answers a comparison with one table for March and one for what is before.
func sides(columns []metric.Column, current, previous [][]any) func(context.Context, metric.Question) (metric.Table, error) {
	return func(_ context.Context, q metric.Question) (metric.Table, error) {
		if strings.HasPrefix(q.Start, "2025-03") {
			return metric.Table{Columns: columns, Rows: current}, nil
		}
		return metric.Table{Columns: columns, Rows: previous}, nil
	}
}

func n(digits string) json.Number { return json.Number(digits) }

const march = `{"metrics": ["revenue"], "period": {"start_time": "2025-03-01", "end_time": "2025-03-31"}`

func TestComparePeriods_SetsGroupsSideBySide(t *testing.T) {
	columns := []metric.Column{{Name: "sales_id__channel", Type: "string"}, {Name: "revenue", Type: "decimal"}}
	c := &calendar{answer: sides(columns,
		[][]any{{"web", n("12345678901234567890.10")}, {"store", n("5.00")}, {nil, n("0.30")}, {"new", n("7")}, {"still", n("0")}, {"silent", nil}},
		[][]any{{"store", n("-8.00")}, {"web", n("12345678901234567890.05")}, {nil, n("0.1")}, {"old", n("3")}, {"still", n("0")}, {"silent", n("1")}},
	)}
	r, _, err := c.call(t, "compare_periods", march+`, "group_by": ["sales_id__channel"]}`)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r.Structured)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Columns []metric.Column
		Rows    json.RawMessage
		Count   int      `json:"row_count"`
		Warned  []string `json:"warnings"`
	}
	structured(t, r, &got)
	want := `[["new",7,null,null,null],["old",null,3,null,null],["silent",null,1,null,null],["still",0,0,0,null],["store",5.00,-8.00,13.00,162.5],` +
		`["web",12345678901234567890.10,12345678901234567890.05,0.05,0],[null,0.30,0.1,0.20,200]]`
	if diff := cmp.Diff(want, string(got.Rows)); diff != "" {
		t.Errorf("%s\n%s", diff, data)
	}
	if diff := cmp.Diff([]metric.Column{
		{Name: "sales_id__channel", Type: "string"},
		{Name: "revenue__current", Type: "decimal"},
		{Name: "revenue__previous", Type: "decimal"},
		{Name: "revenue__delta", Type: "decimal"},
		{Name: "revenue__delta_percent", Type: "decimal"},
	}, got.Columns); diff != "" {
		t.Error(diff)
	}
	if got.Count != 7 || len(got.Warned) != 1 || !strings.Contains(got.Warned[0], "2 rows have data in one of the periods only") {
		t.Errorf("%d rows, warned %q", got.Count, got.Warned)
	}
	for _, part := range []string{"Current: 2025-03-01 to 2025-03-31. Previous: 2025-02-01 to 2025-02-28.", "revenue__delta_percent", "162.5", "7 rows"} {
		if !strings.Contains(r.Text, part) {
			t.Errorf("the text lacks %q:\n%s", part, r.Text)
		}
	}
}

func TestComparePeriods_SortsBeforeItCuts(t *testing.T) {
	columns := []metric.Column{{Name: "sales_id__channel", Type: "string"}, {Name: "revenue", Type: "integer"}}
	var now, before [][]any
	for i := range 30 {
		now = append(now, []any{fmt.Sprint("g", i), n(fmt.Sprint(i * i))})
		before = append(before, []any{fmt.Sprint("g", i), n(fmt.Sprint(10 * i))})
	}
	now = append(now, []any{"new", n("1000000")})
	for name, c := range map[string]struct {
		args      string
		limits    asking.Limits
		want      []string
		truncated bool
	}{
		"the largest change":     {`, "order_by": ["-revenue__delta"], "limit": 2}`, asking.Limits{}, []string{"g29", "g28"}, false},
		"the smallest":           {`, "order_by": ["revenue__delta"], "limit": 1}`, asking.Limits{}, []string{"g5"}, false},
		"the largest value":      {`, "order_by": ["-revenue"], "limit": 1}`, asking.Limits{}, []string{"new"}, false},
		"missing comes last":     {`, "order_by": ["revenue__delta"], "limit": 31}`, asking.Limits{}, []string{"new"}, false},
		"ours":                   {`, "order_by": ["-revenue__delta"]}`, asking.Limits{DefaultLimit: 3}, []string{"g29", "g28", "g27"}, true},
		"a limit over the most":  {`, "order_by": ["-revenue__delta"], "limit": 40}`, asking.Limits{MaxRows: 30}, nil, true},
		"a tie goes by group":    {`, "order_by": ["revenue__delta"], "limit": 2}`, asking.Limits{}, []string{"g5", "g4"}, false},
		"groups, when not asked": {`, "limit": 2}`, asking.Limits{}, []string{"g0", "g1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := &calendar{limits: c.limits, answer: sides(columns, now, before)}
			r, _, err := b.call(t, "compare_periods", march+`, "group_by": ["sales_id__channel"]`+c.args)
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Rows      [][]any
				Truncated bool
			}
			structured(t, r, &got)
			var groups []string
			for _, row := range got.Rows {
				groups = append(groups, fmt.Sprint(row[0]))
			}
			if got.Truncated != c.truncated {
				t.Errorf("truncated %v", got.Truncated)
			}
			switch {
			case name == "missing comes last":
				groups = groups[len(groups)-1:]
			case c.want == nil:
				if len(groups) != 30 {
					t.Errorf("%d rows", len(groups))
				}
				return
			}
			if diff := cmp.Diff(c.want, groups); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestComparePeriods_ShowsNothingWhenASideIsCut(t *testing.T) {
	for _, side := range []string{"2025-03", "2025-02"} {
		c := &calendar{policy: persona(t, access.Persona{Caps: access.Caps{MaxRows: 5}}), answer: func(_ context.Context, q metric.Question) (metric.Table, error) {
			table := empty(q)
			table.Rows, table.Truncated = [][]any{{"a", n("1")}}, strings.HasPrefix(q.Start, side)
			return table, nil
		}}
		r, _, err := c.call(t, "compare_periods", march+`, "group_by": ["sales_id__channel"]}`)
		if !errors.Is(err, metric.ErrTooLarge) || !strings.Contains(fault.From(err).Message, "more than 5 groups") || r.Structured != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestComparePeriods_CountsExactly(t *testing.T) {
	for _, c := range []struct {
		now, before    any
		delta, percent string
	}{
		{n("3"), n("4"), "-1", "-25"},
		{n("4"), n("3"), "1", "33.3333"},
		{n("-4"), n("-3"), "-1", "-33.3333"},
		{n("1"), n("-3"), "4", "133.3333"},
		{n("0.1"), n("0.3"), "-0.2", "-66.6667"},
		{n("99999999999999999999999999999999999999"), n("1"), "99999999999999999999999999999999999998", "9999999999999999999999999999999999999800"},
		{n("1.00005"), n("1"), "0.00005", "0.005"},
		{n("1.0000000001"), n("1"), "0.0000000001", "0"},
		{n("0.9999999999"), n("1"), "-0.0000000001", "0"},
		{n("1e-07"), n("0"), "0.0000001", "null"},
		{n("1.5E+3"), n("500"), "1000", "200"},
		{n("1e+300"), n("1e+299"), "9e+299", "900"},
		{n("5e-324"), n("0"), "5e-324", "null"},
		{n("0"), n("0.00"), "0.00", "null"},
		{n("1e999999999"), n("1"), "null", "null"},
		{nil, n("1"), "null", "null"},
		{n("1"), nil, "null", "null"},
		{"NaN", n("1"), "null", "null"},
		{"2025-01-01", "2024-01-01", "null", "null"},
	} {
		columns := []metric.Column{{Name: "revenue", Type: "float"}}
		b := &calendar{answer: sides(columns, [][]any{{c.now}}, [][]any{{c.before}})}
		r, _, err := b.call(t, "compare_periods", march+`}`)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ Rows [][]json.RawMessage }
		structured(t, r, &got)
		if delta, percent := string(got.Rows[0][2]), string(got.Rows[0][3]); delta != c.delta || percent != c.percent {
			t.Errorf("%v against %v: %s and %s%%, want %s and %s%%", c.now, c.before, delta, percent, c.delta, c.percent)
		}
	}
}

// TestComparePeriods_AddsUp: previous and difference make current, to the last digit.
func TestComparePeriods_AddsUp(t *testing.T) {
	decimal := rapid.StringMatching(`-?[1-9][0-9]{0,25}(\.[0-9]{1,12})?`)
	rapid.Check(t, func(rt *rapid.T) {
		now, before := decimal.Draw(rt, "now"), decimal.Draw(rt, "before")
		b := &calendar{answer: sides([]metric.Column{{Name: "revenue", Type: "decimal"}}, [][]any{{n(now)}}, [][]any{{n(before)}})}
		r, _, err := b.call(t, "compare_periods", march+`}`)
		if err != nil {
			rt.Fatal(err)
		}
		var got struct{ Rows [][]json.RawMessage }
		structured(t, r, &got)
		delta, ok := new(big.Rat).SetString(string(got.Rows[0][2]))
		a, _ := new(big.Rat).SetString(now)
		p, _ := new(big.Rat).SetString(before)
		if !ok || new(big.Rat).Add(p, delta).Cmp(a) != 0 {
			rt.Errorf("%s - %s = %s", now, before, got.Rows[0][2])
		}
		percent, ok := new(big.Rat).SetString(string(got.Rows[0][3]))
		share := new(big.Rat).Quo(new(big.Rat).Mul(delta, big.NewRat(100, 1)), new(big.Rat).Abs(p))
		if !ok || new(big.Rat).Abs(share.Sub(share, percent)).Cmp(big.NewRat(1, 20000)) > 0 {
			rt.Errorf("%s against %s: %s%%", now, before, got.Rows[0][3])
		}
	})
}

func TestComparePeriods_SaysWhatHasNoDifference(t *testing.T) {
	b := &calendar{answer: sides([]metric.Column{{Name: "revenue", Type: "date"}}, [][]any{{"2025-03-05"}}, [][]any{{"2025-02-05"}})}
	r, _, err := b.call(t, "compare_periods", march+`}`)
	if err != nil || !strings.Contains(r.Text, "revenue is no number, so it has no difference.") {
		t.Errorf("%v\n%s", err, r.Text)
	}
}

func TestComparePeriods_CancelsTheOtherQuestionAndWaitsForIt(t *testing.T) {
	engine := metric.ErrWarehouse
	for _, failing := range []string{"2025-03", "2025-02"} {
		ended := make(chan struct{})
		b := &calendar{answer: func(ctx context.Context, q metric.Question) (metric.Table, error) {
			if strings.HasPrefix(q.Start, failing) {
				return metric.Table{}, engine
			}
			<-ctx.Done()
			close(ended)
			return metric.Table{}, fault.From(ctx.Err())
		}}
		_, _, err := b.call(t, "compare_periods", march+`}`)
		if !errors.Is(err, engine) {
			t.Errorf("%v", err)
		}
		select {
		case <-ended:
		default:
			t.Error("the answer did not wait for the other question")
		}
	}
}

func TestComparePeriods_SurvivesAPanic(t *testing.T) {
	for _, failing := range []string{"2025-03", "2025-02"} {
		b := &calendar{answer: func(_ context.Context, q metric.Question) (metric.Table, error) {
			if strings.HasPrefix(q.Start, failing) {
				panic("a bug")
			}
			return empty(q), nil
		}}
		if _, _, err := b.call(t, "compare_periods", march+`}`); !errors.Is(err, fault.ErrInternal) || strings.Contains(err.Error(), "bug") {
			t.Errorf("%v", err)
		}
	}
}

func TestComparePeriods_RefusesAnAnswerOfAnotherShape(t *testing.T) {
	twice := [][]any{{"a", n("1")}, {"a", n("2")}}
	wide := []metric.Column{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	for name, table := range map[string]metric.Table{"a group twice": {Columns: wide[:2], Rows: twice}, "more columns": {Columns: wide}} {
		b := &calendar{answer: func(context.Context, metric.Question) (metric.Table, error) { return table, nil }}
		if _, _, err := b.call(t, "compare_periods", march+`, "group_by": ["sales_id__channel"]}`); !errors.Is(err, metric.ErrEngine) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestComparePeriods_KeepsToPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		persona access.Persona
		args    string
		want    *fault.Fault
		rule    string
	}{
		"a hidden metric":           {access.Persona{Deny: []access.Rule{{Actions: []string{"*"}, Targets: []string{"metric:revenue"}}}}, `}`, metric.ErrUnknownMetric, ""},
		"a hidden group":            {access.Persona{Deny: []access.Rule{{Actions: []string{"*"}, Targets: []string{"dimension:customer__salary"}}}}, `, "group_by": ["customer__salary"]}`, metric.ErrUnknownField, ""},
		"a hidden field in where":   {access.Persona{Deny: []access.Rule{{Actions: []string{"*"}, Targets: []string{"dimension:customer__salary"}}}}, `, "where": "customer__salary = 1"}`, metric.ErrUnknownField, ""},
		"explain only":              {access.Persona{Caps: access.Caps{ExplainOnly: true}}, `}`, metricapp.ErrExplainOnly, "p/explain_only"},
		"too long a current period": {access.Persona{Caps: access.Caps{MaxRangeDays: 30}}, `, "compare_to": {"start_time": "2025-02-01", "end_time": "2025-02-28"}}`, metricapp.ErrRange, "p/max_range_days"},
		"too long a previous one":   {access.Persona{Caps: access.Caps{MaxRangeDays: 31}}, `, "compare_to": {"start_time": "2024-01-01", "end_time": "2024-02-28"}}`, metricapp.ErrRange, "p/max_range_days"},
		"a metric out of reach of the rows": {
			access.Persona{Rows: []access.RowFilter{{Field: "clicks_id__channel", Values: []string{"x"}}}}, `}`, metric.ErrUnknownMetric, "p/rows[0]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &calendar{policy: persona(t, c.persona)}
			_, bound, err := b.call(t, "compare_periods", march+c.args)
			if !errors.Is(err, c.want) || bound.Objection != c.rule {
				t.Errorf("%v by %q, want %s by %q", err, bound.Objection, c.want.Code, c.rule)
			}
			if len(b.asked) > 0 {
				t.Error("the engine was asked")
			}
		})
	}
}

func TestComparePeriods_IsDiscreetAboutTheEnginesWords(t *testing.T) {
	b := &calendar{policy: hiding{"metric:cost"}, answer: func(context.Context, metric.Question) (metric.Table, error) {
		return metric.Table{}, metric.ErrQuestion.Saying("Not so; perhaps cost?").Suggesting("cost", "clicks")
	}}
	_, _, err := b.call(t, "compare_periods", march+`}`)
	if f := fault.From(err); f.Message != metric.ErrQuestion.Message || !slices.Equal(f.Suggestions, []string{"clicks"}) {
		t.Errorf("%+v", f)
	}
}

func TestComparePeriods_TellsTheStagesOfOneQuestionOnly(t *testing.T) {
	told := make(chan struct{})
	b := &calendar{answer: func(ctx context.Context, q metric.Question) (metric.Table, error) {
		if strings.HasPrefix(q.Start, "2025-02") { // the other one speaks first
			metric.Progress(ctx)(metric.StageReading)
			close(told)
		}
		<-told
		metric.Progress(ctx)(metric.StageRunning)
		return empty(q), nil
	}}
	var mu sync.Mutex
	var seen []string
	ctx := tool.WithProgress(t.Context(), func(stage string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, stage)
	})
	snapshot := metric.Snapshot{Catalog: calendarCatalog(t)}
	for _, found := range asking.Tools(fixedCatalog{snapshot}, b, hiding{}, asking.Limits{}, time.Now, noPicture) {
		if found.Name == "compare_periods" {
			bound, err := found.Bind(t.Context(), ann, json.RawMessage(march+`}`))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bound.Run(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff([]string{"running in the warehouse"}, seen); diff != "" {
		t.Error(diff)
	}
}

func FuzzComparePeriods_Bind(f *testing.F) {
	f.Add(march + `, "compare_to": "previous_year", "group_by": ["customer"], "order_by": ["-revenue__delta"]}`)
	f.Add(march + `, "compare_to": {"start_time": "2025-02-01", "end_time": "2025-02-28"}, "where": ["customer__region = 'x'"]}`)
	f.Add(`{"metrics": ["clicks"], "period": {"start_time": "0001-01-01", "end_time": "9999-12-31"}, "compare_to": null}`)
	f.Fuzz(func(t *testing.T, args string) {
		_, _, err := (&calendar{}).call(t, "compare_periods", args)
		if err == nil {
			return
		}
		if k := fault.From(err).Kind; k != fault.Invalid && k != fault.NotFound {
			t.Errorf("%q: %v", args, err)
		}
	})
}
