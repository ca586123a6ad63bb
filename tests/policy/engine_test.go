package policy_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/tests/harness"
)

const (
	personas  = 48 // personas before the real engine
	questions = 4  // of each
)

// TestPolicy_TheEngineTellsNothingOfWhatIsHidden puts the real engine behind the gate: rows, SQL and refusals, in the
// engine's own words, hold no hidden name, and whoever may see less gets the same rows for what both may see.
func TestPolicy_TheEngineTellsNothingOfWhatIsHidden(t *testing.T) {
	t.Parallel()
	u, _ := shopUniverse(t)
	loader, err := loadCatalog(lab.shop.project)
	if err != nil {
		t.Fatal(err)
	}
	everyone := access.Persona{Name: "everything", Allow: []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}}
	for i := range personas {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 5<<32|uint64(i), u, loader, lab.engine)
			whole := newStack(t, loader, lab.engine, access.Local("analyst", "everything"), everyone)
			for range questions {
				if question := s.aQuestion(); question != nil {
					s.puts(question, whole)
				}
			}
			probe := s.aSlot()
			if name, args := probe.args(probe.name); probe.name != "" && (name == "query" || name == "list_dimension_values") {
				a := s.ask(name, args)
				if found := leaks(a.all(), s.fullNames(), a.args); len(found) > 0 && a.failure != nil {
					s.Errorf("%s %s tells of %q:\n%s", name, a.args, found, a.all())
				}
			}
		})
	}
}

// fullNames are the hidden names of metrics, saved queries and paths. Columns of tables may be called like the last
// element of a path, and values like anything.
func (s *scene) fullNames() map[string]bool {
	names := maps.Clone(s.secrets)
	maps.DeleteFunc(names, func(w string, _ bool) bool { return !s.oracle.world.words[w] || !strings.Contains(w, "_") })
	return names
}

// puts asks one question in every mode, and compares the rows with those that the analyst gets.
func (s *scene) puts(question object, whole *stack) {
	s.Helper()
	secrets := s.fullNames()
	for _, mode := range []string{"validate", "sql", "rows"} {
		question["mode"] = mode
		a := s.ask("query", question)
		if found := leaks(a.all(), secrets, a.args); len(found) > 0 {
			s.Errorf("query %s tells of %q:\n%s", a.args, found, a.all())
		}
		s.recorded2(a)
		b := whole.ask("query", question)
		switch {
		case a.failure != nil && a.failure.Code == "metric.sql_withheld":
			if mode != "sql" {
				s.Errorf("query %s: %v, recorded as %+v", a.args, a.failure, a.record)
			}
		case (a.failure == nil) != (b.failure == nil):
			s.Errorf("query %s: %v, and %v to the analyst", a.args, a.failure, b.failure)
		case mode == "rows" && a.failure == nil:
			s.sameRows(a, b)
		}
	}
}

// recorded2 is recorded, with the refusals of an engine that was asked.
func (s *scene) recorded2(a answer) {
	s.Helper()
	engine := a.failure != nil && a.record.DeniedBy == "" && a.failure.Is(metric.ErrQuestion)
	withheld := a.failure != nil && a.failure.Code == "metric.sql_withheld" && a.record.DeniedBy == "policy"
	if !engine && !withheld {
		s.recorded(a)
	}
}

func (s *scene) sameRows(a, b answer) {
	s.Helper()
	var x, y struct {
		Columns []struct{ Name string }
		Rows    [][]any
	}
	if err := errors.Join(harness.Decode([]byte(a.structured), &x), harness.Decode([]byte(b.structured), &y)); err != nil {
		s.Fatal(err)
	}
	if !slices.Equal(x.Columns, y.Columns) {
		s.Errorf("query %s: columns %v, and %v to the analyst", a.args, x.Columns, y.Columns)
	}
	if err := harness.SameRows(y.Rows, x.Rows, false); err != nil {
		s.Errorf("query %s: not what the analyst gets: %v", a.args, err)
	}
}

// aQuestion is about things that the persona may see: most can be answered, some only look like it.
func (s *scene) aQuestion() object {
	seen, _ := s.split(s.oracle.world.metrics, s.oracle.metric)
	var queries []string
	for _, q := range s.oracle.world.saved {
		if s.oracle.savedQuery(q) {
			queries = append(queries, q.Name)
		}
	}
	if len(queries) > 0 && chance(s.r, 25) {
		name := pick(s.r, queries)
		q, _ := s.oracle.world.shop.catalog.SavedQuery(name)
		fields, _ := s.fieldsOf(q.Metrics[0])
		question := object{"saved_query": name, "limit": 20_000}
		if chance(s.r, 50) && len(fields) > 0 {
			question["order_by"] = []any{pick(s.r, fields)}
		}
		if chance(s.r, 50) && len(fields) > 0 {
			question["filters"] = []any{object{"field": pick(s.r, fields), "op": "is_not_null"}}
		}
		return question
	}
	if len(seen) == 0 {
		return nil
	}
	m := pick(s.r, seen)
	fields, _ := s.fieldsOf(m)
	coarse := slices.DeleteFunc(slices.Clone(fields), func(n string) bool { return fine(s.oracle.world.fields[m][n]) })
	question := object{"metrics": []any{m}}
	groupBy, order := []any{}, []any{}
	for range s.r.IntN(3) {
		if len(coarse) > 0 {
			name := pick(s.r, coarse)
			if !slices.Contains(groupBy, any(name)) {
				groupBy, order = append(groupBy, name), append(order, name)
			}
		}
	}
	if chance(s.r, 50) && slices.Contains(fields, metric.TimeField) {
		groupBy, order = append(groupBy, "metric_time__quarter"), append(order, "metric_time__quarter")
	}
	question["group_by"], question["order_by"], question["limit"] = groupBy, order, 300
	if chance(s.r, 40) && len(fields) > 0 {
		question["filters"] = []any{object{"field": pick(s.r, fields), "op": pick(s.r, []string{"is_not_null", "is_null"})}}
	}
	return question
}

// fine reports whether grouping by a field gives about as many rows as there are orders, or needs a grain.
func fine(f metric.Field) bool {
	if f.Kind == metric.Time {
		return true
	}
	for _, element := range []string{"customer", "order_id", "order_item", "refund", "visit", "email", "full_name"} {
		if f.Name == element || strings.HasSuffix(f.Name, "__"+element) {
			return true
		}
	}
	return false
}
