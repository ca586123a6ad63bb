package metric

import (
	"math/bits"
	"slices"
	"sort"
)

// standardGrains are MetricFlow's, finest first.
var standardGrains = []string{
	"nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year",
}

// dateParts are MetricFlow's with the coarsest grain that each can be taken from.
var dateParts = []struct{ name, grain string }{
	{"year", "year"}, {"quarter", "quarter"}, {"month", "month"}, {"day", "day"}, {"dow", "day"}, {"doy", "day"},
}

const (
	defaultGrain = "day" // what the engine takes where a manifest names none
	grainWords   = 4
	mostGrains   = grainWords * 64
)

// grainSet is a set of indices into grains.names.
type grainSet [grainWords]uint64

func (s *grainSet) add(i int)     { s[i/64] |= 1 << (i % 64) }
func (s grainSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
func (s grainSet) empty() bool    { return s == grainSet{} }

func (s grainSet) and(t grainSet) grainSet {
	for i := range s {
		s[i] &= t[i]
	}
	return s
}

func (s grainSet) or(t grainSet) grainSet {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

func (s grainSet) without(t grainSet) grainSet {
	for i := range s {
		s[i] &^= t[i]
	}
	return s
}

// first is the lowest index in s, -1 when s is empty.
func (s grainSet) first() int {
	for i, w := range s {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// grains knows the grains that can be asked for: the standard ones, then the project's own by name.
type grains struct {
	names  []string
	base   []int // per name, the standard grain from which it is made: its own index for a standard one
	index  map[string]int
	finest int // the finest grain of any calendar of the project
}

func newGrains(spines []TimeSpine) (grains, error) {
	g := grains{index: map[string]int{}, finest: -1}
	for i, name := range standardGrains {
		g.names, g.base, g.index[name] = append(g.names, name), append(g.base, i), i
	}
	custom := map[string]int{}
	for _, spine := range spines {
		at, ok := g.index[orDefault(spine.Grain)]
		if !ok {
			return grains{}, inconsistent("a time spine has the unknown grain %q", spine.Grain)
		}
		if g.finest < 0 || at < g.finest {
			g.finest = at
		}
		for _, name := range spine.Custom {
			custom[name] = at
		}
	}
	if g.finest < 0 {
		g.finest = g.index[defaultGrain]
	}
	return g, g.addCustom(custom)
}

func (g *grains) addCustom(custom map[string]int) error {
	if len(standardGrains)+len(custom) > mostGrains {
		return inconsistent("the time spines define %d grains of their own", len(custom))
	}
	names := make([]string, 0, len(custom))
	for name := range custom {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if slices.Contains(standardGrains, name) {
			continue
		}
		g.index[name] = len(g.names)
		g.names, g.base = append(g.names, name), append(g.base, custom[name])
	}
	return nil
}

// standard is the index of a standard grain, or false.
func (g grains) standard(name string) (int, bool) {
	i, ok := g.index[orDefault(name)]
	return i, ok && i < len(standardGrains)
}

// from is every grain that a column of grain own can be asked at.
func (g grains) from(own int) grainSet {
	var s grainSet
	for i, base := range g.base {
		if base >= own {
			s.add(i)
		}
	}
	return s
}

func (g grains) list(s grainSet) []string {
	var names []string
	for i, name := range g.names {
		if s.has(i) {
			names = append(names, name)
		}
	}
	return names
}

// parts is a set of date parts, one bit each in the order of dateParts.
type parts uint8

func (g grains) partsFrom(own int) parts {
	var p parts
	for i, part := range dateParts {
		if own <= g.index[part.grain] {
			p |= 1 << i
		}
	}
	return p
}

func (p parts) list() []string {
	var names []string
	for i, part := range dateParts {
		if p&(1<<i) != 0 {
			names = append(names, part.name)
		}
	}
	return names
}

func orDefault(grain string) string {
	if grain == "" {
		return defaultGrain
	}
	return grain
}
