package tool_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

func suffixed(t *testing.T, suffix string, names ...string) *tool.Catalog {
	t.Helper()
	c, err := tool.NewCatalog(named(names...)...)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = c.Suffixed(suffix); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSuffixed_RenamesOnlyWhatClientsSee(t *testing.T) {
	t.Parallel()
	c := suffixed(t, "_tool", "query", "list_metrics")
	if _, ok := c.Find("query"); !ok || c.Published("query") != "query_tool" || c.All()[1].Name != "query" {
		t.Errorf("the plain name is gone: %v, published as %s", c.All(), c.Published("query"))
	}
	for published, want := range map[string]string{
		"query_tool": "query", "list_metrics_tool": "list_metrics",
		"query": "", "list_metrics": "", "query_tool_tool": "", "Query_tool": "", "_tool": "", "": "", "other_tool": "",
	} {
		got, ok := c.Plain(published)
		if ok != (want != "") || ok && got != want {
			t.Errorf("Plain(%q) = %q, %t; want %q", published, got, ok, want)
		}
		if _, found := c.Find(got); found != ok {
			t.Errorf("Plain(%q) = %q, which is a tool: %t", published, got, found)
		}
	}
}

func TestSuffixed_WithoutASuffixIsTheSame(t *testing.T) {
	t.Parallel()
	c := suffixed(t, "", "query", "list_metrics")
	for name, want := range map[string]bool{"query": true, "list_metrics": true, "query_tool": false, "": false} {
		if got, ok := c.Plain(name); ok != want || got != name || c.Published(name) != name {
			t.Errorf("%q: %q, %t", name, got, ok)
		}
	}
	if text := "list_metrics, then query"; c.Mention(text) != text {
		t.Errorf("mentioned as %q", c.Mention(text))
	}
}

func TestSuffixed_IsUndoneByPlain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.StringMatching(`[a-z][a-z0-9_]{0,40}`).Draw(rt, "name")
		suffix := rapid.StringMatching(`(_[a-z0-9_]{1,20})?`).Draw(rt, "suffix")
		c, err := tool.NewCatalog(named(name)...)
		if err != nil {
			rt.Fatal(err)
		}
		if c, err = c.Suffixed(suffix); err != nil {
			rt.Fatal(err)
		}
		if got, ok := c.Plain(c.Published(name)); !ok || got != name {
			rt.Errorf("%q with %q: %q, %t", name, suffix, got, ok)
		}
	})
}

func TestSuffixed_RefusesNamesThatNobodyCanTellApart(t *testing.T) {
	t.Parallel()
	for suffix, names := range map[string][]string{
		"_tool": {"query", "query_tool"}, "-tool": {"query"}, "_x": {strings.Repeat("a", 63)}, "_T": {"query"},
	} {
		c, err := tool.NewCatalog(named(names...)...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Suffixed(suffix); err == nil {
			t.Errorf("%q behind %v: accepted", suffix, names)
		}
	}
}

func TestMention_CallsToolsAsClientsKnowThem(t *testing.T) {
	t.Parallel()
	c := suffixed(t, "_tool", "query", "list_metrics", "whoami")
	got := c.Mention("First list_metrics, then query; not my_list_metrics, list_metrics_x or LIST_METRICS. (list_metrics)")
	want := "First list_metrics_tool, then query; not my_list_metrics, list_metrics_x or LIST_METRICS. (list_metrics_tool)"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
