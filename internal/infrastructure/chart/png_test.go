package chart_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/fault"
	domain "github.com/steward-mcp/steward/internal/domain/metric/chart"
	"github.com/steward-mcp/steward/internal/infrastructure/chart"
)

// small is the smallest picture there is: the race detector makes larger ones slow.
var small = domain.Size{Width: 480, Height: 300}

func axis(kind domain.Kind, labels ...string) domain.Axis {
	a := domain.Axis{Title: "What it is by", Kind: kind, Labels: labels, Keys: labels}
	if kind != domain.Category {
		for i, label := range labels {
			a.Ticks = append(a.Ticks, domain.Tick{At: i, Text: label, Level: 1})
		}
	}
	return a
}

func panel(zero bool, values ...domain.Values) domain.Panel {
	p := domain.Panel{Title: "Revenue", Zero: zero}
	for i, v := range values {
		p.Series = append(p.Series, domain.Series{Name: fmt.Sprintf("Series %d", i), Colour: i, Values: v})
	}
	return p
}

func bars(values ...float64) domain.Chart {
	labels := make([]string, len(values))
	for i := range labels {
		labels[i] = fmt.Sprintf("L%d", i)
	}
	return domain.Chart{Form: domain.Bar, Title: "Bars", X: axis(domain.Category, labels...), Panels: []domain.Panel{panel(true, values)}}
}

func lines(values ...domain.Values) domain.Chart {
	labels := make([]string, len(values[0]))
	for i := range labels {
		labels[i] = fmt.Sprintf("Day %d", i)
	}
	return domain.Chart{Form: domain.Line, Title: "Lines", X: axis(domain.Time, labels...), Panels: []domain.Panel{panel(true, values...)}}
}

func draw(t *testing.T, c domain.Chart, s domain.Size) image.Image {
	t.Helper()
	data, err := chart.PNG(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// blue is the first colour of the palette.
func blue(c color.Color) bool {
	r, g, b, _ := c.RGBA()
	return r>>8 < 0x20 && g>>8 > 0x60 && g>>8 < 0x80 && b>>8 > 0x98
}

func dark(c color.Color) bool {
	r, g, b, _ := c.RGBA()
	return r>>8 < 0x90 && g>>8 < 0x90 && b>>8 < 0x90
}

// stretches are the lengths of what is blue along a row or a column of dots.
func stretches(n int, is func(int) bool) []int {
	var all []int
	length := 0
	for i := range n + 1 {
		if i < n && is(i) {
			length++
		} else if length > 0 {
			all, length = append(all, length), 0
		}
	}
	return all
}

func TestPNG_DrawsBarsAsHighAsTheirValues(t *testing.T) {
	t.Parallel()
	img := draw(t, bars(100, 50, 25, math.NaN(), 100), domain.Inline)
	if b := img.Bounds(); b.Dx() != 1920 || b.Dy() != 1080 {
		t.Fatalf("%v dots", b)
	}
	// Just above the axis all bars are crossed; the fourth is missing.
	foot := img.Bounds().Dy() - 160
	widths := stretches(img.Bounds().Dx(), func(x int) bool { return blue(img.At(x, foot)) })
	if len(widths) != 4 {
		t.Fatalf("%d bars at the foot: %v", len(widths), widths)
	}
	var heights []int
	for x := range img.Bounds().Dx() {
		if column := stretches(img.Bounds().Dy(), func(y int) bool { return blue(img.At(x, y)) }); len(column) == 1 && (x == 0 || !blue(img.At(x-1, foot))) && blue(img.At(x, foot)) {
			heights = append(heights, column[0])
		}
	}
	if len(heights) != 4 {
		t.Fatalf("heights %v", heights)
	}
	for i, share := range []float64{1, 0.5, 0.25, 1} {
		if got := float64(heights[i]) / float64(heights[0]); math.Abs(got-share) > 0.02 {
			t.Errorf("bar %d is %.3f of the first, want %.2f", i, got, share)
		}
	}
}

func TestPNG_DrawsLyingBarsFromZero(t *testing.T) {
	t.Parallel()
	c := bars(100, 50, -50)
	c.Horizontal = true
	img := draw(t, c, domain.Inline)
	widest := func(from, to int) (widest int) {
		for y := from; y < to; y++ {
			for _, n := range stretches(img.Bounds().Dx(), func(x int) bool { return blue(img.At(x, y)) }) {
				widest = max(widest, n)
			}
		}
		return widest
	}
	var rows []int
	for y := 1; y < img.Bounds().Dy(); y++ {
		if widest(y, y+1) > 100 && widest(y-1, y) <= 100 {
			rows = append(rows, widest(y+4, y+5))
		}
	}
	if len(rows) != 3 {
		t.Fatalf("%d bars: %v", len(rows), rows)
	}
	if a, b := float64(rows[1])/float64(rows[0]), float64(rows[2])/float64(rows[0]); math.Abs(a-0.5) > 0.02 || math.Abs(b-0.5) > 0.02 {
		t.Errorf("bars of 100, 50 and -50 are %v dots long", rows)
	}
}

func TestPNG_LeavesGapsInLines(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	img := draw(t, lines(domain.Values{5, 5, 5, nan, nan, 5, 5, nan, 5}), domain.Inline)
	longest := []int{}
	for y := range img.Bounds().Dy() {
		if all := stretches(img.Bounds().Dx(), func(x int) bool { return blue(img.At(x, y)) }); sum(all) > sum(longest) {
			longest = all
		}
	}
	if len(longest) != 3 || longest[0] < 300 || longest[1] < 150 || longest[2] > 20 {
		t.Errorf("the line is drawn in stretches of %v dots, want a long one, a shorter one and a dot", longest)
	}
}

func sum(all []int) (total int) {
	for _, n := range all {
		total += n
	}
	return total
}

func TestPNG_CutsNothingOff(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Extraordinarily long words without end ", 9)
	for name, c := range unusual(long) {
		img := draw(t, c, small)
		b := img.Bounds()
		for _, edge := range []image.Rectangle{
			image.Rect(0, 0, b.Dx(), 8), image.Rect(0, b.Dy()-8, b.Dx(), b.Dy()),
			image.Rect(0, 0, 8, b.Dy()), image.Rect(b.Dx()-8, 0, b.Dx(), b.Dy()),
		} {
			if at, ok := find(img, edge); ok {
				t.Errorf("%s: something is drawn at the edge, at %v of %v", name, at, b)
			}
		}
	}
}

func find(img image.Image, within image.Rectangle) (image.Point, bool) {
	for x := within.Min.X; x < within.Max.X; x++ {
		for y := within.Min.Y; y < within.Max.Y; y++ {
			if dark(img.At(x, y)) {
				return image.Pt(x, y), true
			}
		}
	}
	return image.Point{}, false
}

// unusual are charts that try the limits of the layout.
func unusual(long string) map[string]domain.Chart {
	all := map[string]domain.Chart{
		"one bar": bars(1), "nothing to see": bars(math.NaN(), math.NaN()), "zero": bars(0), "negative": bars(-1, -2e14),
		"tiny": lines(domain.Values{1e-100, 2e-100}), "one point": lines(domain.Values{7}), "flat": lines(domain.Values{-3, -3}),
		"huge": lines(domain.Values{-1e100, 1e100}),
	}
	many := bars(make([]float64, 20)...)
	for i := range many.X.Labels {
		many.X.Labels[i] = fmt.Sprint(i, long)[:60]
		many.Panels[0].Series[0].Values[i] = float64(i) - 9.5
	}
	many.Horizontal, many.Panels = true, []domain.Panel{many.Panels[0], many.Panels[0], many.Panels[0], many.Panels[0]}
	all["four panels of lying bars"] = many
	crowd := lines(domain.Values{1, 2}, domain.Values{1, 2}, domain.Values{1, 2}, domain.Values{1, 2},
		domain.Values{1, 2}, domain.Values{1, 2}, domain.Values{1, 2}, domain.Values{1, 2})
	for i := range crowd.Panels[0].Series {
		crowd.Panels[0].Series[i].Name = long
	}
	all["eight lines with one end"] = crowd
	split := crowd
	split.Split, split.Panels = long, []domain.Panel{crowd.Panels[0], crowd.Panels[0], crowd.Panels[0], crowd.Panels[0]}
	all["four panels of eight lines"] = split
	for name, c := range all {
		c.Title, c.Subtitle, c.Notes, c.X.Title = long, long, []string{long, long}, long
		all[name] = c
	}
	figures := domain.Chart{Form: domain.Number, Title: "東京 ١٢٣ \U0001F600", X: axis(domain.Category, "")}
	for range 6 {
		figures.Panels = append(figures.Panels, panel(true, domain.Values{-123456789012.5}))
	}
	all["six figures"] = figures
	return all
}

func TestPNG_ShowsThatAScriptIsMissing(t *testing.T) {
	t.Parallel()
	titled := func(title string) image.Image {
		return draw(t, domain.Chart{Form: domain.Number, Title: title, X: axis(domain.Category, ""), Panels: []domain.Panel{panel(true, domain.Values{1})}}, small)
	}
	title := image.Rect(0, 0, 400, 100)
	if _, ok := find(titled(""), title); ok {
		t.Error("a chart without a title has one")
	}
	if _, ok := find(titled("東京"), title); !ok {
		t.Error("a title in a script without glyphs leaves nothing to see")
	}
}

func TestPNG_IsTheSameForTheSameChart(t *testing.T) {
	t.Parallel()
	c := lines(domain.Values{1, 3, 2, 8}, domain.Values{2, 2, math.NaN(), 4})
	first, err := chart.PNG(t.Context(), c, small)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			again, err := chart.PNG(t.Context(), c, small)
			if err != nil || !bytes.Equal(first, again) {
				t.Errorf("%v: %d bytes, then %d", err, len(first), len(again))
			}
		})
	}
	group.Wait()
}

func TestPNG_StaysSmall(t *testing.T) {
	t.Parallel()
	// As restless as can be: every value far from its neighbours, in eight series.
	var series []domain.Values
	for s := range 8 {
		values := make(domain.Values, 150)
		for i := range values {
			values[i] = float64((i*7919 + s*104729) % 1000)
		}
		series = append(series, values)
	}
	data, err := chart.PNG(t.Context(), lines(series...), domain.Inline)
	if err != nil || len(data) > 200<<10 {
		t.Errorf("%v: %d bytes", err, len(data))
	}
	if data, err = chart.PNG(t.Context(), bars(1, 2, 3), domain.Inline); err != nil || len(data) > 40<<10 {
		t.Errorf("%v: %d bytes", err, len(data))
	}
	for _, s := range []domain.Size{{}, {Width: -5, Height: 1 << 40}} {
		b := draw(t, bars(1), s).Bounds()
		if b.Dx() < 960 || b.Dx() > 3200 || b.Dy() < 600 || b.Dy() > 2400 {
			t.Errorf("%v is drawn on %v", s, b)
		}
	}
}

func TestPNG_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := chart.PNG(ctx, bars(1), domain.Inline); !errors.Is(err, fault.ErrCanceled) {
		t.Errorf("canceled: %v", err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, err := chart.PNG(ctx, bars(1), domain.Inline); !errors.Is(err, fault.ErrTimeout) {
		t.Errorf("timed out: %v", err)
	}
}

func TestPNG_DrawsWhateverAChartHolds(t *testing.T) {
	t.Parallel()
	drawn, ctx := 0, t.Context()
	rapid.Check(t, func(t *rapid.T) {
		// A picture takes longer than what properties are made for; a dozen will do.
		if drawn++; drawn > 12 {
			return
		}
		n := rapid.IntRange(1, 30).Draw(t, "positions")
		value := rapid.OneOf(rapid.Float64Range(-1e15, 1e15), rapid.Float64Range(-1, 1), rapid.Just(math.NaN()), rapid.Just(0.0), rapid.Just(1e100), rapid.Just(-1e-100), rapid.Float64Range(1e9, 1e9+1e-5))
		values := domain.Values(rapid.SliceOfN(value, n, n).Draw(t, "values"))
		c := lines(values, values)
		c.Form = rapid.SampledFrom([]domain.Form{domain.Line, domain.Bar, domain.Number}).Draw(t, "form")
		c.Horizontal = rapid.Bool().Draw(t, "lying")
		for i := range c.X.Labels {
			c.X.Labels[i] = rapid.StringN(0, 20, 60).Draw(t, "label")
		}
		if _, err := chart.PNG(ctx, c, small); err != nil {
			t.Fatalf("%v: %v", err, errors.Unwrap(err))
		}
	})
}

func TestInTurns_LetsWhoeverWaitsLeave(t *testing.T) {
	draw := chart.InTurns(1)
	ended, end := context.WithCancel(t.Context())
	end()
	c := domain.Chart{Form: domain.Number, Title: "Revenue", Panels: []domain.Panel{panel(true, domain.Values{1})}}
	if _, err := draw(t.Context(), c, small); err != nil {
		t.Fatal(err)
	}
	if _, err := draw(ended, c, small); !errors.Is(err, fault.ErrCanceled) {
		t.Errorf("%v", err)
	}
	if _, err := draw(t.Context(), c, small); err != nil {
		t.Errorf("a turn that was left is gone: %v", err)
	}
}
