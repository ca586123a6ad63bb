// Package chart draws charts as PNG images, on the canvas and with the fonts of gonum.org/v1/plot. What is drawn,
// and what is left out, was decided before.
package chart

import (
	"bytes"
	"context"
	"fmt"
	"image/color"
	"image/png"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

// Sizes that can be drawn, in CSS pixels, which are points of the canvas.
const (
	narrowest, widest = 480, 1600
	lowest, highest   = 300, 1200
)

// The colours of everything that is not data.
var (
	ink   = color.RGBA{0x1B, 0x20, 0x27, 0xFF}
	muted = color.RGBA{0x5B, 0x64, 0x70, 0xFF}
	rule  = color.RGBA{0x8A, 0x90, 0x99, 0xFF}
	grid  = color.RGBA{0xE6, 0xE8, 0xEB, 0xFF}
)

var _ chart.Draw = PNG

// PNG implements chart.Draw. It needs about 16 bytes of memory for each dot, 33 MB at chart.Inline, and no file, font
// or network of the machine. The image is the same for the same chart on machines of one kind; between kinds, the
// edges of shapes may differ by a shade.
func PNG(ctx context.Context, c chart.Chart, s chart.Size) (image []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	// The canvas and its fonts have no errors to return; what they cannot do, they panic about.
	defer func() {
		if r := recover(); r != nil {
			image, err = nil, fault.ErrInternal.Because(fmt.Errorf("draw a chart: %v", r))
		}
	}()
	for _, dots := range []int{2 * 72, 72} {
		if image, err = encoded(c, s, dots); err != nil || len(image) <= mostBytes {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	return image, err
}

// mostBytes is how large a picture with two dots a pixel may become. A more restless one is drawn with one.
const mostBytes = 200 << 10

// encoded draws with so many dots an inch, of which a CSS pixel is the 72nd part.
func encoded(c chart.Chart, s chart.Size, dots int) ([]byte, error) {
	w, h := vg.Length(min(max(s.Width, narrowest), widest)), vg.Length(min(max(s.Height, lowest), highest))
	canvas := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(dots))
	p := picture{Canvas: draw.New(canvas), chart: c}
	p.draw()
	var b bytes.Buffer
	if err := png.Encode(&b, paletted(canvas.Image())); err != nil {
		return nil, fault.ErrInternal.Because(fmt.Errorf("encode a chart: %w", err))
	}
	return b.Bytes(), nil
}

// picture is a chart on its canvas. Lengths are CSS pixels; y runs upwards.
type picture struct {
	draw.Canvas
	chart chart.Chart
}

func (p *picture) draw() {
	area := p.frame()
	switch p.chart.Form {
	case chart.Number:
		p.figures(area)
	case chart.Line:
		p.stack(area, p.lines)
	case chart.Bar:
		if p.chart.Horizontal {
			p.lying(area)
		} else {
			p.stack(area, p.upright)
		}
	}
}

// stack draws the panels above each other over one axis.
func (p *picture) stack(area vg.Rectangle, panel func(chart.Panel, vg.Rectangle, span)) {
	panels := p.chart.Panels
	across := p.span(area)
	bottom := area.Min.Y + p.axisHeight()
	gap := vg.Length(14)
	height := (area.Max.Y - bottom - gap*vg.Length(len(panels)-1)) / vg.Length(len(panels))
	for i, one := range panels {
		top := area.Max.Y - vg.Length(i)*(height+gap)
		panel(one, rectangle(area.Min.X, top-height, area.Max.X, top), across)
	}
	p.axis(across, bottom)
}

func rectangle(left, bottom, right, top vg.Length) vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: left, Y: bottom}, Max: vg.Point{X: right, Y: top}}
}

// rectangles are filled, lines are stroked: these two, and discs, are all that is drawn beside text.
func (p *picture) fill(c color.Color, r vg.Rectangle) {
	p.SetColor(c)
	var path vg.Path
	path.Move(r.Min)
	path.Line(vg.Point{X: r.Max.X, Y: r.Min.Y})
	path.Line(r.Max)
	path.Line(vg.Point{X: r.Min.X, Y: r.Max.Y})
	path.Close()
	p.Fill(path)
}

func (p *picture) stroke(c color.Color, width vg.Length, points ...vg.Point) {
	p.StrokeLines(draw.LineStyle{Color: c, Width: width}, points)
}

func (p *picture) disc(c color.Color, at vg.Point, radius vg.Length) {
	p.SetColor(c)
	p.Fill(circle(at, radius))
}

func circle(at vg.Point, radius vg.Length) vg.Path {
	const full = 2 * 3.141592653589793
	var path vg.Path
	path.Move(vg.Point{X: at.X + radius, Y: at.Y})
	path.Arc(at, radius, 0, full)
	path.Close()
	return path
}

// colour is that of a series.
func colour(s chart.Series) color.Color {
	palette := chart.Palette()
	var c color.RGBA
	_, err := fmt.Sscanf(palette[s.Colour%len(palette)], "#%02x%02x%02x", &c.R, &c.G, &c.B)
	if err != nil {
		return ink
	}
	c.A = 0xFF
	return c
}
