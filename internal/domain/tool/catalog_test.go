package tool_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func named(names ...string) []tool.Tool {
	tools := make([]tool.Tool, len(names))
	for i, name := range names {
		tools[i].Name = name
	}
	return tools
}

func TestCatalog_ListsByNameWhateverTheOrder(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b1", "b_", "list_metrics", "query"}
	rapid.Check(t, func(rt *rapid.T) {
		c, err := tool.NewCatalog(named(rapid.Permutation(names).Draw(rt, "order")...)...)
		if err != nil {
			rt.Fatal(err)
		}
		var got []string
		for _, listed := range c.All() {
			got = append(got, listed.Name)
			if found, ok := c.Find(listed.Name); !ok || found.Name != listed.Name {
				rt.Errorf("Find(%q) = %q, %t", listed.Name, found.Name, ok)
			}
		}
		if diff := cmp.Diff(names, got); diff != "" {
			rt.Errorf("listed (-want +got):\n%s", diff)
		}
	})
}

func TestCatalog_FindsExactNamesOnly(t *testing.T) {
	t.Parallel()
	c, err := tool.NewCatalog(named("query")...)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "Query", "query ", "quer", "query_"} {
		if _, ok := c.Find(name); ok {
			t.Errorf("found %q", name)
		}
	}
}

func TestNewCatalog_LeavesTheCallersListAlone(t *testing.T) {
	t.Parallel()
	tools := named("b", "a")
	if _, err := tool.NewCatalog(tools...); err != nil || tools[0].Name != "b" {
		t.Errorf("%v; the caller's list begins with %q", err, tools[0].Name)
	}
}

func TestNewCatalog_RefusesNames(t *testing.T) {
	t.Parallel()
	for name, tools := range map[string][]tool.Tool{
		"empty": named(""), "capital": named("Query"), "digit first": named("1a"), "hyphen": named("a-b"), "space": named("a b"),
		"too long": named(strings.Repeat("a", 65)), "a line break": named("a\n"), "twice": named("a", "b", "a"),
	} {
		if _, err := tool.NewCatalog(tools...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := tool.NewCatalog(named(strings.Repeat("a", 64), "b")...); err != nil {
		t.Errorf("names at the limits: %v", err)
	}
}
