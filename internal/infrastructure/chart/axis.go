package chart

import (
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

const (
	tickSize   = vg.Length(11.5)
	endLabels  = vg.Length(190) // most that names at the ends of lines take
	swatch     = vg.Length(12)
	fewPoints  = 40  // so many points of a line are each worth a dot
	manyPoints = 200 // so many make a broad line restless
	panelTitle = vg.Length(18)
)

// span is where the positions stand from left to right, the same in all panels.
type span struct {
	left, right vg.Length
	positions   int
	bands       bool // a position is a band for bars, and no point
}

// span leaves room for the widest figure on the left and for names of lines on the right.
func (p *picture) span(area vg.Rectangle) span {
	s := span{left: area.Min.X, right: area.Max.X, positions: len(p.chart.X.Labels), bands: p.chart.Form == chart.Bar}
	var figures, ends vg.Length
	for _, one := range p.chart.Panels {
		figures = max(figures, widestOf(style(tickSize, muted), scaleOf(one, 0, 1, p.valueTicks()).labels(), 100))
		if p.labelsEnds() && len(one.Series) > 1 {
			for _, series := range one.Series {
				ends = max(ends, wide(style(smallSize, ink), series.Name)+swatch+20)
			}
		}
	}
	s.left += figures + 10
	s.right -= min(ends, endLabels)
	return s
}

// valueTicks is about how many figures stand on the scale of each panel.
func (p *picture) valueTicks() int { return max(2, 6-len(p.chart.Panels)) }

func (s span) at(position int) vg.Length {
	width := s.right - s.left
	if s.bands || s.positions == 1 {
		return s.left + width*(vg.Length(position)+0.5)/vg.Length(s.positions)
	}
	pad := min(16, width/vg.Length(2*s.positions))
	return s.left + pad + (width-2*pad)*vg.Length(position)/vg.Length(s.positions-1)
}

func (s span) slot() vg.Length { return (s.right - s.left) / vg.Length(s.positions) }

// values draws the title, the figures and the lines of a panel's scale, and returns the scale.
func (p *picture) values(one chart.Panel, area vg.Rectangle, across span) scale {
	top := area.Max.Y
	if one.Title != "" {
		s := style(smallSize, muted)
		if len(p.chart.Panels) > 1 {
			s = bold(style(smallSize, ink))
		}
		p.write(s, area.Min.X, top-panelTitle/2, fit(s, one.Title, area.Max.X-area.Min.X))
		top -= panelTitle
	}
	if p.chart.Form == chart.Bar {
		top -= 10 // for the figure on the highest bar
	}
	s := scaleOf(one, area.Min.Y, top-9, p.valueTicks())
	for _, v := range s.ticks {
		y := s.at(v)
		line := grid
		if math.Abs(v) < s.step/2 {
			line = rule
		}
		p.stroke(line, 1, vg.Point{X: across.left, Y: y}, vg.Point{X: across.right, Y: y})
		p.write(ending(style(tickSize, muted)), across.left-8, y, s.label(v))
	}
	return s
}

func (p *picture) hasGroups() bool {
	for _, t := range p.chart.X.Ticks {
		if t.Group != "" {
			return true
		}
	}
	return false
}

func (p *picture) axisHeight() vg.Length {
	height := vg.Length(22)
	if p.hasGroups() {
		height += 15
	}
	if p.axisTitle() != "" {
		height += 17
	}
	return height
}

// axisTitle is what the positions are; dates say that themselves.
func (p *picture) axisTitle() string {
	if p.chart.X.Kind == chart.Time {
		return ""
	}
	return p.chart.X.Title
}

// axis writes under the lowest panel as many labels as have room.
func (p *picture) axis(across span, bottom vg.Length) {
	y := bottom - 13
	s := centred(style(tickSize, muted))
	ticks := p.ticks(across)
	group, free := "", across.left-100
	for _, t := range ticks {
		x := across.at(t.At)
		if p.chart.Form == chart.Line {
			p.stroke(rule, 1, vg.Point{X: x, Y: bottom}, vg.Point{X: x, Y: bottom - 4})
		}
		width := wide(s, t.Text)
		// A label at the very end moves inwards, so that none is cut off.
		p.write(s, min(x, p.Max.X-6-width/2), y, t.Text)
		if t.Group != "" && t.Group != group && x-wide(s, t.Group)/2 > free {
			p.write(s, x, y-15, t.Group)
			free = x + wide(s, t.Group)/2 + 10
		}
		group = t.Group
	}
	if title := p.axisTitle(); title != "" {
		low := y - 17
		if p.hasGroups() {
			low -= 15
		}
		s := style(smallSize, muted)
		p.write(centred(s), (across.left+across.right)/2, low, fit(s, title, across.right-across.left))
	}
}

// ticks are the labels that fit: those of the axis at the lowest level without overlap. Names have no levels and all
// stand there, shortened to their slot.
func (p *picture) ticks(across span) []chart.Tick {
	s := style(tickSize, muted)
	if len(p.chart.X.Ticks) == 0 {
		all := make([]chart.Tick, len(p.chart.X.Labels))
		for i, label := range p.chart.X.Labels {
			all[i] = chart.Tick{At: i, Text: shorten(s, label, across.slot()-6)}
		}
		return all
	}
	shown := p.chart.X.Ticks
	for level := 2; ; level++ {
		if fits(s, shown, across) {
			return shown
		}
		var higher []chart.Tick
		for _, t := range shown {
			if t.Level >= level {
				higher = append(higher, t)
			}
		}
		if len(higher) < 2 {
			return sparse(s, shown, across)
		}
		shown = higher
	}
}

const apart = 14 // pixels between two labels

func fits(s draw.TextStyle, ticks []chart.Tick, across span) bool {
	for i := 1; i < len(ticks); i++ {
		room := across.at(ticks[i].At) - across.at(ticks[i-1].At)
		if room < (wide(s, ticks[i].Text)+wide(s, ticks[i-1].Text))/2+apart {
			return false
		}
	}
	return true
}

// sparse takes every tick that does not run into the one before.
func sparse(s draw.TextStyle, ticks []chart.Tick, across span) []chart.Tick {
	var shown []chart.Tick
	for _, t := range ticks {
		if len(shown) == 0 || fits(s, []chart.Tick{shown[len(shown)-1], t}, across) {
			shown = append(shown, t)
		}
	}
	return shown
}
