package dialect

import (
	"regexp"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

var nameForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// errName says nothing of the name: it may be anything.
var errName = metric.ErrQuestion.Saying("A filter has a name with a form that no name has.")

// isName reports whether every element of a name has the form of one.
func isName(name string) bool {
	return nameForm.MatchString(name) && !slices.Contains(strings.Split(name, "__"), "")
}

// builder names a field in the engine's template language. Dimensions are named with exactly one entity before
// them; the entities on the way to that one are the path.
func builder(r metric.Ref) (string, error) {
	if !isName(r.Name) || r.Grain != "" && !isName(r.Grain) || r.DatePart != "" && !isName(r.DatePart) {
		return "", errName
	}
	kept := 2
	if r.Kind == metric.EntityKey {
		kept = 1
	}
	name, path := split(r.Name, kept)
	switch {
	case r.Kind != metric.Time && r.Grain+r.DatePart != "", r.Grain != "" && r.DatePart != "":
		return "", metric.ErrQuestion.Saying("A filter names a field at a grain that it does not have.")
	case r.Kind == metric.Time:
		return "{{ TimeDimension('" + name + "'" + argument(", ", r.Grain) + path + argument(", date_part_name=", r.DatePart) + ") }}", nil
	case r.Kind == metric.Categorical:
		return "{{ Dimension('" + name + "'" + path + ") }}", nil
	case r.Kind == metric.EntityKey:
		return "{{ Entity('" + name + "'" + path + ") }}", nil
	}
	return "", metric.ErrQuestion.Saying("A filter names %q, which is not resolved.", r.Name)
}

// split keeps so many elements at the end of a name, and makes those before them an argument.
func split(name string, kept int) (last, path string) {
	parts := strings.Split(name, "__")
	kept = min(kept, len(parts))
	if entities := parts[:len(parts)-kept]; len(entities) > 0 {
		path = ", entity_path=['" + strings.Join(entities, "', '") + "']"
	}
	return strings.Join(parts[len(parts)-kept:], "__"), path
}

func argument(before, name string) string {
	if name == "" {
		return ""
	}
	return before + "'" + name + "'"
}

func metricBuilder(m metric.MetricRef) (string, error) {
	if !isName(m.Metric) {
		return "", errName
	}
	names := make([]string, len(m.GroupBy))
	for i, r := range m.GroupBy {
		if !isName(r.Name) {
			return "", errName
		}
		if r.Grain+r.DatePart != "" {
			return "", metric.ErrQuestion.Saying("A metric in a filter is grouped by names alone, not at a grain.")
		}
		names[i] = "'" + r.Name + "'"
	}
	if len(names) == 0 {
		return "", metric.ErrQuestion.Saying("A metric in a filter is grouped by something.")
	}
	return "{{ Metric('" + m.Metric + "', group_by=[" + strings.Join(names, ", ") + "]) }}", nil
}
