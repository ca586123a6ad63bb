package access

import "slices"

// ByScope is the Rule of a decision that a Scope made: no rule of the principal's forbids the demand, or one permits it, but
// the credential that was presented is not for it.
const ByScope = "scope"

// scoped is the name that a Scope's rules have in Flaws.
const scoped = "scope"

// Scope is what of its principal's rights a credential carries: whatever no rule of it permits is refused, whatever the
// personas allow. It never adds a right. The nil Scope carries all of them. Safe for concurrent use.
type Scope struct {
	rules   []rule
	written []Rule
}

// NewScope makes the scope of the given rules, nil of none. Rules with conditions are refused, as are those that do not
// compile; the error is Flaws.
func NewScope(written []Rule) (*Scope, error) {
	if len(written) == 0 {
		return nil, nil //nolint:nilnil // nil is the scope that narrows nothing
	}
	c := compiler{set: &RuleSet{}}
	c.rules(scoped, 0, "allow", written)
	for _, r := range c.set.rules {
		if len(r.when) > 0 {
			c.flaw(r.label, ErrScopeWhen)
		}
	}
	if len(c.flaws) > 0 {
		return nil, c.flaws
	}
	return &Scope{rules: c.set.rules, written: CloneRules(written)}, nil
}

// Rules are those that s was made of; none for the nil Scope.
func (s *Scope) Rules() []Rule {
	if s == nil {
		return nil
	}
	return CloneRules(s.written)
}

// CloneRules are rules that can be changed without changing the given ones, but for their conditions, which a scope has none of.
func CloneRules(rules []Rule) []Rule {
	rules = slices.Clone(rules)
	for i, r := range rules {
		rules[i].Actions, rules[i].Targets = slices.Clone(r.Actions), slices.Clone(r.Targets)
	}
	return rules
}

// Permits reports whether s leaves the right to d, if there is one.
func (s *Scope) Permits(d Demand) bool { return s.permits(&d) }

// permits reports whether s leaves the right to d.
func (s *Scope) permits(d *Demand) bool {
	if s == nil {
		return true
	}
	for i := range s.rules {
		if s.rules[i].matches(d) {
			return true
		}
	}
	return false
}
