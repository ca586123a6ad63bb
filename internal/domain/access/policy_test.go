package access_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func rules(pairs ...string) []access.Rule {
	var out []access.Rule
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, access.Rule{Actions: strings.Fields(pairs[i]), Targets: strings.Fields(pairs[i+1])})
	}
	return out
}

// failer is what *testing.T, *testing.B and *rapid.T have in common here.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func compile(t failer, personas ...access.Persona) *access.RuleSet {
	t.Helper()
	set, err := access.Compile(personas)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

var (
	analyst  = access.Persona{Name: "analyst", Allow: rules("tool.call", "tool:*", "metric.query", "metric:* dimension:* entity:* saved_query:*")}
	regional = access.Persona{
		Name:  "regional",
		Allow: rules("tool.call", "tool:query tool:list_*", "metric.query", "metric:revenue metric:order_* dimension:*"),
		Deny:  rules("metric.query", "dimension:*__cost metric:order_margin"),
	}
)

func as(personas ...string) access.Principal {
	return access.Principal{Issuer: "key", Subject: "k1", Personas: personas}
}

func TestRuleSet_Decides(t *testing.T) {
	set := compile(t, regional, analyst)
	call := access.On("tool.call", "tool", "query")
	for _, c := range []struct {
		name    string
		who     access.Principal
		demands []access.Demand
		allowed bool
		rule    string
	}{
		{"an allowed tool", as("analyst"), []access.Demand{call}, true, "analyst/allow[0]"},
		{"all demands allowed", as("regional"), []access.Demand{access.On("metric.query", "metric", "revenue"), call}, true, "regional/allow[0]"},
		{"one demand not allowed", as("regional"), []access.Demand{call, access.On("metric.query", "metric", "costs")}, false, "default"},
		{"a deny", as("regional"), []access.Demand{call, access.On("metric.query", "metric", "order_margin")}, false, "regional/deny[0]"},
		{"a deny wins over another persona's allow", as("analyst", "regional"), []access.Demand{access.On("metric.query", "metric", "order_margin")}, false, "regional/deny[0]"},
		{"the union of personas", as("regional", "analyst"), []access.Demand{access.On("metric.query", "metric", "costs")}, true, "analyst/allow[1]"},
		{"an alias that is denied", as("analyst", "regional"), []access.Demand{access.On("metric.query", "dimension", "x", "order__cost")}, false, "regional/deny[0]"},
		{"an alias that is allowed", as("regional"), []access.Demand{access.On("metric.query", "metric", "x", "revenue")}, true, "regional/allow[1]"},
		{"an action that no rule names", as("analyst"), []access.Demand{access.On("audit.search", "tool", "query")}, false, "default"},
		{"a kind that no rule names", as("analyst"), []access.Demand{access.On("tool.call", "metric", "query")}, false, "default"},
		{"other case", as("regional"), []access.Demand{access.On("tool.call", "tool", "Query")}, false, "default"},
		{"an unknown persona", as("admin"), []access.Demand{call}, false, "default"},
		{"an unknown persona beside a known one", as("admin", "analyst"), []access.Demand{call}, true, "analyst/allow[0]"},
		{"no persona", as(), []access.Demand{call}, false, "default"},
		{"nobody", access.Principal{Personas: []string{"analyst"}}, []access.Demand{call}, false, "default"},
		{"no demand", as("analyst"), nil, false, "default"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := set.Decide(c.who, c.demands...)
			if got.Allowed != c.allowed || got.Rule != c.rule || got.Policy != set.Hash() {
				t.Errorf("got %+v, want allowed %v by %s", got, c.allowed, c.rule)
			}
		})
	}
}

func TestRuleSet_NamesTheDeniedDemand(t *testing.T) {
	set := compile(t, analyst, regional)
	call := access.On("tool.call", "tool", "query")
	hidden := access.On("metric.query", "metric", "costs")
	denied := access.On("metric.query", "dimension", "order__cost")
	got := set.Decide(as("regional"), call, hidden, denied)
	want := access.Decision{Rule: "regional/deny[0]", Denied: denied, Policy: set.Hash()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompile_TellsEveryFlawAtOnce(t *testing.T) {
	_, err := access.Compile([]access.Persona{
		{Name: "Analyst", Allow: rules("tool.call", "tool:[ab]")},
		{Name: "a", Allow: []access.Rule{{Actions: []string{"tool.call"}}}, Deny: rules("tool.call {x}", "revenue metric:*")},
		{Name: "a"},
	})
	var got []string
	flaws, ok := errors.AsType[access.Flaws](err)
	if !ok || !errors.Is(err, access.ErrRuleEmpty) {
		t.Fatalf("the error is %T", err)
	}
	for _, flaw := range flaws {
		got = append(got, flaw.Path+" "+flaw.Reason.Code)
	}
	want := []string{
		"Analyst access.persona_name", "Analyst.allow[0].target[0] access.pattern",
		"a.deny[0].action[1] access.pattern", "a.deny[0].target[0] access.pattern", "a.allow[0] access.rule_empty",
		"a access.persona_twice",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if fault.From(err).Kind != fault.Invalid {
		t.Errorf("the kind is %v", fault.From(err).Kind)
	}
}

func TestRuleSet_HashTellsPoliciesApart(t *testing.T) {
	described := analyst
	described.Description = "sees everything"
	base := compile(t, analyst, regional).Hash()
	if got := compile(t, regional, described).Hash(); got != base {
		t.Error("the order of personas or a description changes the hash")
	}
	weaker := regional
	weaker.Deny = nil
	if got := compile(t, analyst, weaker).Hash(); got == base {
		t.Error("a deny less has the same hash")
	}
}

// Few words, so that rules and demands meet often.
var (
	genName    = rapid.SampledFrom([]string{"a", "b", "ab", "ba", "aab"})
	genAction  = rapid.SampledFrom([]access.Action{"tool.call", "metric.query"})
	genPattern = rapid.SampledFrom([]string{"*", "a", "b", "a*", "*b", "?", "?b"})
	genRule    = rapid.Custom(func(t *rapid.T) access.Rule {
		target := rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"tool", "metric", "*"}).Draw(t, "kind") + ":" + genPattern.Draw(t, "name")
		})
		action := rapid.SampledFrom([]string{"*", "tool.*", "metric.query"})
		return access.Rule{
			Actions: rapid.SliceOfN(action, 1, 2).Draw(t, "actions"),
			Targets: rapid.SliceOfN(target, 1, 2).Draw(t, "targets"),
		}
	})
	genConditional = rapid.Custom(func(t *rapid.T) access.Rule {
		r := access.Rule{Actions: []string{access.ActionCall}, Targets: []string{"tool:" + genPattern.Draw(t, "name")}}
		if rapid.Bool().Draw(t, "conditional") {
			pointer := rapid.SampledFrom([]string{"n", "/m/n"}).Draw(t, "pointer")
			r.When = map[string]access.Condition{pointer: genCondition.Draw(t, "condition")}
		}
		return r
	})
	genPersonas = rapid.Custom(func(t *rapid.T) []access.Persona {
		personas := make([]access.Persona, rapid.IntRange(1, 4).Draw(t, "count"))
		for i := range personas {
			personas[i] = access.Persona{
				Name:  fmt.Sprintf("p%d", i),
				Allow: rapid.SliceOfN(rapid.OneOf(genRule, genConditional), 0, 3).Draw(t, "allow"),
				Deny:  rapid.SliceOfN(rapid.OneOf(genRule, genConditional), 0, 1).Draw(t, "deny"),
			}
		}
		return personas
	})
	genDemand = rapid.Custom(func(t *rapid.T) access.Demand {
		kind := rapid.SampledFrom([]string{"tool", "metric"}).Draw(t, "kind")
		d := access.On(genAction.Draw(t, "action"), kind, genName.Draw(t, "name"), rapid.SliceOfN(genName, 0, 2).Draw(t, "aliases")...)
		if d.Action == access.ActionCall && rapid.Bool().Draw(t, "called") {
			return d.With(json.RawMessage(genArguments.Draw(t, "arguments")))
		}
		return d
	})
	genDemands  = rapid.SliceOfN(genDemand, 1, 4)
	genHoldings = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"p0", "p1", "p2", "p3", "gone"}), rapid.ID[string])
)

func TestRuleSet_AnotherDenyNeverPermits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		personas, who, demands := genPersonas.Draw(t, "personas"), as(genHoldings.Draw(t, "holdings")...), genDemands.Draw(t, "demands")
		before := compile(t, personas...).Decide(who, demands...)
		i := rapid.IntRange(0, len(personas)-1).Draw(t, "persona")
		personas = slices.Clone(personas)
		personas[i].Deny = append(slices.Clone(personas[i].Deny), rapid.OneOf(genRule, genConditional).Draw(t, "deny"))
		if after := compile(t, personas...).Decide(who, demands...); after.Allowed && !before.Allowed {
			t.Fatalf("refused by %s before, allowed by %s after", before.Rule, after.Rule)
		}
	})
}

func TestRuleSet_AnotherAllowOrDemandIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		personas, who, demands := genPersonas.Draw(t, "personas"), as(genHoldings.Draw(t, "holdings")...), genDemands.Draw(t, "demands")
		set := compile(t, personas...)
		before := set.Decide(who, demands...)
		if more := set.Decide(who, append(slices.Clone(demands), genDemand.Draw(t, "more"))...); more.Allowed && !before.Allowed {
			t.Fatal("another demand permits")
		}
		i := rapid.IntRange(0, len(personas)-1).Draw(t, "persona")
		personas = slices.Clone(personas)
		personas[i].Allow = append(slices.Clone(personas[i].Allow), rapid.OneOf(genRule, genConditional).Draw(t, "allow"))
		if after := compile(t, personas...).Decide(who, demands...); before.Allowed && !after.Allowed {
			t.Fatalf("allowed by %s before, refused by %s after", before.Rule, after.Rule)
		}
	})
}

func TestRuleSet_OrderNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		personas, holdings, demands := genPersonas.Draw(t, "personas"), genHoldings.Draw(t, "holdings"), genDemands.Draw(t, "demands")
		before := compile(t, personas...).Decide(as(holdings...), demands...)
		personas = rapid.Permutation(personas).Draw(t, "personas again")
		holdings = rapid.Permutation(holdings).Draw(t, "holdings again")
		demands = rapid.Permutation(demands).Draw(t, "demands again")
		after := compile(t, personas...).Decide(as(holdings...), demands...)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestRuleSet_AgreesWithTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		personas, holdings, demands := genPersonas.Draw(t, "personas"), genHoldings.Draw(t, "holdings"), genDemands.Draw(t, "demands")
		want := true
		for _, d := range demands {
			allowed, denied := false, false
			for _, p := range personas {
				if slices.Contains(holdings, p.Name) {
					allowed = allowed || slices.ContainsFunc(p.Allow, func(r access.Rule) bool { return speaksOf(r, d, false) })
					denied = denied || slices.ContainsFunc(p.Deny, func(r access.Rule) bool { return speaksOf(r, d, true) })
				}
			}
			want = want && allowed && !denied
		}
		if got := compile(t, personas...).Decide(as(holdings...), demands...); got.Allowed != want {
			t.Fatalf("got %+v, want allowed %v", got, want)
		}
	})
}

func speaksOf(r access.Rule, d access.Demand, denies bool) bool {
	matches := func(pattern, name string) bool { return reference(characters(pattern), characters(name)) }
	return conditionsHold(r, d, denies) &&
		slices.ContainsFunc(r.Actions, func(p string) bool { return matches(p, string(d.Action)) }) &&
		slices.ContainsFunc(r.Targets, func(p string) bool {
			kind, name, _ := strings.Cut(p, ":")
			return matches(kind, d.Target.Kind) && slices.ContainsFunc(append([]string{d.Target.Name}, d.Target.Aliases...),
				func(n string) bool { return matches(name, n) })
		})
}

// conditionsHold tells for the conditions and arguments that are generated here what is written of them, by looking it up.
func conditionsHold(r access.Rule, d access.Demand, denies bool) bool {
	if len(r.When) == 0 {
		return true
	}
	if d.Arguments == nil {
		return !denies
	}
	var args map[string]any
	if json.Unmarshal(d.Arguments, &args) != nil {
		return denies
	}
	for pointer, c := range r.When {
		value := args["n"]
		if pointer == "/m/n" {
			inner, _ := args["m"].(map[string]any)
			value = inner["n"]
		}
		if !conditionHolds(c, value, denies) {
			return false
		}
	}
	return true
}

func conditionHolds(c access.Condition, value any, denies bool) bool {
	switch v := value.(type) {
	case nil:
		return c.Absent
	case float64: // 7 or 70
		return c.Present || c.Max != nil && v <= 10 || c.Min != nil && v >= 5 || c.Equals != nil && v == 7
	case string: // ab
		return c.Present || c.Glob != nil
	default: // a and b
		return c.Present || denies && (c.Equals != nil || c.Glob != nil)
	}
}

func TestRuleSet_AnEmptyPersonaSeesNothing(t *testing.T) {
	set := compile(t, access.Persona{Name: "empty"})
	rapid.Check(t, func(t *rapid.T) {
		if got := set.Decide(as("empty"), genDemands.Draw(t, "demands")...); got.Allowed {
			t.Fatalf("allowed by %s", got.Rule)
		}
	})
}

func TestRuleSet_DecidesWithoutAllocating(t *testing.T) {
	set := compile(t, analyst, regional)
	who := as("regional")
	demands := []access.Demand{access.On("tool.call", "tool", "query"), access.On("metric.query", "metric", "revenue")}
	if n := testing.AllocsPerRun(100, func() { set.Decide(who, demands...) }); n != 0 {
		t.Errorf("a decision allocates %v times", n)
	}
}

func BenchmarkRuleSet_Decide(b *testing.B) {
	set := compile(b, analyst, regional)
	who := as("regional")
	demands := []access.Demand{
		access.On("tool.call", "tool", "query"), access.On("metric.query", "metric", "revenue"),
		access.On("metric.query", "dimension", "order__customer__region"),
	}
	b.ReportAllocs()
	for b.Loop() {
		set.Decide(who, demands...)
	}
}
