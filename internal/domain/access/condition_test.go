package access_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/access"
)

func when(pointer string, c access.Condition) access.Rule {
	return access.Rule{Actions: []string{access.ActionCall}, Targets: []string{"tool:query"}, When: map[string]access.Condition{pointer: c}}
}

var query = access.On(access.ActionCall, "tool", "query")

// asIf decides the arguments by a persona that allows them under a condition, and by one that denies them under it.
func asIf(t failer, pointer string, c access.Condition, arguments string) (allowed, denied bool) {
	t.Helper()
	everything := rules("tool.call", "tool:*")
	set := compile(t,
		access.Persona{Name: "allows", Allow: []access.Rule{when(pointer, c)}},
		access.Persona{Name: "denies", Allow: everything, Deny: []access.Rule{when(pointer, c)}})
	call := query.With(json.RawMessage(arguments))
	return set.Decide(as("allows"), call).Allowed, !set.Decide(as("denies"), call).Allowed
}

func TestCondition_IsMetBy(t *testing.T) {
	for _, c := range []struct {
		name      string
		pointer   string
		condition access.Condition
		arguments string
		allowed   bool
		denied    bool
	}{
		{"a text among them", "mode", access.Condition{Equals: []string{"sql", "validate"}}, `{"mode":"sql"}`, true, true},
		{"another text", "mode", access.Condition{Equals: []string{"sql"}}, `{"mode":"SQL"}`, false, false},
		{"a number as it is", "n", access.Condition{Equals: []string{"5"}}, `{"n":5.0e0}`, true, true},
		{"another number", "n", access.Condition{Equals: []string{"5"}}, `{"n":50}`, false, false},
		{"a boolean", "all", access.Condition{Equals: []string{"true"}}, `{"all":true}`, true, true},
		{"an object equals nothing", "o", access.Condition{Equals: []string{"{}"}}, `{"o":{}}`, false, false},
		{"a glob", "name", access.Condition{Glob: []string{"rev*"}}, `{"name":"revenue"}`, true, true},
		{"a glob does not take numbers", "name", access.Condition{Glob: []string{"*"}}, `{"name":5}`, false, false},
		{"at a bound", "limit", access.Condition{Min: new(int64(1)), Max: new(int64(100))}, `{"limit":100}`, true, true},
		{"beyond a bound", "limit", access.Condition{Max: new(int64(100))}, `{"limit":100.5}`, false, false},
		{"below a bound", "limit", access.Condition{Min: new(int64(0))}, `{"limit":-1}`, false, false},
		{"out of every range", "limit", access.Condition{Max: new(int64(100))}, `{"limit":1e999}`, false, false},
		{"a text is no number", "limit", access.Condition{Max: new(int64(100))}, `{"limit":"5"}`, false, false},
		{"missing", "limit", access.Condition{Max: new(int64(100))}, `{}`, false, false},
		{"missing, and may be", "limit", access.Condition{Max: new(int64(100)), Absent: true}, `{}`, true, true},
		{"null is missing", "limit", access.Condition{Max: new(int64(100)), Absent: true}, `{"limit":null}`, true, true},
		{"an empty list is missing", "metrics", access.Condition{Absent: true}, `{"metrics":[]}`, true, true},
		{"must be missing", "where", access.Condition{Absent: true}, `{"where":"x"}`, false, false},
		{"present", "where", access.Condition{Present: true}, `{"where":{}}`, true, true},
		{"not present", "where", access.Condition{Present: true}, `{"where":null}`, false, false},
		{"all of a list", "metrics", access.Condition{Glob: []string{"rev*"}}, `{"metrics":["revenue","rev_2"]}`, true, true},
		{"one of a list", "metrics", access.Condition{Glob: []string{"rev*"}}, `{"metrics":["orders","revenue"]}`, false, true},
		{"none of a list", "metrics", access.Condition{Glob: []string{"rev*"}}, `{"metrics":["orders",5]}`, false, false},
		{"a list in a list", "metrics", access.Condition{Glob: []string{"rev*"}}, `{"metrics":[["orders"],["revenue"]]}`, false, true},
		{"a pointer", "/order/1/by", access.Condition{Equals: []string{"x"}}, `{"order":[{},{"by":"x"}]}`, true, true},
		{"a pointer with an index that is none", "/order/01", access.Condition{Present: true}, `{"order":["a","b"]}`, false, false},
		{"a pointer out of a list", "/order/2", access.Condition{Present: true}, `{"order":["a","b"]}`, false, false},
		{"a pointer into a text", "/order/0", access.Condition{Present: true}, `{"order":"a"}`, false, false},
		{"an escaped pointer", "/a~1b/c~0d", access.Condition{Present: true}, `{"a/b":{"c~d":1}}`, true, true},
		{"other case", "limit", access.Condition{Present: true}, `{"Limit":5}`, false, false},
		{"what is no object", "limit", access.Condition{Max: new(int64(100))}, `[5]`, false, true},
		{"what is no JSON", "limit", access.Condition{Absent: true}, `{"limit":`, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			allowed, denied := asIf(t, c.pointer, c.condition, c.arguments)
			if allowed != c.allowed || denied != c.denied {
				t.Errorf("an allow is met: %t, want %t; a deny is met: %t, want %t", allowed, c.allowed, denied, c.denied)
			}
		})
	}
}

// What is seen without arguments is what some call could be permitted.
func TestCondition_LetsAToolBeSeen(t *testing.T) {
	set := compile(t,
		access.Persona{Name: "some", Allow: []access.Rule{when("limit", access.Condition{Max: new(int64(100))})}},
		access.Persona{Name: "less", Allow: rules("tool.call", "tool:*"), Deny: []access.Rule{when("limit", access.Condition{Min: new(int64(101))})}},
	)
	for _, who := range []string{"some", "less"} {
		if !set.Decide(as(who), query).Allowed || !set.Decide(as(who), query.With(json.RawMessage(`{"limit":5}`)).Bare()).Allowed {
			t.Errorf("%s does not see the tool", who)
		}
		if d := set.Decide(as(who), query.With(json.RawMessage(`{"limit":500}`))); d.Allowed || d.Denied.Arguments == nil {
			t.Errorf("%s with 500: %+v", who, d)
		}
	}
	if d := set.Decide(as("some"), query.With(nil)); d.Allowed {
		t.Error("a call without arguments has the argument that is asked for")
	}
}

func TestCompile_TellsWhatIsWrongWithConditions(t *testing.T) {
	two := when("", access.Condition{Equals: []string{"a"}, Glob: []string{"b"}})
	other := when("limit", access.Condition{Max: new(int64(1))})
	other.Actions = []string{"metric.query"}
	_, err := access.Compile([]access.Persona{{Name: "p", Allow: []access.Rule{
		two, other, when("a", access.Condition{}), when("/a~2", access.Condition{Present: true}),
		when("a", access.Condition{Min: new(int64(2)), Max: new(int64(1))}), when("a", access.Condition{Glob: []string{"[x]"}}),
		when("a", access.Condition{Present: true, Absent: true}),
	}}})
	flaws, ok := errors.AsType[access.Flaws](err)
	if !ok {
		t.Fatalf("Compile: %v", err)
	}
	var got []string
	for _, f := range flaws {
		got = append(got, f.Path+" "+f.Reason.Code)
	}
	want := []string{
		"p.allow[0].when. access.condition_pointer", "p.allow[0].when. access.condition_test", "p.allow[1].when access.condition_action",
		"p.allow[2].when.a access.condition_test", "p.allow[3].when./a~2 access.condition_pointer", "p.allow[4].when.a access.condition_test",
		"p.allow[5].when.a.glob[0] access.pattern", "p.allow[6].when.a access.condition_test",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRuleSet_HashCoversConditionsAndPurpose(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range []access.Persona{
		{Name: "p", Allow: rules("tool.call", "tool:query")},
		{Name: "p", Allow: []access.Rule{when("limit", access.Condition{Max: new(int64(1))})}},
		{Name: "p", Allow: []access.Rule{when("limit", access.Condition{Max: new(int64(2))})}},
		{Name: "p", Allow: []access.Rule{when("limit", access.Condition{Min: new(int64(2))})}},
		{Name: "p", Allow: rules("tool.call", "tool:query"), Purpose: true},
	} {
		hash := compile(t, p).Hash()
		if seen[hash] {
			t.Errorf("%+v hashes like another", p)
		}
		seen[hash] = true
	}
}

// Denies and allows with conditions, too, only ever narrow and widen.
var (
	genCondition = rapid.SampledFrom([]access.Condition{
		{Max: new(int64(10))}, {Min: new(int64(5)), Absent: true}, {Present: true}, {Absent: true}, {Equals: []string{"7", "a"}}, {Glob: []string{"a*"}},
	})
	genArguments = rapid.SampledFrom([]string{`{}`, `{"n":7}`, `{"n":70}`, `{"n":null}`, `{"n":["a","b"]}`, `{"n":"ab"}`, `[]`, `{"m":{"n":7}}`})
)

func TestRuleSet_AConditionNeverPermitsMoreThanTheRuleWithoutIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		personas, who, demands := genPersonas.Draw(t, "personas"), as(genHoldings.Draw(t, "holdings")...), genDemands.Draw(t, "demands")
		i := rapid.IntRange(0, len(personas)-1).Draw(t, "persona")
		pattern := genPattern.Draw(t, "pattern")
		conditional := access.Rule{
			Actions: []string{access.ActionCall}, Targets: []string{"tool:" + pattern},
			When: map[string]access.Condition{rapid.SampledFrom([]string{"n", "/m/n"}).Draw(t, "pointer"): genCondition.Draw(t, "condition")},
		}
		plain := conditional
		plain.When = nil
		with := func(deny bool, extra ...access.Rule) bool {
			changed := slices.Clone(personas)
			if deny {
				changed[i].Deny = append(slices.Clone(changed[i].Deny), extra...)
			} else {
				changed[i].Allow = append(slices.Clone(changed[i].Allow), extra...)
			}
			return compile(t, changed...).Decide(who, demands...).Allowed
		}
		if none := with(true); none && !with(false, conditional) || with(false, conditional) && !with(false, plain) {
			t.Fatal("an allow with a condition does not lie between none and one without")
		} else if with(true, conditional) && !none || with(true, plain) && !with(true, conditional) {
			t.Fatal("a deny with a condition does not lie between none and one without")
		}
	})
}

// Whatever a call may do, its tool may be seen: the demand without arguments is refused only if every call is.
func TestRuleSet_WhatMayBeCalledMayBeSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, who := compile(t, genPersonas.Draw(t, "personas")...), as(genHoldings.Draw(t, "holdings")...)
		call := genDemand.Draw(t, "demand").With(json.RawMessage(genArguments.Draw(t, "arguments")))
		if set.Decide(who, call).Allowed && !set.Decide(who, call.Bare()).Allowed {
			t.Fatal("may be called, but not seen")
		}
	})
}

func TestSwitch_DecidesARequestByOnePolicy(t *testing.T) {
	open, shut := compile(t, analyst), compile(t, access.Persona{Name: "analyst"})
	s := access.NewSwitch(open)
	before := s.Settle(as("analyst"))
	if s.Replace(shut) != open || s.Rules() != shut {
		t.Error("the rules were not replaced")
	}
	if after := s.Decide(as("analyst"), query); after.Allowed || after.Policy != shut.Hash() {
		t.Errorf("a request that begins after the change: %+v", after)
	}
	for range 2 {
		if d := s.Decide(before, query); !d.Allowed || d.Policy != open.Hash() {
			t.Errorf("a request that began before the change: %+v", d)
		}
		before = s.Settle(before) // again, which changes nothing
	}
	if d := shut.Decide(before, query); d.Policy != open.Hash() {
		t.Errorf("whichever policy is asked: %+v", d)
	}
}

func TestSwitch_ObligesARequestByOnePolicy(t *testing.T) {
	s := access.NewSwitch(compile(t, access.Persona{Name: "p", Purpose: true}))
	before := s.Settle(as("p"))
	s.Replace(compile(t, access.Persona{Name: "p"}))
	if got := s.Obligations(before).Purpose; got != "p/require_purpose" {
		t.Errorf("a request that began before the change: %q", got)
	}
	if got := s.Obligations(as("p")).Purpose; got != "" {
		t.Errorf("a request that begins after it: %q", got)
	}
}

// What Explain lists is what Decide goes by.
func TestRuleSet_ExplainsWhatItDecides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, who, d := compile(t, genPersonas.Draw(t, "personas")...), as(genHoldings.Draw(t, "holdings")...), genDemand.Draw(t, "demand")
		want := access.ByDefault
		for _, m := range set.Explain(who, d) {
			if m.Met {
				want = m.Rule // denies come first
				break
			}
		}
		if got := set.Decide(who, d); got.Rule != want {
			t.Fatalf("decided by %s, explained by %s", got.Rule, want)
		}
	})
}
