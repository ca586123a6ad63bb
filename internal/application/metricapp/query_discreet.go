package metricapp

import (
	"errors"
	"regexp"
	"slices"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

var words = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// discreet is an engine's refusal without the names that the principal may not see: the engine knows of no policy,
// and suggests, or explains by, whatever it has.
func (v *View) discreet(err error, metrics []string) error {
	var f *fault.Fault
	if !errors.As(err, &f) || !errors.Is(f, metric.ErrQuestion) {
		return err
	}
	told := f.Suggesting(slices.DeleteFunc(slices.Clone(f.Suggestions), func(name string) bool { return v.hides(name, metrics) })...)
	for _, word := range words.FindAllString(f.Message, -1) {
		if v.hides(word, metrics) {
			told.Message = metric.ErrQuestion.Message
			break
		}
	}
	return told
}

// hides reports whether name is something of the catalog that the principal may not see.
func (v *View) hides(name string, metrics []string) bool {
	var demands []access.Demand
	if m, ok := v.catalog.Metric(name); ok {
		demands = append(demands, metricDemands(m)...)
	}
	for _, among := range [][]string{metrics, nil} {
		if f, ok, err := v.catalog.Resolve(name, among); err == nil && ok {
			demands = append(demands, demandOf(f))
		}
	}
	return len(demands) > 0 && !v.may(demands...)
}
