package toolapp

import (
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Visible answers which tools a principal may see: exactly those that the gate would let it call.
type Visible struct {
	policy  access.Policy
	catalog *tool.Catalog
}

// NewVisible asks policy about the tools of catalog.
func NewVisible(policy access.Policy, catalog *tool.Catalog) *Visible {
	return &Visible{policy: policy, catalog: catalog}
}

// Names lists the tools that p may call, sorted.
func (v *Visible) Names(p access.Principal) []string {
	seen := []string{}
	for _, t := range v.catalog.All() {
		if v.Permits(p, t.Name) {
			seen = append(seen, t.Name)
		}
	}
	return seen
}

// Permits reports whether p may call the tool of that name, were there one.
func (v *Visible) Permits(p access.Principal, name string) bool {
	return v.policy.Decide(p, Demand(name)).Allowed
}
