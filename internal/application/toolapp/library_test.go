package toolapp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

var errNoThing = fault.New(fault.NotFound, "thing.unknown", "There is no such thing.")

// shelf is a library with a document, a family of things, two views and a prompt, and the queries around it.
type shelf struct {
	*surroundings
	library  *toolapp.Library
	read     cqrs.Governed[toolapp.ReadResource, tool.Content]
	prompt   cqrs.Governed[toolapp.GetPrompt, tool.Conversation]
	complete cqrs.Governed[toolapp.Complete, toolapp.Completion]
}

func newShelf(t *testing.T, denied ...string) *shelf {
	t.Helper()
	s := &shelf{surroundings: &surroundings{denied: map[string]bool{}}}
	for _, target := range denied {
		s.denied[target] = true
	}
	holding := func(text string, demands ...access.Demand) tool.Use[tool.Content] {
		return tool.Use[tool.Content]{Demands: demands, Refusal: errNoThing, Run: func(context.Context) (tool.Content, error) {
			return tool.Content{Text: text}, nil
		}}
	}
	document := func(name, uri, mime string) tool.Resource {
		return tool.Resource{Name: name, URI: uri, MIME: mime, Bind: func(_ context.Context, by access.Principal) (tool.Use[tool.Content], error) {
			return holding(name + " for " + by.Subject), nil
		}}
	}
	things := tool.ResourceTemplate{
		Name: "thing", URI: "thing://{name}", MIME: "text/plain", Recorded: []string{"name"},
		Bind: func(_ context.Context, _ access.Principal, v map[string]string) (tool.Use[tool.Content], error) {
			if !strings.HasPrefix(v["name"], "t") {
				return tool.Use[tool.Content]{}, errNoThing
			}
			return holding("thing "+v["name"], access.On("thing.see", "thing", v["name"])), nil
		},
		Complete: func(context.Context, access.Principal, string, string, map[string]string) (values []string, _ error) {
			for i := range 250 {
				values = append(values, fmt.Sprintf("t%d", i))
			}
			return values, nil
		},
	}
	prompts := []tool.Prompt{
		{
			Name: "ask", Recorded: []string{"about"}, Arguments: []tool.Argument{{Name: "about", Required: true}, {Name: "how"}},
			Bind: func(_ context.Context, _ access.Principal, args map[string]string) (tool.Use[tool.Conversation], error) {
				return tool.Use[tool.Conversation]{
					Demands: []access.Demand{access.On("thing.see", "thing", args["about"])}, Refusal: errNoThing,
					Run: func(context.Context) (tool.Conversation, error) {
						return tool.Conversation{Turns: []tool.Turn{{Text: "Ask about " + args["about"]}}}, nil
					},
				}, nil
			},
			Complete: func(_ context.Context, by access.Principal, argument, typed string, given map[string]string) ([]string, error) {
				return []string{by.Subject, argument, typed, given["how"]}, nil
			},
		},
		{Name: "plain"},
	}
	one, two := scripted(nil, fine), scripted(nil, fine)
	one.Name, one.View, two.Name, two.View = "one", "ui://both", "two", "ui://both"
	catalog, err := tool.NewCatalog(one, two)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := tool.NewResources(catalog, []tool.Resource{
		document("document", "doc://a", "text/markdown"), document("both", "ui://both", tool.ViewMIME),
	}, []tool.ResourceTemplate{things})
	if err != nil {
		t.Fatal(err)
	}
	offered, err := tool.NewPrompts(prompts)
	if err != nil {
		t.Fatal(err)
	}
	gate := cqrs.NewGate(s, s, cqrs.NewRecorder(s, time.Now), zap.NewNop(), time.Minute)
	s.library = toolapp.NewLibrary(s, resources, offered)
	s.read, s.prompt = toolapp.NewRead(gate, resources), toolapp.NewGetPrompt(gate, offered)
	s.complete = toolapp.NewComplete(gate, s.library)
	return s
}

// Of every use: what it answers, what it draws on, and what is on record of it.
func TestLibrary_EveryUsePassesTheGate(t *testing.T) {
	t.Parallel()
	read := func(uri string) func(*testing.T, *shelf) (string, error) {
		return func(t *testing.T, s *shelf) (string, error) {
			t.Helper()
			c, err := s.read.Do(t.Context(), s.library.Reading(alice, uri))
			return c.Text + " as " + c.MIME, err
		}
	}
	get := func(name string, args map[string]string) func(*testing.T, *shelf) (string, error) {
		return func(t *testing.T, s *shelf) (string, error) {
			t.Helper()
			c, err := s.prompt.Do(t.Context(), toolapp.GetPrompt{Read: cqrs.Read{By: alice}, Prompt: name, Arguments: args})
			if len(c.Turns) == 0 {
				return "", err
			}
			return c.Turns[0].Text, err
		}
	}
	complete := func(prompt, template string) func(*testing.T, *shelf) (string, error) {
		return func(t *testing.T, s *shelf) (string, error) {
			t.Helper()
			c, err := s.complete.Do(t.Context(), toolapp.Complete{
				Read: cqrs.Read{By: alice}, Prompt: prompt, Template: template, Argument: "name", Typed: "x", Given: map[string]string{"how": "so"},
			})
			return fmt.Sprint(len(c.Values), " of ", c.Total), err
		}
	}
	about := map[string]string{"about": "t1"}
	for name, c := range map[string]struct {
		do      func(*testing.T, *shelf) (string, error)
		denied  []string
		want    string // or
		err     error
		by      string
		action  string
		target  string
		classes []string
	}{
		"a document":                 {read("doc://a"), nil, "document for alice as text/markdown", nil, "", "resource.read", "resource:doc://a", []string{"resource"}},
		"a hidden document":          {read("doc://a"), []string{"resource:doc://a"}, "", toolapp.ErrNoResource, audit.ByPolicy, "resource.read", "resource:doc://a", nil},
		"no document":                {read("doc://b"), nil, "", toolapp.ErrNoResource, audit.ByInput, "resource.read", "resource:doc://b", nil},
		"one of a template":          {read("thing://t1"), nil, "thing t1 as text/plain", nil, "", "resource.read", "resource:thing://t1", []string{"resource"}},
		"whose inside is hidden":     {read("thing://t1"), []string{"thing:t1"}, "", errNoThing, audit.ByPolicy, "resource.read", "resource:thing://t1", nil},
		"whose inside is not there":  {read("thing://x1"), nil, "", errNoThing, audit.ByInput, "resource.read", "resource:thing://x1", nil},
		"that itself is hidden":      {read("thing://x1"), []string{"resource:thing://x1"}, "", toolapp.ErrNoResource, audit.ByPolicy, "resource.read", "resource:thing://x1", nil},
		"in another spelling":        {read("thing://%741"), nil, "", toolapp.ErrNoResource, audit.ByInput, "resource.read", "resource:thing://%741", nil},
		"a view":                     {read("ui://both"), nil, "both for alice as " + tool.ViewMIME, nil, "", "tool.call", "tool:one", []string{"resource"}},
		"of one tool that is hidden": {read("ui://both"), []string{"tool:one"}, "both for alice as " + tool.ViewMIME, nil, "", "tool.call", "tool:two", []string{"resource"}},
		"whose tools are all hidden": {read("ui://both"), []string{"tool:one", "tool:two"}, "", toolapp.ErrNoResource, audit.ByPolicy, "tool.call", "tool:one", nil},
		"that is not there":          {read("ui://other"), nil, "", toolapp.ErrNoResource, audit.ByInput, "resource.read", "resource:ui://other", nil},
		"a prompt":                   {get("ask", about), nil, "Ask about t1", nil, "", "prompt.get", "prompt:ask", []string{"prompt"}},
		"a hidden prompt":            {get("ask", about), []string{"prompt:ask"}, "", toolapp.ErrNoPrompt, audit.ByPolicy, "prompt.get", "prompt:ask", nil},
		"no prompt":                  {get("beg", about), nil, "", toolapp.ErrNoPrompt, audit.ByInput, "prompt.get", "prompt:beg", nil},
		"about what is hidden":       {get("ask", about), []string{"thing:t1"}, "", errNoThing, audit.ByPolicy, "prompt.get", "prompt:ask", nil},
		"without an argument":        {get("ask", nil), nil, "", toolapp.ErrPromptArguments, audit.ByInput, "prompt.get", "prompt:ask", nil},
		"with one that it has not":   {get("ask", map[string]string{"about": "t1", "why": "?"}), nil, "", toolapp.ErrPromptArguments, audit.ByInput, "prompt.get", "prompt:ask", nil},
		"with one that is too long":  {get("ask", map[string]string{"about": strings.Repeat("t", 2001)}), nil, "", toolapp.ErrPromptArguments, audit.ByInput, "prompt.get", "prompt:ask", nil},
		"a completion":               {complete("ask", ""), nil, "4 of 4", nil, "", "prompt.get", "prompt:ask", []string{"completion"}},
		"of a prompt without any":    {complete("plain", ""), nil, "0 of 0", nil, "", "prompt.get", "prompt:plain", []string{"completion"}},
		"of a hidden prompt":         {complete("ask", ""), []string{"prompt:ask"}, "", toolapp.ErrNoPrompt, audit.ByPolicy, "prompt.get", "prompt:ask", nil},
		"of no prompt":               {complete("beg", ""), nil, "", toolapp.ErrNoPrompt, audit.ByInput, "prompt.get", "prompt:beg", nil},
		"of a template":              {complete("", "thing://{name}"), nil, "100 of 250", nil, "", "resource.read", "resource:thing://{name}", []string{"completion"}},
		"but for what is hidden":     {complete("", "thing://{name}"), []string{"resource:thing://t1", "resource:thing://t249"}, "100 of 248", nil, "", "resource.read", "resource:thing://{name}", []string{"completion"}},
		"of a hidden template":       {complete("", "thing://{name}"), []string{"resource:thing://{name}"}, "", toolapp.ErrNoResource, audit.ByPolicy, "resource.read", "resource:thing://{name}", nil},
		"of no template":             {complete("", "doc://a"), nil, "", toolapp.ErrNoResource, audit.ByInput, "resource.read", "resource:doc://a", nil},
	} {
		s := newShelf(t, c.denied...)
		got, err := c.do(t, s)
		if !errors.Is(err, c.err) || err == nil && got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		r := s.records
		if len(r) != 1 || r[0].Phase != audit.Closed || r[0].DeniedBy != c.by || r[0].Action != c.action || r[0].Target != c.target || (r[0].Outcome == audit.OK) != (err == nil) {
			t.Errorf("%s: records %+v", name, r)
		}
		if diff := cmp.Diff(c.classes, s.classes); diff != "" {
			t.Errorf("%s: limits (-want +got):\n%s", name, diff)
		}
	}
}

// What is listed is what can be used.
func TestLibrary_ListsWhatItLetsUse(t *testing.T) {
	t.Parallel()
	for _, denied := range [][]string{nil, {"resource:doc://a"}, {"tool:one"}, {"tool:one", "tool:two"}, {"prompt:ask"}, {"resource:thing://t1"}} {
		s := newShelf(t, denied...)
		for _, uri := range []string{"doc://a", "ui://both", "thing://t1"} {
			_, err := s.read.Do(t.Context(), s.library.Reading(alice, uri))
			if s.library.MayRead(alice, uri) != (err == nil) {
				t.Errorf("without %v: %s is listed: %t, and answers %v", denied, uri, s.library.MayRead(alice, uri), err)
			}
		}
		_, err := s.prompt.Do(t.Context(), toolapp.GetPrompt{Read: cqrs.Read{By: alice}, Prompt: "ask", Arguments: map[string]string{"about": "t1"}})
		if s.library.MayGet(alice, "ask") != (err == nil) {
			t.Errorf("without %v: the prompt answers %v", denied, err)
		}
	}
}

// A message that was not made by the library demands more, never less.
func TestReadResource_DemandsToReadAViewUnlessTheLibraryKnowsBetter(t *testing.T) {
	t.Parallel()
	if got := (toolapp.ReadResource{URI: "ui://both"}).Demand().String(); got != "resource.read resource:ui://both" {
		t.Errorf("demands %s", got)
	}
}
