package chart

import (
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

const (
	margin     = vg.Length(28)
	titleSize  = vg.Length(19)
	smallSize  = vg.Length(12)
	noteSize   = vg.Length(11)
	noteLines  = 3
	legendLine = vg.Length(20)
)

// frame writes what stands around the panels, and returns the room that is left for them.
func (p *picture) frame() vg.Rectangle {
	area := rectangle(margin, margin-8, p.Max.X-margin, p.Max.Y-margin+6)
	width := area.Max.X - area.Min.X
	title := bold(style(titleSize, ink))
	for _, line := range wrap(title, p.chart.Title, width, 2) {
		area.Max.Y -= titleSize * 0.65
		p.write(title, area.Min.X, area.Max.Y, line)
		area.Max.Y -= titleSize * 0.65
	}
	if p.chart.Subtitle != "" {
		area.Max.Y -= smallSize * 0.9
		p.write(style(smallSize, muted), area.Min.X, area.Max.Y, fit(style(smallSize, muted), p.chart.Subtitle, width))
		area.Max.Y -= smallSize * 0.7
	}
	area.Max.Y -= 10
	if p.hasLegend() {
		area.Max.Y = p.legend(area)
	}
	notes := wrap(style(noteSize, muted), strings.Join(p.chart.Notes, " "), width, noteLines)
	for i, line := range notes {
		y := area.Min.Y + noteSize*1.35*(vg.Length(len(notes)-1-i)+0.5)
		p.write(style(noteSize, muted), area.Min.X, y, line)
	}
	if len(notes) > 0 {
		area.Min.Y += noteSize*1.35*vg.Length(len(notes)) + 8
	}
	return area
}

// hasLegend says whether the colours are explained above the panels. A line panel of its own has its names at the
// ends of the lines.
func (p *picture) hasLegend() bool {
	if p.chart.Form == chart.Number || p.labelsEnds() {
		return false
	}
	for _, one := range p.chart.Panels {
		if len(one.Series) > 1 {
			return true
		}
	}
	return false
}

func (p *picture) labelsEnds() bool {
	return p.chart.Form == chart.Line && (len(p.chart.Panels) == 1 || p.chart.Split == "")
}

// legend names each colour once, and returns where the room beneath begins.
func (p *picture) legend(area vg.Rectangle) vg.Length {
	name := style(smallSize, ink)
	x, y := area.Min.X, area.Max.Y-legendLine/2
	if p.chart.Split != "" {
		s := style(smallSize, muted)
		heading := fit(s, p.chart.Split, 260)
		p.write(s, x, y, heading)
		x += wide(s, heading) + 16
	}
	seen := map[string]bool{}
	for _, one := range p.chart.Panels {
		for _, series := range one.Series {
			if seen[series.Name] {
				continue
			}
			seen[series.Name] = true
			text := shorten(name, series.Name, 220)
			if width := 16 + wide(name, text); x+width > area.Max.X {
				x, y = area.Min.X, y-legendLine
			}
			p.fill(colour(series), rectangle(x, y-5, x+10, y+5))
			p.write(name, x+15, y, text)
			x += 15 + wide(name, text) + 18
		}
	}
	return y - legendLine/2 - 6
}
