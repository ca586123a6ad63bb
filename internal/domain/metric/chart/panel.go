package chart

import (
	"cmp"
	"math"
	"slices"
)

// sameScale is how many times larger than another a metric may be and still be read on its scale.
const sameScale = 10

// scales groups the measures that can be read on one scale, in the order in which they were asked for. With a split
// every measure stands alone, because colours stand for the split.
func (d *draft) scales() [][]int {
	peaks := make([]float64, len(d.measures))
	left := make([]int, len(d.measures))
	for m := range d.values {
		peaks[m], left[m] = peakOf(d.values[m]), m
	}
	slices.SortStableFunc(left, func(a, b int) int { return cmp.Compare(peaks[b], peaks[a]) })
	var groups [][]int
	for len(left) > 0 {
		n := 1
		for d.split.labels == nil && n < min(len(left), MaxSeries) && peaks[left[n]] >= peaks[left[0]]/sameScale {
			n++
		}
		groups, left = append(groups, slices.Sorted(slices.Values(left[:n]))), left[n:]
	}
	slices.SortFunc(groups, func(a, b []int) int { return cmp.Compare(a[0], b[0]) })
	if len(groups) > MaxPanels {
		count := 0
		for _, group := range groups[MaxPanels:] {
			count += len(group)
		}
		d.leave("%s left out, of other scales; ask for fewer at a time.", plural(count, "metric is", "metrics are"))
		groups = groups[:MaxPanels]
	}
	return groups
}

// peakOf is the largest value whatever its sign.
func peakOf(series [][]float64) float64 {
	peak := 0.
	for _, values := range series {
		for _, v := range values {
			if finite(v) {
				peak = max(peak, math.Abs(v))
			}
		}
	}
	return peak
}

// panel puts measures onto one scale. Where every panel has but one series, all have the first colour: nothing is to
// be told apart.
func (d *draft) panel(group []int, single bool) Panel {
	p := Panel{Zero: d.chart.Form == Bar}
	if len(group) == 1 {
		p.Title = d.measures[group[0]].title
	}
	for _, m := range group {
		for s, values := range d.values[m] {
			series := Series{Name: d.measures[m].title, Colour: m % MaxSeries, Values: values}
			if d.split.labels != nil {
				series.Name, series.Colour = d.split.labels[s], s
			} else if single {
				series.Colour = 0
			}
			p.Series = append(p.Series, series)
		}
	}
	p.Zero = p.Zero || fromZero(p.Series)
	return p
}

// fromZero says that a line's scale may as well begin at zero: the values fill at least half of it then.
func fromZero(series []Series) bool {
	low, high := math.Inf(1), math.Inf(-1)
	for i := range series {
		for _, v := range series[i].Values {
			if finite(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	return low >= 0 && low <= high/2
}
