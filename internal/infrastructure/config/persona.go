package config

import (
	"maps"
	"slices"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// Persona is an access.Persona as the file writes it; its name is the key above it.
type Persona struct {
	Description string `yaml:"description"`
	Allow       []Rule `yaml:"allow"`
	Deny        []Rule `yaml:"deny"`
}

// Rule is an access.Rule as the file writes it.
type Rule struct {
	Action Words `yaml:"action"`
	Target Words `yaml:"target"`
}

// Words is a list of texts that may be written as a single text when it has one element.
type Words []string

// Policy compiles the personas. After Load it does not fail.
func (c Config) Policy() (*access.RuleSet, error) {
	var personas []access.Persona
	for _, name := range slices.Sorted(maps.Keys(c.Personas)) {
		p := c.Personas[name]
		personas = append(personas, access.Persona{
			Name: name, Description: p.Description, Allow: toRules(p.Allow), Deny: toRules(p.Deny),
		})
	}
	return access.Compile(personas)
}

func toRules(written []Rule) []access.Rule {
	rules := make([]access.Rule, len(written))
	for i, r := range written {
		rules[i] = access.Rule{Actions: r.Action, Targets: r.Target}
	}
	return rules
}
