// Package manifest reads what dbt says about a project's metrics: the semantic manifest, in both generations of
// its format, and where in the project's files a metric is written down. It starts no process and needs no
// warehouse.
package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// Parse reads a whole semantic_manifest.json, as dbt writes it or with the engine's transformations already
// applied, and where it says that metrics are written down, which only older versions of dbt do. Anything that is
// not one complete JSON document with semantic models is metric.ErrManifest; whether it is consistent is for
// metric.NewCatalog to say.
func Parse(data []byte) (metric.Manifest, map[string]metric.Location, error) {
	d, err := decode(data)
	if err != nil {
		return metric.Manifest{}, nil, metric.ErrManifest.Because(err)
	}
	return d.normalise(), d.locations(), nil
}

func decode(data []byte) (document, error) {
	var d document
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&d); err != nil {
		return document{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return document{}, errors.New("the manifest does not end where its JSON does")
	}
	if d.SemanticModels == nil {
		return document{}, errors.New("the JSON has no semantic_models")
	}
	return d, nil
}

// normalise brings both generations into one shape, following the transformations that the engine applies to a
// manifest before it answers from it (MetricFlow's dbt_manifest_parser).
func (d document) normalise() metric.Manifest {
	n := normaliser{measures: map[string]metric.Aggregation{}, defaults: map[string]string{}}
	var m metric.Manifest
	for _, s := range *d.SemanticModels {
		m.Models = append(m.Models, n.model(s))
	}
	for _, spine := range d.Project.TimeSpines {
		t := metric.TimeSpine{Grain: strings.ToLower(spine.Primary.Grain)}
		for _, c := range spine.Custom {
			t.Custom = append(t.Custom, c.Name)
		}
		m.TimeSpines = append(m.TimeSpines, t)
	}
	for _, spine := range d.Project.LegacyTimeSpines {
		m.TimeSpines = append(m.TimeSpines, metric.TimeSpine{Grain: strings.ToLower(spine.Grain)})
	}
	n.grains = grainNames(m.TimeSpines)
	for _, node := range d.Metrics {
		m.Metrics = append(m.Metrics, n.metric(node))
	}
	m.Metrics = append(m.Metrics, n.ownMetrics(*d.SemanticModels, d.Metrics)...)
	for _, q := range d.SavedQueries {
		m.SavedQueries = append(m.SavedQueries, metric.SavedQuery{
			Name: q.Name, Label: q.Label, Description: q.Description, Meta: q.Config.Meta,
			Metrics: q.Params.Metrics, GroupBy: q.Params.GroupBy, Where: q.Params.Where, OrderBy: q.Params.OrderBy,
			Limit: max(q.Params.Limit, 0),
		})
	}
	return m
}

var standardGrains = []string{
	"nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year",
}

func grainNames(spines []metric.TimeSpine) map[string]bool {
	names := map[string]bool{}
	for _, g := range standardGrains {
		names[g] = true
	}
	for _, s := range spines {
		for _, c := range s.Custom {
			names[strings.ToLower(c)] = true
		}
	}
	return names
}

// normaliser knows what the metrics of a manifest refer to.
type normaliser struct {
	measures map[string]metric.Aggregation // by name, in lower case
	defaults map[string]string             // per model, the time dimension of aggregations that name none
	grains   map[string]bool
}

func (n *normaliser) model(s semanticModel) metric.Model {
	m := metric.Model{
		Name: strings.ToLower(s.Name), Label: s.Label, Description: s.Description, PrimaryEntity: s.PrimaryEntity,
	}
	n.defaults[m.Name] = strings.ToLower(s.Defaults.AggTimeDimension)
	for _, e := range s.Entities {
		m.Entities = append(m.Entities, metric.ModelEntity{
			Name: strings.ToLower(e.Name), Type: strings.ToLower(e.Type),
			Label: e.Label, Description: e.Description, Meta: e.Config.Meta,
		})
	}
	for _, d := range s.Dimensions {
		dimension := metric.ModelDimension{
			Name: strings.ToLower(d.Name), Kind: metric.Categorical,
			Label: d.Label, Description: d.Description, Meta: d.Config.Meta,
			Validity: len(d.TypeParams.Validity) > 0 && string(d.TypeParams.Validity) != "null",
		}
		if strings.EqualFold(d.Type, "time") {
			dimension.Kind, dimension.Grain = metric.Time, strings.ToLower(d.TypeParams.Grain)
		}
		m.Dimensions = append(m.Dimensions, dimension)
	}
	for _, me := range s.Measures {
		n.measures[strings.ToLower(me.Name)] = n.aggregation(m.Name, me)
	}
	return m
}

func (n *normaliser) aggregation(model string, me measure) metric.Aggregation {
	a := metric.Aggregation{
		Model: model, Function: strings.ToLower(me.Agg), Expr: string(me.Expr), Measure: me.Name,
		TimeDimension: strings.ToLower(me.AggTimeDimension),
	}
	if a.Expr == "" {
		a.Expr = me.Name
	}
	if a.TimeDimension == "" {
		a.TimeDimension = n.defaults[model]
	}
	return a
}

// ownMetrics are those that measures declare for themselves (create_metric), where no metric has the name.
func (n *normaliser) ownMetrics(models []semanticModel, declared []metricNode) []metric.Metric {
	var own []metric.Metric
	for _, s := range models {
		for _, me := range s.Measures {
			name := strings.ToLower(me.Name)
			taken := slices.ContainsFunc(declared, func(d metricNode) bool { return d.Name == name })
			if !me.CreateMetric || taken {
				continue
			}
			a := n.measures[name]
			own = append(own, metric.Metric{
				Name: name, Kind: metric.Simple, Label: me.Label, Description: me.Description, Meta: me.Config.Meta,
				Formula: metric.Formula{Aggregation: &a},
			})
		}
	}
	return own
}
