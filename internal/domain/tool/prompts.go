package tool

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// argumentPattern is wider than namePattern: no policy names an argument.
var argumentPattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,63}$`)

// Prompts is every prompt that this process offers, fixed at start and sorted by name.
type Prompts struct{ sorted []Prompt }

// NewPrompts refuses a malformed or repeated name, of a prompt or of an argument of one.
func NewPrompts(prompts []Prompt) (*Prompts, error) {
	p := &Prompts{sorted: slices.Clone(prompts)}
	slices.SortFunc(p.sorted, func(a, b Prompt) int { return strings.Compare(a.Name, b.Name) })
	for i, one := range p.sorted {
		if !namePattern.MatchString(one.Name) || i > 0 && p.sorted[i-1].Name == one.Name {
			return nil, fmt.Errorf("prompt name %q does not match %s, or is taken", one.Name, namePattern)
		}
		names := map[string]bool{}
		for _, a := range one.Arguments {
			if !argumentPattern.MatchString(a.Name) || names[a.Name] {
				return nil, fmt.Errorf("argument name %q of %s does not match %s, or is taken", a.Name, one.Name, argumentPattern)
			}
			names[a.Name] = true
		}
	}
	return p, nil
}

// Find gives the prompt of that exact name.
func (p *Prompts) Find(name string) (Prompt, bool) {
	i := slices.IndexFunc(p.sorted, func(one Prompt) bool { return one.Name == name })
	if i < 0 {
		return Prompt{}, false
	}
	return p.sorted[i], true
}

// All lists the prompts by name. The caller must not change the slice.
func (p *Prompts) All() []Prompt { return p.sorted }
