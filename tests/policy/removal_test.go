package policy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

const removing = 60 // shops that lack something

// TestPolicy_HidingEqualsRemoving compares a persona that may not see some metrics, dimensions and saved queries with
// one that may see everything of a shop that has none of them. Every answer is the same to the letter, suggestions,
// counts, cursors and errors included.
func TestPolicy_HidingEqualsRemoving(t *testing.T) {
	t.Parallel()
	u, loader := shopUniverse(t)
	for i := range removing {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := random(t, 4<<32|uint64(i))
			gone := chosen(r, u)
			personas, o := gone.hiding(u)
			hidden := &scene{newStack(t, loader, nil, access.Local("someone", "hiding"), personas...), o, o.secrets(), r}
			lacking := newStack(t, project(t, gone.removed(t, u)), nil, access.Local("someone", "everything"), access.Persona{
				Name: "everything", Allow: []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}},
			})
			for range 25 {
				probe := hidden.aSlot()
				name, args := probe.args(probe.name)
				if text := fmt.Sprint(args); strings.Contains(text, "murky_orders") {
					continue // its condition cannot be read, so whoever may not see all may not see it
				}
				if r.IntN(3) == 0 && strings.HasPrefix(name, "list_") && name != "list_dimension_values" {
					args["limit"] = 1 + r.IntN(4)
				}
				compareAnswers(t, hidden.ask(name, args), lacking.ask(name, args))
			}
			if t.Failed() {
				t.Logf("gone: %+v", gone)
			}
		})
	}
}

func compareAnswers(t *testing.T, hidden, lacking answer) {
	t.Helper()
	face := func(a answer) []string {
		if a.failure != nil {
			return append([]string{a.failure.Kind.String(), a.failure.Code, a.failure.Message}, a.failure.Suggestions...)
		}
		var structured object
		if err := json.Unmarshal([]byte(a.structured), &structured); err != nil {
			t.Fatal(err)
		}
		for _, varying := range []string{"manifest", "duration_ms"} {
			delete(structured, varying)
		}
		// A cursor names the manifest that it belongs to.
		more, cursor := structured["next_cursor"].(string)
		if cursor {
			structured["next_cursor"] = "there is more"
		}
		text, err := json.Marshal(structured)
		if err != nil {
			t.Fatal(err)
		}
		shown := a.text
		if more != "" {
			shown = strings.ReplaceAll(shown, more, "…")
		}
		return []string{shown, string(text)}
	}
	if diff := cmp.Diff(face(lacking), face(hidden)); diff != "" {
		t.Errorf("%s %s (-removed +hidden):\n%s", hidden.tool, hidden.args, diff)
	}
}

// absence is what a shop lacks.
type absence struct {
	metrics, queries []string
	columns          map[string][]string // by model
}

// chosen takes some things away, with all that rests on them.
func chosen(r *rand.Rand, u *universe) absence {
	gone := absence{columns: map[string][]string{}}
	for range r.IntN(4) {
		gone.metrics = append(gone.metrics, pick(r, u.metrics))
	}
	for range r.IntN(5) {
		m := pick(r, u.shop.parsed.Models)
		if len(m.Dimensions) == 0 {
			continue
		}
		d := pick(r, m.Dimensions)
		// What a condition names cannot be taken out of its shop, nor the time by which a model is counted.
		named := []string{"status", "channel", "supplier", "reason", "payment_method", "email"}
		if d.Kind == metric.Categorical && !slices.Contains(named, d.Name) && !slices.Contains(gone.columns[m.Name], d.Name) {
			gone.columns[m.Name] = append(gone.columns[m.Name], d.Name)
		}
	}
	if r.IntN(2) == 0 {
		gone.queries = append(gone.queries, pick(r, u.saved).Name)
	}
	for _, m := range u.metrics {
		rests := func(below string) bool { return slices.Contains(gone.metrics, below) }
		byFilter := strings.Contains(m, "profitable") && slices.Contains(gone.metrics, "gross_margin")
		if slices.ContainsFunc(u.inputs[m], rests) || byFilter {
			gone.metrics = append(gone.metrics, m)
		}
	}
	if slices.ContainsFunc(u.inputs["gross_margin"], func(m string) bool { return slices.Contains(gone.metrics, m) }) {
		gone.metrics = append(gone.metrics, "gross_margin", "gross_margin_rate", "profitable_orders", "loud_profitable_orders")
	}
	return gone
}

// hiding is a persona that may see everything else.
func (a absence) hiding(u *universe) ([]access.Persona, oracle) {
	o := oracle{world: u, allow: []string{"*:*"}}
	for _, m := range a.metrics {
		o.deny = append(o.deny, "metric:"+m)
	}
	for _, q := range a.queries {
		o.deny = append(o.deny, "saved_query:"+q)
	}
	for _, model := range slices.Sorted(maps.Keys(a.columns)) {
		for _, c := range a.columns[model] {
			o.deny = append(o.deny, "dimension:"+u.links[model][0]+"__"+c)
		}
	}
	p := access.Persona{Name: "hiding", Allow: []access.Rule{{Actions: []string{"*"}, Targets: []string{"*"}}}}
	if len(o.deny) > 0 {
		p.Deny = []access.Rule{{Actions: []string{"metric.query"}, Targets: o.deny}}
	}
	return []access.Persona{p}, o
}

// removed is the shop's manifest without what is gone, and without the saved queries that need it. Those that nobody
// can read are gone as soon as anything is.
func (a absence) removed(t *testing.T, u *universe) []byte {
	t.Helper()
	_, o := a.hiding(u)
	var m object
	if err := json.Unmarshal(u.shop.manifest, &m); err != nil {
		t.Fatal(err)
	}
	named := func(node any) string { return node.(object)["name"].(string) }
	m["metrics"] = slices.DeleteFunc(m["metrics"].([]any), func(n any) bool { return slices.Contains(a.metrics, named(n)) })
	m["saved_queries"] = slices.DeleteFunc(m["saved_queries"].([]any), func(n any) bool {
		q, _ := u.shop.catalog.SavedQuery(named(n))
		return !o.savedQuery(q)
	})
	for _, node := range m["semantic_models"].([]any) {
		model := node.(object)
		model["dimensions"] = slices.DeleteFunc(model["dimensions"].([]any), func(n any) bool {
			return slices.Contains(a.columns[named(model)], named(n))
		})
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
