package metric

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/steward-mcp/steward/internal/domain/metric/authored"
)

// Catalog answers what can be asked of a project's metrics, by the engine's own rules. It never changes, and is
// safe for concurrent use; what a metric can be grouped by is worked out when it is first asked for, and kept.
// Slices and maps in its answers are shared: readers do not write to them.
type Catalog struct {
	grains  grains
	graph   graph
	metrics map[string]*entry
	public  []Metric
	saved   []SavedQuery
	without func() *available // what can be grouped without any metric
	every   func() []Field
}

// entry is a metric with what the catalog knows of it.
type entry struct {
	Metric
	inputs        []input  // the aggregations that decide what it can be grouped by, without repeats
	cumulative    bool     // some metric between it and those inputs is cumulative
	needsTime     []*entry // it and those below it that are only computed along time
	reachable     func() *available
	timeDimension map[string]bool // the names under which its aggregation time dimension is its own
}

// input is one aggregation as far as grouping goes: rows of a model, along one of its time dimensions.
type input struct {
	model     int
	dimension string
	grain     int
}

// NewCatalog checks that m is consistent and prepares to answer. It is ErrManifest when a metric refers to a
// metric, model or time dimension that is not there, or to itself.
func NewCatalog(m Manifest) (*Catalog, error) {
	g, err := newGrains(m.TimeSpines)
	if err != nil {
		return nil, err
	}
	c := &Catalog{grains: g, metrics: make(map[string]*entry, len(m.Metrics))}
	if c.graph, err = newGraph(m.Models, g); err != nil {
		return nil, err
	}
	for _, metric := range m.Metrics {
		if c.metrics[metric.Name] != nil {
			return nil, inconsistent("metric %q is defined twice", metric.Name)
		}
		c.metrics[metric.Name] = &entry{Metric: metric}
	}
	resolving := resolution{catalog: c, done: map[string]bool{}}
	for _, metric := range m.Metrics {
		if err := resolving.resolve(metric.Name); err != nil {
			return nil, err
		}
	}
	c.publish(m)
	return c, nil
}

func (c *Catalog) publish(m Manifest) {
	for _, metric := range m.Metrics {
		e := c.metrics[metric.Name]
		e.reachable = sync.OnceValue(func() *available { return c.forEntries([]*entry{e}) })
		if !e.Private {
			c.public = append(c.public, e.Metric)
		}
	}
	sort.Slice(c.public, func(i, j int) bool { return c.public[i].Name < c.public[j].Name })
	c.without = sync.OnceValue(c.withoutMetrics)
	c.every = sync.OnceValue(c.everything)
	for _, q := range m.SavedQueries {
		q.Uses = authored.NamesOf(q.Metrics, q.GroupBy, q.OrderBy, q.Where)
		q.Tags = tagsOf(q.Meta)
		c.saved = append(c.saved, q)
	}
	sort.SliceStable(c.saved, func(i, j int) bool { return c.saved[i].Name < c.saved[j].Name })
}

// Metrics returns the public metrics by name.
func (c *Catalog) Metrics() []Metric { return c.public }

// Metric returns a public metric.
func (c *Catalog) Metric(name string) (Metric, bool) {
	e := c.metrics[name]
	if e == nil || e.Private {
		return Metric{}, false
	}
	return e.Metric, true
}

// Definition returns a metric, private or not. It is for following a formula, never for a name that a caller gave.
func (c *Catalog) Definition(name string) (Metric, bool) {
	e := c.metrics[name]
	if e == nil {
		return Metric{}, false
	}
	return e.Metric, true
}

// SavedQueries returns the saved queries by name.
func (c *Catalog) SavedQueries() []SavedQuery { return c.saved }

// SavedQuery returns one saved query.
func (c *Catalog) SavedQuery(name string) (SavedQuery, bool) {
	i := slices.IndexFunc(c.saved, func(q SavedQuery) bool { return q.Name == name })
	if i < 0 {
		return SavedQuery{}, false
	}
	return c.saved[i], true
}

// Dimensions returns, by name, the dimensions that all the metrics can be grouped by; without metrics, those that
// can be asked for alone. It lists exactly what `mf list dimensions` prints for the metrics; Resolve knows more.
// An unknown or private metric is ErrUnknownMetric.
func (c *Catalog) Dimensions(metrics []string) ([]Dimension, error) {
	a, err := c.available(metrics)
	if err != nil {
		return nil, err
	}
	return a.dimensions, nil
}

// Entities returns, by name, the entities that all the metrics can be grouped by; without metrics, those that can
// be asked for alone. The names are exactly those that `mf list entities` prints for the metrics. An unknown or
// private metric is ErrUnknownMetric.
func (c *Catalog) Entities(metrics []string) ([]Entity, error) {
	a, err := c.available(metrics)
	if err != nil {
		return nil, err
	}
	return a.entities, nil
}

// Resolve finds what name stands for in a question about the metrics, and false when it stands for nothing. It
// knows every name that can be asked for, which is more than Dimensions lists: entities by their full path,
// metric_time where the metrics have different base grains, and a time dimension with its grain attached
// (metric_time__month). An unknown or private metric is ErrUnknownMetric.
func (c *Catalog) Resolve(name string, metrics []string) (Field, bool, error) {
	a, err := c.available(metrics)
	if err != nil {
		return Field{}, false, err
	}
	if f, ok := a.fields[name]; ok {
		return f, true, nil
	}
	if at := strings.LastIndex(name, separator); at > 0 {
		f, ok := a.fields[name[:at]]
		if grain := name[at+len(separator):]; ok && slices.Contains(f.Grains, grain) {
			f.Grain = grain
			return f, true, nil
		}
	}
	return Field{}, false, nil
}

// Fields returns, by name, everything that Resolve knows for the metrics.
func (c *Catalog) Fields(metrics []string) ([]Field, error) {
	a, err := c.available(metrics)
	if err != nil {
		return nil, err
	}
	return a.sorted, nil
}

// Together reports whether the rows of some model hold all the fields, by their full names, without a join: what a
// question without metrics can ask for at once.
func (c *Catalog) Together(fields []string) bool {
	return slices.ContainsFunc(c.graph.models, func(m *model) bool {
		own := map[string]bool{}
		for key, o := range m.own() {
			own[key.name] = o.asked || !o.at.empty()
		}
		return !slices.ContainsFunc(fields, func(name string) bool { return !own[name] })
	})
}

// Everything returns, by model and name, whatever rows of any model can be grouped by, also what no question can ask
// because its name is ambiguous: it is what a text may mean that stands in no question. A name that leads to other
// columns from other models stands there once for each.
func (c *Catalog) Everything() []Field { return c.every() }

// RequiresMetricTime reports whether some of the metrics can only be asked by metric_time or by an aggregation
// time dimension. Unknown metrics require nothing.
func (c *Catalog) RequiresMetricTime(metrics []string) bool {
	return slices.ContainsFunc(metrics, func(name string) bool {
		e := c.metrics[name]
		return e != nil && e.RequiresMetricTime
	})
}

func (c *Catalog) available(metrics []string) (*available, error) {
	entries := make([]*entry, 0, len(metrics))
	for _, name := range metrics {
		e := c.metrics[name]
		if e == nil || e.Private {
			return nil, UnknownMetric(name, nil)
		}
		if !slices.Contains(entries, e) {
			entries = append(entries, e)
		}
	}
	switch len(entries) {
	case 0:
		return c.without(), nil
	case 1:
		return entries[0].reachable(), nil
	}
	return c.forEntries(entries), nil
}

// inconsistent is ErrManifest with a reason for the operator's log.
func inconsistent(format string, args ...any) error {
	return ErrManifest.Because(fmt.Errorf(format, args...))
}
