package access

import "slices"

// Match is a rule of a principal's that speaks of a demand.
type Match struct {
	Rule   string // "persona/deny[0]"
	Denies bool
	Met    bool // its conditions are met, or might be when the demand has no arguments; without them the rule does not count
	When   bool // it has conditions
}

// Explain gives every rule of p's that speaks of d, in the order in which Decide looks for them, be it decisive or not.
func (s *RuleSet) Explain(p Principal, d Demand) []Match {
	s = p.under(s)
	if p.IsZero() {
		return nil
	}
	var found []Match
	var args arguments
	held := s.holding(p.Personas, make([]uint64, 0))
	for i := range s.rules {
		r := &s.rules[i]
		if held[r.persona/64]&(1<<(r.persona%64)) != 0 && r.matches(&d) {
			found = append(found, Match{Rule: r.label, Denies: r.denies, Met: r.meets(&d, &args), When: len(r.when) > 0})
		}
	}
	slices.SortStableFunc(found, func(a, b Match) int {
		if a.Denies == b.Denies {
			return 0
		}
		if a.Denies {
			return -1
		}
		return 1
	})
	return found
}
