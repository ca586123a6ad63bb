package metricapp

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// Discreet is an engine's refusal without the names that the principal may not ask: the engine knows of no policy, and
// suggests, or explains by, whatever it has.
func (v *View) Discreet(err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) || !errors.Is(f, metric.ErrQuestion) {
		return err
	}
	refused := func(name string) bool {
		return v.hides(name) || v.hidesPath(name, func(path, part string) bool { return path == part })
	}
	told := f.Suggesting(slices.DeleteFunc(slices.Clone(f.Suggestions), refused)...)
	if slices.ContainsFunc(words.FindAllString(f.Message, -1), refused) {
		told.Message = metric.ErrQuestion.Message
	}
	return told
}

// hides reports whether name is, or holds, a metric that the principal may not see, or is a path or part of one and the
// principal may see nothing of that name. A path to a metric is how a condition on a metric is called in SQL.
func (v *View) hides(name string) bool {
	for element := range strings.SplitSeq(name, "__") {
		if m, ok := v.catalog.Metric(element); ok && !v.shows(m) {
			return true
		}
	}
	return v.hidesPath(name, func(path, part string) bool { return strings.Contains("__"+path+"__", "__"+part+"__") })
}

// hidesPath reports whether name, without its grain if it has one, is what some paths have, none of which is visible.
func (v *View) hidesPath(name string, has func(path, name string) bool) bool {
	known := false
	for _, f := range v.catalog.Everything() {
		part := name
		if at := strings.LastIndex(name, "__"); at > 0 && slices.Contains(f.Grains, name[at+2:]) {
			part = name[:at]
		}
		if has(f.Name, part) {
			if v.may(demandOf(f)) {
				return false
			}
			known = true
		}
	}
	return known
}

// inQuotes are values, which a caller may have written, and the names of tables.
var inQuotes = regexp.MustCompile("'[^']*'|\"[^\"]*\"|`[^`]*`")

// Betrays reports whether SQL of the engine names something that the principal may not see. It names what the
// definitions of the metrics do, the metric that stands for a measure, and, where the engine cannot optimise, whole
// models.
func (v *View) Betrays(sql string) bool {
	named := words.FindAllString(strings.ToLower(inQuotes.ReplaceAllString(sql, " ")), -1)
	slices.Sort(named)
	return slices.ContainsFunc(slices.Compact(named), func(name string) bool {
		name, _, _ = strings.Cut(strings.Trim(name, "_"), "__extract_")
		return v.hides(name)
	})
}
