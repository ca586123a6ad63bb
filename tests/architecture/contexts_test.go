package architecture

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// contextMap is contexts.txt: which context may lean on which, and where packages live whose name does not say it.
type contextMap struct {
	edges    map[string]bool   // "from -> to"
	places   map[string]string // package name to context, or to shared
	contexts []string
}

// shared stands for code that belongs to no context and that every context may use. What it imports itself needs
// an edge like anything else.
const shared = "shared"

// suffixes are what a context's packages may carry after its name.
var suffixes = []string{"app", "store", "test", "log", "policy"}

// parseContexts reads contexts.txt. Every line needs its reason.
func parseContexts(text string) (contextMap, []string) {
	m := contextMap{edges: map[string]bool{}, places: map[string]string{}}
	var complaints []string
	for n, line := range strings.Split(text, "\n") {
		rule, reason, _ := strings.Cut(line, "#")
		rule = strings.TrimSpace(rule)
		if rule == "" {
			continue
		}
		fields := strings.Fields(rule)
		switch {
		case strings.TrimSpace(reason) == "":
			complaints = append(complaints, fmt.Sprintf("contexts.txt:%d gives no reason; add one after #", n+1))
		case len(fields) == 3 && fields[1] == "->":
			m.edges[rule] = true
		case len(fields) == 3 && fields[1] == "=":
			m.places[fields[0]] = fields[2]
		default:
			complaints = append(complaints, fmt.Sprintf("contexts.txt:%d is neither `from -> to` nor `package = context`", n+1))
		}
	}
	return m, complaints
}

// contextsOf are the contexts: the folders of the domain, without contract suites and the kernel's plain words.
func contextsOf(packages []pkg) []string {
	var names []string
	for _, p := range packages {
		parts := strings.Split(p.path, "/")
		if len(parts) == 3 && p.inside("internal/domain") && !p.isContract() {
			names = append(names, parts[2])
		}
	}
	return names
}

// context is whom a package belongs to. Presentation and cmd serve all contexts and belong to none.
func (m contextMap) context(p string) (name string, known bool) {
	parts := strings.Split(p, "/")
	if len(parts) < 3 || parts[0] != "internal" || parts[1] == "presentation" {
		return "", true
	}
	if place, ok := m.places[parts[2]]; ok {
		if place == shared {
			place = parts[2]
		}
		return place, true
	}
	for _, suffix := range append([]string{""}, suffixes...) {
		if stem, ok := strings.CutSuffix(parts[2], suffix); ok && slices.Contains(m.contexts, stem) {
			return stem, true
		}
	}
	return "", false
}

func (m contextMap) free(name string) bool {
	return m.places[name] == shared || slices.Contains(kernel, path.Join("internal/domain", name))
}

// contextRule complains of imports between contexts that the map does not list, and of lines that nothing needs.
func contextRule(packages []pkg, m contextMap) []string {
	m.contexts = contextsOf(packages)
	var complaints []string
	used := map[string]bool{}
	for _, p := range packages {
		from, known := m.context(p.path)
		if !known {
			complaints = append(complaints, fmt.Sprintf(
				"%s is named after no context; rename it, or say in contexts.txt where it belongs", p.path))
		}
		if parts := strings.Split(p.path, "/"); len(parts) > 2 {
			used[parts[2]] = true
		}
		for _, imported := range p.imports() {
			to, _ := m.context(imported)
			if !ours(imported) || from == "" || to == "" || from == to || m.free(to) {
				continue
			}
			edge := from + " -> " + to
			used[edge] = true
			if !m.edges[edge] {
				complaints = append(complaints, fmt.Sprintf(
					"%s imports %s; if %s must lean on %s, list %q in contexts.txt", p.path, imported, from, to, edge))
			}
		}
	}
	for line := range maps.Keys(m.edges) {
		if !used[line] {
			complaints = append(complaints, fmt.Sprintf("nothing needs %q in contexts.txt; delete the line", line))
		}
	}
	for name := range maps.Keys(m.places) {
		if !used[name] {
			complaints = append(complaints, fmt.Sprintf("there is no package %s; delete its line in contexts.txt", name))
		}
	}
	slices.Sort(complaints)
	return complaints
}

func TestModule_ContextsLeanOnOthersOnlyWhereListed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("contexts.txt")
	if err != nil {
		t.Fatal(err)
	}
	m, complaints := parseContexts(string(text))
	holds(t, append(complaints, contextRule(packages(t), m)...))
}

func TestContextRule_Complains(t *testing.T) {
	t.Parallel()
	const placed = "cqrs = shared # the gate\nmetricflow = metric # the engine's name\n"
	for name, c := range map[string]struct{ text, folder, imports, want string }{
		"the kernel is free": {"", "internal/application/toolapp", "internal/domain/access", ""},
		"its own context":    {"", "internal/infrastructure/toolstore", "internal/application/toolapp", ""},
		"a placed package":   {"", "internal/infrastructure/metricflow", "internal/domain/metric", ""},
		"shared code":        {"", "internal/application/toolapp", "internal/application/cqrs", ""},
		"an unlisted edge":   {"", "internal/application/metricapp", "internal/domain/tool", `list "metric -> tool"`},
		"a listed edge":      {"metric -> tool # it offers tools", "internal/application/metricapp", "internal/domain/tool", ""},
		"the other way":      {"metric -> tool # it offers tools", "internal/application/toolapp", "internal/domain/tool", "delete the line"},
		"shared code leans":  {"", "internal/application/cqrs", "internal/domain/tool", `list "cqrs -> tool"`},
		"adapters see all":   {"", "internal/presentation/mcpapi", "internal/domain/metric", ""},
		"a name without home": {
			"", "internal/infrastructure/whatever", "internal/domain/metric", "named after no context",
		},
		"a stale place": {"oidc = access # tokens", "internal/application/toolapp", "internal/domain/tool", "delete its line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, complaints := parseContexts(placed + c.text)
			all := []pkg{
				importing(t, "internal/domain/access"), importing(t, "internal/domain/tool"),
				importing(t, "internal/domain/metric"), importing(t, "internal/application/cqrs"),
				importing(t, "internal/infrastructure/metricflow"),
				importing(t, c.folder, module+"/"+c.imports),
			}
			complains(t, append(complaints, contextRule(all, m)...), c.want)
		})
	}
}

func TestParseContexts_Complains(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# a heading\n\nmetric -> tool # because": "",
		"metric -> tool":           "gives no reason",
		"metric -> tool #  ":       "gives no reason",
		"metric tool # because":    "is neither",
		"metric => tool # because": "is neither",
	} {
		_, complaints := parseContexts(text)
		complains(t, complaints, want)
	}
}
