package chart_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/metricapp/chartview"
)

// view is what a person sees at one moment, and report what came of one case; view.mjs says how.
type (
	view struct {
		Title, Tip, Said, Pre, Ground                        string
		Texts, Overlaps, CutOff, Legend, Cards, Notes, Cells []string
		Paths, Dots, Bars, Foreign                           int
		Attacked, Wide                                       bool
	}
	report struct {
		Name     string
		Views    []view
		Messages []map[string]any
		Trouble  []string
		Asked    []string
	}
	hostCase struct {
		Name    string         `json:"name"`
		Width   int            `json:"width,omitempty"`
		Theme   string         `json:"theme,omitempty"`
		Context map[string]any `json:"context,omitempty"`
		Result  map[string]any `json:"result"`
		Steps   [][2]any       `json:"steps,omitempty"`
	}
)

// browser is taken by one test at a time: the first unpacks it.
var browser sync.Mutex

// inHost shows the page in a host for every case.
func inHost(t *testing.T, cases ...hostCase) map[string]report {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("node_modules", ".browser"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	browser.Lock()
	defer browser.Unlock()
	input := map[string]any{"html": string(chartview.HTML()), "cases": cases, "shots": os.Getenv("CHART_SHOTS")}
	var reports []report
	node(t, "view.mjs", input, &reports, "TMPDIR="+folder)
	byName := map[string]report{}
	for _, r := range reports {
		byName[r.Name] = r
		if len(r.Trouble) > 0 || len(r.Asked) > 0 {
			t.Errorf("%s: the browser complains of %q and was asked for %q", r.Name, r.Trouble, r.Asked)
		}
		for n, v := range r.Views {
			if v.Attacked || v.Foreign > 0 {
				t.Errorf("%s: at %d, markup out of the data is alive", r.Name, n)
			}
			if len(v.Overlaps) > 0 || len(v.CutOff) > 0 || v.Wide {
				t.Errorf("%s: at %d, texts overlap: %q; are cut off: %q; wider than the frame: %v", r.Name, n, v.Overlaps, v.CutOff, v.Wide)
			}
		}
	}
	return byName
}

// result is what the query tool answers.
func result(t *testing.T, a answer) map[string]any {
	t.Helper()
	return map[string]any{
		"content": []any{map[string]any{"type": "text", "text": "a table"}},
		"structuredContent": map[string]any{
			"columns": a.table.Columns, "rows": a.table.Rows, "chart": a.chart(t),
		},
	}
}

func TestView_DrawsEveryFormInAHost(t *testing.T) {
	t.Parallel()
	cases := answers()
	var hosts []hostCase
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		r := result(t, cases[name])
		hosts = append(hosts,
			hostCase{Name: name, Result: r},
			hostCase{Name: name + " narrow and dark", Width: 340, Theme: "dark", Result: r})
	}
	reports := inHost(t, hosts...)
	type shape struct {
		Paths, Dots, Bars int
		Legend, Cards     []string
	}
	want := map[string]shape{
		"lines":   {Paths: 3, Dots: 72, Legend: []string{"East", "South", "North"}},
		"panels":  {Paths: 3, Dots: 72, Legend: []string{}},
		"gaps":    {Paths: 3, Dots: 27}, // the 16th stands alone
		"upright": {Bars: 3},
		"lying":   {Bars: 36},
		"grouped": {Bars: 6, Legend: []string{"false", "true"}},
		"parts":   {Bars: 7},
		"figures": {Cards: []string{"13.1M", "0.0424"}},
		"hostile": {Bars: 5},
	}
	for name := range cases {
		for _, variant := range []string{name, name + " narrow and dark"} {
			v := reports[variant].Views[0]
			got := shape{v.Paths, v.Dots, v.Bars, v.Legend, v.Cards}
			w := want[name]
			if d := cmp.Diff(w, got, cmp.Transformer("none", func(s []string) []string { return append([]string{}, s...) })); d != "" {
				t.Errorf("%s (-want +got):\n%s", variant, d)
			}
			ground := map[bool]string{true: "rgb(255, 255, 255)", false: "rgb(27, 29, 33)"}[variant == name]
			if v.Ground != ground {
				t.Errorf("%s stands on %s, want %s", variant, v.Ground, ground)
			}
		}
	}
	if v := reports["hostile"].Views[0]; !slices.Contains(v.Texts, "日本語") || !slices.ContainsFunc(v.Texts, func(s string) bool {
		return strings.HasPrefix(s, "<img src=x")
	}) {
		t.Errorf("names are not shown as they are: %q", v.Texts)
	}
	if v := reports["gaps"].Views[0]; len(v.Notes) != 2 {
		t.Errorf("notes: %q", v.Notes)
	}
}

func TestView_SpeaksTheProtocolOfMCPApps(t *testing.T) {
	t.Parallel()
	r := inHost(t, hostCase{Name: "protocol", Result: result(t, answers()["upright"]), Steps: [][2]any{
		{"say", map[string]any{"id": 7, "method": "ui/resource-teardown", "params": map[string]any{}}},
		{"say", map[string]any{"id": 8, "method": "ping"}},
		{"say", map[string]any{"id": 9, "method": "tools/list"}},
		{"say", map[string]any{"id": 10, "method": "constructor"}},
		{"say", map[string]any{"method": "toString"}},
		{"say", map[string]any{"method": "ui/notifications/host-context-changed", "params": map[string]any{"theme": "dark"}}},
		{"say", map[string]any{"method": "ui/notifications/tool-cancelled", "params": map[string]any{"reason": "<b>no</b>"}}},
	}})["protocol"]
	if m := r.Messages[0]; m["method"] != "ui/initialize" || m["jsonrpc"] != "2.0" {
		t.Errorf("the first message is %v", m)
	}
	if m := r.Messages[1]; m["method"] != "ui/notifications/initialized" {
		t.Errorf("the second message is %v", m)
	}
	answers := map[float64]string{}
	var sizes int
	for _, m := range r.Messages {
		if m["method"] == "ui/notifications/size-changed" {
			sizes++
		}
		if id, ok := m["id"].(float64); ok && m["method"] == nil {
			answers[id] = map[bool]string{true: "error", false: "result"}[m["error"] != nil]
		}
	}
	if d := cmp.Diff(map[float64]string{7: "result", 8: "result", 9: "error", 10: "error"}, answers); d != "" || sizes == 0 || sizes > 12 {
		t.Errorf("%d sizes; answers (-want +got):\n%s", sizes, d)
	}
	if got := r.Views[6].Ground; got != "rgb(27, 29, 33)" {
		t.Errorf("after the theme changed the ground is %s", got)
	}
	if v := r.Views[7]; v.Title != "The question was cancelled." || v.Bars != 0 {
		t.Errorf("after the end it shows %q and %d bars", v.Title, v.Bars)
	}
}

func TestView_BelievesNobodyButTheHost(t *testing.T) {
	t.Parallel()
	forged := result(t, answers()["figures"])
	r := inHost(t, hostCase{Name: "forged", Result: result(t, answers()["upright"]), Steps: [][2]any{
		{"forge", map[string]any{"method": "ui/notifications/tool-result", "params": forged}},
	}})["forged"]
	if before, after := r.Views[0], r.Views[1]; after.Bars != 3 || after.Title != before.Title {
		t.Errorf("a message that is not the host's changed %+v to %+v", before, after)
	}
}

func TestView_IsReadByPointerKeyboardAndTable(t *testing.T) {
	t.Parallel()
	a := answers()["lines"]
	r := inHost(t, hostCase{Name: "reading", Result: result(t, a), Steps: [][2]any{
		{"key", "ArrowRight"},
		{"key", "End"},
		{"key", "Escape"},
		{"hover", [2]float64{0.5, 0.4}},
		{"click", "#legend button"},
		{"click", "#toggle"},
		{"click", "#toggle"},
	}})["reading"]
	if v := r.Views[1]; !strings.HasPrefix(v.Tip, "Jan 2024") || !strings.Contains(v.Tip, "120,000") || !strings.HasPrefix(v.Said, "Jan 2024, East") {
		t.Errorf("the first position reads %q, said %q", v.Tip, v.Said)
	}
	if v := r.Views[2]; !strings.HasPrefix(v.Tip, "Dec 2025") {
		t.Errorf("the last position reads %q", v.Tip)
	}
	if v := r.Views[3]; v.Tip != "" {
		t.Errorf("Escape leaves %q", v.Tip)
	}
	if v := r.Views[4]; !strings.Contains(v.Tip, "202") {
		t.Errorf("the pointer reads %q", v.Tip)
	}
	if v := r.Views[5]; v.Paths != 2 {
		t.Errorf("%d lines after one was switched off, want 2", v.Paths)
	}
	if v := r.Views[6]; len(v.Cells) != 3*len(a.table.Rows) || v.Paths+len(v.Legend) == 0 {
		t.Errorf("the table has %d cells, want %d", len(v.Cells), 3*len(a.table.Rows))
	}
	if v := r.Views[7]; len(v.Cells) != 0 {
		t.Errorf("the table does not go away")
	}
}

func TestView_ShowsWhatIsNoChart(t *testing.T) {
	t.Parallel()
	rows := map[string]any{
		"columns": []any{map[string]any{"name": hostile, "type": "string"}, map[string]any{"name": "n", "type": "integer"}},
		"rows":    []any{[]any{hostile, 1}, []any{nil, 2.5}},
	}
	text := func(s string) []any { return []any{map[string]any{"type": "text", "text": s}} }
	reports := inHost(t,
		hostCase{Name: "rows", Result: map[string]any{"structuredContent": rows}},
		hostCase{Name: "sql", Result: map[string]any{"structuredContent": map[string]any{"sql": "select " + hostile}}},
		hostCase{Name: "refused", Result: map[string]any{"isError": true, "content": text(hostile)}},
		hostCase{Name: "nothing", Result: map[string]any{}},
		hostCase{Name: "nonsense", Result: map[string]any{"structuredContent": map[string]any{
			"columns": 7, "rows": "x", "chart": map[string]any{
				"form": "line", "title": 5, "x": map[string]any{"labels": []any{1, nil, "c"}, "ticks": []any{7, map[string]any{"at": 99}}},
				"panels": []any{nil, map[string]any{"series": []any{map[string]any{"values": "no", "colour": "red; background: url(//x)"}}}},
			},
		}}},
	)
	if v := reports["rows"].Views[0]; !slices.Equal(v.Cells, []string{hostile, "1", "∅", "2.5"}) {
		t.Errorf("cells %q", v.Cells)
	}
	if v := reports["sql"].Views[0]; v.Pre != "select "+hostile {
		t.Errorf("SQL is shown as %q", v.Pre)
	}
	if v := reports["refused"].Views[0]; v.Pre != hostile || v.Title != "The question was refused." {
		t.Errorf("a refusal is shown as %q: %q", v.Title, v.Pre)
	}
}

func TestView_HasNoWayToMarkup(t *testing.T) {
	t.Parallel()
	page := string(chartview.HTML())
	for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "http:", "https:", "fetch(", "import(", "src=", "localStorage"} {
		// The namespace of SVG is a name and not an address.
		if strings.Contains(strings.ReplaceAll(page, `"http://www.w3.org/2000/svg"`, ""), word) {
			t.Errorf("the page has %q", word)
		}
	}
	if len(page) > 40<<10 {
		t.Errorf("the page has grown to %d bytes", len(page))
	}
}
