package tool

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// Catalog is every tool that this process offers, fixed at start and sorted by name, so that listings are
// byte-stable whatever order the contexts were wired in.
type Catalog struct {
	sorted []Tool
	byName map[string]Tool
	suffix string // of the names that clients see
}

// NewCatalog refuses a malformed or repeated name: two contexts that claim one tool are a programming error, found
// at start.
func NewCatalog(tools ...Tool) (*Catalog, error) {
	c := &Catalog{sorted: slices.Clone(tools), byName: make(map[string]Tool, len(tools))}
	slices.SortFunc(c.sorted, func(a, b Tool) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range c.sorted {
		if !namePattern.MatchString(t.Name) {
			return nil, fmt.Errorf("tool name %q does not match %s", t.Name, namePattern)
		}
		if _, taken := c.byName[t.Name]; taken {
			return nil, fmt.Errorf("two tools are named %q", t.Name)
		}
		c.byName[t.Name] = t
	}
	return c, nil
}

// Find gives the tool of that exact name.
func (c *Catalog) Find(name string) (Tool, bool) {
	t, ok := c.byName[name]
	return t, ok
}

// All lists the tools by name. The caller must not change the slice.
func (c *Catalog) All() []Tool { return c.sorted }
