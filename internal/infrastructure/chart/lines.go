package chart

import (
	"cmp"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

// lines draws a panel of lines. A line ends where a value is missing; a value without neighbours is a dot.
func (p *picture) lines(one chart.Panel, area vg.Rectangle, across span) {
	s := p.values(one, area, across)
	dots, weight := across.positions <= fewPoints, vg.Length(2.25)
	if across.positions > manyPoints {
		weight = 1.5
	}
	for _, series := range one.Series {
		for _, run := range runs(series.Values) {
			points := make([]vg.Point, 0, run[1]-run[0])
			for i := run[0]; i < run[1]; i++ {
				points = append(points, vg.Point{X: across.at(i), Y: s.at(series.Values[i])})
			}
			p.run(colour(series), points, weight, dots)
		}
	}
	if p.labelsEnds() && len(one.Series) > 1 {
		p.ends(one, s, area, across)
	}
}

func (p *picture) run(c color.Color, points []vg.Point, weight vg.Length, dots bool) {
	if len(points) > 1 {
		p.stroke(c, weight, points...)
	}
	for _, at := range points {
		if dots || len(points) == 1 {
			p.disc(c, at, 2.75)
		}
	}
}

// runs are the stretches of values that follow on each other: first index, and the one after the last.
func runs(values []float64) [][2]int {
	var all [][2]int
	from := -1
	for i, v := range values {
		switch {
		case math.IsNaN(v) && from >= 0:
			all, from = append(all, [2]int{from, i}), -1
		case !math.IsNaN(v) && from < 0:
			from = i
		}
	}
	if from >= 0 {
		all = append(all, [2]int{from, len(values)})
	}
	return all
}

// ends names each line to its right, at the height of its last value or as near as the other names allow.
func (p *picture) ends(one chart.Panel, s scale, area vg.Rectangle, across span) {
	type label struct {
		series chart.Series
		at, y  vg.Length
	}
	var labels []label
	for _, series := range one.Series {
		if all := runs(series.Values); len(all) > 0 {
			y := s.at(series.Values[all[len(all)-1][1]-1])
			labels = append(labels, label{series, y, y})
		}
	}
	slices.SortStableFunc(labels, func(a, b label) int { return cmp.Compare(b.at, a.at) })
	line := min(16, (area.Max.Y-area.Min.Y)/vg.Length(max(len(labels), 1)))
	for i := range labels {
		labels[i].y = min(labels[i].y, area.Max.Y-line/2-vg.Length(i)*line)
		if i > 0 {
			labels[i].y = min(labels[i].y, labels[i-1].y-line)
		}
	}
	floor := area.Min.Y + line/2
	for i := len(labels) - 1; i >= 0; i-- {
		labels[i].y = max(labels[i].y, floor)
		floor = labels[i].y + line
	}
	text := style(smallSize, ink)
	for _, l := range labels {
		x := across.right + 4
		p.stroke(colour(l.series), 2.5, vg.Point{X: x, Y: l.y}, vg.Point{X: x + swatch, Y: l.y})
		p.write(text, x+swatch+6, l.y, shorten(text, l.series.Name, p.Max.X-12-(x+swatch+6)))
	}
}
