package chart

import (
	"gonum.org/v1/plot/vg"

	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

const cardsPerRow = 3

// figures writes each value as large as there is room, with its name and all its digits under it.
func (p *picture) figures(area vg.Rectangle) {
	panels := p.chart.Panels
	columns := min(len(panels), cardsPerRow)
	if len(panels) == 4 {
		columns = 2
	}
	rows := (len(panels) + columns - 1) / columns
	width := (area.Max.X - area.Min.X) / vg.Length(columns)
	height := (area.Max.Y - area.Min.Y) / vg.Length(rows)
	size := vg.Length(88)
	if len(panels) > 1 {
		size = 54
	}
	for i, one := range panels {
		x := area.Min.X + width*(vg.Length(i%columns)+0.5)
		y := area.Max.Y - height*(vg.Length(i/columns)+0.5)
		v := one.Series[0].Values[0]
		p.write(centred(bold(style(size, colour(one.Series[0])))), x, y+size*0.4, chart.Short(v))
		name := centred(style(smallSize+3, ink))
		p.write(name, x, y-size*0.35, fit(name, one.Title, width-20))
		if exact := chart.Exact(v); exact != chart.Short(v) {
			p.write(centred(style(smallSize+1, muted)), x, y-size*0.35-22, exact)
		}
	}
}
