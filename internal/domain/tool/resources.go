package tool

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// viewScheme is what the URI of a view begins with, and that of nothing else.
const viewScheme = "ui://"

var uriPattern = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://[!-~]+$`)

// Resources is everything to read that this process offers, fixed at start and sorted by name.
type Resources struct {
	fixed     []Resource
	templates []ResourceTemplate
	parsed    []template // of templates
	byURI     map[string]Resource
	viewers   map[string][]string // the tools that a view draws for, by its URI
}

// NewResources refuses what could not be told apart later: a malformed or repeated name or URI, a template whose URIs may be
// another's. It refuses a view that no tool has and a view of a tool that is not there.
func NewResources(tools *Catalog, fixed []Resource, templates []ResourceTemplate) (*Resources, error) {
	r := &Resources{
		fixed: slices.Clone(fixed), templates: slices.Clone(templates),
		byURI: make(map[string]Resource, len(fixed)), viewers: map[string][]string{},
	}
	for _, t := range tools.All() {
		if t.View != "" {
			r.viewers[t.View] = append(r.viewers[t.View], t.Name)
		}
	}
	slices.SortFunc(r.fixed, func(a, b Resource) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(r.templates, func(a, b ResourceTemplate) int { return strings.Compare(a.Name, b.Name) })
	names := map[string]bool{}
	for _, t := range r.templates {
		if err := r.addTemplate(t, names); err != nil {
			return nil, err
		}
	}
	for _, one := range r.fixed {
		if err := r.addFixed(one, names); err != nil {
			return nil, err
		}
	}
	for view, tools := range r.viewers {
		if _, ok := r.byURI[view]; !ok {
			return nil, fmt.Errorf("the view %q of the tool %q is not there", view, tools[0])
		}
	}
	return r, nil
}

func (r *Resources) addTemplate(t ResourceTemplate, names map[string]bool) error {
	parsed, err := parseTemplate(t.URI)
	if err != nil {
		return err
	}
	if err := claim(t.Name, names); err != nil {
		return err
	}
	if !uriPattern.MatchString(parsed.expand(nil)+"x") || strings.HasPrefix(t.URI, viewScheme) {
		return fmt.Errorf("%q is no template of URIs of resources", t.URI)
	}
	for _, other := range r.parsed {
		if strings.HasPrefix(other.head(), parsed.head()) || strings.HasPrefix(parsed.head(), other.head()) {
			return fmt.Errorf("a URI may be one of %q and of %q", t.URI, other.text)
		}
	}
	r.parsed = append(r.parsed, parsed)
	return nil
}

func (r *Resources) addFixed(one Resource, names map[string]bool) error {
	if err := claim(one.Name, names); err != nil {
		return err
	}
	if !uriPattern.MatchString(one.URI) {
		return fmt.Errorf("%q is no URI of a resource", one.URI)
	}
	if _, _, taken := r.Match(one.URI); taken || r.byURI[one.URI].URI != "" {
		return fmt.Errorf("two resources have the URI %q", one.URI)
	}
	isView := strings.HasPrefix(one.URI, viewScheme)
	if isView != (one.MIME == ViewMIME) || isView && r.viewers[one.URI] == nil {
		return fmt.Errorf("%q must be the view of a tool, with the scheme ui and the type %q, or neither", one.URI, ViewMIME)
	}
	r.byURI[one.URI] = one
	return nil
}

func claim(name string, names map[string]bool) error {
	if !namePattern.MatchString(name) || names[name] {
		return fmt.Errorf("resource name %q does not match %s, or is taken", name, namePattern)
	}
	names[name] = true
	return nil
}

// Find gives the resource of exactly that URI.
func (r *Resources) Find(uri string) (Resource, bool) {
	found, ok := r.byURI[uri]
	return found, ok
}

// Match gives the template that uri is one of, and the values of its variables. A value is encoded in one way only.
func (r *Resources) Match(uri string) (ResourceTemplate, map[string]string, bool) {
	for i, t := range r.parsed {
		if values, ok := t.match(uri); ok {
			return r.templates[i], values, true
		}
	}
	return ResourceTemplate{}, nil, false
}

// Has reports whether uri is that of a resource, or of a template.
func (r *Resources) Has(uri string) bool {
	if _, ok := r.byURI[uri]; ok {
		return true
	}
	_, _, ok := r.Match(uri)
	return ok
}

// Any reports whether there is anything to read.
func (r *Resources) Any() bool { return len(r.fixed)+len(r.templates) > 0 }

// Template gives the template whose text that is.
func (r *Resources) Template(text string) (ResourceTemplate, bool) {
	i := slices.IndexFunc(r.templates, func(t ResourceTemplate) bool { return t.URI == text })
	if i < 0 {
		return ResourceTemplate{}, false
	}
	return r.templates[i], true
}

// Expand is the URI of a template of this catalog for those values; an absent value is empty.
func (r *Resources) Expand(t ResourceTemplate, values map[string]string) string {
	i := slices.IndexFunc(r.parsed, func(p template) bool { return p.text == t.URI })
	if i < 0 {
		return t.URI
	}
	return r.parsed[i].expand(values)
}

// Viewers lists the tools whose view has that URI, by name; none when it is no view.
func (r *Resources) Viewers(uri string) []string { return r.viewers[uri] }

// All lists the resources with a fixed URI, by name. The caller must not change the slice.
func (r *Resources) All() []Resource { return r.fixed }

// Templates lists the templates by name. The caller must not change the slice.
func (r *Resources) Templates() []ResourceTemplate { return r.templates }
