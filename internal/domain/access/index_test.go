package access_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// The index and the trial of every rule are two ways to one decision: allowed or not, by the same rule, on the same demand.
func TestRuleSet_DecidesByIndexAsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := compile(t, genPersonas.Draw(t, "personas")...)
		who, demands := as(genHoldings.Draw(t, "holdings")...), genDemands.Draw(t, "demands")
		if diff := cmp.Diff(set.DecideOneByOne(who, demands...), set.Decide(who, demands...)); diff != "" {
			t.Fatalf("%v: one by one, by index:\n%s", demands, diff)
		}
	})
}

// crowd is 50 personas of 100 rules each, of every kind that policies are made of, and a principal that holds them all.
func crowd(t failer) (*access.RuleSet, access.Principal) {
	t.Helper()
	var personas []access.Persona
	var names []string
	for i := range 50 {
		p := access.Persona{Name: fmt.Sprintf("p%02d", i)}
		for j := range 90 {
			target := [...]string{"metric:m_%d_%d", "dimension:d%d__x%d", "tool:t%d_%d", "metric:a%d_%d_*", "dimension:*__s%d_%d", "entity:e%d_%d"}[j%6]
			action := "metric.query"
			if j%6 == 2 {
				action = "tool.call"
			}
			p.Allow = append(p.Allow, rules(action, fmt.Sprintf(target, i, j))...)
		}
		for j := range 10 {
			target := [...]string{"metric:x%d_%d", "dimension:*_y%d_%d", "metric:k%d*z%d", "dimension:meta.tag%d_%d", "entity:z%d_%d*"}[j%5]
			p.Deny = append(p.Deny, rules("metric.query", fmt.Sprintf(target, i, j))...)
		}
		personas, names = append(personas, p), append(names, p.Name)
	}
	personas[49].Allow[89] = rules("tool.call metric.query", "tool:query metric:revenue dimension:order__customer__region")[0]
	return compile(t, personas...), as(names...)
}

func question() []access.Demand {
	return []access.Demand{
		access.On("tool.call", "tool", "query"), access.On("metric.query", "metric", "revenue"),
		access.On("metric.query", "dimension", "order__customer__region", "customer__region").Tagged([]string{"owner=sales"}),
	}
}

func TestRuleSet_DecidesForACrowdWithoutAllocating(t *testing.T) {
	set, who := crowd(t)
	demands := question()
	if d := set.Decide(who, demands...); !d.Allowed || d.Rule != "p49/allow[89]" {
		t.Fatalf("%+v", d)
	}
	if n := testing.AllocsPerRun(100, func() { set.Decide(who, demands...) }); n != 0 {
		t.Errorf("a decision allocates %v times", n)
	}
}

func benchmarkDecide(b *testing.B, decide func(access.Principal, ...access.Demand) access.Decision, who access.Principal, demands ...access.Demand) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		decide(who, demands...)
	}
}

func BenchmarkRuleSet_DecideForACrowd(b *testing.B) {
	set, who := crowd(b)
	for name, demands := range map[string][]access.Demand{"one demand": question()[:1], "a question": question()} {
		b.Run(name, func(b *testing.B) { benchmarkDecide(b, set.Decide, who, demands...) })
		b.Run(name+", one by one", func(b *testing.B) { benchmarkDecide(b, set.DecideOneByOne, who, demands...) })
	}
}

// The rules of one persona: two that speak of the question, and others.
func BenchmarkRuleSet_DecideForOnePersona(b *testing.B) {
	for _, n := range []int{5, 40} {
		p := access.Persona{Name: "p", Deny: rules("metric.query", "metric:secret*")}
		for i := range n - 3 {
			p.Allow = append(p.Allow, rules("metric.query", fmt.Sprintf("metric:m%d", i))...)
		}
		p.Allow = append(p.Allow, rules("tool.call", "tool:*", "metric.query", "metric:rev* dimension:*")...)
		set := compile(b, p)
		b.Run(fmt.Sprintf("%d rules", n), func(b *testing.B) { benchmarkDecide(b, set.Decide, as("p"), question()...) })
		b.Run(fmt.Sprintf("%d rules, one by one", n), func(b *testing.B) { benchmarkDecide(b, set.DecideOneByOne, as("p"), question()...) })
	}
}

// Reading the arguments, which is done for rules with conditions only.
func BenchmarkRuleSet_DecideByArguments(b *testing.B) {
	most := int64(100)
	allow := access.Rule{Actions: []string{"tool.call"}, Targets: []string{"tool:query"}, When: map[string]access.Condition{"limit": {Max: &most}}}
	set := compile(b, access.Persona{Name: "p", Allow: []access.Rule{allow}})
	call := question()[0].With([]byte(`{"metrics":["revenue"],"group_by":["metric_time__month"],"limit":10}`))
	benchmarkDecide(b, set.Decide, as("p"), call)
}
