package asking_test

import (
	"context"
	"encoding/json"
	"errors"
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
	"github.com/steward-mcp/steward/internal/domain/metric/chart"
	"github.com/steward-mcp/steward/internal/domain/metric/where"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// askedCatalog is a shop: orders of customers, in regions.
func askedCatalog(t *testing.T) *metric.Catalog {
	t.Helper()
	simple := func(name, function string) metric.Metric {
		return metric.Metric{Name: name, Kind: metric.Simple, Formula: metric.Formula{
			Aggregation: &metric.Aggregation{Model: "orders", Function: function, Expr: name, TimeDimension: "ordered_at"},
		}}
	}
	c, err := metric.NewCatalog(metric.Manifest{
		Models: []metric.Model{
			{
				Name:     "orders",
				Entities: []metric.ModelEntity{{Name: "order", Type: "primary"}, {Name: "customer", Type: "foreign"}},
				Dimensions: []metric.ModelDimension{
					{Name: "ordered_at", Kind: metric.Time, Grain: "day"},
					{Name: "channel", Kind: metric.Categorical},
				},
			},
			{
				Name:       "customers",
				Entities:   []metric.ModelEntity{{Name: "customer", Type: "primary"}, {Name: "region", Type: "foreign"}},
				Dimensions: []metric.ModelDimension{{Name: "tier", Kind: metric.Categorical}, {Name: "salary", Kind: metric.Categorical}},
			},
		},
		Metrics: []metric.Metric{
			simple("orders", "count"), simple("revenue", "sum"), simple("cost", "sum"),
			{Name: "margin", Kind: metric.Derived, Formula: metric.Formula{
				Expr: "revenue - cost", Inputs: []metric.Ingredient{{Metric: "revenue"}, {Metric: "cost"}},
			}},
		},
		SavedQueries: []metric.SavedQuery{
			{Name: "by_tier", Metrics: []string{"revenue"}, GroupBy: []string{"Dimension('customer__tier')"}, Limit: 10},
			{Name: "by_salary", Metrics: []string{"revenue"}, GroupBy: []string{"Dimension('customer__salary')"}},
		},
		TimeSpines: []metric.TimeSpine{{Grain: "day"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type fixedCatalog struct{ snapshot metric.Snapshot }

func (c fixedCatalog) Current(context.Context) (metric.Snapshot, error) { return c.snapshot, nil }

// recordingSource answers with what it is given and keeps what it was asked.
type recordingSource struct {
	question metric.Question
	listing  metric.Listing
	table    metric.Table
	err      error
}

func (s *recordingSource) Answer(_ context.Context, q metric.Question) (metric.Table, error) {
	s.question = q
	return s.table, s.err
}

func (s *recordingSource) Compile(_ context.Context, q metric.Question) (string, error) {
	s.question = q
	return "SELECT 1", s.err
}

func (s *recordingSource) Values(_ context.Context, l metric.Listing) (metric.Table, error) {
	s.listing = l
	return s.table, s.err
}

// hiding allows everything but the targets that it names.
type hiding []string

func (hiding) Obligations(access.Principal) access.Obligations { return access.Obligations{} }

func (h hiding) Decide(_ access.Principal, demands ...access.Demand) access.Decision {
	for _, d := range demands {
		for _, name := range append([]string{d.Target.Name}, d.Target.Aliases...) {
			if slices.Contains(h, d.Target.Kind+":"+name) {
				return access.Decision{Denied: d}
			}
		}
	}
	return access.Decision{Allowed: true}
}

type bench struct {
	source *recordingSource
	hidden hiding
	stale  error
	limits asking.Limits
}

func (b *bench) tool(t *testing.T, name string) tool.Tool {
	t.Helper()
	if b.source == nil {
		b.source = &recordingSource{}
	}
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { clock = clock.Add(1500 * time.Microsecond); return clock }
	snapshot := metric.Snapshot{Catalog: askedCatalog(t), Hash: "c0ffee", Age: 90 * time.Second, Stale: b.stale}
	for _, found := range asking.Tools(fixedCatalog{snapshot}, b.source, b.hidden, b.limits, now, noPicture) {
		if found.Name == name {
			return found
		}
	}
	t.Fatalf("no tool %s", name)
	return tool.Tool{}
}

// call does what the gate does: bind, decide, run.
func (b *bench) call(t *testing.T, name, args string) (tool.Result, []access.Demand, error) {
	t.Helper()
	bound, err := b.tool(t, name).Bind(t.Context(), access.Local("ann"), json.RawMessage(args))
	if err != nil {
		return tool.Result{}, nil, err
	}
	if !b.hidden.Decide(access.Principal{}, bound.Demands...).Allowed {
		if bound.Refusal == nil {
			t.Error("a demand is refused without words of its own, which tells hidden from unknown")
		}
		return tool.Result{}, bound.Demands, bound.Refusal
	}
	r, err := bound.Run(t.Context())
	return r, bound.Demands, err
}

func (b *bench) question(t *testing.T, args string) metric.Question {
	t.Helper()
	if _, _, err := b.call(t, "query", args); err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	return b.source.question
}

func TestQuery_AsksWhatTheArgumentsSay(t *testing.T) {
	got := (&bench{}).question(t, `{
		"metrics": ["revenue", "orders"],
		"group_by": ["order__channel", "metric_time__month", {"name": "customer"}, {"name": "order__ordered_at", "grain": "week"}, {"name": "metric_time", "date_part": "dow"}],
		"filters": [
			{"field": "customer__tier", "op": "in", "values": ["gold", 2, true]},
			{"field": "metric_time__day", "op": "between", "values": ["2024-01-01", "2024-01-31T12:00"]},
			{"field": "customer__region", "op": "is_not_null"}
		],
		"where": ["{{ Dimension('order__channel') }} = 'web' OR customer__region IS NULL"],
		"order_by": ["-revenue", "metric_time__month", "-order__channel", "metric_time__extract_dow", "order__ordered_at"],
		"start_time": "2024-01-01", "end_time": "2024-12-31 23:59:59.5", "limit": 7, "session_id": "../../etc"
	}`)
	month := metric.GroupBy{Name: "metric_time", Grain: "month"}
	channel, customer := metric.GroupBy{Name: "order__channel"}, metric.GroupBy{Name: "customer"}
	week, dow := metric.GroupBy{Name: "order__ordered_at", Grain: "week"}, metric.GroupBy{Name: "metric_time", DatePart: "dow"}
	want := metric.Question{
		Manifest: "c0ffee",
		Metrics:  []string{"revenue", "orders"},
		GroupBy:  []metric.GroupBy{channel, month, customer, week, dow},
		Where: []metric.Condition{
			metric.Comparison{
				Left: metric.Ref{Name: "customer__tier", Kind: metric.Categorical}, Op: metric.In,
				Right: []metric.Operand{metric.Value{Of: "gold"}, metric.Value{Of: json.Number("2")}, metric.Value{Of: true}},
			},
			metric.Comparison{
				Left: metric.Ref{Name: "metric_time", Grain: "day", Kind: metric.Time}, Op: metric.Between,
				Right: []metric.Operand{metric.Value{Of: "2024-01-01"}, metric.Value{Of: "2024-01-31T12:00"}},
			},
			metric.Comparison{Left: metric.Ref{Name: "customer__region", Kind: metric.EntityKey}, Op: metric.IsNotNull, Right: []metric.Operand{}},
			metric.Or{Any: []metric.Condition{
				metric.Comparison{Left: metric.Ref{Name: "order__channel", Kind: metric.Categorical}, Op: metric.Eq, Right: []metric.Operand{metric.Value{Of: "web"}}},
				metric.Comparison{Left: metric.Ref{Name: "customer__region", Kind: metric.EntityKey}, Op: metric.IsNull},
			}},
		},
		OrderBy: []metric.OrderBy{
			{Metric: "revenue", Descending: true}, {GroupBy: month}, {GroupBy: channel, Descending: true}, {GroupBy: dow}, {GroupBy: week},
		},
		Start: "2024-01-01T00:00:00", End: "2024-12-31T23:59:59.500000", Limit: 7,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestQuery_TakesTheFormerServersArguments(t *testing.T) {
	b := &bench{}
	r, _, err := b.call(t, "query", `{"session_id": "s1", "metrics": ["revenue"], "order": ["-revenue"], "explain": true}`)
	if err != nil || r.Text != "SELECT 1" || len(b.source.question.OrderBy) != 1 {
		t.Errorf("%+v, %+v, %v", r, b.source.question, err)
	}
}

func TestQuery_TakesASavedQueryWithItsOwnMetrics(t *testing.T) {
	for args, want := range map[string]*fault.Fault{
		`{"saved_query": "by_tier", "metrics": []}`:                    nil,
		`{"saved_query": "by_tier", "metrics": ["revenue"]}`:           nil,
		`{"saved_query": "by_tier", "metrics": ["revenue", "orders"]}`: asking.ErrSavedQueryAlone,
		`{"saved_query": "by_tier", "metrics": ["nothing"]}`:           asking.ErrSavedQueryAlone,
		`{"saved_query": "by_tier", "group_by": ["customer__tier"]}`:   asking.ErrSavedQueryAlone,
	} {
		b := &bench{}
		_, _, err := b.call(t, "query", args)
		if f := fault.From(err); want == nil && (f != nil || len(b.source.question.Metrics) > 0) || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v, asked %+v", args, err, b.source.question)
		}
	}
}

func TestQuery_DemandsEveryNameThatTheQuestionTouches(t *testing.T) {
	_, demands, err := (&bench{}).call(t, "query", `{
		"metrics": ["margin"], "group_by": ["customer__tier", "metric_time"],
		"filters": [{"field": "customer__region", "op": "=", "value": 1}], "order_by": ["-metric_time__day"]}`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range demands {
		if d.Action != metricapp.ActionQuery {
			t.Errorf("the action %s", d.Action)
		}
		got = append(got, d.Target.String())
	}
	want := []string{"metric:margin", "metric:cost", "metric:revenue", "dimension:customer__tier", "dimension:metric_time", "entity:customer__region"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestQuery_RefusesWhatCannotBeAsked(t *testing.T) {
	for name, c := range map[string]struct {
		args string
		want *fault.Fault
	}{
		"an empty truth":           {`{"metrics": ["orders"], "where": "1=1"}`, where.ErrSyntax},
		"a union":                  {`{"metrics": ["orders"], "where": ["order__channel = 'x' UNION SELECT 1"]}`, where.ErrSyntax},
		"an unknown name in where": {`{"metrics": ["orders"], "where": "order__chanel = 'x'"}`, metric.ErrUnknownField},
		"a format that is none":    {`{"metrics": ["orders"], "format": "pdf"}`, metricapp.ErrArguments},
		"a chart of nothing":       {`{"metrics": ["orders"], "format": "chart", "mode": "sql"}`, metricapp.ErrArguments},
		"nothing":                  {`{}`, asking.ErrNothingAsked},
		"a saved query and more":   {`{"saved_query": "by_tier", "metrics": ["orders"]}`, asking.ErrSavedQueryAlone},
		"an unknown argument":      {`{"metrics": ["orders"], "sql": "SELECT"}`, metricapp.ErrArguments},
		"another type":             {`{"metrics": "orders"}`, metricapp.ErrArguments},
		"a mode that is none":      {`{"metrics": ["orders"], "mode": "csv"}`, metricapp.ErrArguments},
		"a limit of nothing":       {`{"metrics": ["orders"], "limit": 0}`, metricapp.ErrArguments},
		"an unknown metric":        {`{"metrics": ["order"]}`, metric.ErrUnknownMetric},
		"a metric twice":           {`{"metrics": ["orders", "orders"]}`, asking.ErrRepeated},
		"an unknown field":         {`{"metrics": ["orders"], "group_by": ["customer__teir"]}`, metric.ErrUnknownField},
		"a field twice":            {`{"metrics": ["orders"], "group_by": ["metric_time__day", {"name": "metric_time", "grain": "day"}]}`, asking.ErrRepeated},
		"an unknown saved query":   {`{"saved_query": "by_teir"}`, metric.ErrUnknownSavedQuery},
		"too fine a grain":         {`{"metrics": ["orders"], "group_by": [{"name": "metric_time", "grain": "hour"}]}`, metric.ErrGrain},
		"two grains":               {`{"metrics": ["orders"], "group_by": [{"name": "metric_time__day", "grain": "week"}]}`, metric.ErrGrain},
		"a grain of no time":       {`{"metrics": ["orders"], "group_by": [{"name": "customer__tier", "grain": "day"}]}`, metric.ErrGrain},
		"an unknown date part":     {`{"metrics": ["orders"], "group_by": [{"name": "metric_time", "date_part": "minute"}]}`, metric.ErrGrain},
		"a grain and a date part":  {`{"metrics": ["orders"], "group_by": [{"name": "metric_time", "grain": "day", "date_part": "dow"}]}`, metric.ErrGrain},
		"an unknown group-by part": {`{"metrics": ["orders"], "group_by": [{"name": "metric_time", "graine": "day"}]}`, metricapp.ErrArguments},
		"an operator":              {`{"metrics": ["orders"], "filters": [{"field": "customer__tier", "op": "~", "value": "x"}]}`, metric.ErrFilter},
		"no value":                 {`{"metrics": ["orders"], "filters": [{"field": "customer__tier", "op": "="}]}`, metric.ErrFilter},
		"a null":                   {`{"metrics": ["orders"], "filters": [{"field": "customer__tier", "op": "=", "value": null}]}`, metric.ErrFilter},
		"a list in a list":         {`{"metrics": ["orders"], "filters": [{"field": "customer__tier", "op": "in", "values": [["x"]]}]}`, metric.ErrFilter},
		"both value and values":    {`{"metrics": ["orders"], "filters": [{"field": "customer__tier", "op": "in", "value": "x", "values": ["y"]}]}`, metric.ErrFilter},
		"one of between":           {`{"metrics": ["orders"], "filters": [{"field": "customer__tier", "op": "between", "values": ["x"]}]}`, metric.ErrFilter},
		"a value of null":          {`{"metrics": ["orders"], "filters": [{"field": "customer__tier", "op": "is_null", "value": "x"}]}`, metric.ErrFilter},
		"like a number":            {`{"metrics": ["orders"], "filters": [{"field": "customer__tier", "op": "like", "value": 5}]}`, metric.ErrFilter},
		"like a time":              {`{"metrics": ["orders"], "filters": [{"field": "metric_time", "op": "like", "value": "2024%"}]}`, metric.ErrFilter},
		"no time":                  {`{"metrics": ["orders"], "filters": [{"field": "metric_time", "op": ">", "value": "last week"}]}`, metric.ErrFilter},
		"a number for a time":      {`{"metrics": ["orders"], "filters": [{"field": "metric_time", "op": ">", "value": 2024}]}`, metric.ErrFilter},
		"an unknown filter field":  {`{"metrics": ["orders"], "filters": [{"field": "revenue", "op": ">", "value": 5}]}`, metric.ErrUnknownField},
		"another order":            {`{"metrics": ["orders"], "group_by": ["metric_time"], "order_by": ["revenue"]}`, asking.ErrOrderBy},
		"an ambiguous order":       {`{"metrics": ["orders"], "group_by": ["metric_time__day", "metric_time__week"], "order_by": ["metric_time"]}`, asking.ErrOrderBy},
		"a start with a zone":      {`{"metrics": ["orders"], "start_time": "2024-01-01T00:00:00Z"}`, metric.ErrMoment},
		"an end before the start":  {`{"metrics": ["orders"], "start_time": "2024-02-01", "end_time": "2024-01-01"}`, asking.ErrTimeRange},
		"a start too early":        {`{"metrics": ["orders"], "start_time": "1999-12-31"}`, asking.ErrTimeRange},
		"an end too late":          {`{"metrics": ["orders"], "end_time": "2041-01-01"}`, asking.ErrTimeRange},
		"a time of nothing":        {`{"group_by": ["customer__tier"], "start_time": "2024-01-01"}`, asking.ErrTimeRange},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{}
			_, _, err := b.call(t, "query", c.args)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %s", err, c.want.Code)
			}
			if f := fault.From(err); f.Kind != fault.Invalid && f.Kind != fault.NotFound {
				t.Errorf("of kind %v", f.Kind)
			}
			if b.source.question.Limit != 0 {
				t.Error("the engine was asked")
			}
		})
	}
}

func TestQuery_BoundsRowsAndSaysWhoCut(t *testing.T) {
	full := metric.Table{Columns: []metric.Column{{Name: "orders", Type: "integer"}}, Rows: [][]any{{json.Number("1")}}, Truncated: true}
	limits := asking.Limits{DefaultLimit: 50, MaxRows: 200}
	for name, c := range map[string]struct {
		args  string
		limit int
		cut   bool
	}{
		"no limit":                     {`{"metrics": ["orders"]}`, 50, true},
		"the caller's":                 {`{"metrics": ["orders"], "limit": 60}`, 60, false},
		"the caller's at the ceiling":  {`{"metrics": ["orders"], "limit": 200}`, 200, false},
		"the ceiling":                  {`{"metrics": ["orders"], "limit": 201}`, 200, true},
		"the author's":                 {`{"saved_query": "by_tier"}`, 10, false},
		"the caller's over the author": {`{"saved_query": "by_tier", "limit": 20}`, 20, false},
		"a saved query without one":    {`{"saved_query": "by_salary"}`, 50, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{source: &recordingSource{table: full}, limits: limits}
			r, _, err := b.call(t, "query", c.args)
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ Truncated bool }
			structured(t, r, &got)
			if b.source.question.Limit != c.limit || got.Truncated != c.cut || strings.Contains(r.Text, "cut off") != c.cut {
				t.Errorf("limit %d, truncated %v: %s", b.source.question.Limit, got.Truncated, r.Text)
			}
		})
	}
}

func structured(t *testing.T, r tool.Result, into any) {
	t.Helper()
	data, err := json.Marshal(r.Structured)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestQuery_AnswersWithDigitsAndATable(t *testing.T) {
	b := &bench{stale: errors.New("half a file"), source: &recordingSource{table: metric.Table{
		Columns: []metric.Column{
			{Name: "customer__tier", Type: "string"}, {Name: "metric_time__day", Type: "timestamp", Grain: "day"}, {Name: "revenue", Type: "decimal"},
		},
		Rows: [][]any{
			{"gold", "2024-01-01T00:00:00", json.Number("12345678901234567890.120")},
			{nil, "2024-01-02T00:00:00", nil},
			{"two\nlines", "2024-01-03T00:00:00", json.Number("7")},
		},
		SQL: "SELECT secret",
	}}}
	r, _, err := b.call(t, "query", `{"metrics": ["revenue"], "group_by": ["customer__tier", "metric_time"], "start_time": "2024-01-01"}`)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r.Structured)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"columns":[{"name":"customer__tier","type":"string"},{"name":"metric_time__day","type":"timestamp","grain":"day"},{"name":"revenue","type":"decimal"}],` +
		`"rows":[["gold","2024-01-01T00:00:00",12345678901234567890.120],[null,"2024-01-02T00:00:00",null],["two\nlines","2024-01-03T00:00:00",7]],` +
		`"row_count":3,"truncated":false,"manifest":{"hash":"c0ffee","age_seconds":90},"duration_ms":1.5,"warnings":[` +
		`"Without end_time, the metrics engine ends at 2040-12-31: what is later is left out.",` +
		`"The project has a newer semantic manifest that cannot be read; this answer rests on the one before it."]}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Error(diff)
	}
	text := strings.Join([]string{
		"customer__tier  metric_time__day                      revenue",
		"--------------  -------------------  ------------------------",
		"gold            2024-01-01T00:00:00  12345678901234567890.120",
		"∅               2024-01-02T00:00:00                         ∅",
		"two lines       2024-01-03T00:00:00                         7",
		"", "3 rows.",
	}, "\n")
	if got, _, _ := strings.Cut(r.Text, "\nNote:"); got != text {
		t.Error(cmp.Diff(text, got))
	}
}

func TestQuery_ShowsFiftyRowsAndTheCount(t *testing.T) {
	rows := make([][]any, 120)
	for i := range rows {
		rows[i] = []any{"row"}
	}
	b := &bench{source: &recordingSource{table: metric.Table{Columns: []metric.Column{{Name: "customer__tier", Type: "string"}}, Rows: rows}}}
	r, _, err := b.call(t, "query", `{"group_by": ["customer__tier"]}`)
	if err != nil || strings.Count(r.Text, "row\n") != 50 || !strings.Contains(r.Text, "120 rows, the first 50 shown.") {
		t.Errorf("%v: %s", err, r.Text)
	}
}

func TestQuery_ValidatesAndExplainsWithoutRunning(t *testing.T) {
	r, _, err := (&bench{}).call(t, "query", `{"metrics": ["orders"], "mode": "validate"}`)
	var got map[string]any
	structured(t, r, &got)
	if err != nil || got["valid"] != true || got["rows"] != nil || got["sql"] != nil {
		t.Errorf("%v %v", got, err)
	}
	r, _, err = (&bench{}).call(t, "query", `{"metrics": ["orders"], "mode": "sql"}`)
	structured(t, r, &got)
	if err != nil || got["sql"] != "SELECT 1" || r.Text != "SELECT 1" {
		t.Errorf("%v %v", got, err)
	}
	_, _, err = (&bench{source: &recordingSource{err: metric.ErrQuestion}}).call(t, "query", `{"metrics": ["orders"], "mode": "validate"}`)
	if !errors.Is(err, metric.ErrQuestion) {
		t.Error(err)
	}
}

// What is hidden must look like what was never there: the same fault, but for the name, and the same suggestions.
func TestQuery_HidesLikeItDoesNotKnow(t *testing.T) {
	hidden := hiding{"metric:cost", "dimension:customer__salary", "entity:customer__region"}
	for name, c := range map[string]struct{ hidden, unknown, name, other string }{
		"a metric":         {`{"metrics": ["cost"]}`, `{"metrics": ["c0st"]}`, "cost", "c0st"},
		"an ingredient":    {`{"metrics": ["margin"]}`, `{"metrics": ["m4rgin"]}`, "margin", "m4rgin"},
		"a group-by":       {`{"metrics": ["orders"], "group_by": ["customer__salary"]}`, `{"metrics": ["orders"], "group_by": ["customer__s4lary"]}`, "customer__salary", "customer__s4lary"},
		"an entity":        {`{"metrics": ["orders"], "group_by": ["customer__region"]}`, `{"metrics": ["orders"], "group_by": ["customer__r3gion"]}`, "customer__region", "customer__r3gion"},
		"a filter":         {`{"metrics": ["orders"], "filters": [{"field": "customer__salary", "op": "is_null"}]}`, `{"metrics": ["orders"], "filters": [{"field": "customer__s4lary", "op": "is_null"}]}`, "customer__salary", "customer__s4lary"},
		"a saved query":    {`{"saved_query": "by_salary"}`, `{"saved_query": "by_s4lary"}`, "by_salary", "by_s4lary"},
		"a grain of it":    {`{"metrics": ["orders"], "group_by": [{"name": "customer__salary", "grain": "nonsense"}]}`, `{"metrics": ["orders"], "group_by": [{"name": "customer__s4lary", "grain": "nonsense"}]}`, "customer__salary", "customer__s4lary"},
		"a saved's filter": {`{"saved_query": "by_tier", "filters": [{"field": "customer__salary", "op": "is_null"}]}`, `{"saved_query": "by_tier", "filters": [{"field": "customer__s4lary", "op": "is_null"}]}`, "customer__salary", "customer__s4lary"},
		"a saved's order":  {`{"saved_query": "by_tier", "order_by": ["customer__salary"]}`, `{"saved_query": "by_tier", "order_by": ["customer__s4lary"]}`, "customer__salary", "customer__s4lary"},
		"before an error":  {`{"metrics": ["cost"], "group_by": ["nonsense"]}`, `{"metrics": ["c0st"], "group_by": ["nonsense"]}`, "cost", "c0st"},
	} {
		t.Run(name, func(t *testing.T) {
			_, demands, err := (&bench{hidden: hidden}).call(t, "query", c.hidden)
			refused := fault.From(err)
			_, _, err = (&bench{hidden: hidden}).call(t, "query", c.unknown)
			unknown := fault.From(err)
			if refused == nil || unknown == nil {
				t.Fatalf("%v, %v", refused, unknown)
			}
			if len(demands) == 0 {
				t.Error("the gate learns of no demand, so nothing records the attempt")
			}
			if refused.Code != unknown.Code || refused.Kind != unknown.Kind ||
				strings.ReplaceAll(refused.Message, c.name, c.other) != unknown.Message {
				t.Errorf("%+v\n%+v", refused, unknown)
			}
			for _, s := range append(slices.Clone(refused.Suggestions), unknown.Suggestions...) {
				if slices.Contains([]string{"cost", "margin", "customer__salary", "customer__region", "by_salary"}, s) {
					t.Errorf("suggests the hidden %q", s)
				}
			}
		})
	}
}

func TestQuery_KeepsHiddenNamesOutOfTheEnginesWords(t *testing.T) {
	engine := metric.ErrQuestion.Saying("There is no customer__pay; did you mean customer__salary?").
		Suggesting("customer__tier", "customer__salary", "cost", "orders")
	b := &bench{source: &recordingSource{err: engine}, hidden: hiding{"dimension:customer__salary", "metric:cost"}}
	_, _, err := b.call(t, "query", `{"metrics": ["orders"]}`)
	f := fault.From(err)
	if diff := cmp.Diff([]string{"customer__tier", "orders"}, f.Suggestions); diff != "" || f.Message != metric.ErrQuestion.Message {
		t.Errorf("%+v %s", f, diff)
	}
	b = &bench{source: &recordingSource{err: engine}}
	_, _, err = b.call(t, "query", `{"metrics": ["orders"]}`)
	if f := fault.From(err); f.Message != engine.Message || len(f.Suggestions) != 4 {
		t.Errorf("%+v", f)
	}
}

func TestListDimensionValues_ListsNamesAndValues(t *testing.T) {
	b := &bench{source: &recordingSource{table: metric.Table{Rows: [][]any{{"gold"}, {json.Number("2.50")}, {true}}, Truncated: true}}}
	r, demands, err := b.call(t, "list_dimension_values", `{"dimension": "metric_time__month", "metrics": ["margin"], "search": "x", "limit": 3, "end_time": "2024-01-31"}`)
	if err != nil {
		t.Fatal(err)
	}
	want := metric.Listing{
		Manifest: "c0ffee", Metrics: []string{"margin"}, Field: metric.GroupBy{Name: "metric_time", Grain: "month"}, Kind: metric.Time,
		Contains: "x", End: "2024-01-31T00:00:00", Limit: 3,
	}
	if diff := cmp.Diff(want, b.source.listing); diff != "" {
		t.Error(diff)
	}
	data, err := json.Marshal(r.Structured)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON := `{"values":[{"name":"gold","value":"gold"},{"name":"2.50","value":2.50},{"name":"true","value":true}],"truncated":true,` +
		`"manifest":{"hash":"c0ffee","age_seconds":90},"duration_ms":1.5,` +
		`"warnings":["Without start_time, the metrics engine begins at 2000-01-01: what is earlier is left out."]}`
	if diff := cmp.Diff(wantJSON, string(data)); diff != "" {
		t.Error(diff)
	}
	if len(demands) != 4 { // margin, its two inputs, and the dimension
		t.Errorf("%v", demands)
	}
}

func TestListDimensionValues_RefusesAndHides(t *testing.T) {
	hidden := hiding{"dimension:customer__salary", "metric:cost"}
	for args, want := range map[string]*fault.Fault{
		`{}`:                                metricapp.ErrArguments,
		`{"dimension": "nothing"}`:          metric.ErrUnknownField,
		`{"dimension": "customer__salary"}`: metric.ErrUnknownField,
		`{"dimension": "customer__tier", "metrics": ["cost"]}`:            metric.ErrUnknownMetric,
		`{"dimension": "customer__tier", "limit": 0}`:                     metricapp.ErrArguments,
		`{"dimension": "customer__tier", "start_time": "2024-01-01"}`:     asking.ErrTimeRange,
		`{"dimension": "metric_time__hour", "metrics": ["orders"]}`:       metric.ErrUnknownField,
		`{"dimension": "customer__tier", "metrics": ["orders"], "x": ""}`: metricapp.ErrArguments,
	} {
		b := &bench{hidden: hidden}
		if _, _, err := b.call(t, "list_dimension_values", args); !errors.Is(err, want) || b.source.listing.Limit != 0 {
			t.Errorf("%s: %v, want %s", args, err, want.Code)
		}
	}
}

func FuzzQuery_Bind(f *testing.F) {
	f.Add(`{"metrics": ["orders"], "group_by": ["metric_time__month", {"name": "customer__tier"}], "filters": [{"field": "customer__tier", "op": "=", "value": "x"}]}`)
	f.Add(`{"saved_query": "by_tier", "order_by": ["-customer__tier"], "start_time": "2024-01-01"}`)
	f.Add(`{"metrics": ["orders"], "order_by": ["-"], "group_by": [{}], "limit": 1e3}`)
	f.Fuzz(func(t *testing.T, args string) {
		bound, err := (&bench{}).tool(t, "query").Bind(t.Context(), access.Local("ann"), json.RawMessage(args))
		if err != nil {
			if k := fault.From(err).Kind; k != fault.Invalid && k != fault.NotFound {
				t.Errorf("%q: %v", args, err)
			}
			return
		}
		if len(bound.Demands) == 0 || bound.Run == nil {
			t.Errorf("%q is bound without demands", args)
		}
	})
}

func noPicture(context.Context, chart.Chart, chart.Size) ([]byte, error) { return []byte("PNG"), nil }
