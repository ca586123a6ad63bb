package manifest

import (
	"strings"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

func (n *normaliser) metric(node metricNode) metric.Metric {
	m := metric.Metric{
		Name: node.Name, Kind: metric.Kind(strings.ToLower(node.Type)), Label: node.Label,
		Description: node.Description, Meta: node.Config.Meta, Private: node.TypeParams.IsPrivate,
		Filters: node.Filter, TimeGrain: strings.ToLower(node.TimeGranularity),
	}
	switch m.Kind {
	case metric.Simple:
		n.simple(&m, node)
	case metric.Ratio:
		m.Formula.Inputs = n.inputs(
			n.ingredient("numerator", node.TypeParams.Numerator, nil),
			n.ingredient("denominator", node.TypeParams.Denominator, nil))
	case metric.Derived:
		m.Formula.Expr = string(node.TypeParams.Expr)
		for i := range node.TypeParams.Metrics {
			m.Formula.Inputs = append(m.Formula.Inputs, *n.ingredient("", &node.TypeParams.Metrics[i], nil))
		}
	case metric.Cumulative:
		n.cumulative(&m, node)
	case metric.Conversion:
		n.conversion(&m, node)
	}
	return m
}

func (n *normaliser) simple(m *metric.Metric, node metricNode) {
	p := node.TypeParams
	m.Formula.Filled = p.fills() || p.Measure.fillsNulls()
	switch {
	case p.Aggregation != nil:
		a := metric.Aggregation{
			Model: strings.ToLower(p.Aggregation.SemanticModel), Function: strings.ToLower(p.Aggregation.Agg),
			Expr: string(p.Expr), TimeDimension: strings.ToLower(p.Aggregation.AggTimeDimension),
		}
		if a.Expr == "" {
			a.Expr = node.Name
		}
		if a.TimeDimension == "" {
			a.TimeDimension = n.defaults[a.Model]
		}
		m.Formula.Aggregation = &a
	case p.Measure != nil:
		m.Formula.Aggregation = n.measure(p.Measure.Name)
		m.Filters = append(append([]string(nil), p.Measure.Filter...), m.Filters...)
	}
}

func (n *normaliser) cumulative(m *metric.Metric, node metricNode) {
	p := node.TypeParams
	m.Formula.Filled = p.Measure.fillsNulls()
	m.Formula.Inputs = n.inputs(n.ingredient("", p.Cumulative.Metric, p.Measure))
	m.Formula.Window = n.window(firstOf(p.Cumulative.Window, p.Window))
	m.Formula.GrainToDate = strings.ToLower(firstOf(p.Cumulative.GrainToDate, p.GrainToDate))
	m.Formula.PeriodAgg = firstOf(p.Cumulative.PeriodAgg, "first")
}

func (n *normaliser) conversion(m *metric.Metric, node metricNode) {
	p := node.TypeParams.Conversion
	m.Formula.Filled = p.BaseMeasure.fillsNulls() || p.ConversionMeasure.fillsNulls()
	m.Formula.Inputs = n.inputs(
		n.ingredient("base", p.BaseMetric, p.BaseMeasure),
		n.ingredient("conversion", p.ConversionMetric, p.ConversionMeasure))
	m.Formula.Window = n.window(p.Window)
	m.Formula.Entity = p.Entity
	m.Formula.Calculation = firstOf(p.Calculation, "conversion_rate")
}

// inputs drops a formula with a hole in it, which NewCatalog then refuses.
func (n *normaliser) inputs(all ...*metric.Ingredient) []metric.Ingredient {
	found := make([]metric.Ingredient, 0, len(all))
	for _, i := range all {
		if i == nil {
			return nil
		}
		found = append(found, *i)
	}
	return found
}

// ingredient is the metric, or else the measure; nil without either.
func (n *normaliser) ingredient(role string, m, measure *input) *metric.Ingredient {
	switch {
	case m != nil:
		return &metric.Ingredient{
			Metric: m.Name, Role: role, Alias: m.Alias, Filters: m.Filter,
			OffsetWindow: n.window(m.OffsetWindow), OffsetToGrain: strings.ToLower(m.OffsetToGrain),
		}
	case measure != nil:
		a := n.measure(measure.Name)
		return &metric.Ingredient{Aggregation: a, Role: role, Alias: measure.Alias, Filters: measure.Filter}
	}
	return nil
}

// measure is never nil: a measure that is not there has no model, which NewCatalog refuses by name.
func (n *normaliser) measure(name string) *metric.Aggregation {
	a, ok := n.measures[strings.ToLower(name)]
	if !ok {
		a = metric.Aggregation{Measure: name}
	}
	return &a
}

// window drops the plural of a grain that the project has: "7 days" is "7 day".
func (n *normaliser) window(w window) string {
	count, grain, ok := strings.Cut(string(w), " ")
	if !ok {
		return string(w)
	}
	grain = strings.ToLower(grain)
	if singular, plural := strings.CutSuffix(grain, "s"); plural && n.grains[singular] {
		grain = singular
	}
	return count + " " + grain
}

func firstOf[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}
