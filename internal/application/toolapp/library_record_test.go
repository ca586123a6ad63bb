package toolapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// What is recorded of arguments is what tools record of theirs: values only of what was declared and accepted.
func TestLibrary_RecordsArgumentsAsToolsDo(t *testing.T) {
	t.Parallel()
	get := func(args map[string]string) func(*testing.T, *shelf) error {
		return func(t *testing.T, s *shelf) error {
			t.Helper()
			_, err := s.prompt.Do(t.Context(), toolapp.GetPrompt{Read: cqrs.Read{By: alice}, Prompt: "ask", Arguments: args})
			return err
		}
	}
	read := func(uri string) func(*testing.T, *shelf) error {
		return func(t *testing.T, s *shelf) error {
			t.Helper()
			_, err := s.read.Do(t.Context(), s.library.Reading(alice, uri))
			return err
		}
	}
	complete := func(m toolapp.Complete) func(*testing.T, *shelf) error {
		return func(t *testing.T, s *shelf) error {
			t.Helper()
			m.By = alice
			_, err := s.complete.Do(t.Context(), m)
			return err
		}
	}
	for name, c := range map[string]struct {
		do      func(*testing.T, *shelf) error
		want    string
		refused bool
	}{
		"a prompt":                          {get(map[string]string{"about": "t1", "how": "softly"}), "about=t1 how=string(6)", false},
		"one that is refused":               {get(map[string]string{"about": "t1", "canary": "x"}), "about=string(2) unknown(1)", true},
		"one without arguments":             {get(nil), "", true},
		"a value that is no word":           {get(map[string]string{"about": "t 1"}), "about=string(3)", false},
		"a resource of a template":          {read("thing://t1"), "name=t1", false},
		"one that is not there":             {read("thing://x1"), "name=string(2)", true},
		"a fixed resource":                  {read("doc://a"), "", false},
		"a completion":                      {complete(toolapp.Complete{Prompt: "ask", Argument: "about", Typed: "t1", Given: map[string]string{"how": "so"}}), "completes=about about=string(2) how=string(2)", false},
		"a completion of a template":        {complete(toolapp.Complete{Template: "thing://{name}", Argument: "name", Typed: "t"}), "completes=name name=string(1)", false},
		"a completion of nothing":           {complete(toolapp.Complete{Prompt: "ask", Argument: "canary", Typed: "canary"}), "completes=unknown unknown(1)", false},
		"a completion of what is not there": {complete(toolapp.Complete{Prompt: "canary", Argument: "canary", Typed: "canary"}), "", true},
	} {
		s := newShelf(t)
		err := c.do(t, s)
		if (err != nil) != c.refused || len(s.records) != 1 {
			t.Fatalf("%s: %v, %+v", name, err, s.records)
		}
		r := s.records[0]
		if r.Redacted != c.want || len(r.Arguments) != 64 || strings.Contains(r.Redacted, "canary") {
			t.Errorf("%s: recorded %q of %q, want %q", name, r.Redacted, r.Arguments, c.want)
		}
	}
}

// Whatever is too large is on record as that: the size is decided before the record is closed.
func TestWithMaxResult_IsDecidedBeforeTheRecordIsClosed(t *testing.T) {
	t.Parallel()
	const most = 2000
	for name, c := range map[string]struct {
		result tool.Result
		fits   bool
	}{
		"a short text":           {tool.Result{Text: "fine"}, true},
		"a long text":            {tool.Result{Text: strings.Repeat("x", most)}, false},
		"a text of escapes":      {tool.Result{Text: strings.Repeat("<", most/5)}, false},
		"small rows":             {tool.Result{Structured: map[string]any{"rows": []int{1, 2}}}, true},
		"many rows":              {tool.Result{Structured: map[string]any{"rows": make([]int, most)}}, false},
		"a picture":              {tool.Result{Images: []tool.Image{{MIME: "image/png", Data: make([]byte, most)}}}, false},
		"a sound":                {tool.Result{Blocks: []tool.Block{tool.Audio{MIME: "audio/wav", Data: make([]byte, most)}}}, false},
		"a long block":           {tool.Result{Blocks: []tool.Block{tool.Text(strings.Repeat("x", most))}}, false},
		"an embedded document":   {tool.Result{Blocks: []tool.Block{tool.Embedded{URI: "doc://a", Content: tool.Content{Text: strings.Repeat("x", most)}}}}, false},
		"a link with many words": {tool.Result{Blocks: []tool.Block{tool.Link{URI: "doc://a", Description: strings.Repeat("x", most)}}}, false},
		"many blocks":            {tool.Result{Blocks: make([]tool.Block, most)}, false},
		"what cannot be encoded": {tool.Result{Structured: map[string]any{"rows": func() {}}}, false},
	} {
		s := &surroundings{more: []toolapp.Option{toolapp.WithMaxResult(most)}}
		do := s.govern(t, scripted(nil, func(context.Context) (tool.Result, error) { return c.result, nil }))
		got, err := do.Do(t.Context(), toolapp.Call{Change: cqrs.Change{By: alice}, Tool: "scripted", Arguments: json.RawMessage(`{}`)})
		r := s.records[len(s.records)-1]
		if (err == nil) != c.fits || (r.Outcome == audit.OK) != c.fits || !c.fits && !cmp.Equal(got, tool.Result{}) {
			t.Errorf("%s: %+v, %v, on record %q", name, got, err, r.Outcome)
		}
		if !c.fits && !errors.Is(err, toolapp.ErrTooLarge) && name != "what cannot be encoded" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of resources, prompts and completions too.
func TestWithMaxResult_HoldsForTheLibrary(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.bounded(toolapp.WithMaxResult(10))
	_, read := s.read.Do(t.Context(), s.library.Reading(alice, "doc://a"))
	_, got := s.prompt.Do(t.Context(), toolapp.GetPrompt{Read: cqrs.Read{By: alice}, Prompt: "ask", Arguments: map[string]string{"about": "t1"}})
	_, completed := s.complete.Do(t.Context(), toolapp.Complete{Read: cqrs.Read{By: alice}, Prompt: "ask", Argument: "about"})
	for i, err := range []error{read, got, completed} {
		if !errors.Is(err, toolapp.ErrTooLarge) || s.records[i].Outcome != "mcp.result_too_large" || s.records[i].DeniedBy != "" {
			t.Errorf("%d: %v, on record %+v", i, err, s.records[i])
		}
	}
}

// A text takes what encoding/json makes of it.
func TestTextSize_IsThatOfTheLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		encoded, err := json.Marshal(text)
		if err != nil || toolapp.TextSize(text) != len(encoded) {
			t.Fatalf("%q takes %d bytes, counted as %d", text, len(encoded), toolapp.TextSize(text))
		}
	})
}

func (s *shelf) bounded(more ...toolapp.Option) {
	gate := cqrs.NewGate(s, s, cqrs.NewRecorder(s, time.Now), zap.NewNop(), time.Minute)
	s.read = toolapp.NewRead(gate, s.library.Resources(), more...)
	s.prompt = toolapp.NewGetPrompt(gate, s.library.Prompts(), more...)
	s.complete = toolapp.NewComplete(gate, s.library, more...)
}
