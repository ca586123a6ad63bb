package toolapp

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// maxPromptArgument is the longest value of an argument of a prompt, in characters: the values go into the prompt.
const maxPromptArgument = 2000

// ErrPromptArguments is about arguments that do not fit the prompt.
var ErrPromptArguments = fault.New(fault.Invalid, "tool.prompt_arguments", "The arguments do not fit the prompt.")

// GetPrompt makes a prompt.
type GetPrompt struct {
	cqrs.Read
	Prompt    string
	Arguments map[string]string
}

// Demand is prompt.get on the prompt.
func (m GetPrompt) Demand() access.Demand { return DemandPrompt(m.Prompt) }

// Conceal says what a caller hears who may not get the prompt.
func (GetPrompt) Conceal() *fault.Fault { return ErrNoPrompt }

// NewGetPrompt gives the one query behind every prompt.
func NewGetPrompt(gate *cqrs.Gate, prompts *tool.Prompts, more ...Option) cqrs.Governed[GetPrompt, tool.Conversation] {
	return cqrs.GovernQuery(gate, &promptHandler{prompts, boundsOf(more)})
}

type promptHandler struct {
	prompts *tool.Prompts
	bounds  bounds
}

// Bind finds the prompt, checks that the arguments are those it names, and lets it understand them.
func (h *promptHandler) Bind(ctx context.Context, m GetPrompt) (cqrs.Bound[tool.Conversation], error) {
	said := quotable(m.Arguments)
	refused := cqrs.Bound[tool.Conversation]{Arguments: digest(said)}
	p, ok := h.prompts.Find(m.Prompt)
	if !ok {
		return refused, ErrNoPrompt
	}
	recording := recordingOfPrompt(p)
	refused.Redacted = recording.kinds(said)
	if err := checkArguments(p, m.Arguments); err != nil {
		return refused, err
	}
	all, err := heard(ctx, said)
	if err != nil {
		return refused, err
	}
	use, err := p.Bind(ctx, m.By, m.Arguments)
	if asked := tool.Asked(ctx, err); asked != nil {
		refused.Class = PromptClass
		return asking(refused, asked, all)
	}
	bound := bind(use, PromptClass, said)
	bound.Redacted = recording.values(said, refused.Redacted)
	run := within(h.bounds, use.Run, conversationSize)
	bound.Run = func(ctx context.Context) (tool.Conversation, error) {
		made, err := run(ctx)
		return made, discreet(tool.Asked(ctx, err), all)
	}
	return bound, nil
}

func checkArguments(p tool.Prompt, given map[string]string) error {
	names := make([]string, len(p.Arguments))
	for i, a := range p.Arguments {
		names[i] = a.Name
		if a.Required && given[a.Name] == "" {
			return ErrPromptArguments.Saying("The argument %s is required.", a.Name)
		}
	}
	for name, value := range given {
		if !slices.Contains(names, name) {
			return ErrPromptArguments.Saying("The prompt takes no arguments but those that prompts/list names.").Suggesting(names...)
		}
		if utf8.RuneCountInString(value) > maxPromptArgument {
			return ErrPromptArguments.Saying("The argument %s is longer than %d characters.", name, maxPromptArgument)
		}
	}
	return nil
}
