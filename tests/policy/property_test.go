package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
)

// How many personas each property is tried with.
const (
	telling, listed, denying = 320, 160, 160
	calls                    = 14 // random calls of a telling persona
)

// scene is one persona before the shop.
type scene struct {
	*stack
	oracle  oracle
	secrets map[string]bool
	r       *rand.Rand
}

// scenes runs a test for many personas over the shop, with a source that records instead of asking.
func scenes(t *testing.T, kind uint64, number int, test func(*scene)) {
	t.Helper()
	u, loader := shopUniverse(t)
	for i := range number {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			test(newScene(t, kind<<32|uint64(i), u, loader, nil))
		})
	}
}

func shopUniverse(t *testing.T) (*universe, *manifest.Loader) {
	t.Helper()
	u, err := newUniverse(lab.shop)
	if err != nil {
		t.Fatal(err)
	}
	return u, project(t, lab.shop.manifest)
}

func newScene(t *testing.T, number uint64, u *universe, loader *manifest.Loader, engine metric.Source) *scene {
	t.Helper()
	r := random(t, number)
	personas, o, by := invented(r, u)
	if engine != nil { // whoever sees fewer rows gets other answers
		personas[0].Rows, personas[0].Caps, o.rows = nil, access.Caps{}, nil
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("allow %q, deny %q, rows %+v", o.allow, o.deny, o.rows)
		}
	})
	return &scene{newStack(t, loader, engine, by, personas...), o, o.secrets(), r}
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// split parts names by whether the persona sees them.
func (s *scene) split(names []string, visible func(string) bool) (seen, hidden []string) {
	for _, n := range names {
		if visible(n) {
			seen = append(seen, n)
		} else {
			hidden = append(hidden, n)
		}
	}
	return seen, hidden
}

// among prefers what is seen, so that calls get far enough to tell something.
func (s *scene) among(seen, hidden []string) string {
	switch {
	case len(seen) > 0 && (len(hidden) == 0 || chance(s.r, 65)):
		return pick(s.r, seen)
	case len(hidden) > 0:
		return pick(s.r, hidden)
	}
	return "nothing"
}

// aMetric is a name where a metric is expected.
func (s *scene) aMetric() string {
	seen, hidden := s.split(s.oracle.world.metrics, s.oracle.metric)
	return s.twisted(s.among(seen, hidden))
}

// fieldsOf lists the names that a metric can be grouped by.
func (s *scene) fieldsOf(about string) (seen, hidden []string) {
	var names []string
	for name := range s.oracle.world.fields[about] {
		names = append(names, name)
	}
	slices.Sort(names)
	return s.split(names, func(n string) bool {
		return s.oracle.field(s.oracle.world.fields[about][n]) && (about != "" || s.oracle.alone(n))
	})
}

func (s *scene) aField(about string) string {
	seen, hidden := s.fieldsOf(about)
	return s.twisted(s.among(seen, hidden))
}

// twisted is mostly the name itself, and sometimes one that a careless comparison takes for it.
func (s *scene) twisted(name string) string {
	if chance(s.r, 75) {
		return name
	}
	parts := strings.Split(name, "__")
	return pick(s.r, []func() string{
		func() string { return ghost(name) },
		func() string { return strings.ToUpper(name) },
		func() string { return strings.ToUpper(name[:1]) + name[1:] },
		func() string { return name + "__day" },
		func() string { return name + "__month" },
		func() string { return name + "__extract_dow" },
		func() string { return name + "__" },
		func() string { return "__" + name },
		func() string { return " " + name },
		func() string { return name + "\u200b" },
		func() string { return strings.Replace(name, "e", "е", 1) }, // Cyrillic
		func() string { return strings.Replace(name, "__", "_", 1) },
		func() string { return parts[len(parts)-1] },
		func() string { return strings.Join(parts[min(1, len(parts)-1):], "__") },
		func() string { return "order_id__" + name },
		func() string { return "Dimension('" + name + "')" },
		func() string { return "Entity('" + name + "')" },
		func() string { return "Metric('" + name + "', group_by=['customer'])" },
		func() string { return "metric_time__" + name },
		func() string { return pick(s.r, s.oracle.world.metrics) },
		func() string { return "supplied_cost" },
	})()
}

// ghost is a name like another that nothing has.
func ghost(name string) string { return lettered(name, 'x') }

// lettered is a name whose last element has nothing but one letter.
func lettered(name string, letter rune) string {
	at := strings.LastIndex(name, "__")
	last := strings.Map(func(c rune) rune {
		if c == '_' {
			return c
		}
		return letter
	}, name[at+1:])
	return name[:at+1] + last
}

// groupBy is a name or an object around it.
func (s *scene) groupBy(name string) any {
	switch s.r.IntN(5) {
	case 0:
		return object{"name": name, "grain": pick(s.r, []string{"day", "month", "hour", "fortnight"})}
	case 1:
		return object{"name": name, "date_part": pick(s.r, []string{"dow", "year", "century"})}
	}
	return name
}

func (s *scene) filter(name string) object {
	return pick(s.r, []object{
		{"field": name, "op": "=", "value": "a"},
		{"field": name, "op": "is_null"},
		{"field": name, "op": ">=", "value": "2024-01-31"},
		{"field": name, "op": "in", "values": []any{"a", 1, true}},
		{"field": name, "op": "like", "value": "a%"},
		{"field": name, "op": "=", "value": "2024-01-31", "grain": "month"},
	})
}

// slot is where one name stands in a call.
type slot struct {
	name   string
	args   func(name string) (tool string, args object)
	search bool // the name is looked for in other names and in prose
}

// grammarExamples are the names in what the grammar of conditions says to everyone, whatever there is.
const grammarExamples = " customer__region listing metric_time"

var march = object{"start_time": "2024-03-01", "end_time": "2024-03-31"}

// aSlot is a random call with one name left open, and a name for it.
func (s *scene) aSlot() slot {
	seen, _ := s.split(s.oracle.world.metrics, s.oracle.metric)
	about := ""
	if len(seen) > 0 && chance(s.r, 85) {
		about = pick(s.r, seen)
	}
	metrics := []any{}
	if about != "" {
		metrics = append(metrics, about)
	}
	field, other := s.aField(about), s.aField(about)
	form, condition := s.groupBy("?"), s.filter("?")
	mode := pick(s.r, []string{"rows", "sql", "validate"})
	search := pick(s.r, []string{"", "", "says", "e", field, s.aMetric()})
	filled := func(name string) any {
		if o, ok := form.(object); ok {
			c := clone(o)
			c["name"] = name
			return c
		}
		return name
	}
	filtered := func(name string) object {
		c := clone(condition)
		c["field"] = name
		return c
	}
	queries := make([]string, 0, len(s.oracle.world.saved))
	for _, q := range s.oracle.world.saved {
		queries = append(queries, q.Name)
	}
	seenQueries, hiddenQueries := s.split(queries, func(n string) bool {
		q, _ := s.oracle.world.shop.catalog.SavedQuery(n)
		return s.oracle.savedQuery(q)
	})
	query := s.among(seenQueries, hiddenQueries)
	return pick(s.r, []slot{
		{name: s.aMetric(), args: func(n string) (string, object) { return "describe_metric", object{"name": n} }},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "list_dimensions", object{"metrics": append(slices.Clone(metrics), n), "search": search}
		}},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "list_entities", object{"metrics": append([]any{n}, metrics...), "search": search}
		}},
		{name: search, search: true, args: func(n string) (string, object) {
			return "list_metrics", object{"search": n, "with_dimensions": chance(rand.New(rand.NewPCG(uint64(len(n)), 1)), 50)}
		}},
		{name: search, search: true, args: func(n string) (string, object) { return "list_dimensions", object{"metrics": metrics, "search": n} }},
		{name: search, search: true, args: func(n string) (string, object) { return "list_entities", object{"metrics": metrics, "search": n} }},
		{name: search, search: true, args: func(n string) (string, object) { return "list_saved_queries", object{"search": n} }},
		{name: field, args: func(n string) (string, object) {
			return "list_dimension_values", object{"dimension": n, "metrics": metrics, "search": search}
		}},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "list_dimension_values", object{"dimension": field, "metrics": append(slices.Clone(metrics), n)}
		}},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "query", object{"metrics": append(slices.Clone(metrics), n), "group_by": []any{filled(field)}, "mode": mode}
		}},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "query", object{"metrics": append([]any{n}, metrics...), "filters": []any{filtered(field)}, "mode": mode}
		}},
		{name: field, args: func(n string) (string, object) {
			return "query", object{"metrics": metrics, "group_by": []any{filled(n)}, "mode": mode}
		}},
		{name: field, args: func(n string) (string, object) {
			return "query", object{"metrics": metrics, "group_by": []any{"metric_time__month", filled(n), other}, "mode": mode}
		}},
		{name: field, args: func(n string) (string, object) {
			return "query", object{"metrics": metrics, "group_by": []any{"metric_time"}, "filters": []any{filtered(n)}, "mode": mode}
		}},
		{name: field, args: func(n string) (string, object) {
			return "query", object{"metrics": metrics, "group_by": []any{"metric_time"}, "order_by": []any{n}, "mode": mode}
		}},
		{name: field, args: func(n string) (string, object) {
			return "query", object{"metrics": metrics, "group_by": []any{other}, "order_by": []any{"-" + n, other}, "mode": mode}
		}},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "query", object{"metrics": metrics, "group_by": []any{other}, "order_by": []any{n}, "mode": mode}
		}},
		{name: query, args: func(n string) (string, object) { return "query", object{"saved_query": n, "mode": mode} }},
		{name: field, args: func(n string) (string, object) {
			return "query", object{"saved_query": query, "filters": []any{filtered(n)}, "mode": mode}
		}},
		{name: field, args: func(n string) (string, object) {
			return "query", object{"saved_query": query, "order_by": []any{n}, "start_time": "2024-01-01", "mode": mode}
		}},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "query", object{"metrics": []any{n}, "start_time": "2024-01-01", "end_time": "2024-12-31", "mode": mode}
		}},
		{name: field, args: func(n string) (string, object) {
			return "list_dimension_values", object{"dimension": n, "metrics": metrics, "start_time": "2024-01-01"}
		}},
		{name: field, args: func(n string) (string, object) {
			return "query", object{"metrics": metrics, "group_by": []any{"metric_time"}, "where": n + " is null or not (" + other + " is null)", "mode": mode}
		}},
		{name: field, args: func(n string) (string, object) {
			return "query", object{"metrics": metrics, "group_by": []any{other}, "where": []any{"{{ Dimension('" + n + "') }} is not null"}, "mode": mode}
		}},
		{name: field, args: func(n string) (string, object) {
			return "list_dimension_values", object{"dimension": other, "metrics": metrics, "where": "cast(" + n + " as varchar) != 'x'"}
		}},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "query", object{"metrics": metrics, "group_by": []any{"metric_time"}, "where": "{{ Metric('" + n + "', group_by=['customer']) }} > 3", "mode": mode}
		}},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "compare_periods", object{"metrics": append(slices.Clone(metrics), n), "period": march, "group_by": []any{other}}
		}},
		{name: field, args: func(n string) (string, object) {
			return "compare_periods", object{"metrics": metrics, "period": march, "group_by": []any{n}}
		}},
		{name: s.aMetric(), args: func(n string) (string, object) {
			return "time_range", object{"metrics": append(slices.Clone(metrics), n)}
		}},
		{name: field, args: func(n string) (string, object) { return "time_range", object{"metrics": metrics, "dimension": n} }},
	})
}

// TestPolicy_TellsNothingOfWhatIsHidden makes random calls with names that are visible, hidden, twisted or of nothing.
// No answer holds a hidden word that the caller did not write; a name that is hidden, and one of nothing, get the same
// answer; and every call leaves one record, which says by which rule a hidden name was refused.
func TestPolicy_TellsNothingOfWhatIsHidden(t *testing.T) {
	t.Parallel()
	scenes(t, 1, telling, func(s *scene) {
		for range calls {
			probe := s.aSlot()
			if probe.name == "" {
				continue
			}
			name, args := probe.args(probe.name)
			a := s.ask(name, args)
			said := a.args
			if a.failure != nil && a.failure.Code == "metric.where" {
				said += grammarExamples
			}
			if found := leaks(a.all(), s.secrets, said); len(found) > 0 {
				s.Errorf("%s %s tells of %q:\n%s", name, a.args, found, a.all())
			}
			s.recorded(a)
			// Elsewhere in the call the name would still be the hidden one.
			once := strings.Count(a.args, jsonText(probe.name)) == 1
			if once && !probe.search && s.exists(probe.name) && !s.shown(probe.name) {
				stranger := lettered(probe.name, 'q')
				_, args := probe.args(stranger)
				s.alike(a, probe.name, s.ask(name, args), stranger)
			}
		}
	})
}

// exists reports whether a name stands for something, whoever asks.
func (s *scene) exists(name string) bool {
	return s.oracle.world.words[name] || s.secrets[name]
}

// shown reports whether a name stands for something that the persona may see.
func (s *scene) shown(name string) bool { return !s.secrets[name] }

// recorded checks the record of a refusal: what is hidden was refused by policy, with the rule, and what is not there
// was refused as an input.
func (s *scene) recorded(a answer) {
	s.Helper()
	switch {
	case a.failure == nil:
		if a.record.DeniedBy != "" || a.record.Rule == "" {
			s.Errorf("%s %s: an answered call is recorded as %+v", a.tool, a.args, a.record)
		}
	case a.record.DeniedBy == "policy":
		byRows := strings.Contains(a.record.Rule, "/rows[")
		denies := strings.Contains(a.record.Rule, "/deny[") || a.record.Rule == "default"
		if !byRows && !denies || denies && len(a.record.Demands) == 0 || a.record.Policy == "" {
			s.Errorf("%s %s: refused by policy, recorded as %+v", a.tool, a.args, a.record)
		}
	case a.record.DeniedBy != "input" || a.record.Rule == "":
		s.Errorf("%s %s: %v, recorded as %+v", a.tool, a.args, a.failure, a.record)
	}
}

// alike compares the answer about a hidden name with that about a name of nothing.
func (s *scene) alike(hidden answer, name string, unknown answer, ghost string) {
	s.Helper()
	if diff := cmp.Diff(s.faceOf(unknown, ghost), s.faceOf(hidden, name)); diff != "" {
		s.Errorf("%s\n%s\n%s\nare told apart (-unknown +hidden):\n%s", hidden.tool, hidden.args, unknown.args, diff)
	}
}

// faceOf is an answer without the one name, and without suggestions, which depend on how a name is spelt; that they
// hold nothing hidden is checked apart.
func (s *scene) faceOf(a answer, name string) []string {
	s.Helper()
	hide := strings.NewReplacer(jsonText(name), "…", name, "…", fmt.Sprintf("%q", name), `"…"`)
	if a.failure != nil {
		return []string{a.failure.Kind.String(), a.failure.Code, hide.Replace(a.failure.Message), a.failure.RetryAfter.String()}
	}
	var structured object
	if err := json.Unmarshal([]byte(a.structured), &structured); err != nil {
		s.Fatal(err)
	}
	delete(structured, "duration_ms")
	delete(structured, "manifest")
	text, err := json.Marshal(structured)
	if err != nil {
		s.Fatal(err)
	}
	return []string{hide.Replace(a.text), hide.Replace(string(text))}
}

func jsonText(s string) string {
	text, _ := json.Marshal(s) // a string always encodes
	return strings.Trim(string(text), `"`)
}

// TestPolicy_ListsExactlyWhatCanBeAsked goes through everything that is listed and asks it, and through everything
// there is and compares.
func TestPolicy_ListsExactlyWhatCanBeAsked(t *testing.T) {
	t.Parallel()
	scenes(t, 2, listed, func(s *scene) {
		want, _ := s.split(s.oracle.world.metrics, s.oracle.metric)
		got := s.names("list_metrics", "metrics", nil)
		if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
			s.Errorf("metrics (-want +got):\n%s", diff)
		}
		for _, m := range s.oracle.world.metrics {
			s.answersIf(slices.Contains(got, m), "describe_metric", object{"name": m})
		}
		s.listsSavedQueries()
		about := []string{""}
		for _, m := range got {
			if len(about) < 3 && chance(s.r, 12) {
				about = append(about, m)
			}
		}
		for _, m := range about {
			s.listsFields(m)
		}
	})
}

func (s *scene) answersIf(may bool, name string, args object) {
	s.Helper()
	asked := 0
	if s.source != nil {
		asked = s.source.count()
	}
	a := s.ask(name, args)
	if (a.failure == nil) != may {
		s.Errorf("%s %s: %v, want an answer: %v", name, a.args, a.failure, may)
	}
	if a.failure != nil && s.source != nil && s.source.count() != asked {
		s.Errorf("%s %s was refused, and asked all the same", name, a.args)
	}
}

func (s *scene) listsSavedQueries() {
	s.Helper()
	got := s.names("list_saved_queries", "saved_queries", nil)
	for _, q := range s.oracle.world.saved {
		may := s.oracle.savedQuery(q)
		if slices.Contains(got, q.Name) != may {
			s.Errorf("saved query %s is listed: %v, want %v", q.Name, !may, may)
		}
		s.answersIf(may, "query", object{"saved_query": q.Name})
	}
}

// listsFields checks that dimensions and entities of a metric are listed as the oracle says, that what is listed can
// be asked, and that what can be asked is listed or another path to what is.
func (s *scene) listsFields(about string) {
	s.Helper()
	args, metrics := object{}, []any{}
	if about != "" {
		metrics = append(metrics, about)
		args["metrics"] = metrics
	}
	listed := s.names("list_dimensions", "dimensions", args)
	for _, e := range s.items("list_entities", "entities", args) {
		for _, path := range e["group_by"].([]any) {
			listed = append(listed, path.(string))
		}
	}
	for _, name := range listed {
		if f, ok := s.oracle.world.fields[about][name]; !ok || !s.oracle.field(f) || about == "" && !s.oracle.alone(name) {
			s.Errorf("%s is listed for %q", name, about)
		}
	}
	for name, f := range s.oracle.world.fields[about] {
		may := s.oracle.field(f) && (about != "" || s.oracle.alone(name))
		s.answersIf(may, "query", object{"metrics": metrics, "group_by": []any{name}})
		if chance(s.r, 60) {
			continue
		}
		s.answersIf(may, "list_dimension_values", object{"metrics": metrics, "dimension": name})
		if about != "" {
			s.answersIf(may, "query", object{"metrics": metrics, "filters": []any{object{"field": name, "op": "is_null"}}, "mode": "validate"})
		}
	}
}

// TestPolicy_ShowsNoMoreAfterAnotherDeny adds one rule to a persona: every listing shrinks or stays, and nothing that
// was refused is answered.
func TestPolicy_ShowsNoMoreAfterAnotherDeny(t *testing.T) {
	t.Parallel()
	u, loader := shopUniverse(t)
	for i := range denying {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := random(t, 3<<32|uint64(i))
			personas, o, by := invented(r, u)
			less := slices.Clone(personas)
			denied := blurred(r, pick(r, u.targets()))
			less[0].Deny = append(slices.Clone(less[0].Deny), access.Rule{Actions: []string{"metric.query"}, Targets: []string{denied}})
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("allow %q, deny %q, then %s", o.allow, o.deny, denied)
				}
			})
			before := &scene{newStack(t, loader, nil, by, personas...), o, o.secrets(), r}
			after := &scene{newStack(t, loader, nil, by, less...), o, nil, r}
			all := before.names("list_metrics", "metrics", nil)
			subset(t, "metrics", all, after.names("list_metrics", "metrics", nil))
			subset(t, "saved queries", before.names("list_saved_queries", "saved_queries", nil), after.names("list_saved_queries", "saved_queries", nil))
			for range 6 {
				probe := before.aSlot()
				name, args := probe.args(probe.name)
				if probe.name == "" {
					continue
				}
				a, b := before.ask(name, args), after.ask(name, args)
				if a.failure != nil && b.failure == nil {
					t.Errorf("%s %s is refused, and answered after another deny", name, a.args)
				}
				if a.failure == nil && b.failure == nil {
					shrinks(t, a, b)
				}
			}
		})
	}
}

func subset(t *testing.T, what string, all, some []string) {
	t.Helper()
	for _, name := range some {
		if !slices.Contains(all, name) {
			t.Errorf("%s: %s has come to light by a deny", what, name)
		}
	}
}

// shrinks compares the words of two answers.
func shrinks(t *testing.T, before, after answer) {
	t.Helper()
	words := word.FindAllString(before.structured, -1)
	// An entity is described as on its shortest path, which may now be another one, shown before as well.
	described := before.tool == "list_entities"
	for _, w := range word.FindAllString(after.structured, -1) {
		static := slices.Contains(strings.Fields("a an condition expression that is not shown to you"), w)
		if described && strings.HasPrefix(w, "says_") {
			continue
		}
		if !slices.Contains(words, w) && !static && strings.Trim(w, "0123456789") != "" {
			t.Errorf("%s %s: %q has come to light by a deny", before.tool, before.args, w)
		}
	}
}
