package chart

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// measure is a metric of the answer: a value for each row, NaN where there is none.
type measure struct {
	title  string
	values []float64
}

// draft is a chart in the making: series by position, before what does not fit is left out.
type draft struct {
	chart    Chart
	x        field
	split    field // without labels when there is none
	measures []measure
	values   [][][]float64 // by measure, series and position
}

// From decides how to draw t, whose last columns are the metrics by their names. A time becomes lines, names become
// bars, and nothing to group by becomes figures; metrics of different scales get panels of their own, and what is too
// much is left out, largest first or latest first, and said in the notes. An empty title is made up from the names.
//
// It is ErrEmpty without rows, ErrNoNumbers without a metric that is a number, and ErrNoValues when there is none to
// see. The same table gives the same chart.
func From(t metric.Table, metrics []string, title string) (Chart, error) {
	if len(t.Rows) == 0 {
		return Chart{}, ErrEmpty
	}
	d := draft{}
	groups := d.read(t, metrics)
	if len(d.measures) == 0 {
		return Chart{}, ErrNoNumbers
	}
	d.dropEmpty()
	if len(d.measures) == 0 {
		return Chart{}, ErrNoValues
	}
	d.chart.Title = clean(title, longestTitle)
	if d.chart.Title == "" {
		d.chart.Title = d.title(groups)
	}
	d.assign(groups)
	if t.Truncated {
		d.chart.Truncated = true
		d.note("The answer was cut off at %s; there is more than is drawn.", plural(len(t.Rows), "row", "rows"))
	}
	if d.x.labels == nil {
		return d.numbers(), nil
	}
	if !d.fill(len(t.Rows)) {
		return Chart{}, ErrNoValues
	}
	d.limitSplit()
	d.order()
	return d.finish(), nil
}

func (d *draft) note(format string, args ...any) {
	d.chart.Notes = append(d.chart.Notes, fmt.Sprintf(format, args...))
}

// leave notes what is not drawn.
func (d *draft) leave(format string, args ...any) {
	d.chart.Truncated = true
	d.note(format, args...)
}

// read tells the columns apart: what to group by, and what to measure.
func (d *draft) read(t metric.Table, metrics []string) []field {
	var groups []field
	first := len(t.Columns) - len(metrics)
	for i, c := range t.Columns {
		named := slices.ContainsFunc(metrics, func(m string) bool { return strings.EqualFold(m, c.Name) })
		switch {
		case i < first || !named:
			groups = append(groups, readField(t, i))
		case c.Type == "integer" || c.Type == "decimal" || c.Type == "float":
			d.readMeasure(t, i)
		default:
			d.leave("%s is no number and not drawn.", clean(words(c.Name), longestLabel))
		}
	}
	return groups
}

func (d *draft) readMeasure(t metric.Table, i int) {
	m := measure{title: clean(words(t.Columns[i].Name), longestLabel), values: make([]float64, len(t.Rows))}
	empty, strange := 0, 0
	for n, row := range t.Rows {
		m.values[n] = math.NaN()
		if i >= len(row) || row[i] == nil {
			empty++
		} else if v, ok := number(row[i]); ok {
			m.values[n] = v
		} else {
			strange++
		}
	}
	if empty > 0 && empty < len(t.Rows) {
		d.note("%s has %s.", m.title, plural(empty, "empty value", "empty values"))
	}
	if strange > 0 {
		d.leave("%s has %s, not drawn.", m.title, plural(strange, "value that is no number or too large", "values that are no numbers or too large"))
	}
	d.measures = append(d.measures, m)
}

// number reads a cell as metric.Table documents it. What lies outside the range of Values cannot be drawn; what is
// nearer to zero than its smallest is zero to the eye.
func number(cell any) (float64, bool) {
	n, ok := cell.(json.Number)
	if !ok {
		return 0, false
	}
	v, err := n.Float64()
	if math.Abs(v) < 1/farthest {
		v = 0
	}
	return v, err == nil && math.Abs(v) <= farthest
}

// dropEmpty leaves out measures without any value.
func (d *draft) dropEmpty() {
	d.measures = slices.DeleteFunc(d.measures, func(m measure) bool {
		if slices.ContainsFunc(m.values, finite) {
			return false
		}
		d.leave("%s has no values.", m.title)
		return true
	})
}

func finite(v float64) bool { return !math.IsNaN(v) }

func (d *draft) title(groups []field) string {
	titles := make([]string, len(d.measures))
	for i, m := range d.measures {
		titles[i] = m.title
		if i > 0 {
			titles[i] = lower(m.title)
		}
	}
	text := joined(titles)
	if len(groups) > 0 {
		names := make([]string, len(groups))
		for i := range groups {
			names[i] = lower(groups[i].title)
		}
		text += " by " + joined(names)
	}
	return clean(text, longestTitle)
}

// assign decides what runs along the axis and what becomes series. A group-by with one value says nothing along an
// axis and goes into the subtitle, unless it is the only one.
func (d *draft) assign(groups []field) {
	var said []string
	for i := 0; i < len(groups) && len(groups) > 1; {
		if !groups[i].constant() {
			i++
			continue
		}
		said = append(said, groups[i].title+": "+groups[i].labels[0])
		groups = slices.Delete(groups, i, i+1)
	}
	d.chart.Subtitle = clean(strings.Join(said, " · "), longestTitle)
	if len(groups) == 0 {
		return
	}
	at := axisOf(groups)
	d.x = groups[at]
	if rest := slices.Delete(slices.Clone(groups), at, at+1); len(rest) > 0 {
		d.split = combined(rest)
		d.chart.Split = d.split.title
	}
	for i := range groups {
		for _, note := range groups[i].notes {
			d.note("%s", note)
		}
	}
}

// axisOf prefers time, then what is ordered, then what has the most values.
func axisOf(groups []field) int {
	best, rank := 0, -1
	for i := range groups {
		r := len(groups[i].labels)
		switch groups[i].kind {
		case Time:
			r = math.MaxInt - i
		case Ordinal:
			r = math.MaxInt/2 - i
		case Category:
		}
		if r > rank {
			best, rank = i, r
		}
	}
	return best
}

// fill lays the rows out by measure, series and position, and reports whether there is any value.
func (d *draft) fill(rows int) bool {
	series, seen := max(1, len(d.split.labels)), false
	d.values = make([][][]float64, len(d.measures))
	for m := range d.measures {
		d.values[m] = make([][]float64, series)
		for s := range series {
			d.values[m][s] = slices.Repeat([]float64{math.NaN()}, len(d.x.labels))
		}
		for n := range rows {
			s := 0
			if d.split.labels != nil {
				s = d.split.rows[n]
			}
			if p := d.x.rows[n]; p != nowhere && s != nowhere {
				v := d.measures[m].values[n]
				d.values[m][s][p] = v
				seen = seen || finite(v)
			}
		}
	}
	return seen
}

// numbers is a chart of figures.
func (d *draft) numbers() Chart {
	if left := len(d.measures) - MaxNumbers; left > 0 {
		d.leave("The first %d metrics are drawn; %s left out.", MaxNumbers, plural(left, "is", "are"))
		d.measures = d.measures[:MaxNumbers]
	}
	d.chart.Form = Number
	d.chart.X = Axis{Kind: Category, Keys: []string{""}, Labels: []string{""}}
	for _, m := range d.measures {
		d.chart.Panels = append(d.chart.Panels, Panel{
			Title: m.title, Zero: true, Series: []Series{{Name: m.title, Values: Values{m.values[0]}}},
		})
	}
	return d.chart
}
