package chart

import (
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

const (
	figureSize  = vg.Length(11)
	fullSlot    = 0.76 // of its slot that a group of bars takes
	thickest    = vg.Length(96)
	thickestRow = vg.Length(34)
)

// upright draws a panel of standing bars, with a figure on each where there is room.
func (p *picture) upright(one chart.Panel, area vg.Rectangle, across span) {
	s := p.values(one, area, across)
	series := vg.Length(len(one.Series))
	width := min(across.slot()*fullSlot/series, thickest)
	room := p.figuresFit(one, width, across)
	for i, bars := range one.Series {
		for n, v := range bars.Values {
			x := across.at(n) + (vg.Length(i)-series/2)*width
			if math.IsNaN(v) {
				if series == 1 {
					p.write(centred(style(figureSize, muted)), x+width/2, s.at(0)+8, "–")
				}
				continue
			}
			gap := min(width*0.06, 1)
			p.fill(colour(bars), rectangle(x+gap, min(s.at(0), s.at(v)), x+width-gap, max(s.at(0), s.at(v))))
			if room {
				p.write(centred(style(figureSize, ink)), x+width/2, s.at(v)+beyond(v, 8), chart.Short(v))
			}
		}
	}
	p.stroke(rule, 1, vg.Point{X: across.left, Y: s.at(0)}, vg.Point{X: across.right, Y: s.at(0)})
}

// beyond is a distance away from zero.
func beyond(v float64, distance vg.Length) vg.Length {
	if v < 0 {
		return -distance
	}
	return distance
}

// figuresFit says whether every bar has room for its figure.
func (p *picture) figuresFit(one chart.Panel, width vg.Length, across span) bool {
	room := width
	if len(one.Series) == 1 {
		room = across.slot() - 4
	}
	return widestOf(style(figureSize, ink), figures(one), math.MaxInt32) <= room
}

func figures(one chart.Panel) []string {
	var texts []string
	for _, series := range one.Series {
		for _, v := range series.Values {
			if !math.IsNaN(v) {
				texts = append(texts, chart.Short(v))
			}
		}
	}
	return texts
}

// lying draws the panels beside each other: names on the left, bars to the right of them, and a figure at each end.
func (p *picture) lying(area vg.Rectangle) {
	name := style(smallSize, ink)
	rows := len(p.chart.X.Labels)
	if title := p.chart.X.Title; title != "" {
		p.write(style(smallSize, muted), area.Min.X, area.Max.Y-panelTitle/2, fit(style(smallSize, muted), title, 240))
	}
	top := area.Max.Y - panelTitle - 4
	names := widestOf(name, p.chart.X.Labels, 250)
	row := (top - area.Min.Y) / vg.Length(rows)
	row = min(row, thickestRow*vg.Length(p.mostSeries())/fullSlot)
	for i, label := range p.chart.X.Labels {
		p.write(ending(name), area.Min.X+names, top-row*(vg.Length(i)+0.5), shorten(name, label, names))
	}
	gap := vg.Length(28)
	left := area.Min.X + names + 10
	width := (area.Max.X-left+gap)/vg.Length(len(p.chart.Panels)) - gap
	for i, one := range p.chart.Panels {
		from := left + vg.Length(i)*(width+gap)
		if one.Title != "" {
			s := bold(style(smallSize, ink))
			p.write(s, from, area.Max.Y-panelTitle/2, fit(s, one.Title, width))
		}
		p.rows(one, rectangle(from, top-row*vg.Length(rows), from+width, top), row)
	}
}

func (p *picture) mostSeries() int {
	most := 1
	for _, one := range p.chart.Panels {
		most = max(most, len(one.Series))
	}
	return most
}

// rows draws lying bars. With a figure at each they need no scale.
func (p *picture) rows(one chart.Panel, area vg.Rectangle, row vg.Length) {
	series := vg.Length(len(one.Series))
	thick := min(row*fullSlot/series, thickestRow)
	figure := style(min(figureSize, max(8, thick*1.15)), ink)
	room := widestOf(figure, figures(one), 80) + 8
	low, _ := extent(one)
	left := area.Min.X
	if low < 0 {
		left += room
	}
	s := scaleOf(one, left, area.Max.X-room, 5)
	s.low, s.high = tight(one)
	for i, colours := range one.Series {
		for n, v := range colours.Values {
			middle := area.Max.Y - row*(vg.Length(n)+0.5) + (series/2-vg.Length(i)-0.5)*thick
			if math.IsNaN(v) {
				p.write(style(figureSize, muted), s.at(0)+6, middle, "–")
				continue
			}
			gap := min(thick*0.06, 1)
			p.fill(colour(colours), rectangle(min(s.at(0), s.at(v)), middle-thick/2+gap, max(s.at(0), s.at(v)), middle+thick/2-gap))
			if v < 0 {
				p.write(ending(figure), s.at(v)-5, middle, chart.Short(v))
			} else {
				p.write(figure, s.at(v)+5, middle, chart.Short(v))
			}
		}
	}
	p.stroke(rule, 1, vg.Point{X: s.at(0), Y: area.Min.Y}, vg.Point{X: s.at(0), Y: area.Max.Y})
}

// tight is the extent with zero in it, and never empty.
func tight(one chart.Panel) (low, high float64) {
	low, high = extent(one)
	if low, high = min(low, 0), max(high, 0); low == high {
		high = 1
	}
	return low, high
}
