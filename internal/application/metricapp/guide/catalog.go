package guide

import (
	"maps"
	"slices"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// How much of each kind the catalog holds: with the longest texts some 600 kB altogether. The listings, which have
// pages and a search, show all there is.
const (
	mostMetrics      = 500
	mostFields       = 500
	mostSavedQueries = 200
)

// catalog is metrics://catalog.
type catalog struct {
	Metrics      []metricEntry      `json:"metrics"`
	Dimensions   []dimensionEntry   `json:"dimensions"`
	Entities     []entityEntry      `json:"entities"`
	SavedQueries []savedQueryEntry  `json:"saved_queries"`
	LeftOut      map[string]int     `json:"left_out,omitempty"` // how many more there are, by the names above
	Manifest     metricapp.Manifest `json:"manifest"`
	Warnings     []string           `json:"warnings,omitempty"`
}

type metricEntry struct {
	Name               string   `json:"name"`
	Type               string   `json:"type"`
	Label              string   `json:"label,omitempty"`
	Description        string   `json:"description,omitempty"`
	Synonyms           []string `json:"synonyms,omitempty"`
	RequiresMetricTime bool     `json:"requires_metric_time"`
}

type dimensionEntry struct {
	Name        string   `json:"name"`
	Type        string   `json:"type"`
	Label       string   `json:"label,omitempty"`
	Description string   `json:"description,omitempty"`
	Grains      []string `json:"grains,omitempty"`
}

type entityEntry struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	GroupBy     []string `json:"group_by"`
}

type savedQueryEntry struct {
	Name        string   `json:"name"`
	Label       string   `json:"label,omitempty"`
	Description string   `json:"description,omitempty"`
	Metrics     []string `json:"metrics"`
}

// newCatalog collects what the view shows: every dimension and entity that some visible metric has.
func newCatalog(view *metricapp.View, s metric.Snapshot) (catalog, error) {
	c := catalog{
		Metrics: []metricEntry{}, Dimensions: []dimensionEntry{}, Entities: []entityEntry{}, SavedQueries: []savedQueryEntry{},
		LeftOut: map[string]int{}, Manifest: metricapp.ManifestOf(s), Warnings: metricapp.Staleness(s),
	}
	dimensions, entities := map[string]dimensionEntry{}, map[string]entityEntry{}
	for _, m := range bound(&c, "metrics", view.Metrics(), mostMetrics) {
		c.Metrics = append(c.Metrics, metricEntry{
			Name: m.Name, Type: string(m.Kind), Label: brief(m.Label), Description: brief(m.Description), Synonyms: m.Synonyms,
			RequiresMetricTime: m.RequiresMetricTime,
		})
		if err := fields(view, m.Name, dimensions, entities); err != nil {
			return catalog{}, err
		}
	}
	for _, name := range bound(&c, "dimensions", slices.Sorted(maps.Keys(dimensions)), mostFields) {
		c.Dimensions = append(c.Dimensions, dimensions[name])
	}
	for _, name := range bound(&c, "entities", slices.Sorted(maps.Keys(entities)), mostFields) {
		c.Entities = append(c.Entities, entities[name])
	}
	for _, q := range bound(&c, "saved_queries", view.SavedQueries(), mostSavedQueries) {
		c.SavedQueries = append(c.SavedQueries, savedQueryEntry{
			Name: q.Name, Label: brief(q.Label), Description: brief(q.Description), Metrics: append([]string{}, q.Metrics...),
		})
	}
	return c, nil
}

// fields adds what one metric can be grouped by. A time dimension may have other grains with another metric; those of the
// first are shown.
func fields(view *metricapp.View, name string, dimensions map[string]dimensionEntry, entities map[string]entityEntry) error {
	found, err := view.Dimensions([]string{name})
	if err != nil {
		return err
	}
	for _, d := range found {
		if _, known := dimensions[d.Name]; !known {
			dimensions[d.Name] = dimensionEntry{
				Name: d.Name, Type: d.Kind.String(), Label: brief(d.Label), Description: brief(d.Description), Grains: d.Grains,
			}
		}
	}
	keys, err := view.Entities([]string{name})
	if err != nil {
		return err
	}
	for _, e := range keys {
		paths := slices.Concat(entities[e.Name].GroupBy, e.GroupBy())
		slices.Sort(paths)
		entities[e.Name] = entityEntry{Name: e.Name, Description: brief(e.Description), GroupBy: slices.Compact(paths)}
	}
	return nil
}

// bound is the first most of all, and notes how many others there are.
func bound[T any](c *catalog, kind string, all []T, most int) []T {
	if len(all) <= most {
		return all
	}
	c.LeftOut[kind] = len(all) - most
	return all[:most]
}
