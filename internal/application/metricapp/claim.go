package metricapp

import (
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// Claim is what a call needs to be permitted, and how it looks when it is not. With a Refusal, the demands stand
// for something that exists and is hidden: the caller hands both to the gate, which refuses and records, and
// reads no further, because what it would find out must not show.
type Claim struct {
	Demands   []access.Demand
	Refusal   *fault.Fault // nil when every demand is met
	Objection string       // the rule that refuses although every demand is met; empty for none
}

// And joins two claims; the first refusal stands.
func (c Claim) And(d Claim) Claim {
	joined := Claim{Demands: withoutRepeats(append(slices.Clip(c.Demands), d.Demands...)), Refusal: c.Refusal, Objection: c.Objection}
	if joined.Refusal == nil {
		joined.Refusal, joined.Objection = d.Refusal, d.Objection
	}
	return joined
}

// Refuses reports whether the claim is for something that the principal may not have.
func (c Claim) Refuses() bool { return c.Refusal != nil }

// DemandMetrics claims the metrics. One that is not there is metric.ErrUnknownMetric, suggesting visible ones; one
// that is hidden gives a claim with the same fault as its refusal. Names are read in order up to the first that
// is either, so that what follows tells nothing.
func (v *View) DemandMetrics(names []string) (Claim, error) {
	var c Claim
	for _, name := range names {
		m, ok := v.catalog.Metric(name)
		if !ok {
			return Claim{}, metric.UnknownMetric(name, v.MetricNames())
		}
		c.Demands = append(c.Demands, v.metricDemands(m)...)
		if !v.shows(m) {
			c.Refusal, c.Objection = metric.UnknownMetric(name, v.MetricNames()), v.barred(m)
			return c, nil
		}
	}
	c.Demands = withoutRepeats(c.Demands)
	return c, nil
}

// DemandField claims the dimension or entity that name stands for with the metrics, which the caller has claimed.
// One that is not there is metric.ErrUnknownField, one that is hidden a claim with the same fault as its refusal.
func (v *View) DemandField(name string, metrics []string) (metric.Field, Claim, error) {
	f, ok, err := v.catalog.Resolve(name, metrics)
	if err != nil {
		return metric.Field{}, Claim{}, err
	}
	if !ok {
		return metric.Field{}, Claim{}, metric.UnknownField(name, v.FieldNames(metrics))
	}
	c := Claim{Demands: []access.Demand{demandOf(f)}}
	if !v.may(c.Demands...) {
		c.Refusal = metric.UnknownField(name, v.FieldNames(metrics))
	} else if !v.alone(metrics, f.Name) {
		_, rows := v.Rows(nil, []string{f.Name})
		c = c.And(rows)
	}
	return f, c, nil
}

// DemandSavedQuery claims a saved query with every name that it uses. One that is not there is
// metric.ErrUnknownSavedQuery, one that is hidden a claim with the same fault as its refusal.
func (v *View) DemandSavedQuery(name string) (metric.SavedQuery, Claim, error) {
	unknown := func() *fault.Fault {
		var visible []string
		for _, q := range v.SavedQueries() {
			visible = append(visible, q.Name)
		}
		return metric.UnknownSavedQuery(name, visible)
	}
	q, ok := v.catalog.SavedQuery(name)
	if !ok {
		return metric.SavedQuery{}, Claim{}, unknown()
	}
	c := Claim{Demands: v.savedDemands(q)}
	if !v.showsSaved(q) {
		c.Refusal, c.Objection = unknown(), v.barredSaved(q)
	}
	return q, c, nil
}

// metricDemands are a metric and the public metrics in its formula. Private ones are the authors' ingredients: no
// listing names them, so no rule is expected to allow them, but one that denies them is meant.
func (v *View) metricDemands(m metric.Metric) []access.Demand {
	demands := make([]access.Demand, 0, 1+len(m.Inputs))
	demands = append(demands, access.On(ActionQuery, KindMetric, m.Name).Tagged(m.Tags))
	for _, name := range m.Inputs {
		demands = append(demands, v.inputDemand(name))
	}
	for _, name := range m.Ingredients {
		d := v.inputDemand(name)
		if decision := v.policy.Decide(v.by, d); !decision.Allowed && decision.Rule != access.ByDefault {
			demands = append(demands, d)
		}
	}
	return demands
}

func (v *View) inputDemand(name string) access.Demand {
	m, _ := v.catalog.Definition(name) // the catalog has checked that every formula's inputs are there
	return access.On(ActionQuery, KindMetric, name).Tagged(m.Tags)
}

func demandOf(f metric.Field) access.Demand {
	kind := KindDimension
	if f.Kind == metric.EntityKey {
		kind = KindEntity
	}
	return access.On(ActionQuery, kind, f.Name, f.Aliases...).Tagged(f.Tags)
}

// withoutRepeats keeps the first of demands on the same target: a name with other aliases is another one.
func withoutRepeats(demands []access.Demand) []access.Demand {
	seen := make(map[string]bool, len(demands))
	return slices.DeleteFunc(demands, func(d access.Demand) bool {
		key := d.String() + " " + strings.Join(d.Target.Aliases, " ")
		twice := seen[key]
		seen[key] = true
		return twice
	})
}
