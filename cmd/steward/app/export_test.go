package app

import "github.com/steward-mcp/steward/internal/domain/access"

// Under is p with other rules.
func (p *Policy) Under(rules *access.RuleSet) *Policy {
	q := *p
	q.rules = rules
	return &q
}
