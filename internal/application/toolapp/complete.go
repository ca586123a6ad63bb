package toolapp

import (
	"context"
	"maps"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// maxCompletions is how many values one completion holds; MCP allows no more.
const maxCompletions = 100

// Complete asks how an argument of a prompt, or a variable of a template, could go on.
type Complete struct {
	cqrs.Read
	Prompt   string // the name, or empty for a template
	Template string // the text, when Prompt is empty
	Argument string
	Typed    string
	Given    map[string]string // values of other arguments
}

// Completion is what an argument may be.
type Completion struct {
	Values []string // at most 100, the likeliest first
	Total  int      // how many there are altogether
}

// Demand is that of the prompt or the template: who may not use it learns nothing of its arguments.
func (m Complete) Demand() access.Demand {
	if m.Prompt != "" {
		return DemandPrompt(m.Prompt)
	}
	return DemandRead(m.Template)
}

// Conceal says what a caller hears who may not use the prompt or the template.
func (m Complete) Conceal() *fault.Fault {
	if m.Prompt != "" {
		return ErrNoPrompt
	}
	return ErrNoResource
}

// NewComplete gives the one query behind every completion.
func NewComplete(gate *cqrs.Gate, library *Library, more ...Option) cqrs.Governed[Complete, Completion] {
	return cqrs.GovernQuery(gate, &completeHandler{library, boundsOf(more)})
}

type completeHandler struct {
	library *Library
	bounds  bounds
}

// Bind finds what is to be completed. An argument that nobody can complete has no values.
func (h *completeHandler) Bind(_ context.Context, m Complete) (cqrs.Bound[Completion], error) {
	said := quotable([]any{m.Argument, m.Typed, m.Given})
	bound := cqrs.Bound[Completion]{Class: CompleteClass, Arguments: digest(said)}
	of, err := h.find(m)
	if err != nil {
		return bound, err
	}
	bound.Redacted = of.recording.completing(m)
	bound.Run = within(h.bounds, func(ctx context.Context) (Completion, error) {
		if of.complete == nil {
			return Completion{}, nil
		}
		values, err := of.complete(ctx, m.By, m.Argument, m.Typed, m.Given)
		if err != nil {
			return Completion{}, discreet(err, said)
		}
		return cut(values, of.offers), nil
	}, completionSize)
	return bound, nil
}

// completable is what completes, whether a value of it may be offered, and what is recorded of what was typed.
type completable struct {
	complete  tool.Completer
	offers    func(string) bool
	recording recording
}

func (h *completeHandler) find(m Complete) (completable, error) {
	if m.Prompt != "" {
		p, ok := h.library.prompts.Find(m.Prompt)
		if !ok {
			return completable{}, ErrNoPrompt
		}
		return completable{p.Complete, func(string) bool { return true }, recordingOfPrompt(p)}, nil
	}
	t, ok := h.library.resources.Template(m.Template)
	if !ok {
		return completable{}, ErrNoResource
	}
	return completable{t.Complete, func(value string) bool {
		return h.library.MayRead(m.By, h.library.resources.Expand(t, m.with(value)))
	}, recordingOfTemplate(t)}, nil
}

// with is what was given, with a value for what is completed.
func (m Complete) with(value string) map[string]string {
	values := maps.Clone(m.Given)
	if values == nil {
		values = map[string]string{}
	}
	values[m.Argument] = value
	return values
}

func cut(values []string, offers func(string) bool) Completion {
	var c Completion
	for _, value := range values {
		if !offers(value) {
			continue
		}
		if c.Total++; len(c.Values) < maxCompletions {
			c.Values = append(c.Values, value)
		}
	}
	return c
}
