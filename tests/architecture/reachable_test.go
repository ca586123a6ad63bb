package architecture

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dead is what the deadcode tool tells of one package.
type dead struct {
	Path  string
	Funcs []struct {
		Name     string
		Position struct {
			File string
			Line int
		}
		Generated bool
	}
}

// uncalled are functions that no command calls and that are needed all the same, each with what it is for.
var uncalled = map[string]string{
	"internal/application/cqrs.Change.command": "marks a message as a command; only the compiler looks at it",
	"internal/application/cqrs.Read.query":     "marks a message as a query; only the compiler looks at it",
	"internal/domain/fault.Kinds":              "lets each adapter's test prove that it maps every kind",
	"internal/domain/tool.Advance":             "what a context says that can count; tests/conformance/fixture is one",
	"internal/domain/tool.Ask":                 "what a context says that has questions; tests/conformance/fixture is one",
	"internal/domain/tool.Detach":              "what a context says that takes long; tests/conformance/fixture is one",
	"internal/domain/tool.Failed":              "what a context says that has failed in its own words; tests/conformance/fixture is one",
	"internal/domain/tool.Log":                 "what a context says to whoever listens; tests/conformance/fixture is one",
}

// deadRule complains of functions that no command of ours can reach, by whatever road, and of exceptions that none
// needs. Memory stores are exempt: they pass the same contract as the others and are the fakes of all tests.
func deadRule(report []byte, exceptions map[string]string) ([]string, error) {
	var found []dead
	if err := json.Unmarshal(report, &found); err != nil {
		return nil, err
	}
	var complaints []string
	used := map[string]bool{}
	for _, p := range found {
		for _, f := range p.Funcs {
			name := strings.TrimPrefix(p.Path, module+"/") + "." + f.Name
			used[name] = true
			store := strings.Contains(p.Path, "/internal/infrastructure/") && path.Base(f.Position.File) == "memory.go"
			if _, excepted := exceptions[name]; excepted || store || f.Generated {
				continue
			}
			complaints = append(complaints, fmt.Sprintf("%s:%d: nothing in cmd can reach %s; use it or delete it",
				f.Position.File, f.Position.Line, f.Name))
		}
	}
	for name := range maps.Keys(exceptions) {
		if !used[name] {
			complaints = append(complaints, name+" is reachable, or gone; take it off the list of exceptions")
		}
	}
	return complaints, nil
}

// orphanRule complains of packages that no command imports. Contract suites are imported by tests alone.
func orphanRule(packages []pkg, linked []string) []string {
	var complaints []string
	for _, p := range packages {
		production := slices.ContainsFunc(p.files, func(f *file) bool { return !f.test })
		if production && p.inside("internal") && !p.isContract() && !slices.Contains(linked, p.path) {
			complaints = append(complaints, p.path+" is imported by no command; wire it or delete it")
		}
	}
	return complaints
}

func TestModule_ReachesEveryFunction(t *testing.T) {
	t.Parallel()
	report := run(t, filepath.Join("scripts", "tool.sh"), "deadcode", "-json", "./cmd/...")
	complaints, err := deadRule(report, uncalled)
	if err != nil {
		t.Fatalf("deadcode: %v", err)
	}
	holds(t, complaints)
}

func TestModule_LinksEveryPackage(t *testing.T) {
	t.Parallel()
	var linked []string
	for line := range strings.Lines(string(run(t, "go", "list", "-deps", "./cmd/..."))) {
		linked = append(linked, strings.TrimPrefix(strings.TrimSpace(line), module+"/"))
	}
	holds(t, orphanRule(packages(t), linked))
}

func TestDeadRule_Complains(t *testing.T) {
	t.Parallel()
	entry := func(folder, file, more string) string {
		return fmt.Sprintf(`[{"Path":"%s/%s","Funcs":[{"Name":"F","Position":{"File":"%s","Line":7}%s}]}]`,
			module, folder, file, more)
	}
	none := map[string]string{}
	for name, c := range map[string]struct {
		report     string
		exceptions map[string]string
		want       string
	}{
		"nothing":          {`[]`, none, ""},
		"a dead function":  {entry("internal/domain/x", "p.go", ""), none, "p.go:7: nothing in cmd can reach F"},
		"a generated one":  {entry("internal/domain/x", "p.go", `,"Generated":true`), none, ""},
		"a memory store":   {entry("internal/infrastructure/xstore", "memory.go", ""), none, ""},
		"memory elsewhere": {entry("internal/domain/x", "memory.go", ""), none, "nothing in cmd"},
		"an exception": {
			entry("internal/domain/x", "p.go", ""), map[string]string{"internal/domain/x.F": "for tests"}, "",
		},
		"a stale exception": {`[]`, map[string]string{"internal/domain/x.F": "for tests"}, "take it off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			complaints, err := deadRule([]byte(c.report), c.exceptions)
			if err != nil {
				t.Fatal(err)
			}
			complains(t, complaints, c.want)
		})
	}
}

func TestOrphanRule_Complains(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{
		"internal/domain/metric": "", "internal/domain/metrictest": "", "tests/component": "",
		"internal/domain/forgotten": "imported by no command",
	} {
		complains(t, orphanRule([]pkg{importing(t, folder)}, []string{"internal/domain/metric"}), want)
	}
}
