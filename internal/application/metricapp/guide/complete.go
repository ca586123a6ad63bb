package guide

import (
	"context"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/application/metricapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// The arguments of prompts and of templates that name something of the catalog.
const (
	argName       = "name" // of metric://{name}
	argMetric     = "metric"
	argMetrics    = "metrics"
	argDimension  = "dimension"
	argGrain      = "grain"
	argSavedQuery = "saved_query"
)

// complete lists what an argument may be, as far as by may see it. The metrics that are given already narrow dimensions and
// grains; one that by may not see leaves nothing, as one that is not there does.
func (g *Guide) complete(ctx context.Context, by access.Principal, argument, typed string, given map[string]string) ([]string, error) {
	view, _, err := g.look(ctx, by)
	if err != nil {
		return nil, err
	}
	switch argument {
	case argName, argMetric:
		return fitting(view.MetricNames(), typed), nil
	case argMetrics:
		return continued(view.MetricNames(), typed), nil
	case argSavedQuery:
		return fitting(savedNames(view), typed), nil
	case argDimension, argGrain:
	default:
		return nil, nil
	}
	metrics := append(split(given[argMetric]), split(given[argMetrics])...)
	if len(metrics) > mostPromptMetrics {
		return nil, nil
	}
	if claim, err := view.DemandMetrics(metrics); err != nil || claim.Refuses() {
		return nil, nil //nolint:nilerr // a metric that is not there has no dimensions
	}
	dimensions, err := view.Dimensions(metrics)
	if err != nil {
		return nil, err
	}
	if argument == argGrain {
		return fitting(grainsOf(dimensions, given[argDimension]), typed), nil
	}
	names := make([]string, len(dimensions))
	for i, d := range dimensions {
		names[i] = d.Name
	}
	return fitting(names, typed), nil
}

// grainsOf are the grains of the named time dimension, or else of metric_time.
func grainsOf(dimensions []metric.Dimension, name string) []string {
	for _, wanted := range []string{name, metric.TimeField} {
		i := slices.IndexFunc(dimensions, func(d metric.Dimension) bool { return d.Name == wanted && len(d.Grains) > 0 })
		if i >= 0 {
			return dimensions[i].Grains
		}
	}
	return nil
}

func savedNames(view *metricapp.View) []string {
	saved := view.SavedQueries()
	names := make([]string, len(saved))
	for i, q := range saved {
		names[i] = q.Name
	}
	return names
}

// fitting are the names that begin with what has been typed, then those that hold it, in their order.
func fitting(names []string, typed string) []string {
	typed = strings.ToLower(typed)
	var begin, hold []string
	for _, name := range names {
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, typed):
			begin = append(begin, name)
		case strings.Contains(lower, typed):
			hold = append(hold, name)
		}
	}
	return append(begin, hold...)
}

// continued completes the last name of a list with commas, and offers none twice.
func continued(names []string, typed string) []string {
	at := strings.LastIndex(typed, ",") + 1
	before := split(typed[:at])
	var lists []string
	for _, name := range fitting(names, strings.TrimSpace(typed[at:])) {
		if !slices.Contains(before, name) {
			lists = append(lists, strings.Join(append(slices.Clip(before), name), ","))
		}
	}
	return lists
}

// split reads a list with commas.
func split(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}
