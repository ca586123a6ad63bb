package chart

import (
	"cmp"
	"math"
	"slices"
	"unicode/utf8"
)

// largest lists the n indexes with the largest weights, in their own order.
func largest(weights []float64, n int) []int {
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[b], weights[a]) })
	order = order[:min(n, len(order))]
	slices.Sort(order)
	return order
}

func pick[T any](all []T, indexes []int) []T {
	picked := make([]T, len(indexes))
	for i, at := range indexes {
		picked[i] = all[at]
	}
	return picked
}

// weights are how much each series of a measure amounts to, whatever the sign.
func weights(series [][]float64) []float64 {
	sums := make([]float64, len(series))
	for s := range series {
		for _, v := range series[s] {
			if finite(v) {
				sums[s] += math.Abs(v)
			}
		}
	}
	return sums
}

// limitSplit keeps the largest series, the largest first where they have no order of their own. The same series stay
// in every panel, so the first metric decides.
func (d *draft) limitSplit() {
	if d.split.labels == nil {
		return
	}
	sums := weights(d.values[0])
	kept := largest(sums, MaxSeries)
	if left := len(sums) - len(kept); left > 0 {
		d.leave("The %d largest of %d by %s are drawn as series (%s); %s left out.",
			len(kept), len(sums), lower(d.measures[0].title), lower(d.split.title), plural(left, "is", "are"))
	}
	if d.split.kind == Category {
		slices.SortStableFunc(kept, func(a, b int) int { return cmp.Compare(sums[b], sums[a]) })
	}
	d.split.labels = pick(d.split.labels, kept)
	for m := range d.values {
		d.values[m] = pick(d.values[m], kept)
	}
}

// order keeps an order that the answer has, by name or by value, and otherwise puts the largest first. Time and what
// is ordered have their own order.
func (d *draft) order() {
	if d.x.kind != Category || inOrder(d.x.labels) {
		return
	}
	for m := range d.values {
		if inOrder(totals(d.values[m])) {
			return
		}
	}
	sums, order := totals(d.values[0]), make([]int, len(d.x.labels))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sums[b], sums[a]) })
	d.keep(order)
}

// totals adds up each position; one without any value comes after all others.
func totals(series [][]float64) []float64 {
	sums := slices.Repeat([]float64{math.Inf(-1)}, len(series[0]))
	for _, values := range series {
		for p, v := range values {
			switch {
			case !finite(v):
			case math.IsInf(sums[p], -1):
				sums[p] = v
			default:
				sums[p] += v
			}
		}
	}
	return sums
}

// byChance is how few values may well stand in order without anybody having asked for it.
const byChance = 3

func inOrder[T cmp.Ordered](values []T) bool {
	return len(values) > byChance && (slices.IsSorted(values) ||
		slices.IsSortedFunc(values, func(a, b T) int { return cmp.Compare(b, a) }))
}

// keep arranges the positions as indexes say, without those that are not among them.
func (d *draft) keep(indexes []int) {
	d.x.labels, d.x.keys = pick(d.x.labels, indexes), pick(d.x.keys, indexes)
	to := make(map[int]int, len(indexes))
	for i, at := range indexes {
		to[at] = i
	}
	var ticks []Tick
	for _, t := range d.x.ticks {
		if i, ok := to[t.At]; ok {
			t.At = i
			ticks = append(ticks, t)
		}
	}
	d.x.ticks = ticks
	for m := range d.values {
		for s := range d.values[m] {
			d.values[m][s] = pick(d.values[m][s], indexes)
		}
	}
}

// finish decides the form, keeps the positions that fit, and builds the panels.
func (d *draft) finish() Chart {
	groups := d.scales()
	series, all := 0, 0
	for _, group := range groups {
		n := len(group) * len(d.values[0])
		series, all = max(series, n), all+n
	}
	d.shape(series)
	d.limitPositions(series, all)
	for _, group := range groups {
		d.chart.Panels = append(d.chart.Panels, d.panel(group, len(groups) == all))
	}
	if d.x.kind == Category {
		d.x.ticks = nil
	}
	d.chart.X = Axis{
		Title: d.x.title, Kind: d.x.kind, Grain: d.x.grain, Keys: d.x.keys, Labels: d.x.labels, Ticks: few(d.x.ticks),
	}
	return d.chart
}

const (
	uprightBars  = 30   // standing bars under which a name still fits
	uprightWidth = 820. // pixels for the names of standing bars
	letterWidth  = 7.   // pixels a letter
)

// shape decides between lines and bars, and how bars stand.
func (d *draft) shape(series int) {
	n := len(d.x.labels)
	d.chart.Form = Bar
	switch d.x.kind {
	case Time:
		if n > 1 {
			d.chart.Form = Line
		}
	case Ordinal:
		if d.x.line && n*series > uprightBars+uprightBars/2 {
			d.chart.Form = Line
		}
	case Category:
		slot := uprightWidth/float64(n) - letterWidth
		d.chart.Horizontal = n*series > uprightBars || slices.ContainsFunc(d.x.labels, func(label string) bool {
			return float64(utf8.RuneCountInString(label))*letterWidth > slot
		})
	}
}

// limitPositions keeps the end of a line and the largest of bars.
func (d *draft) limitPositions(series, all int) {
	n := len(d.x.labels)
	if d.chart.Form == Line {
		most := min(MaxPositions, MaxPoints/all)
		if n <= most {
			return
		}
		d.leave("The last %s of %s are drawn; ask for a coarser grain or a shorter range to see all.",
			Exact(float64(most)), plural(n, "position", "positions"))
		d.keep(span(n-most, n))
		return
	}
	most := maxUpright / series
	if d.chart.Horizontal {
		most = min(maxRows, maxLying/series)
	}
	if most = max(most, 1); n <= most {
		return
	}
	d.leave("The %d largest of %s by %s are drawn (%s); %s left out.", most, Exact(float64(n)),
		lower(d.measures[0].title), lower(d.x.title), plural(n-most, "is", "are"))
	sums := make([]float64, n)
	for p := range sums {
		for _, values := range d.values[0] {
			if finite(values[p]) {
				sums[p] += math.Abs(values[p])
			}
		}
	}
	d.keep(largest(sums, most))
}

func span(from, to int) []int {
	var indexes []int
	for i := from; i < to; i++ {
		indexes = append(indexes, i)
	}
	return indexes
}
