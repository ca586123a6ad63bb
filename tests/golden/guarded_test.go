package golden_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// row is a line of SECURITY.md about one tool.
var row = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|[^|\\n]*`(?:Test|Fuzz)[A-Za-z0-9_]+`[^|\\n]*\\|$")

// unguarded are tools that the document names no hostile test of, and stale are those that it names and nobody offers.
func unguarded(tools []string, document string) (without, stale []string) {
	var named []string
	for _, m := range row.FindAllStringSubmatch(document, -1) {
		named = append(named, m[1])
	}
	for _, tool := range tools {
		if !slices.Contains(named, tool) {
			without = append(without, tool)
		}
	}
	for _, name := range named {
		if !slices.Contains(tools, name) {
			stale = append(stale, name)
		}
	}
	return without, stale
}

// Nobody adds a tool without having attacked it. That the tests exist is checked with the other promises.
func TestTools_EachNamesItsHostileTest(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "..", "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range listed(t) {
		names = append(names, tool.Name)
	}
	without, stale := unguarded(names, string(document))
	for _, name := range without {
		t.Errorf("SECURITY.md names no hostile test of the tool %s; write one, and its row under Tools", name)
	}
	for _, name := range stale {
		t.Errorf("SECURITY.md speaks of a tool %s, which nobody is offered", name)
	}
}

func TestUnguarded_FindsAToolWithoutATest(t *testing.T) {
	t.Parallel()
	const document = "| Tool | Test |\n|---|---|\n| `good` | `TestGood_IsAttacked`, `FuzzGood` |\n| `promised` | later |\n| `gone` | `TestGone_X` |\n"
	without, stale := unguarded([]string{"good", "promised", "dummy"}, document)
	if !slices.Equal(without, []string{"promised", "dummy"}) || !slices.Equal(stale, []string{"gone"}) {
		t.Errorf("without a test: %v; stale: %v", without, stale)
	}
}
