package chart_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

// drawing is what vega.mjs says of one specification.
type drawing struct {
	SVG        string
	Complaints []string
}

func TestVegaLite_IsCompiledAndDrawnWithoutComplaint(t *testing.T) {
	t.Parallel()
	cases := answers()
	names := slices.Sorted(maps.Keys(cases))
	var specs []map[string]any
	for _, name := range names {
		specs = append(specs, chart.VegaLite(cases[name].chart(t)))
	}
	// West of Greenwich a moment that is taken for a local one would stand in the month before.
	var drawn []drawing
	node(t, "vega.mjs", specs, &drawn, "TZ=America/Los_Angeles")
	want := map[string][]string{
		"lines":   {"Revenue by month and region name", "Jan 2024", "North", "South", "East", "300k", "0"},
		"panels":  {"Revenue", "Orders", "Margin rate", "Jan 2024", "0.1", "150k"},
		"gaps":    {"1 Jun 2025", "The answer has no row for 2 days in between."},
		"upright": {"web", "store", "app"},
		"lying":   {"A product with a rather long name, size 7"},
		"grouped": {"web", "true", "false", "First order"},
		"parts":   {"Mon", "Sun"},
		"figures": {"13.1M", "0.0424"},
		"hostile": {"plain", "日本語", "{{1+1}}", "datum['x']"},
	}
	marks := map[string]int{"upright": 3, "lying": 36, "grouped": 6, "parts": 7, "hostile": 5}
	for i, name := range names {
		d := drawn[i]
		if len(d.Complaints) > 0 {
			t.Errorf("%s: %q", name, d.Complaints)
		}
		for _, text := range want[name] {
			if !strings.Contains(d.SVG, ">"+text+"<") {
				t.Errorf("%s does not show %q", name, text)
			}
		}
		if bars := strings.Count(d.SVG, `aria-roledescription="bar"`); bars != marks[name] {
			t.Errorf("%s has %d bars, want %d", name, bars, marks[name])
		}
		if strings.Contains(d.SVG, "<img") || strings.Contains(d.SVG, "<script") {
			t.Errorf("%s has markup out of the data", name)
		}
		if folder := os.Getenv("CHART_SHOTS"); folder != "" {
			if err := os.WriteFile(filepath.Join(folder, "vega-"+name+".svg"), []byte(d.SVG), 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	// A gap is not bridged: the line stops before the empty day and the two without a row, between which one day stands alone.
	line := regexp.MustCompile(`aria-roledescription="line mark" d="([^"]*)"`).FindStringSubmatch(drawn[slices.Index(names, "gaps")].SVG)
	if line == nil || strings.Count(line[1], "M") != 4 {
		t.Errorf("the line with gaps is drawn as %q, want it in 4 parts", line)
	}
}
