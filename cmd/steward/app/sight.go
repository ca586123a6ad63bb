package app

import (
	"context"
	"slices"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
)

// Sight is what a principal may see.
type Sight struct {
	Tools, HiddenTools             []string
	Metrics, HiddenMetrics         []string // none without a project
	Fields, HiddenFields           []string // dimensions and entities, by kind and name
	SavedQueries, HiddenSavedQuery []string
	Obliged                        access.Obligations
	Policy                         string
}

// Sees tells what somebody with the personas may see. Its error says that a persona does not exist, or that the project
// cannot be read.
func (p *Policy) Sees(ctx context.Context, a Asked) (Sight, error) {
	who, err := p.principal(a)
	if err != nil {
		return Sight{}, err
	}
	s := Sight{Obliged: p.rules.Obligations(who), Policy: p.rules.Hash()}
	for _, t := range p.catalog.All() {
		sort(&s.Tools, &s.HiddenTools, p.catalog.Published(t.Name), p.sees.Permits(who, t.Name))
	}
	if p.manifest == nil {
		return s, nil
	}
	snapshot, err := p.manifest.Current(ctx)
	if err != nil {
		return s, err
	}
	catalog := snapshot.Catalog
	view := metricapp.NewView(catalog, p.rules, who)
	shown := view.MetricNames()
	for _, m := range catalog.Metrics() {
		sort(&s.Metrics, &s.HiddenMetrics, m.Name, slices.Contains(shown, m.Name))
	}
	for _, f := range catalog.Everything() {
		d := demandOn(f)
		sort(&s.Fields, &s.HiddenFields, d.Target.String(), p.rules.Decide(who, d).Allowed)
	}
	var saved []string
	for _, q := range view.SavedQueries() {
		saved = append(saved, q.Name)
	}
	for _, q := range catalog.SavedQueries() {
		sort(&s.SavedQueries, &s.HiddenSavedQuery, q.Name, slices.Contains(saved, q.Name))
	}
	return s, nil
}

func sort(shown, hidden *[]string, name string, shows bool) {
	if shows {
		*shown = append(*shown, name)
		return
	}
	*hidden = append(*hidden, name)
}
