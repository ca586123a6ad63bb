package chart

import (
	"math"
	"strconv"

	"gonum.org/v1/plot/vg"

	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

// scale maps values to lengths, and has round ticks.
type scale struct {
	low, high float64
	from, to  vg.Length
	ticks     []float64
	step      float64
}

// scaleOf makes a scale for a panel with about so many ticks.
func scaleOf(p chart.Panel, from, to vg.Length, ticks int) scale {
	low, high := extent(p)
	if p.Zero {
		low, high = min(low, 0), max(high, 0)
	}
	// Values that are all but equal get some room on both sides: digits end before their difference would show.
	if size := max(math.Abs(low), math.Abs(high)); high-low <= size*1e-9 {
		pad := size / 10
		if size == 0 {
			pad = 1
		}
		if low, high = low-pad, high+pad; p.Zero {
			low = 0
		}
	}
	s := scale{from: from, to: to, step: roundStep((high - low) / float64(max(ticks, 1)))}
	first, last := math.Floor(low/s.step+1e-9), math.Ceil(high/s.step-1e-9)
	s.low, s.high = first*s.step, last*s.step
	for n := first; n <= last && len(s.ticks) < mostFigures; n++ {
		s.ticks = append(s.ticks, n*s.step)
	}
	return s
}

// mostFigures is more than any scale has: a chart that no chart.From made must not keep a processor busy.
const mostFigures = 50

// extent is the lowest and highest value; 0 and 1 without any.
func extent(p chart.Panel) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, s := range p.Series {
		for _, v := range s.Values {
			if !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if low > high {
		return 0, 1
	}
	return low, high
}

// roundStep is the next of 1, 2, 2.5 and 5 times a power of ten.
func roundStep(step float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, factor := range []float64{1, 2, 2.5, 5} {
		if step <= factor*power*(1+1e-9) {
			return factor * power
		}
	}
	return 10 * power
}

func (s scale) at(v float64) vg.Length {
	return s.from + vg.Length((v-s.low)/(s.high-s.low))*(s.to-s.from)
}

// label writes a tick with as many decimals as tell it from its neighbours.
func (s scale) label(v float64) string {
	peak := max(math.Abs(s.low), math.Abs(s.high))
	if peak < 1e-3 || peak >= 1e15 {
		return chart.Short(v)
	}
	unit, name := 1., ""
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "k"}} {
		if peak >= max(u.size, 1e4) {
			unit, name = u.size, u.name
			break
		}
	}
	decimals := 0
	for scaled := s.step / unit; decimals < 9 && math.Abs(scaled-math.Round(scaled)) > 1e-6*scaled; decimals++ {
		scaled *= 10
	}
	switch {
	case math.Abs(v) < s.step/2:
		return "0"
	case unit == 1 && decimals == 0:
		return chart.Exact(v)
	}
	return strconv.FormatFloat(v/unit, 'f', decimals, 64) + name
}

func (s scale) labels() []string {
	texts := make([]string, len(s.ticks))
	for i, v := range s.ticks {
		texts[i] = s.label(v)
	}
	return texts
}
