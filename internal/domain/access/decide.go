package access

import "math"

// unspoken is the rank of no rule.
const unspoken = math.MaxInt

// heldInPlace is how many personas a policy may have without a decision allocating.
const heldInPlace = 1024

// Decide implements DataPolicy. A call without demands is refused: there is nothing that could have been allowed. The
// rule it names is the first, by persona name, that denied a demand, or else that allowed one. It does not allocate, unless
// a rule asks for arguments or there are more than 1024 personas.
func (s *RuleSet) Decide(p Principal, demands ...Demand) Decision {
	s = p.under(s)
	d := Decision{Policy: s.hash, Rule: ByDefault}
	if p.IsZero() || len(demands) == 0 {
		d.Denied = least(demands)
		return d
	}
	var room [heldInPlace / 64]uint64
	held := s.holding(p.Personas, room[:])
	first, denied, refused := unspoken, unspoken, -1
	for i := range demands {
		deny, allow := s.judge(held, &demands[i])
		if !p.Scope.permits(&demands[i]) {
			allow = unspoken
		}
		first = min(first, allow)
		if deny == unspoken && allow != unspoken {
			continue
		}
		// A rule's denial is told before a default's, and the least demand before a greater one, so that the
		// order of the demands never shows.
		if refused < 0 || deny < denied || deny == denied && less(&demands[i], &demands[refused]) {
			denied, refused = deny, i
		}
	}
	switch {
	case refused < 0:
		d.Allowed, d.Rule = true, s.rules[first].label
	case denied != unspoken:
		d.Denied, d.Rule = demands[refused], s.rules[denied].label
	default:
		d.Denied = demands[refused]
		if !p.Scope.permits(&d.Denied) {
			d.Rule = ByScope
		}
	}
	return d
}

// under is the policy that decides for p: the one that a Switch has settled, or else s.
func (p *Principal) under(s *RuleSet) *RuleSet {
	if p.Under != nil {
		return p.Under
	}
	return s
}

// holding is the set of the personas named that there are, one bit for each in the order of all names, made in room if
// that suffices.
func (s *RuleSet) holding(personas []string, room []uint64) []uint64 {
	if words := (len(s.personas) + 63) / 64; words > len(room) {
		room = make([]uint64, words)
	}
	for _, name := range personas {
		if place, ok := s.personas[name]; ok {
			room[place/64] |= 1 << (place % 64)
		}
	}
	return room
}

// judge gives the ranks of the first rule that denies d and of the first that allows it.
func (s *RuleSet) judge(held []uint64, d *Demand) (deny, allow int) {
	var args arguments
	deny, allow = unspoken, unspoken
	s.index.each(d, func(r *ranks) {
		deny = s.first(r.deny, deny, held, d, &args)
		allow = s.first(r.allow, allow, held, d, &args)
	})
	return deny, allow
}

// first gives the least of the ranks, all of whose rules match d but for their conditions, that counts, or best.
func (s *RuleSet) first(ranks []int, best int, held []uint64, d *Demand, args *arguments) int {
	for _, rank := range ranks {
		if rank >= best {
			break
		}
		r := &s.rules[rank]
		if held[r.persona/64]&(1<<(r.persona%64)) != 0 && r.meets(d, args) {
			return rank
		}
	}
	return best
}
