package access

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// RuleSet is a set of personas that compiled: the Policy of an installation. It never changes once made, so it is
// safe for concurrent use; a new policy is a new RuleSet.
type RuleSet struct {
	rules    []rule // in the order of their ranks: persona by name, then denies, then allows
	index    index
	personas map[string]int // the place of each among them by name
	obliged  map[string]obligations
	hash     string
}

// ByDefault is the Rule of a decision that no rule made.
const ByDefault = "default"

// Compile makes a RuleSet of personas in any order. When something is wrong the error is Flaws:
// all that is.
func Compile(personas []Persona) (*RuleSet, error) {
	sorted := slices.Clone(personas)
	slices.SortStableFunc(sorted, func(a, b Persona) int { return cmp.Compare(a.Name, b.Name) })
	c := compiler{set: &RuleSet{personas: make(map[string]int, len(sorted)), obliged: make(map[string]obligations, len(sorted)), hash: contentHash(sorted)}}
	for _, p := range sorted {
		c.persona(p)
	}
	if len(c.flaws) > 0 {
		return nil, c.flaws
	}
	for rank := range c.set.rules {
		c.set.index.add(&c.set.rules[rank], rank)
	}
	return c.set, nil
}

// Hash is the content hash of what decides: names, rules and their order, not descriptions.
func (s *RuleSet) Hash() string { return s.hash }

// Has reports whether a persona of that name exists. A principal that names another gets nothing from it.
func (s *RuleSet) Has(name string) bool {
	_, ok := s.personas[name]
	return ok
}

// Names lists the personas in order.
func (s *RuleSet) Names() []string { return slices.Sorted(maps.Keys(s.personas)) }

func least(demands []Demand) Demand {
	if len(demands) == 0 {
		return Demand{}
	}
	return slices.MinFunc(demands, compareDemands)
}

func less(a, b *Demand) bool { return compareDemands(*a, *b) < 0 }

func compareDemands(a, b Demand) int {
	return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Target.Kind, b.Target.Kind),
		cmp.Compare(a.Target.Name, b.Target.Name), slices.Compare(a.Target.Aliases, b.Target.Aliases), bytes.Compare(a.Arguments, b.Arguments))
}

// compiler turns personas into rules and collects what is wrong with them.
type compiler struct {
	set   *RuleSet
	flaws Flaws
}

func (c *compiler) flaw(path string, err error) {
	c.flaws = append(c.flaws, &Flaw{Path: path, Reason: fault.From(err)})
}

func (c *compiler) persona(p Persona) {
	if !ValidPersonaName(p.Name) {
		c.flaw(p.Name, ErrPersonaName)
	}
	if c.set.Has(p.Name) {
		c.flaw(p.Name, ErrPersonaDup)
	}
	place := len(c.set.personas)
	c.rules(p.Name, place, "deny", p.Deny)
	c.rules(p.Name, place, "allow", p.Allow)
	c.set.personas[p.Name] = place
	c.obligations(p)
}

func (c *compiler) rules(persona string, place int, list string, rules []Rule) {
	for i, written := range rules {
		path := fmt.Sprintf("%s.%s[%d]", persona, list, i)
		if len(written.Actions) == 0 || len(written.Targets) == 0 {
			c.flaw(path, ErrRuleEmpty)
		}
		compiled := rule{label: fmt.Sprintf("%s/%s[%d]", persona, list, i), persona: place, denies: list == "deny"}
		for j, pattern := range written.Actions {
			g, err := ParseGlob(pattern)
			c.check(path, "action", j, err)
			compiled.actions = append(compiled.actions, g)
		}
		for j, pattern := range written.Targets {
			g, err := parseTarget(pattern)
			c.check(path, "target", j, err)
			compiled.targets = append(compiled.targets, g)
		}
		compiled.when = c.conditions(path, written)
		c.set.rules = append(c.set.rules, compiled)
	}
}

func (c *compiler) check(path, field string, i int, err error) {
	if err != nil {
		c.flaw(fmt.Sprintf("%s.%s[%d]", path, field, i), err)
	}
}

// contentHash is the SHA-256 of the personas' canonical form: sorted by name, without descriptions, each rule's
// actions and targets as sorted sets. Rules and row filters keep their order, because records name them by it.
func contentHash(sorted []Persona) string {
	type canonicalRule struct {
		Actions, Targets []string
		When             map[string]Condition `json:",omitempty"`
	}
	type canonical struct {
		Name        string
		Allow, Deny []canonicalRule
		Rows        []RowFilter
		Caps        Caps
		Purpose     bool `json:",omitempty"`
	}
	rules := func(written []Rule) []canonicalRule {
		out := make([]canonicalRule, len(written))
		for i, r := range written {
			out[i] = canonicalRule{Actions: sortedSet(r.Actions), Targets: sortedSet(r.Targets), When: r.When}
		}
		return out
	}
	form := make([]canonical, len(sorted))
	for i, p := range sorted {
		form[i] = canonical{Name: p.Name, Allow: rules(p.Allow), Deny: rules(p.Deny), Rows: p.Rows, Caps: p.Caps, Purpose: p.Purpose}
	}
	text, _ := json.Marshal(form) // structs of strings and numbers always marshal
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func sortedSet(words []string) []string {
	set := slices.Clone(words)
	slices.Sort(set)
	return slices.Compact(set)
}
