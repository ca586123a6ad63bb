package access

// DecideOneByOne is Decide by trying every rule of every persona, which is what the index must agree with.
func (s *RuleSet) DecideOneByOne(p Principal, demands ...Demand) Decision {
	d := Decision{Policy: s.hash, Rule: ByDefault}
	if p.IsZero() || len(demands) == 0 {
		d.Denied = least(demands)
		return d
	}
	held := map[int]bool{}
	for _, name := range p.Personas {
		if place, ok := s.personas[name]; ok {
			held[place] = true
		}
	}
	first, denied, refused := unspoken, unspoken, -1
	for i := range demands {
		deny, allow := s.try(held, &demands[i])
		first = min(first, allow)
		if deny == unspoken && allow != unspoken {
			continue
		}
		if refused < 0 || deny < denied || deny == denied && less(&demands[i], &demands[refused]) {
			denied, refused = deny, i
		}
	}
	if refused < 0 {
		d.Allowed, d.Rule = true, s.rules[first].label
		return d
	}
	if d.Denied = demands[refused]; denied != unspoken {
		d.Rule = s.rules[denied].label
	}
	return d
}

func (s *RuleSet) try(held map[int]bool, d *Demand) (deny, allow int) {
	deny, allow = unspoken, unspoken
	for rank := len(s.rules) - 1; rank >= 0; rank-- {
		r := &s.rules[rank]
		switch {
		case !held[r.persona] || !r.matches(d) || !r.meets(d, &arguments{}):
		case r.denies:
			deny = rank
		default:
			allow = rank
		}
	}
	return deny, allow
}
