package tool

import (
	"fmt"
	"regexp"
	"strings"
)

// Suffixed is the same catalog, whose tools clients know by their names with suffix behind: query_tool. Only what
// clients see and send changes; Find, policies, limits and records go on with the plain names. It refuses a suffix
// that makes a name too long or the name of another tool. An empty suffix changes nothing.
func (c *Catalog) Suffixed(suffix string) (*Catalog, error) {
	for _, t := range c.sorted {
		published := t.Name + suffix
		if !namePattern.MatchString(published) {
			return nil, fmt.Errorf("tool name %q does not match %s", published, namePattern)
		}
		if _, taken := c.byName[published]; taken && suffix != "" {
			return nil, fmt.Errorf("with %q behind them, two tools are named %q", suffix, published)
		}
	}
	return &Catalog{sorted: c.sorted, byName: c.byName, suffix: suffix}, nil
}

// Published is how clients know the tool of that name.
func (c *Catalog) Published(name string) string { return name + c.suffix }

// Plain is the name of the tool that clients know as published. Without one it is a name that no tool has, the plain
// name of a tool included: what is not listed cannot be called.
func (c *Catalog) Plain(published string) (name string, ok bool) {
	name, ok = strings.CutSuffix(published, c.suffix)
	if _, known := c.byName[name]; ok && known {
		return name, true
	}
	if _, taken := c.byName[published]; taken {
		return "-" + published, false
	}
	return published, false
}

var word = regexp.MustCompile(`[a-z0-9_]+`)

// Mention is text in which tools are called as clients know them. A name without an underscore, such as query, is a
// word like any other and stays.
func (c *Catalog) Mention(text string) string {
	if c.suffix == "" {
		return text
	}
	return word.ReplaceAllStringFunc(text, func(w string) string {
		if _, known := c.byName[w]; known && strings.Contains(w, "_") {
			return c.Published(w)
		}
		return w
	})
}
