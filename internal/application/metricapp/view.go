// Package metricapp is what can be done with a project's metrics: list them, describe them, ask them. Whatever it
// shows or asks goes through one view of the catalog, so that listing and asking rest on the same decisions.
package metricapp

import (
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// ActionQuery is the action on metrics, dimensions, entities and saved queries. There is one for seeing and
// asking, because what may be listed is what may be asked.
const ActionQuery access.Action = "metric.query"

// The kinds of target.
const (
	KindMetric     = "metric"
	KindDimension  = "dimension"
	KindEntity     = "entity"
	KindSavedQuery = "saved_query"
)

// View is a catalog as one principal may see it, for the length of one call. What it hides looks exactly like
// what is not there. It is not safe for concurrent use.
type View struct {
	catalog *metric.Catalog
	policy  access.DataPolicy
	by      access.Principal
	obliged access.Obligations
	metrics []metric.Metric // the visible ones, once asked for
	asked   bool
	all     []access.Demand // on everything there is, once asked for
}

// NewView looks at catalog with the eyes of by.
func NewView(catalog *metric.Catalog, policy access.DataPolicy, by access.Principal) *View {
	return &View{catalog: catalog, policy: policy, by: by, obliged: policy.Obligations(by)}
}

func (v *View) may(demands ...access.Demand) bool {
	return len(demands) == 0 || v.policy.Decide(v.by, demands...).Allowed
}

// Metrics returns the visible metrics by name. A metric is visible when it and every public metric in its formula
// may be asked, and every row filter that policy lays on it can reach it.
func (v *View) Metrics() []metric.Metric {
	if !v.asked {
		for _, m := range v.catalog.Metrics() {
			if v.shows(m) {
				v.metrics = append(v.metrics, m)
			}
		}
		v.asked = true
	}
	return v.metrics
}

// MetricNames returns the names of the visible metrics.
func (v *View) MetricNames() []string {
	names := make([]string, 0, len(v.Metrics()))
	for _, m := range v.Metrics() {
		names = append(names, m.Name)
	}
	return names
}

// Dimensions returns, by name, the visible dimensions that all the metrics have, which the caller has claimed.
func (v *View) Dimensions(metrics []string) ([]metric.Dimension, error) {
	all, err := v.catalog.Dimensions(metrics)
	if err != nil {
		return nil, err
	}
	seen := make([]metric.Dimension, 0, len(all))
	for _, d := range all {
		if v.may(access.On(ActionQuery, KindDimension, d.Name, d.Aliases...).Tagged(d.Tags)) && v.alone(metrics, d.Name) {
			seen = append(seen, d)
		}
	}
	return seen, nil
}

// Entities returns, by name, the entities that all the metrics have, each with its visible paths and described as the
// shortest of them is; one without any is hidden.
func (v *View) Entities(metrics []string) ([]metric.Entity, error) {
	all, err := v.catalog.Entities(metrics)
	if err != nil {
		return nil, err
	}
	seen := make([]metric.Entity, 0, len(all))
	for _, e := range all {
		if keys := v.keys(e, metrics); len(keys) > 0 || len(e.Keys) == 0 && v.may(access.On(ActionQuery, KindEntity, e.Name)) && v.alone(metrics, e.Name) {
			seen = append(seen, e.Along(keys))
		}
	}
	return seen, nil
}

func (v *View) keys(e metric.Entity, metrics []string) []metric.Key {
	var keys []metric.Key
	for _, k := range e.Keys {
		if v.may(access.On(ActionQuery, KindEntity, k.Name, k.Aliases...).Tagged(k.Tags)) && v.alone(metrics, k.Name) {
			keys = append(keys, k)
		}
	}
	return keys
}

// SavedQueries returns, by name, the saved queries of which every name may be asked and that every row filter can reach.
func (v *View) SavedQueries() []metric.SavedQuery {
	var seen []metric.SavedQuery
	for _, q := range v.catalog.SavedQueries() {
		if v.showsSaved(q) {
			seen = append(seen, q)
		}
	}
	return seen
}

// FieldNames returns the visible names that can be asked for with the metrics, by name.
func (v *View) FieldNames(metrics []string) []string {
	fields, err := v.catalog.Fields(metrics)
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range fields {
		if v.may(demandOf(f)) && v.alone(metrics, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}
