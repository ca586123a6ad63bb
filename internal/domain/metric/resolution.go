package metric

import (
	"slices"
	"sort"
	"strings"
)

// resolution works out, metric by metric and inputs first, what the formulas imply.
type resolution struct {
	catalog *Catalog
	path    []string // the metrics being resolved, outermost first
	done    map[string]bool
}

func (r *resolution) resolve(name string) error {
	if r.done[name] {
		return nil
	}
	e := r.catalog.metrics[name]
	if e == nil {
		return inconsistent("metric %q is not defined, but %q uses it", name, r.path[len(r.path)-1])
	}
	if slices.Contains(r.path, name) {
		return inconsistent("metric %q is defined by itself: %s", name, strings.Join(r.path, " → "))
	}
	r.path = append(r.path, name)
	if err := r.derive(e); err != nil {
		return err
	}
	r.path = r.path[:len(r.path)-1]
	r.done[name] = true
	return nil
}

func (r *resolution) derive(e *entry) error {
	if e.Kind == Simple {
		if e.Formula.Aggregation == nil {
			return inconsistent("simple metric %q aggregates nothing", e.Name)
		}
		if err := r.aggregate(e, *e.Formula.Aggregation, true); err != nil {
			return err
		}
	} else if len(e.Formula.Inputs) == 0 {
		return inconsistent("%s metric %q has no inputs", e.Kind, e.Name)
	}
	for i, in := range e.Formula.Inputs {
		// What a conversion's second input could be grouped by does not matter to the engine: only the base
		// decides.
		if err := r.take(e, in, e.Kind != Conversion || i == 0); err != nil {
			return err
		}
	}
	e.Synonyms, e.Tags = synonyms(e.Meta), tagsOf(e.Meta)
	e.cumulative = e.cumulative || e.Kind == Cumulative
	if boundToTime(e.Metric) {
		e.needsTime = append(e.needsTime, e)
	}
	e.RequiresMetricTime = len(e.needsTime) > 0
	e.timeDimension = r.catalog.graph.ownTimeNames(e.inputs)
	sort.Strings(e.Models)
	sort.Strings(e.Inputs)
	sort.Strings(e.Ingredients)
	e.Models, e.Inputs, e.Ingredients = slices.Compact(e.Models), slices.Compact(e.Inputs), slices.Compact(e.Ingredients)
	return nil
}

// take adds what one input brings. Only a deciding input restricts what e can be grouped by.
func (r *resolution) take(e *entry, in Ingredient, decides bool) error {
	if in.Aggregation != nil {
		return r.aggregate(e, *in.Aggregation, decides)
	}
	if err := r.resolve(in.Metric); err != nil {
		return err
	}
	below := r.catalog.metrics[in.Metric]
	e.Models = append(e.Models, below.Models...)
	e.Inputs = append(e.Inputs, below.Inputs...)
	e.Ingredients = append(e.Ingredients, below.Ingredients...)
	if below.Private {
		e.Ingredients = append(e.Ingredients, below.Name)
	} else {
		e.Inputs = append(e.Inputs, below.Name)
	}
	for _, n := range below.needsTime {
		if !slices.Contains(e.needsTime, n) {
			e.needsTime = append(e.needsTime, n)
		}
	}
	if decides {
		e.cumulative = e.cumulative || below.cumulative
		for _, i := range below.inputs {
			e.addInput(i)
		}
	}
	return nil
}

func (r *resolution) aggregate(e *entry, a Aggregation, decides bool) error {
	i, err := r.catalog.graph.input(a)
	if err != nil {
		return inconsistent("metric %q: %w", e.Name, err)
	}
	e.Models = append(e.Models, a.Model)
	if decides {
		e.addInput(i)
	}
	return nil
}

func (e *entry) addInput(i input) {
	if !slices.Contains(e.inputs, i) {
		e.inputs = append(e.inputs, i)
	}
}

// boundToTime reports whether the engine computes m only along time: a cumulative metric over a window or to date,
// a derived or ratio metric with an input at another time.
func boundToTime(m Metric) bool {
	switch m.Kind {
	case Cumulative:
		return m.Formula.Window != "" || m.Formula.GrainToDate != ""
	case Derived, Ratio:
		return slices.ContainsFunc(m.Formula.Inputs, func(in Ingredient) bool {
			return in.OffsetWindow != "" || in.OffsetToGrain != ""
		})
	case Simple, Conversion:
	}
	return false
}
