package guide

import (
	"cmp"
	"fmt"
	"strings"
)

const mostNamed = 30 // dimensions that a prompt names; list_dimensions tells the others

// script is the text of a prompt: an introduction, numbered steps, a conclusion.
type script struct {
	strings.Builder
	steps int
}

func (t *script) line(format string, args ...any) {
	_, _ = fmt.Fprintf(t, format+"\n", args...) // to memory
}

func (t *script) step(format string, args ...any) {
	t.steps++
	t.line("%d. %s", t.steps, fmt.Sprintf(format, args...))
}

// analysis is the text of metric_analysis.
func analysis(s subject) string {
	var t script
	t.line("Analyse the metric %s with Steward's tools.", s.metrics[0].Name)
	s.introduce(&t)
	s.told(&t, "question", "The question")
	s.told(&t, "period", "The period")
	t.line("\nWork in this order, and let each answer decide the next call:")
	s.understand(&t)
	t.step(`query: ask %s by {"name": "metric_time", "grain": %q} over the period and a comparable one before it.`, s.names(), s.grain())
	t.step("compare_periods: how much has it changed, in numbers and per cent?")
	if by := s.args[argDimension]; by != "" {
		t.step("query again by %s, and compare_periods by it: which of its values explain the change, and which move against it?", by)
	} else {
		t.step("query again by the two or three dimensions that most likely explain the change, one at a time.")
	}
	t.line("\nThen say in a few sentences what happened and what explains it, with the numbers, the period and the filters that they hold for.")
	s.honest(&t)
	return t.String()
}

// report is the text of metric_report.
func report(s subject) string {
	var t script
	t.line("Write a report with Steward's tools on %s.", strings.Join(namesOf(s), ", "))
	s.introduce(&t)
	s.told(&t, "period", "The period")
	s.told(&t, "audience", "The readers")
	t.line("\nWork in this order:")
	s.understand(&t)
	t.step(`query: ask %s by {"name": "metric_time", "grain": %q} over the period. Ask metrics that have no common dimension one by one.`, s.names(), s.grain())
	t.step("compare_periods: set each metric beside the period before it.")
	if by := s.args[argDimension]; by != "" {
		t.step("query: the same by %s, the largest values first.", by)
	}
	if saved := s.args[argSavedQuery]; saved != "" {
		t.step(`query with "saved_query": %q: its answer belongs into the report.`, saved)
	}
	t.line("\nThen write: one sentence that sums up, a table of the metrics with this period, the one before and the change, " +
		"what stands out and what may explain it, and what a reader should ask next. Fit length and words to the readers.")
	s.honest(&t)
	return t.String()
}

func namesOf(s subject) []string {
	names := make([]string, len(s.metrics))
	for i, m := range s.metrics {
		names[i] = m.Name
	}
	return names
}

// introduce tells what the authors say about the metrics, and by what they can be grouped.
func (s subject) introduce(t *script) {
	for _, m := range s.metrics {
		about := brief(cmp.Or(m.Description, m.Label, "no description"))
		t.line("- %s (%s): %s", m.Name, m.Kind, about)
		if m.RequiresMetricTime {
			t.line("  It can only be asked by metric_time or its own time dimension.")
		}
	}
	named := s.dimensions[:min(len(s.dimensions), mostNamed)]
	switch {
	case len(named) == 0:
		t.line("They have no dimension in common that you may use.")
	case len(named) < len(s.dimensions):
		t.line("Grouped by: %s, and %d others.", strings.Join(named, ", "), len(s.dimensions)-len(named))
	default:
		t.line("Grouped by: %s.", strings.Join(named, ", "))
	}
}

// told repeats what the user said, as the user's own words.
func (s subject) told(t *script, argument, what string) {
	if text := s.args[argument]; text != "" {
		t.line("%s: %s", what, strings.Join(strings.Fields(text), " "))
	}
}

// understand are the steps before any number is asked for.
func (s subject) understand(t *script) {
	t.step("list_metrics: check that %s is what is meant; if another metric fits better, say so. describe_metric tells how one is computed.", strings.Join(namesOf(s), ", "))
	t.step(`list_dimensions with {"metrics": %s}: by what they can be grouped and filtered together.`, s.names())
	t.step("list_dimension_values: before you filter by a dimension, learn how its values are written.")
}

func (s subject) grain() string { return cmp.Or(s.args[argGrain], "month") }

func (s subject) honest(t *script) {
	t.line("Use no number that no tool has answered. When a tool refuses, or an answer was cut short, say so instead of guessing.")
}
