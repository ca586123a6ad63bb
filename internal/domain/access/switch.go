package access

import "sync/atomic"

// Switch is a DataPolicy whose rules can be replaced while it is in use. Each request is decided by the rules that held
// when it began, however often it asks, provided that its principal has been through Settle. NewSwitch makes one. Safe for
// concurrent use.
type Switch struct{ rules atomic.Pointer[RuleSet] }

// NewSwitch begins with the given rules.
func NewSwitch(rules *RuleSet) *Switch {
	s := &Switch{}
	s.rules.Store(rules)
	return s
}

// Replace puts other rules in place, for the requests that begin from now on, and returns those that held.
func (s *Switch) Replace(rules *RuleSet) (before *RuleSet) { return s.rules.Swap(rules) }

// Rules are those that hold at the moment.
func (s *Switch) Rules() *RuleSet { return s.rules.Load() }

// Settle is p for the length of one request: whatever is asked of it is decided by the rules of this moment. A principal
// that is settled already stays as it is.
func (s *Switch) Settle(p Principal) Principal {
	if p.Under == nil {
		p.Under = s.rules.Load()
	}
	return p
}

// Decide implements DataPolicy.
func (s *Switch) Decide(p Principal, demands ...Demand) Decision {
	return p.under(s.rules.Load()).Decide(p, demands...)
}

// Obligations implements DataPolicy.
func (s *Switch) Obligations(p Principal) Obligations {
	return p.under(s.rules.Load()).Obligations(p)
}
