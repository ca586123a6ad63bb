package metricapp

import (
	"regexp"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/metric/authored"
)

var words = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// savedDemands are the query itself and everything that it names.
func (v *View) savedDemands(q metric.SavedQuery) []access.Demand {
	demands := []access.Demand{access.On(ActionQuery, KindSavedQuery, q.Name).Tagged(q.Tags)}
	return withoutRepeats(append(demands, v.nameDemands(q.Uses, q.Metrics)...))
}

// MaySee reports whether everything that a condition names, which stands in the definition of a metric, may be
// asked.
func (v *View) MaySee(condition, definedIn string) bool {
	return v.may(v.nameDemands(authored.NamesIn(condition), []string{definedIn})...)
}

// MayName reports whether an entity, which the definition of a metric names, may be asked.
func (v *View) MayName(entity, definedIn string) bool {
	return v.may(v.nameDemands(authored.Names{Fields: []string{entity}}, []string{definedIn})...)
}

// MayRead reports whether all columns and keys of a model that an expression on its rows names may be asked by some path.
// An expression is the authors' SQL, and what it computes may be asked; but it tells what a hidden column is called.
func (v *View) MayRead(expr, model string) bool { return len(v.hiddenIn(expr, model)) == 0 }

// nameDemands are the metrics and fields that texts of the manifest name, in a question about the metrics. A condition
// on one input may name what the metric cannot be grouped by: then whatever has the name is demanded. Where a text
// could not be read, or names something that the catalog does not know, everything is: only who may see all of it may
// have what might be any of it.
func (v *View) nameDemands(names authored.Names, metrics []string) []access.Demand {
	var demands []access.Demand
	for _, name := range names.Metrics {
		if m, ok := v.catalog.Metric(name); ok {
			demands = append(demands, v.metricDemands(m)...)
		} else {
			demands = append(demands, access.On(ActionQuery, KindMetric, name))
		}
	}
	fields, err := v.catalog.Fields(metrics)
	all := names.Opaque || err != nil
	for _, name := range names.Fields {
		found := meant(name, fields)
		if len(found) == 0 {
			found = meant(name, v.catalog.Everything())
		}
		all = all || len(found) == 0
		for _, f := range found {
			demands = append(demands, demandOf(f))
		}
	}
	if all {
		demands = append(demands, v.everything()...)
	}
	return demands
}

// everything is every metric and field there is.
func (v *View) everything() []access.Demand {
	if v.all == nil {
		for _, m := range v.catalog.Metrics() {
			v.all = append(v.all, v.metricDemands(m)...)
		}
		for _, f := range v.catalog.Everything() {
			v.all = append(v.all, demandOf(f))
		}
		v.all = withoutRepeats(v.all)
	}
	return v.all
}

// meant are the fields that a name in a text may stand for. The engine also takes the ending of a path for the whole,
// so a name that is no path of its own stands for every path that ends in it.
func meant(name string, fields []metric.Field) []metric.Field {
	var exact, endings []metric.Field
	for _, f := range fields {
		path := name
		if at := strings.LastIndex(name, "__"); at > 0 && slices.Contains(f.Grains, name[at+2:]) {
			path = name[:at]
		}
		switch {
		case f.Name == name, f.Name == path:
			exact = append(exact, f)
		case strings.HasSuffix(f.Name, "__"+name), strings.HasSuffix(f.Name, "__"+path):
			endings = append(endings, f)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return endings
}

// hiddenIn are demands on what an expression on the rows of a model names and no path shows.
func (v *View) hiddenIn(expr, model string) []access.Demand {
	named := words.FindAllString(strings.ToLower(expr), -1)
	slices.Sort(named)
	var hidden []access.Demand
	for _, element := range slices.Compact(named) {
		from := metric.Origin{Model: model, Element: element}
		var paths []access.Demand
		for _, f := range v.catalog.Everything() {
			if slices.Contains(f.Origins, from) {
				paths = append(paths, demandOf(f))
			}
		}
		if !slices.ContainsFunc(paths, func(d access.Demand) bool { return v.may(d) }) {
			hidden = append(hidden, paths...)
		}
	}
	return hidden
}
