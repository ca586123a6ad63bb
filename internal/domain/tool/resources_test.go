package tool_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

func tools(t *testing.T, views ...string) *tool.Catalog {
	t.Helper()
	made := make([]tool.Tool, len(views))
	for i, view := range views {
		made[i].Name, made[i].View = string(rune('a'+i)), view
	}
	c, err := tool.NewCatalog(made...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fixed(name, uri string) tool.Resource {
	return tool.Resource{Name: name, URI: uri, MIME: "text/plain"}
}

func view(name, uri string) tool.Resource {
	return tool.Resource{Name: name, URI: uri, MIME: tool.ViewMIME}
}

func family(name, uri string) tool.ResourceTemplate {
	return tool.ResourceTemplate{Name: name, URI: uri}
}

func TestResources_FindByURIAndListByName(t *testing.T) {
	t.Parallel()
	r, err := tool.NewResources(tools(t, "ui://v", "", "ui://v"),
		[]tool.Resource{fixed("z", "metrics://catalog"), view("v", "ui://v"), fixed("a", "x://y")},
		[]tool.ResourceTemplate{family("m", "metric://{name}"), family("d", "day://{year}/of/{month}")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range r.All() {
		names = append(names, one.Name)
	}
	for _, one := range r.Templates() {
		names = append(names, one.Name)
	}
	if diff := cmp.Diff([]string{"a", "v", "z", "d", "m"}, names); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "c"}, r.Viewers("ui://v")); diff != "" {
		t.Errorf("tools of the view (-want +got):\n%s", diff)
	}
	for uri, want := range map[string]string{
		"metrics://catalog": "z", "metric://revenue": "m", "metric://a%20b": "m", "day://2026/of/1": "d",
		"metrics://catalo": "", "metrics://catalog/": "", "METRICS://catalog": "", "": "", "metric://": "", "metric://a/b": "",
		"metric://a b": "", "metric://a?b": "", "metric://a\n": "", "day://2026/of/": "", "day://2026/1": "", "metric://{name}": "",
		// Other spellings of what has one.
		"metric://%72evenue": "", "metric://a%2eb": "", "metric://a%2ab": "", "metric://%ff": "", "metric://%": "",
	} {
		got := ""
		if one, ok := r.Find(uri); ok {
			got = one.Name
		} else if t, _, ok := r.Match(uri); ok {
			got = t.Name
		}
		if got != want || r.Has(uri) != (want != "") {
			t.Errorf("%q is %q, want %q", uri, got, want)
		}
	}
	if _, values, _ := r.Match("day://20%2F26/of/1"); cmp.Diff(map[string]string{"year": "20/26", "month": "1"}, values) != "" {
		t.Errorf("values %v", values)
	}
}

func TestResources_AValueHasOneURI(t *testing.T) {
	t.Parallel()
	of := family("m", "metric://{name}")
	r, err := tool.NewResources(tools(t), nil, []tool.ResourceTemplate{of})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(1, 20, -1).Draw(t, "value")
		uri := r.Expand(of, map[string]string{"name": value})
		if _, values, ok := r.Match(uri); !ok || values["name"] != value {
			t.Fatalf("%q becomes %s, and that %v", value, uri, values)
		}
	})
}

func TestNewResources_RefusesWhatCouldNotBeToldApart(t *testing.T) {
	t.Parallel()
	type list = []tool.Resource
	type families = []tool.ResourceTemplate
	for name, c := range map[string]struct {
		views     []string
		fixed     list
		templates families
	}{
		"a malformed name":                 {nil, list{fixed("A b", "x://y")}, nil},
		"a name twice":                     {nil, list{fixed("a", "x://y")}, families{family("a", "z://{b}")}},
		"a URI twice":                      {nil, list{fixed("a", "x://y"), fixed("b", "x://y")}, nil},
		"no URI":                           {nil, list{fixed("a", "y")}, nil},
		"a URI of a template":              {nil, list{fixed("a", "x://y")}, families{family("b", "x://{c}")}},
		"templates that overlap":           {nil, nil, families{family("a", "x://{b}"), family("c", "x://y/{d}")}},
		"a template without variables":     {nil, nil, families{family("a", "x://y")}},
		"a template of a higher level":     {nil, nil, families{family("a", "x://{+b}")}},
		"variables with nothing between":   {nil, nil, families{family("a", "x://{b}{c}")}},
		"a template that begins with one":  {nil, nil, families{family("a", "{b}://c")}},
		"a brace":                          {nil, nil, families{family("a", "x://{b}}")}},
		"a template of views":              {nil, nil, families{family("a", "ui://{b}")}},
		"a view that is not there":         {[]string{"ui://v"}, nil, nil},
		"a view that no tool has":          {nil, list{view("a", "ui://v")}, nil},
		"a view of another type":           {[]string{"ui://v"}, list{fixed("a", "ui://v")}, nil},
		"the type of a view elsewhere":     {nil, list{view("a", "x://v")}, nil},
		"a view that is no view of a tool": {[]string{"x://v"}, list{view("a", "x://v")}, nil},
	} {
		if _, err := tool.NewResources(tools(t, c.views...), c.fixed, c.templates); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewPrompts_RefusesNames(t *testing.T) {
	t.Parallel()
	with := func(arguments ...string) tool.Prompt {
		p := tool.Prompt{Name: "a"}
		for _, name := range arguments {
			p.Arguments = append(p.Arguments, tool.Argument{Name: name})
		}
		return p
	}
	for name, prompts := range map[string][]tool.Prompt{
		"malformed": {{Name: "a-b"}}, "twice": {{Name: "a"}, {Name: "b"}, {Name: "a"}},
		"a malformed argument": {with("b c")}, "an argument twice": {with("b", "b")}, "too long": {{Name: strings.Repeat("a", 65)}},
	} {
		if _, err := tool.NewPrompts(prompts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	p, err := tool.NewPrompts([]tool.Prompt{{Name: "b"}, with("c", "d")})
	if err != nil || p.All()[0].Name != "a" {
		t.Fatalf("%v, %v", p, err)
	}
	if _, ok := p.Find("b"); !ok {
		t.Error("b is not found")
	}
	if _, ok := p.Find("B"); ok {
		t.Error("B is found")
	}
}

func TestProgress_GoesToWhomeverListens(t *testing.T) {
	t.Parallel()
	tool.Progress(t.Context())("into the void")
	var heard []string
	ctx := tool.WithProgress(t.Context(), func(stage string) { heard = append(heard, stage) })
	tool.Progress(ctx)("a")
	tool.Progress(ctx)("b")
	if diff := cmp.Diff([]string{"a", "b"}, heard); diff != "" {
		t.Error(diff)
	}
}
