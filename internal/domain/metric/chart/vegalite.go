package chart

import (
	"maps"
	"time"
)

// vegaSchema names the language and its version; nothing is fetched from there.
const vegaSchema = "https://vega.github.io/schema/vega-lite/v6.json"

// Sizes of a Vega-Lite view, in pixels.
const (
	vegaWidth  = 720
	vegaHeight = 360
)

type object = map[string]any

// VegaLite writes c as a Vega-Lite 6 specification with its data inside, in the same form and colours as the picture.
// It can be marshalled, and refers to nothing outside. Names out of the warehouse stand in it as data only, never in
// an expression.
func VegaLite(c Chart) map[string]any {
	spec := object{
		"$schema": vegaSchema, "title": vegaTitle(c), "background": "white",
		"config": object{
			"view": object{"stroke": nil}, "font": "Liberation Sans, Arial, Helvetica, sans-serif",
			"axis":  object{"domainColor": "#8A9099", "gridColor": "#E6E8EB", "tickColor": "#8A9099", "labelOverlap": true},
			"title": object{"anchor": "start", "fontSize": 16, "subtitleColor": "#5B6470"},
		},
	}
	views := make([]object, len(c.Panels))
	for i := range c.Panels {
		views[i] = vegaView(c, i)
	}
	if len(views) == 1 {
		maps.Copy(spec, views[0])
		return spec
	}
	spec["resolve"] = object{"scale": object{"color": "shared"}}
	if c.Form == Number || c.Horizontal {
		spec["hconcat"] = views
	} else {
		spec["vconcat"] = views
	}
	return spec
}

func vegaTitle(c Chart) object {
	title := object{"text": c.Title}
	var under []string
	if c.Subtitle != "" {
		under = append(under, c.Subtitle)
	}
	if under = append(under, c.Notes...); len(under) > 0 {
		title["subtitle"] = under
	}
	return title
}

func vegaView(c Chart, i int) object {
	p := c.Panels[i]
	data := object{"values": vegaRows(c, p)}
	if c.Form == Number {
		return object{
			"data": data, "width": 160, "height": 80,
			"mark": object{"type": "text", "fontSize": 34, "fontWeight": "bold"},
			"encoding": object{
				"text":    object{"field": "text", "type": "nominal"},
				"tooltip": []object{{"field": "value", "type": "quantitative", "title": p.Title, "format": vegaFigure(p)}},
			},
			"title": object{"text": p.Title, "anchor": "middle", "orient": "bottom", "fontSize": 13},
		}
	}
	across, along := "x", "y"
	width, height := vegaWidth, vegaHeight/len(c.Panels)+40
	if c.Horizontal {
		across, along = "y", "x"
		width, height = vegaWidth/len(c.Panels), max(vegaHeight, 18*len(c.X.Labels)*len(p.Series)/2)
	}
	encoding := object{
		across: vegaPositions(c, i), along: vegaValues(c, p),
		"color": vegaColours(c, p), "tooltip": vegaTooltip(c, p),
	}
	if c.Form == Bar && len(p.Series) > 1 {
		encoding[across+"Offset"] = object{"field": "series", "type": "nominal", "sort": names(p)}
	}
	view := object{"data": data, "width": width, "height": height, "mark": vegaMark(c), "encoding": encoding}
	if len(c.Panels) > 1 && p.Title != "" {
		view["title"] = object{"text": p.Title, "anchor": "start", "fontSize": 12}
	}
	return view
}

func vegaMark(c Chart) object {
	if c.Form == Bar {
		return object{"type": "bar"}
	}
	return object{"type": "line", "strokeWidth": 2, "point": len(c.X.Labels) <= fewPoints}
}

// fewPoints is how many points of a line are each worth a dot.
const fewPoints = 40

// temporal says that positions are moments. A bar stands for a period and has its name.
func temporal(c Chart) bool { return c.X.Kind == Time && c.Form == Line }

// vegaRows has a row for every value, and for every gap in a line.
func vegaRows(c Chart, p Panel) []object {
	rows := []object{}
	for _, s := range p.Series {
		for at, v := range s.Values {
			row := object{"x": vegaKey(c, at), "value": v}
			if !finite(v) {
				row["value"] = nil
			}
			if len(p.Series) > 1 {
				row["series"] = s.Name
			}
			if c.Form == Number {
				row["text"] = Short(v)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// vegaKey marks moments as UTC, so that no browser moves them into its own zone. A date alone is UTC anyway.
func vegaKey(c Chart, at int) string {
	x := c.X
	if !temporal(c) {
		return x.Labels[at]
	}
	if key := x.Keys[at]; len(key) > len(time.DateOnly) {
		return key + "Z"
	}
	return x.Keys[at]
}

func vegaPositions(c Chart, panel int) object {
	title := any(c.X.Title)
	if temporal(c) || c.Horizontal {
		title = nil
	}
	if temporal(c) {
		return object{
			"field": "x", "type": "temporal", "title": title, "scale": object{"type": "utc"},
			"axis": object{"format": vegaDates(c.X.Grain), "values": vegaTicks(c.X), "grid": false},
		}
	}
	axis := object{"labelLimit": 400, "maxExtent": 400}
	if !c.Horizontal {
		axis["labelAngle"] = 0
	}
	if c.Horizontal && panel > 0 {
		axis["labels"] = false
	}
	return object{"field": "x", "type": "nominal", "title": title, "sort": nil, "axis": axis}
}

func vegaDates(grain string) string {
	switch grain {
	case "year":
		return "%Y"
	case "quarter":
		return "Q%q %Y"
	case "month":
		return "%b %Y"
	case "week", "day":
		return "%-d %b %Y"
	case "second":
		return "%-d %b %H:%M:%S"
	}
	return "%-d %b %H:%M"
}

// vegaMostTicks is how many dates fit beside each other.
const vegaMostTicks = 12

// vegaTicks are moments in milliseconds, at the lowest level that fits.
func vegaTicks(x Axis) []int64 {
	for level := 1; ; level++ {
		var ticks []int64
		for _, t := range x.Ticks {
			if at, ok := moment(x.Keys[t.At]); ok && t.Level >= level {
				ticks = append(ticks, at.UnixMilli())
			}
		}
		if len(ticks) <= vegaMostTicks {
			return ticks
		}
	}
}

// vegaValues is the scale of the values. Its figures are those of the picture: B stands for 10⁹, not G, and there are no
// milli.
func vegaValues(c Chart, p Panel) object {
	title := any(nil)
	if p.Title != "" && len(c.Panels) == 1 {
		title = p.Title
	}
	axis := object{"format": ",~f", "tickCount": 5}
	switch top := peak(p); {
	case top >= 1e15 || top < 1e-4:
		axis["format"] = "~e"
	case top >= 1e4:
		axis["format"] = "~s"
		axis["labelExpr"] = "datum.value === 0 ? '0' : replace(datum.label, 'G', 'B')"
	}
	return object{
		"field": "value", "type": "quantitative", "title": title, "scale": object{"zero": p.Zero},
		"axis": axis,
	}
}

// peak is the largest value of a panel, whatever its sign.
func peak(p Panel) float64 {
	all := make([][]float64, len(p.Series))
	for i := range p.Series {
		all[i] = p.Series[i].Values
	}
	return peakOf(all)
}

func vegaColours(c Chart, p Panel) object {
	palette := Palette()
	if len(p.Series) == 1 {
		return object{"value": palette[p.Series[0].Colour%len(palette)]}
	}
	colours := make([]string, len(p.Series))
	for i, s := range p.Series {
		colours[i] = palette[s.Colour%len(palette)]
	}
	title := any(nil)
	if c.Split != "" {
		title = c.Split
	}
	return object{
		"field": "series", "type": "nominal", "title": title,
		"scale": object{"domain": names(p), "range": colours},
	}
}

func vegaTooltip(c Chart, p Panel) []object {
	title := c.X.Title
	fields := []object{{"field": "x", "type": "nominal", "title": title}}
	if temporal(c) {
		fields[0] = object{
			"field": "x", "type": "temporal", "title": title, "timeUnit": "utcyearmonthdatehoursminutesseconds",
			"format": vegaDates(c.X.Grain),
		}
	}
	value := p.Title
	if len(p.Series) > 1 {
		series := c.Split
		if series == "" {
			series = "Metric"
		}
		fields = append(fields, object{"field": "series", "type": "nominal", "title": series})
	}
	if value == "" {
		value = "Value"
	}
	return append(fields, object{"field": "value", "type": "quantitative", "title": value, "format": vegaFigure(p)})
}

// vegaFigure has two decimals for what is large and five digits for what is not.
func vegaFigure(p Panel) string {
	if peak(p) >= 100 {
		return ",.2~f"
	}
	return ",.5~r"
}

func names(p Panel) []string {
	all := make([]string, len(p.Series))
	for i, s := range p.Series {
		all[i] = s.Name
	}
	return all
}
