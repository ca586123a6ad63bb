package chart_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

// table reads "name:type:grain" for columns, and Go values for cells: numbers become json.Number.
func table(columns []string, rows ...[]any) metric.Table {
	t := metric.Table{}
	for _, c := range columns {
		parts := append(strings.Split(c, ":"), "", "")
		t.Columns = append(t.Columns, metric.Column{Name: parts[0], Type: parts[1], Grain: parts[2]})
	}
	for _, row := range rows {
		cells := make([]any, len(row))
		for i, cell := range row {
			switch v := cell.(type) {
			case int:
				cells[i] = json.Number(strconv.Itoa(v))
			case float64:
				cells[i] = json.Number(strconv.FormatFloat(v, 'g', -1, 64))
			default:
				cells[i] = v
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

func from(t *testing.T, answer metric.Table, metrics ...string) chart.Chart {
	t.Helper()
	c, err := chart.From(answer, metrics, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// drawn is a chart without its words: series by name, values as text, "-" for none.
func drawn(c chart.Chart) map[string]string {
	all := map[string]string{}
	for n, p := range c.Panels {
		for _, s := range p.Series {
			texts := make([]string, len(s.Values))
			for i, v := range s.Values {
				if texts[i] = strconv.FormatFloat(v, 'g', -1, 64); math.IsNaN(v) {
					texts[i] = "-"
				}
			}
			all[fmt.Sprintf("%d %s", n, s.Name)] = strings.Join(texts, " ")
		}
	}
	return all
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestFrom_DrawsTimeAsLinesWithGaps(t *testing.T) {
	t.Parallel()
	c := from(t, table([]string{"metric_time__month:timestamp:month", "region__name:string", "revenue:decimal"},
		[]any{"2025-03-01T00:00:00", "East", 3}, []any{"2024-12-01T00:00:00", "East", 1},
		[]any{"2025-03-01T00:00:00", "West", 30}, []any{"2025-01-01T00:00:00", "West", nil},
		[]any{"2024-12-01T00:00:00", "West", 10}), "revenue")
	if c.Form != chart.Line || c.X.Kind != chart.Time || c.Title != "Revenue by month and region name" || c.Split != "Region name" {
		t.Errorf("%s %s %q %q", c.Form, c.X.Kind, c.Title, c.Split)
	}
	same(t, []string{"Dec 2024", "Jan 2025", "Feb 2025", "Mar 2025"}, c.X.Labels)
	same(t, []string{"2024-12-01", "2025-01-01", "2025-02-01", "2025-03-01"}, c.X.Keys)
	same(t, map[string]string{"0 West": "10 - - 30", "0 East": "1 - - 3"}, drawn(c))
	same(t, []string{"Revenue has 1 empty value.", "The answer has no row for 1 month in between."}, c.Notes)
}

func TestFrom_KnowsEveryGrain(t *testing.T) {
	t.Parallel()
	for grain, w := range map[string]struct{ first, second, label, tick, group string }{
		"year":    {"2024-01-01", "2025-01-01", "2024", "2024", ""},
		"quarter": {"2024-10-01", "2025-01-01", "Q4 2024", "Q4", "2024"},
		"month":   {"2024-12-01", "2025-01-01", "Dec 2024", "Dec", "2024"},
		"week":    {"2024-12-30", "2025-01-06", "week of 30 Dec 2024", "30 Dec", "2024"},
		"day":     {"2024-02-29", "2024-03-01", "29 Feb 2024", "29 Feb", "2024"},
		"hour":    {"2024-02-29T23:00:00", "2024-03-01T00:00:00", "29 Feb 2024 23:00", "23:00", "29 Feb"},
		"minute":  {"2024-02-29T23:59:00", "2024-03-01T00:00:00", "29 Feb 2024 23:59", "23:59", "29 Feb"},
		"second":  {"2024-02-29T23:59:59", "2024-03-01T00:00:00", "29 Feb 2024 23:59:59", "23:59:59", "29 Feb"},
	} {
		c := from(t, table([]string{"metric_time__" + grain + ":timestamp:" + grain, "n:integer"},
			[]any{w.second, 2}, []any{w.first, 1}), "n")
		if c.X.Kind != chart.Time || len(c.X.Labels) != 2 || c.X.Labels[0] != w.label || len(c.X.Ticks) == 0 ||
			c.X.Ticks[0].Text != w.tick || c.X.Ticks[0].Group != w.group {
			t.Errorf("%s: %+v", grain, c.X)
		}
		same(t, map[string]string{"0 N": "1 2"}, drawn(c))
	}
}

func TestFrom_KeepsTimesThatNoCalendarHas(t *testing.T) {
	t.Parallel()
	for name, columns := range map[string]string{
		"a grain of the project's own": "metric_time__fiscal_period:date:fiscal_period",
		"days that begin no month":     "metric_time__month:date:month",
		"no grain":                     "opened:date",
	} {
		c := from(t, table([]string{columns, "n:integer"},
			[]any{"2025-04-05", 2}, []any{"2024-01-02", 1}, []any{"2025-04-07", 3}), "n")
		if c.X.Kind != chart.Ordinal {
			t.Errorf("%s is drawn as %s", name, c.X.Kind)
		}
		same(t, []string{"2 Jan 2024", "5 Apr 2025", "7 Apr 2025"}, c.X.Labels)
		same(t, map[string]string{"0 N": "1 2 3"}, drawn(c))
	}
}

func TestFrom_SortsNamesUnlessTheAnswerDid(t *testing.T) {
	t.Parallel()
	columns := []string{"channel:string", "n:integer"}
	for name, c := range map[string]struct {
		rows [][]any
		want []string
	}{
		"no order: largest first, none last": {[][]any{{"b", 1}, {"c", nil}, {"a", 3}, {"d", 2}}, []string{"a", "d", "b", "c"}},
		"by name":                            {[][]any{{"a", 1}, {"b", 9}, {"c", 2}, {"d", 3}}, []string{"a", "b", "c", "d"}},
		"smallest first":                     {[][]any{{"x", 1}, {"m", 2}, {"z", 3}, {"a", 4}}, []string{"x", "m", "z", "a"}},
		"too few to be in order by intent":   {[][]any{{"a", 1}, {"b", 2}, {"c", 3}}, []string{"c", "b", "a"}},
	} {
		got := from(t, table(columns, c.rows...), "n")
		if got.Form != chart.Bar || got.Horizontal || !got.Panels[0].Zero {
			t.Errorf("%s: %s, lying %v, from zero %v", name, got.Form, got.Horizontal, got.Panels[0].Zero)
		}
		if d := cmp.Diff(c.want, got.X.Labels); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestFrom_LaysBarsDownForLongOrManyNames(t *testing.T) {
	t.Parallel()
	rows := make([][]any, 30)
	for i := range rows {
		rows[i] = []any{fmt.Sprintf("P%d", i*7%30), i * 7 % 30}
	}
	c := from(t, table([]string{"product:string", "n:integer"}, rows...), "n")
	if !c.Horizontal || len(c.X.Labels) != 20 || c.X.Labels[0] != "P29" || !c.Truncated {
		t.Errorf("lying %v, %d names, first %q, truncated %v", c.Horizontal, len(c.X.Labels), c.X.Labels[0], c.Truncated)
	}
	same(t, []string{"The 20 largest of 30 by n are drawn (product); 10 are left out."}, c.Notes)
	if c := from(t, table([]string{"product:string", "n:integer"}, []any{strings.Repeat("long ", 11), 1}, []any{"b", 2}), "n"); c.Horizontal {
		t.Error("two names have room enough to stand")
	}
	if c := from(t, table([]string{"product:string", "n:integer"}, []any{strings.Repeat("long ", 90), 1}, []any{"b", 2}, []any{"c", 3}), "n"); !c.Horizontal {
		t.Error("a long name has no room to stand")
	} else if longest := len([]rune(c.X.Labels[2])); longest > 60 {
		t.Errorf("a label of %d letters", longest)
	}
}

func TestFrom_GroupsTwoNames(t *testing.T) {
	t.Parallel()
	c := from(t, table([]string{"channel:string", "first:boolean", "n:integer"},
		[]any{"web", true, 1}, []any{"web", false, 2}, []any{"app", true, 5}, []any{"store", false, 4}), "n")
	if c.Form != chart.Bar || c.Split != "First" || c.X.Title != "Channel" {
		t.Errorf("%s by %q and %q", c.Form, c.X.Title, c.Split)
	}
	same(t, []string{"app", "store", "web"}, c.X.Labels)
	same(t, map[string]string{"0 true": "5 - 1", "0 false": "- 4 2"}, drawn(c))
}

func TestFrom_NamesPartsOfDatesInTheirOrder(t *testing.T) {
	t.Parallel()
	c := from(t, table([]string{"metric_time__extract_dow:integer", "n:integer"}, []any{5, 50}, []any{7, 70}, []any{2, 20}), "n")
	if c.Form != chart.Bar || c.X.Kind != chart.Ordinal || c.Title != "N by day of the week" {
		t.Errorf("%s %s %q", c.Form, c.X.Kind, c.Title)
	}
	same(t, []string{"Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}, c.X.Labels)
	same(t, map[string]string{"0 N": "20 - - 50 - 70"}, drawn(c))
	c = from(t, table([]string{"metric_time__extract_dow:integer", "n:integer"}, []any{0, 50}, []any{1, 70}), "n")
	same(t, []string{"0", "1"}, c.X.Labels)
	c = from(t, table([]string{"customer:integer", "n:integer"}, []any{5001, 5}, []any{17, 7}, []any{900, 6}), "n")
	if c.X.Kind != chart.Category {
		t.Errorf("keys are drawn as %s", c.X.Kind)
	}
}

func TestFrom_GivesDifferentScalesTheirOwnPanels(t *testing.T) {
	t.Parallel()
	rows := [][]any{{"2024-01-01", 1000000, 0.4, 300, 250}, {"2025-01-01", 2000000, 0.3, 200, 260}}
	c := from(t, table([]string{"metric_time__year:date:year", "revenue:decimal", "rate:float", "visits:integer", "orders:integer"}, rows...),
		"revenue", "rate", "visits", "orders")
	same(t, map[string]string{"0 Revenue": "1e+06 2e+06", "1 Rate": "0.4 0.3", "2 Visits": "300 200", "2 Orders": "250 260"}, drawn(c))
	var zero []bool
	for _, p := range c.Panels {
		zero = append(zero, p.Zero)
	}
	// A line begins at zero where that costs it less than half of its room.
	same(t, []bool{true, false, false}, zero)
	if c.Panels[0].Series[0].Colour == c.Panels[2].Series[0].Colour {
		t.Error("two metrics have one colour beside each other")
	}
}

func TestFrom_WritesFiguresWithoutAGroupBy(t *testing.T) {
	t.Parallel()
	c := from(t, table([]string{"a:integer", "b:float", "c:decimal"}, []any{1, 2.5, nil}), "a", "b", "c")
	if c.Form != chart.Number || !c.Truncated {
		t.Errorf("%s, truncated %v", c.Form, c.Truncated)
	}
	same(t, map[string]string{"0 A": "1", "1 B": "2.5"}, drawn(c))
	same(t, []string{"C has no values."}, c.Notes)
}

func TestFrom_SaysOnceWhatIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	c := from(t, table([]string{"metric_time__day:date:day", "status:string", "n:integer"},
		[]any{"2024-02-29", "done", 45}, []any{"2024-02-29", "open", 3}), "n")
	if c.Form != chart.Bar || c.Subtitle != "Day: 29 Feb 2024" || c.Split != "" {
		t.Errorf("%s, subtitle %q, split %q", c.Form, c.Subtitle, c.Split)
	}
	same(t, []string{"done", "open"}, c.X.Labels)
}

func TestFrom_LeavesOutTheSmallestSeries(t *testing.T) {
	t.Parallel()
	var rows [][]any
	for s := range 12 {
		for m := range 3 {
			rows = append(rows, []any{fmt.Sprintf("2025-%02d-01", m+1), fmt.Sprintf("S%02d", s), s * 10})
		}
	}
	c := from(t, table([]string{"metric_time__month:date:month", "store:string", "n:integer"}, rows...), "n")
	if len(c.Panels[0].Series) != 8 || c.Panels[0].Series[0].Name != "S11" || !c.Truncated {
		t.Errorf("%d series, first %q", len(c.Panels[0].Series), c.Panels[0].Series[0].Name)
	}
	same(t, []string{"The 8 largest of 12 by n are drawn as series (store); 4 are left out."}, c.Notes)
}

func TestFrom_KeepsTheEndOfALongLine(t *testing.T) {
	t.Parallel()
	var rows [][]any
	for i := range 2000 {
		rows = append(rows, []any{fmt.Sprintf("2025-01-%02dT%02d:%02d:00", 1+i/1440, i/60%24, i%60), i})
	}
	answer := table([]string{"metric_time__minute:timestamp:minute", "n:integer"}, rows...)
	answer.Truncated = true
	c := from(t, answer, "n")
	if n := len(c.X.Labels); n != chart.MaxPositions || c.X.Labels[n-1] != "2 Jan 2025 09:19" || len(c.X.Ticks) > 60 {
		t.Errorf("%d positions to %q with %d ticks", n, c.X.Labels[n-1], len(c.X.Ticks))
	}
	same(t, []string{
		"The answer was cut off at 2,000 rows; there is more than is drawn.",
		"The last 1,200 of 2,000 positions are drawn; ask for a coarser grain or a shorter range to see all.",
	}, c.Notes)
}

func TestFrom_TellsEqualLabelsApart(t *testing.T) {
	t.Parallel()
	c := from(t, table([]string{"name:string", "n:integer"},
		[]any{nil, 1}, []any{"(no value)", 2}, []any{"a\nb", 3}, []any{"a b", 4}, []any{"", 5}, []any{"\u202eevil", 6}), "n")
	got := slices.Sorted(slices.Values(c.X.Labels))
	same(t, []string{"(blank)", "(no value)", "(no value) (2)", "a b", "a b (2)", "evil"}, got)
}

func TestFrom_RefusesWhatCannotBeDrawn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer  metric.Table
		metrics []string
		want    error
	}{
		"no rows":           {table([]string{"a:string", "n:integer"}), []string{"n"}, chart.ErrEmpty},
		"no metric":         {table([]string{"a:string"}, []any{"x"}), nil, chart.ErrNoNumbers},
		"a metric of text":  {table([]string{"a:string", "n:string"}, []any{"x", "y"}), []string{"n"}, chart.ErrNoNumbers},
		"only null":         {table([]string{"a:string", "n:integer"}, []any{"x", nil}), []string{"n"}, chart.ErrNoValues},
		"only not a number": {table([]string{"a:string", "n:float"}, []any{"x", "NaN"}, []any{"y", "-Infinity"}), []string{"n"}, chart.ErrNoValues},
	} {
		_, err := chart.From(c.answer, c.metrics, "t")
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if f := fault.From(err); !strings.HasPrefix(f.Code, "metric.chart_") {
			t.Errorf("%s: code %s", name, f.Code)
		}
	}
}

func TestFrom_NeverPassesItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		answer, metrics := anyAnswer(t)
		c, err := chart.From(answer, metrics, "")
		if err != nil {
			if f := fault.From(err); f.Kind == fault.Internal {
				t.Fatal(err)
			}
			return
		}
		checkBounds(t, c)
		again, err := chart.From(answer, metrics, "")
		if err != nil {
			t.Fatal(err)
		}
		a, errA := json.Marshal(c)
		b, errB := json.Marshal(again)
		v, errV := json.Marshal(chart.VegaLite(c))
		if errA != nil || errB != nil || errV != nil || string(a) != string(b) {
			t.Fatalf("%v %v %v: %s and %s", errA, errB, errV, a, b)
		}
		if len(a) > 400<<10 || len(v) > 800<<10 {
			t.Fatalf("%d and %d bytes", len(a), len(v))
		}
	})
}

func checkBounds(t *rapid.T, c chart.Chart) {
	points := 0
	labels := slices.Compact(slices.Sorted(slices.Values(c.X.Labels)))
	if len(c.X.Labels) != len(c.X.Keys) || len(labels) != len(c.X.Labels) || len(c.X.Ticks) > 60 {
		t.Fatalf("axis %+v", c.X)
	}
	for _, tick := range c.X.Ticks {
		if tick.At < 0 || tick.At >= len(c.X.Labels) {
			t.Fatalf("tick %+v of %d", tick, len(c.X.Labels))
		}
	}
	for _, p := range c.Panels {
		if len(p.Series) == 0 || len(p.Series) > chart.MaxSeries {
			t.Fatalf("%d series", len(p.Series))
		}
		for _, s := range p.Series {
			points += len(s.Values)
			if len(s.Values) != len(c.X.Labels) || s.Colour < 0 || s.Colour >= len(chart.Palette()) {
				t.Fatalf("series %+v", s)
			}
		}
	}
	panels := map[bool]int{true: chart.MaxNumbers, false: chart.MaxPanels}[c.Form == chart.Number]
	if len(c.Panels) == 0 || len(c.Panels) > panels || points > chart.MaxPoints {
		t.Fatalf("%d panels, %d points", len(c.Panels), points)
	}
}

// anyAnswer has some of every kind of column, with every kind of cell in it.
func anyAnswer(t *rapid.T) (metric.Table, []string) {
	kinds := []string{"metric_time__day:date:day", "metric_time__second:timestamp:second", "name:string", "metric_time__extract_month:integer", "key:integer", "flag:boolean", "shape:json"}
	columns := rapid.SliceOfNDistinct(rapid.SampledFrom(kinds), 0, 3, rapid.ID).Draw(t, "columns")
	groups := len(columns)
	var metrics []string
	for i := range rapid.IntRange(0, 9).Draw(t, "metrics") {
		metrics = append(metrics, fmt.Sprintf("m%d", i))
		columns = append(columns, metrics[i]+":"+rapid.SampledFrom([]string{"integer", "decimal", "float", "string"}).Draw(t, "type"))
	}
	cells := map[string]*rapid.Generator[any]{
		"date": rapid.Custom(func(t *rapid.T) any {
			return fmt.Sprintf("20%02d-%02d-%02d", rapid.IntRange(0, 99).Draw(t, "y"), rapid.IntRange(1, 12).Draw(t, "m"), rapid.IntRange(1, 28).Draw(t, "d"))
		}),
		"timestamp": rapid.Custom(func(t *rapid.T) any {
			return fmt.Sprintf("2025-0%d-01T00:%02d:%02d", rapid.IntRange(1, 9).Draw(t, "m"), rapid.IntRange(0, 59).Draw(t, "i"), rapid.IntRange(0, 59).Draw(t, "s"))
		}),
		"string":  rapid.Custom(func(t *rapid.T) any { return rapid.StringN(0, 5, 80).Draw(t, "text") }),
		"integer": rapid.Custom(func(t *rapid.T) any { return json.Number(strconv.Itoa(rapid.IntRange(-3, 40).Draw(t, "n"))) }),
		"boolean": rapid.Custom(func(t *rapid.T) any { return rapid.Bool().Draw(t, "b") }),
		"json":    rapid.Custom(func(t *rapid.T) any { return map[string]any{"k": rapid.StringN(0, 3, 9).Draw(t, "k")} }),
		"number": rapid.Custom(func(t *rapid.T) any {
			return rapid.SampledFrom([]any{json.Number("1e400"), json.Number("-1.5"), json.Number("0"), json.Number("1e300"), json.Number("1e-300"), "NaN", "Infinity", nil, json.Number("12345678901234567890")}).Draw(t, "v")
		}),
	}
	answer := table(columns)
	for range rapid.IntRange(0, 120).Draw(t, "rows") {
		var row []any
		for i, c := range answer.Columns {
			kind := c.Type
			if i >= groups {
				kind = "number"
			}
			cell := any(nil)
			if rapid.IntRange(0, 9).Draw(t, "null") > 0 {
				cell = cells[kind].Draw(t, "cell")
			}
			row = append(row, cell)
		}
		answer.Rows = append(answer.Rows, row)
	}
	return answer, metrics
}
