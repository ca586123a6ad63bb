package metric

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// available is what some metrics can be grouped by together.
type available struct {
	dimensions []Dimension
	entities   []Entity
	fields     map[string]Field
	sorted     []Field
}

// timeDescription is what the listing says of metric_time, which no project describes.
const timeDescription = "The time by which each metric is counted: its own aggregation time dimension."

// forEntries intersects what the inputs of all entries offer.
func (c *Catalog) forEntries(entries []*entry) *available {
	var inputs []input
	var needsTime []*entry
	cumulative := false
	for _, e := range entries {
		cumulative = cumulative || e.cumulative
		needsTime = append(needsTime, e.needsTime...)
		for _, in := range e.inputs {
			if !slices.Contains(inputs, in) {
				inputs = append(inputs, in)
			}
		}
	}
	offers := c.common(inputs)
	offers[fieldKey{Time, TimeField}] = c.metricTime(inputs)
	if cumulative {
		for key, o := range offers {
			o.parts = 0
			offers[key] = o
		}
	}
	return c.assemble(offers, needsTime)
}

// common is what the models of all inputs offer, in a map of its own.
func (c *Catalog) common(inputs []input) map[fieldKey]offer {
	common := map[fieldKey]offer{}
	if len(inputs) == 0 {
		return common
	}
	var models []int
	for _, in := range inputs {
		if !slices.Contains(models, in.model) {
			models = append(models, in.model)
		}
	}
	for key, o := range c.graph.models[models[0]].offers() {
		everywhere := true
		for _, m := range models[1:] {
			p, offered := c.graph.models[m].offers()[key]
			if everywhere = everywhere && offered; !everywhere {
				break
			}
			o = o.and(p)
		}
		if everywhere {
			common[key] = o
		}
	}
	return common
}

// metricTime is listed where all inputs have the same base grain, and accepted at every grain that all have.
func (c *Catalog) metricTime(inputs []input) offer {
	var o offer
	for i, in := range inputs {
		p := offer{at: c.grains.from(in.grain), parts: c.grains.partsFrom(in.grain)}
		p.own.add(in.grain)
		p.origins = []Origin{{c.graph.models[in.model].Name, in.dimension}}
		if i == 0 {
			o = p
		} else {
			o = o.and(p)
		}
	}
	return o
}

// withoutMetrics is what a question without metrics can group by: the columns of any one model, without joins,
// and metric_time as finely as the calendars allow.
func (c *Catalog) withoutMetrics() *available {
	offers := map[fieldKey]offer{}
	for _, m := range c.graph.models {
		for key, o := range m.own() {
			if p, twice := offers[key]; twice {
				o = o.or(p)
			}
			offers[key] = o
		}
	}
	at := c.grains.from(c.grains.finest)
	offers[fieldKey{Time, TimeField}] = offer{own: at, at: at, parts: c.grains.partsFrom(c.grains.finest)}
	return c.assemble(offers, nil)
}

func (c *Catalog) everything() []Field {
	all := []Field{{Name: TimeField, Kind: Time, Grains: c.grains.names}}
	seen := map[string]bool{}
	for _, m := range c.graph.models {
		offers := m.offers()
		for _, key := range sortedOffers(offers) {
			f := Field{Name: key.name, Kind: key.kind, Origins: offers[key].origins}
			if id := fmt.Sprint(f.Kind, f.Name, f.Origins); !seen[id] {
				seen[id] = true
				f.Aliases, f.Tags = c.graph.aliases(key, f.Origins), c.graph.tags(f.Origins)
				if f.Kind == Time {
					f.Grains = c.grains.names
				}
				all = append(all, f)
			}
		}
	}
	return all
}

func (c *Catalog) assemble(offers map[fieldKey]offer, needsTime []*entry) *available {
	a := &available{fields: map[string]Field{}}
	entities := map[string]*Entity{}
	for _, key := range sortedOffers(offers) {
		o := offers[key]
		tags := c.graph.tags(o.origins)
		var aliases []string
		if key.name != TimeField {
			aliases = c.graph.aliases(key, o.origins)
		}
		if o.asked || !o.at.empty() || o.parts != 0 {
			a.addField(Field{
				Name: key.name, Kind: key.kind, Grains: c.grains.list(o.at), DateParts: o.parts.list(),
				Origins: o.origins, Aliases: aliases, Tags: tags,
			})
		}
		required := requiresTime(key.name, needsTime)
		switch {
		case key.kind == EntityKey && o.listed:
			c.addKey(entities, Key{Name: key.name, Origins: o.origins, Aliases: aliases, Tags: tags}, o.asked, required)
		case key.kind == Categorical && o.listed, key.kind == Time && !o.own.empty():
			d := c.dimension(key, o, required)
			d.Aliases, d.Tags = aliases, tags
			a.dimensions = append(a.dimensions, d)
		}
	}
	for _, e := range entities {
		a.entities = append(a.entities, *e)
	}
	slices.SortFunc(a.entities, func(x, y Entity) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// sortedOffers orders by name.
func sortedOffers(offers map[fieldKey]offer) []fieldKey {
	keys := make([]fieldKey, 0, len(offers))
	for key := range offers {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y fieldKey) int {
		return cmp.Or(strings.Compare(x.name, y.name), cmp.Compare(x.kind, y.kind))
	})
	return keys
}

// addField keeps the first of two fields of one name, which only a manifest that dbt refuses can have.
func (a *available) addField(f Field) {
	if _, taken := a.fields[f.Name]; taken {
		return
	}
	a.fields[f.Name] = f
	a.sorted = append(a.sorted, f)
}

func (c *Catalog) dimension(key fieldKey, o offer, required bool) Dimension {
	d := Dimension{
		Name: key.name, Kind: key.kind, Grains: c.grains.list(o.at), DateParts: o.parts.list(),
		Origins: o.origins, RequiresMetricTime: required,
	}
	if key.kind == Time {
		d.Grain = c.grains.names[o.own.first()]
	}
	if key.name == TimeField {
		d.Description = timeDescription
		return d
	}
	first := o.origins[0]
	col := c.graph.models[c.graph.index[first.Model]].columns[first.Element]
	d.Label, d.Description, d.Meta, d.Synonyms = col.Label, col.Description, col.Meta, synonyms(col.Meta)
	return d
}

func (c *Catalog) addKey(entities map[string]*Entity, k Key, asked, required bool) {
	first := k.Origins[0]
	e := entities[first.Element]
	if e == nil {
		e = &Entity{Name: first.Element, RequiresMetricTime: required}
		entities[first.Element] = e
	}
	shorter := len(e.Keys) == 0 || shorterPath(k.Name, e.Keys[0].Name)
	k.declared = c.graph.models[c.graph.index[first.Model]].entity(first.Element)
	if shorter || e.Type == "" {
		e.describe(k.declared)
	}
	if asked {
		e.Keys = append(e.Keys, k)
		sort.SliceStable(e.Keys, func(i, j int) bool { return shorterPath(e.Keys[i].Name, e.Keys[j].Name) })
	}
}

func (m *model) entity(name string) ModelEntity {
	for _, e := range m.Entities {
		if e.Name == name {
			return e
		}
	}
	return ModelEntity{Name: name}
}

func shorterPath(a, b string) bool {
	if x, y := strings.Count(a, separator), strings.Count(b, separator); x != y {
		return x < y
	}
	return a < b
}

// requiresTime reports whether some metric is only computed along time and does not know name as its own time.
func requiresTime(name string, needsTime []*entry) bool {
	return name != TimeField && slices.ContainsFunc(needsTime, func(e *entry) bool { return !e.timeDimension[name] })
}
