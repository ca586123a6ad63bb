package metric

import (
	"slices"
	"sort"
	"strings"
)

// fieldKey tells apart what has the same name and is of another kind.
type fieldKey struct {
	kind FieldKind
	name string
}

// offer is one name as the rows of a model can be grouped by it. Two ways to the same name make the name
// ambiguous, and the engine drops it; it does so separately for each grain of a time dimension, and separately
// for what it lists (each time dimension at its own grain only) and for what it accepts (at every grain).
type offer struct {
	listed  bool     // categorical and keys: the engine lists it
	asked   bool     // categorical and keys: the engine accepts it
	own     grainSet // time: the own grains under which the engine lists it
	at      grainSet // time: the grains at which the engine accepts it
	parts   parts    // time: the date parts that the engine accepts
	origins []Origin
}

func (o offer) and(p offer) offer {
	return offer{
		listed: o.listed && p.listed, asked: o.asked && p.asked,
		own: o.own.and(p.own), at: o.at.and(p.at), parts: o.parts & p.parts,
		origins: union(o.origins, p.origins),
	}
}

func (o offer) or(p offer) offer {
	return offer{
		listed: o.listed || p.listed, asked: o.asked || p.asked,
		own: o.own.or(p.own), at: o.at.or(p.at), parts: o.parts | p.parts,
		origins: union(o.origins, p.origins),
	}
}

func union(a, b []Origin) []Origin {
	all := a
	for _, o := range b {
		if !slices.Contains(all, o) {
			all = append(slices.Clip(all), o)
		}
	}
	return all
}

// tally counts the ways to one name. For sets, once holds what exactly one way has so far, again what more have.
type tally struct {
	ways              int
	ownOnce, ownAgain grainSet
	atOnce, atAgain   grainSet
	partsOnce         parts
	partsAgain        parts
	origins           []Origin
}

// exploration walks the joins from one model, at most so many hops.
type exploration struct {
	graph   graph
	hops    int
	tallies map[fieldKey]*tally
}

// explore finds everything that the rows of a model can be grouped by, metric_time apart.
func (gr graph) explore(from, hops int) map[fieldKey]offer {
	x := exploration{graph: gr, hops: hops, tallies: map[fieldKey]*tally{}}
	m := gr.models[from]
	for _, e := range m.Entities {
		x.count(fieldKey{EntityKey, e.Name}, Origin{m.Name, e.Name})
	}
	for _, link := range m.links {
		x.elements([]string{link}, from)
	}
	x.walk(nil, []int{from})
	return x.conclude()
}

// walk follows every join from the last of the visited models. No model is joined twice, and no name repeats an
// element.
func (x *exploration) walk(path []string, visited []int) {
	if len(path) == x.hops {
		return
	}
	for _, j := range x.graph.models[visited[len(visited)-1]].joins {
		if slices.Contains(visited, j.right) || slices.Contains(path, j.entity) {
			continue
		}
		further := append(slices.Clip(path), j.entity)
		x.elements(further, j.right)
		x.walk(further, append(slices.Clip(visited), j.right))
	}
}

// elements counts every key and column of a model under a path of entities.
func (x *exploration) elements(path []string, at int) {
	m := x.graph.models[at]
	prefix := strings.Join(path, separator) + separator
	for _, e := range m.Entities {
		if !slices.Contains(path, e.Name) {
			x.count(fieldKey{EntityKey, prefix + e.Name}, Origin{m.Name, e.Name})
		}
	}
	for name, c := range m.columns {
		switch {
		case slices.Contains(path, name):
		case c.Kind == Time:
			x.countTime(prefix+name, append(slices.Clip(path), name), c.grain, Origin{m.Name, name})
		default:
			x.count(fieldKey{Categorical, prefix + name}, Origin{m.Name, name})
		}
	}
}

func (x *exploration) tally(key fieldKey, o Origin) *tally {
	t := x.tallies[key]
	if t == nil {
		t = &tally{}
		x.tallies[key] = t
	}
	t.ways++
	t.origins = union(t.origins, []Origin{o})
	return t
}

func (x *exploration) count(key fieldKey, o Origin) { x.tally(key, o) }

func (x *exploration) countTime(name string, elements []string, grain int, o Origin) {
	g := x.graph.grains
	var own grainSet
	own.add(grain)
	at, dates := g.from(grain), g.partsFrom(grain)
	// The grain is the last element of a time dimension's name, so it must not repeat one either.
	for _, e := range elements {
		if i, is := g.index[e]; is {
			at[i/64] &^= 1 << (i % 64)
		}
	}
	own = own.and(at)
	t := x.tally(fieldKey{Time, name}, o)
	t.ownAgain, t.ownOnce = t.ownAgain.or(t.ownOnce.and(own)), t.ownOnce.or(own)
	t.atAgain, t.atOnce = t.atAgain.or(t.atOnce.and(at)), t.atOnce.or(at)
	t.partsAgain, t.partsOnce = t.partsAgain|t.partsOnce&dates, t.partsOnce|dates
}

func (x *exploration) conclude() map[fieldKey]offer {
	offers := make(map[fieldKey]offer, len(x.tallies))
	for key, t := range x.tallies {
		o := offer{origins: t.origins}
		if key.kind == Time {
			o.own, o.at, o.parts = t.ownOnce.without(t.ownAgain), t.atOnce.without(t.atAgain), t.partsOnce&^t.partsAgain
		} else {
			o.listed = t.ways == 1
			o.asked = o.listed && x.tallies[fieldKey{otherKind(key.kind), key.name}] == nil
		}
		offers[key] = o
	}
	x.dropGrainNames(offers)
	return offers
}

// dropGrainNames drops what is ambiguous because an element is called like a grain: customer__signup__month is
// then both a column called month and the column signup by month.
func (x *exploration) dropGrainNames(offers map[fieldKey]offer) {
	for key, o := range offers {
		at := strings.LastIndex(key.name, separator)
		if key.kind == Time || at < 0 {
			continue
		}
		grain, is := x.graph.grains.index[key.name[at+len(separator):]]
		timeKey := fieldKey{Time, key.name[:at]}
		t, clashes := x.tallies[timeKey]
		if !is || !clashes || !t.atOnce.has(grain) {
			continue
		}
		var clash grainSet
		clash.add(grain)
		dimension := offers[timeKey]
		if key.kind == Categorical {
			o.listed = o.listed && !t.ownOnce.has(grain)
			dimension.own = dimension.own.without(clash)
		}
		o.asked = false
		dimension.at = dimension.at.without(clash)
		offers[key], offers[timeKey] = o, dimension
	}
}

func otherKind(k FieldKind) FieldKind {
	if k == EntityKey {
		return Categorical
	}
	return EntityKey
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
