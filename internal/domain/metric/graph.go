package metric

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// separator stands between the elements of a group-by's name.
const separator = "__"

// mostHops is how many models the engine joins to the one that a metric counts.
const mostHops = 2

// graph is the semantic models and the joins between them, by the engine's rules (MetricFlow's semantic graph):
// a join goes to a model by a key of the same name that identifies its rows, never to a foreign key.
type graph struct {
	grains grains
	models []*model
	index  map[string]int
}

type model struct {
	Model
	links    []string // the names by which its own columns are addressed: keys that identify rows, or the virtual one
	types    map[string]string
	columns  map[string]column
	validity bool // its rows are valid for an interval
	joins    []join
	offers   func() map[fieldKey]offer // what its metrics can be grouped by, metric_time apart
	own      func() map[fieldKey]offer // the same without any join
}

// join leads to another model by a key of both.
type join struct {
	entity string
	right  int
}

type column struct {
	ModelDimension
	grain int // of a time dimension
}

func newGraph(models []Model, g grains) (graph, error) {
	gr := graph{grains: g, index: make(map[string]int, len(models))}
	for _, m := range models {
		if _, twice := gr.index[m.Name]; twice {
			return graph{}, inconsistent("semantic model %q is defined twice", m.Name)
		}
		prepared, err := newModel(m, g)
		if err != nil {
			return graph{}, err
		}
		gr.index[m.Name] = len(gr.models)
		gr.models = append(gr.models, prepared)
	}
	for i, m := range gr.models {
		m.joins = gr.joinsFrom(i)
	}
	for i, m := range gr.models {
		m.offers = sync.OnceValue(func() map[fieldKey]offer { return gr.explore(i, mostHops) })
		m.own = sync.OnceValue(func() map[fieldKey]offer { return gr.explore(i, 0) })
	}
	return gr, nil
}

func newModel(m Model, g grains) (*model, error) {
	p := &model{Model: m, types: map[string]string{}, columns: map[string]column{}}
	for _, e := range m.Entities {
		p.types[e.Name] = e.Type
		if identifies(e.Type) && !slices.Contains(p.links, e.Name) {
			p.links = append(p.links, e.Name)
		}
	}
	if m.PrimaryEntity != "" && !slices.Contains(p.links, m.PrimaryEntity) {
		p.links = append(p.links, m.PrimaryEntity)
	}
	for _, d := range m.Dimensions {
		c := column{ModelDimension: d}
		if d.Kind == Time {
			at, ok := g.standard(d.Grain)
			if !ok {
				return nil, inconsistent("time dimension %q of model %q has the unknown grain %q", d.Name, m.Name, d.Grain)
			}
			c.grain = at
		}
		p.columns[d.Name] = c
		p.validity = p.validity || d.Validity
	}
	return p, nil
}

// identifies reports whether a key of this type can be joined to.
func identifies(entityType string) bool {
	return entityType == "primary" || entityType == "unique" || entityType == "natural"
}

func (gr graph) joinsFrom(left int) []join {
	var joins []join
	l := gr.models[left]
	for entity, leftType := range l.types {
		for right, r := range gr.models {
			rightType, has := r.types[entity]
			if has && right != left && joinable(leftType, rightType, l.validity, r.validity) {
				joins = append(joins, join{entity: entity, right: right})
			}
		}
	}
	return joins
}

// joinable: two intervals of validity cannot be joined, nor two natural keys; a natural key identifies a row only
// together with an interval.
func joinable(left, right string, leftValidity, rightValidity bool) bool {
	switch {
	case !identifies(right), leftValidity && rightValidity:
		return false
	case right == "natural":
		return left != "natural" && rightValidity
	}
	return true
}

// input finds the model and the time dimension of an aggregation.
func (gr graph) input(a Aggregation) (input, error) {
	at, ok := gr.index[a.Model]
	if !ok {
		return input{}, fmt.Errorf("there is no semantic model %q", a.Model)
	}
	c, ok := gr.models[at].columns[a.TimeDimension]
	if !ok || c.Kind != Time {
		return input{}, fmt.Errorf("model %q has no time dimension %q to aggregate by", a.Model, a.TimeDimension)
	}
	return input{model: at, dimension: a.TimeDimension, grain: c.grain}, nil
}

// ownTimeNames are the names, metric_time apart, by which all inputs know their aggregation time dimension
// without a join.
func (gr graph) ownTimeNames(inputs []input) map[string]bool {
	counts := map[string]int{}
	for _, in := range inputs {
		for _, link := range gr.models[in.model].links {
			if link != in.dimension {
				counts[link+separator+in.dimension]++
			}
		}
	}
	names := map[string]bool{}
	for name, n := range counts {
		if n == len(inputs) {
			names[name] = true
		}
	}
	return names
}

// aliases are the other names of a field's column; Field.Aliases says which.
func (gr graph) aliases(key fieldKey, origins []Origin) []string {
	set := map[string]bool{}
	for rest := key.name; ; {
		_, after, more := strings.Cut(rest, separator)
		if !more || (key.kind != EntityKey && !strings.Contains(after, separator)) {
			break
		}
		set[after], rest = true, after
	}
	for _, o := range origins {
		for _, link := range gr.models[gr.index[o.Model]].links {
			if link != o.Element {
				set[link+separator+o.Element] = true
			}
		}
	}
	delete(set, key.name)
	return sortedKeys(set)
}
