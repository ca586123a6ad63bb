package access

import (
	"slices"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Persona is a named set of rights, as an operator writes it down.
type Persona struct {
	Name        string // ^[a-z][a-z0-9_-]{0,63}$
	Description string // for people; decides nothing
	Allow       []Rule
	Deny        []Rule // wins over every Allow of every persona that a principal has
	Rows        []RowFilter
	Caps        Caps
	Purpose     bool // every tool call must say what it is for
}

// Rule speaks of every combination of its actions and targets. Actions are globs on context.verb; targets are
// kind:name, a glob on each side of the first colon, or * for anything at all. A name that begins with "meta." speaks of
// tags instead: dimension:meta.pii of what is tagged pii, metric:meta.domain=finance of what has that value.
//
// A rule with conditions speaks only of calls whose arguments meet all of them: a deny denies no other call, an allow
// allows no other. To be seen, a tool need be allowed for some arguments.
type Rule struct {
	Actions []string
	Targets []string
	When    map[string]Condition // by an argument's name or a JSON pointer (RFC 6901)
}

// Faults of policies as they are written down.
var (
	ErrPersonaName = fault.New(fault.Invalid, "access.persona_name", "A persona's name is a lower-case letter and up to 63 more lower-case letters, digits, _ or -.")
	ErrPersonaDup  = fault.New(fault.Invalid, "access.persona_twice", "A persona is defined twice.")
	ErrRuleEmpty   = fault.New(fault.Invalid, "access.rule_empty", "A rule needs at least one action and one target.")
	ErrScopeWhen   = fault.New(fault.Invalid, "access.scope_when", "A scope names actions and targets; conditions on arguments belong in a persona.")
)

// Flaw is one reason why a policy does not compile, and where: analyst.allow[0].target[1].
type Flaw struct {
	Path   string
	Reason *fault.Fault
}

func (f *Flaw) Error() string { return f.Path + ": " + f.Reason.Message }

// Unwrap gives the fault, so that errors.Is finds the rule that was broken.
func (f *Flaw) Unwrap() error { return f.Reason }

// Flaws is everything that is wrong with a policy.
type Flaws []*Flaw

func (fs Flaws) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the flaws one by one.
func (fs Flaws) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// ValidPersonaName reports whether name may name a persona.
func ValidPersonaName(name string) bool {
	if name == "" || len(name) > 64 || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// validField reports whether name may be a dimension or entity, with the path to it.
func validField(name string) bool {
	return name != "" && len(name) <= MaxPattern &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// rule is a Rule that compiled.
type rule struct {
	label   string // analyst/allow[0]
	persona int    // its place among the personas by name
	denies  bool
	actions []Glob
	targets []targetGlob
	when    []condition
}

func (r *rule) matches(d *Demand) bool {
	return r.matchesAction(string(d.Action)) && r.matchesTarget(&d.Target)
}

func (r *rule) matchesAction(action string) bool {
	for i := range r.actions {
		if r.actions[i].Match(action) {
			return true
		}
	}
	return false
}

func (r *rule) matchesTarget(t *Target) bool {
	for i := range r.targets {
		if r.targets[i].matches(t) {
			return true
		}
	}
	return false
}

// targetGlob matches the two sides of kind:name apart, so that a * in the kind cannot run over the colon. One for tags
// matches no name, and one for names no tag: what the authors of a project tag must not widen a rule on names.
type targetGlob struct {
	kind, name Glob
	tags       bool
}

// tagPrefix begins the patterns that speak of tags. No metric, dimension, entity or tool has a dot in its name.
const tagPrefix = "meta."

func parseTarget(pattern string) (targetGlob, error) {
	if pattern == "*" {
		pattern = "*:*"
	}
	kind, name, ok := strings.Cut(pattern, ":")
	if !ok {
		return targetGlob{}, ErrPattern.Saying("A target is written kind:name, such as tool:query or metric:*; a * alone is everything.")
	}
	k, err := ParseGlob(kind)
	if err != nil {
		return targetGlob{}, err
	}
	name, tags := strings.CutPrefix(name, tagPrefix)
	n, err := ParseGlob(name)
	return targetGlob{kind: k, name: n, tags: tags}, err
}

func (g targetGlob) matches(t *Target) bool {
	if !g.kind.Match(t.Kind) {
		return false
	}
	if g.tags {
		return slices.ContainsFunc(t.Tags, g.name.Match)
	}
	if g.name.Match(t.Name) {
		return true
	}
	return slices.ContainsFunc(t.Aliases, g.name.Match)
}
