package access

import (
	"slices"
	"strings"
)

// patterns finds, among values that stand under patterns, those whose pattern matches a name: literals by a look-up,
// prefixes and suffixes by one look-up for each of their lengths, and only what is left by trying. The zero value is empty.
type patterns[V any] struct {
	literal  map[string]*V
	prefixes affixes[V] // of a*
	suffixes affixes[V] // of *a
	others   []other[V]
}

type other[V any] struct {
	glob  Glob
	value *V
}

// affixes are values by what a name begins or ends with.
type affixes[V any] struct {
	lengths []int // of the keys, each once
	at      map[string]*V
}

func (a *affixes[V]) of(text string) *V {
	if !slices.Contains(a.lengths, len(text)) {
		a.lengths = append(a.lengths, len(text))
	}
	return under(&a.at, text)
}

func under[V any](m *map[string]*V, key string) *V {
	if *m == nil {
		*m = make(map[string]*V)
	}
	if (*m)[key] == nil {
		(*m)[key] = new(V)
	}
	return (*m)[key]
}

// of gives the value under g, a new one when there is none yet.
func (p *patterns[V]) of(g Glob) *V {
	tail, isSuffix := strings.CutPrefix(g.rest, "*")
	switch {
	case g.rest == "":
		return under(&p.literal, g.prefix)
	case g.rest == "*":
		return p.prefixes.of(g.prefix)
	case isSuffix && g.prefix == "" && !strings.ContainsAny(tail, "*?"):
		return p.suffixes.of(tail)
	}
	for _, o := range p.others {
		if o.glob == g {
			return o.value
		}
	}
	p.others = append(p.others, other[V]{glob: g, value: new(V)})
	return p.others[len(p.others)-1].value
}

// each calls visit with every value whose pattern matches name. It does not allocate.
func (p *patterns[V]) each(name string, visit func(*V)) {
	if v := p.literal[name]; v != nil {
		visit(v)
	}
	for _, n := range p.prefixes.lengths {
		if n > len(name) {
			continue
		}
		if v := p.prefixes.at[name[:n]]; v != nil {
			visit(v)
		}
	}
	for _, n := range p.suffixes.lengths {
		if n > len(name) {
			continue
		}
		if v := p.suffixes.at[name[len(name)-n:]]; v != nil {
			visit(v)
		}
	}
	for i := range p.others {
		if p.others[i].glob.Match(name) {
			visit(p.others[i].value)
		}
	}
}

// index finds the rules that speak of a demand: by its action, then by the kind of its target, then by the names or the
// tags that the target has.
type index struct{ actions patterns[byKind] }

type byKind struct{ kinds patterns[byName] }

type byName struct{ names, tags patterns[ranks] }

// ranks are those of the rules under one pattern, ascending, each once.
type ranks struct{ deny, allow []int }

func (x *index) add(r *rule, rank int) {
	for _, action := range r.actions {
		kinds := &x.actions.of(action).kinds
		for _, t := range r.targets {
			of := kinds.of(t.kind)
			in := &of.names
			if t.tags {
				in = &of.tags
			}
			in.of(t.name).add(r, rank)
		}
	}
}

func (r *ranks) add(of *rule, rank int) {
	list := &r.allow
	if of.denies {
		list = &r.deny
	}
	if n := len(*list); n == 0 || (*list)[n-1] != rank { // rules come in the order of their ranks
		*list = append(*list, rank)
	}
}

// each calls visit with the ranks under every pattern that matches the demand; the same rank may come again.
func (x *index) each(d *Demand, visit func(*ranks)) {
	named := func(n *byName) {
		n.names.each(d.Target.Name, visit)
		for _, alias := range d.Target.Aliases {
			n.names.each(alias, visit)
		}
		for _, tag := range d.Target.Tags {
			n.tags.each(tag, visit)
		}
	}
	kind := func(k *byKind) { k.kinds.each(d.Target.Kind, named) }
	x.actions.each(string(d.Action), kind)
}
