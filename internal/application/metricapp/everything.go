package metricapp

import (
	"slices"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// SeesEverything reports whether no name of the project is hidden: every metric, dimension, entity and saved query may be
// asked. Row filters do not count; they hide rows, not names.
func (v *View) SeesEverything() bool {
	hidden := func(q metric.SavedQuery) bool { return !v.may(v.savedDemands(q)...) }
	return v.may(v.everything()...) && !slices.ContainsFunc(v.catalog.SavedQueries(), hidden)
}
