package config

import (
	"maps"
	"slices"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// Persona is an access.Persona as the file writes it; its name is the key above it.
type Persona struct {
	Description  string      `yaml:"description"`
	Allow        []Rule      `yaml:"allow"`
	Deny         []Rule      `yaml:"deny"`
	Rows         []RowFilter `yaml:"rows"`
	MaxRows      int         `yaml:"max_rows"`
	MaxRangeDays int         `yaml:"max_range_days"`
	ExplainOnly  bool        `yaml:"explain_only"`
	Purpose      bool        `yaml:"require_purpose"`
}

// RowFilter is an access.RowFilter as the file writes it.
type RowFilter struct {
	Field     string `yaml:"field"`
	Op        string `yaml:"op"`
	Values    Words  `yaml:"values"`
	Attribute string `yaml:"attribute"`
	Metrics   Words  `yaml:"metrics"`
}

// Rule is an access.Rule as the file writes it.
type Rule struct {
	Action Words                `yaml:"action"`
	Target Words                `yaml:"target"`
	When   map[string]Condition `yaml:"when"`
}

// Condition is an access.Condition as the file writes it; its argument is the key above it.
type Condition struct {
	Equals  Words  `yaml:"equals"`
	Glob    Words  `yaml:"glob"`
	Min     *int64 `yaml:"min"`
	Max     *int64 `yaml:"max"`
	Present bool   `yaml:"present"`
	Absent  bool   `yaml:"absent"`
}

// Words is a list of texts that may be written as a single text when it has one element.
type Words []string

// Policy compiles the personas. After Load it does not fail.
func (c Config) Policy() (*access.RuleSet, error) {
	var personas []access.Persona
	for _, name := range slices.Sorted(maps.Keys(c.Personas)) {
		p := c.Personas[name]
		personas = append(personas, access.Persona{
			Name: name, Description: p.Description, Allow: toRules(p.Allow), Deny: toRules(p.Deny), Rows: toRows(p.Rows),
			Caps:    access.Caps{MaxRows: p.MaxRows, MaxRangeDays: p.MaxRangeDays, ExplainOnly: p.ExplainOnly},
			Purpose: p.Purpose,
		})
	}
	return access.Compile(personas)
}

func toRules(written []Rule) []access.Rule {
	rules := make([]access.Rule, len(written))
	for i, r := range written {
		rules[i] = access.Rule{Actions: r.Action, Targets: r.Target, When: toConditions(r.When)}
	}
	return rules
}

func toConditions(written map[string]Condition) map[string]access.Condition {
	if len(written) == 0 {
		return nil
	}
	conditions := make(map[string]access.Condition, len(written))
	for argument, c := range written {
		conditions[argument] = access.Condition{Equals: c.Equals, Glob: c.Glob, Min: c.Min, Max: c.Max, Present: c.Present, Absent: c.Absent}
	}
	return conditions
}

// Claims are the attributes in the form that access.Principal has them; nil when there are none.
func (s Stdio) Claims() map[string][]string {
	if len(s.Attributes) == 0 {
		return nil
	}
	claims := make(map[string][]string, len(s.Attributes))
	for name, values := range s.Attributes {
		claims[name] = slices.Clone(values)
	}
	return claims
}

func toRows(written []RowFilter) []access.RowFilter {
	var rows []access.RowFilter
	for _, r := range written {
		rows = append(rows, access.RowFilter{Field: r.Field, Op: r.Op, Values: r.Values, Attribute: r.Attribute, Metrics: r.Metrics})
	}
	return rows
}
