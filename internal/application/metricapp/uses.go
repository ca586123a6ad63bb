package metricapp

import (
	"strings"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// savedDemands are the query itself and everything that it names.
func (v *View) savedDemands(q metric.SavedQuery) []access.Demand {
	demands := []access.Demand{access.On(ActionQuery, KindSavedQuery, q.Name)}
	return withoutRepeats(append(demands, v.nameDemands(q.Uses, q.Metrics)...))
}

// MaySee reports whether everything that a condition names, which stands in the definition of a metric, may be
// asked with that metric.
func (v *View) MaySee(condition, definedIn string) bool {
	return v.may(v.nameDemands(metric.NamesIn(condition), []string{definedIn})...)
}

// nameDemands are the metrics and fields that texts of the manifest name, in a question about the metrics. Where a
// text could not be read, or names something that the catalog does not know, everything that the metrics can be
// grouped by is demanded: only who may see all of that may have what might be any of it.
func (v *View) nameDemands(names metric.Names, metrics []string) []access.Demand {
	var demands []access.Demand
	for _, name := range names.Metrics {
		if m, ok := v.catalog.Metric(name); ok {
			demands = append(demands, metricDemands(m)...)
		} else {
			demands = append(demands, access.On(ActionQuery, KindMetric, name))
		}
	}
	fields, err := v.catalog.Fields(metrics)
	if err != nil {
		return append(demands, literally(names.Fields)...)
	}
	all := names.Opaque
	for _, name := range names.Fields {
		meant := v.meant(name, metrics, fields)
		all = all || len(meant) == 0
		for _, f := range meant {
			demands = append(demands, demandOf(f))
		}
	}
	if all {
		for _, f := range fields {
			demands = append(demands, demandOf(f))
		}
	}
	return demands
}

// literally demands names of which only the text is known, whichever kind they are.
func literally(names []string) []access.Demand {
	var demands []access.Demand
	for _, name := range names {
		demands = append(demands, fieldDemand(KindDimension, name, nil), fieldDemand(KindEntity, name, nil))
	}
	return demands
}

// meant are the fields that a name in a saved query may stand for. The engine also takes the ending of a path for
// the whole, so a name that is no path of its own stands for every path that ends in it.
func (v *View) meant(name string, metrics []string, fields []metric.Field) []metric.Field {
	if f, ok, err := v.catalog.Resolve(name, metrics); err == nil && ok {
		return []metric.Field{f}
	}
	var meant []metric.Field
	for _, f := range fields {
		if strings.HasSuffix(f.Name, "__"+name) {
			meant = append(meant, f)
			continue
		}
		for _, grain := range f.Grains {
			if strings.HasSuffix(f.Name+"__"+grain, "__"+name) {
				meant = append(meant, f)
				break
			}
		}
	}
	return meant
}
