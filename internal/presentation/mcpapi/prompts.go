package mcpapi

import (
	"context"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// offerPrompts registers the prompts. Nothing is advertised when there are none.
func (s *Server) offerPrompts(to *server.MCPServer) {
	for _, p := range s.library.Prompts().All() {
		to.AddPrompt(toPrompt(p), s.getPrompt)
	}
}

func toPrompt(p tool.Prompt) mcp.Prompt {
	listed := mcp.Prompt{Name: p.Name, Title: p.Title, Description: p.Description, Icons: iconOf(p.Icon)}
	for _, a := range p.Arguments {
		listed.Arguments = append(listed.Arguments, mcp.PromptArgument{Name: a.Name, Description: a.Description, Required: a.Required})
	}
	return listed
}

// gettable keeps from the listing what the principal could not get. Requests pass: the gate decides them.
func (s *Server) gettable(ctx context.Context, prompts []mcp.Prompt) []mcp.Prompt {
	x := exchangeFrom(ctx)
	if x.message.Method == string(mcp.MethodPromptsGet) {
		return prompts
	}
	return slices.DeleteFunc(slices.Clone(prompts), func(p mcp.Prompt) bool { return !s.library.MayGet(x.request.Actor(), p.Name) })
}

func (s *Server) getPrompt(ctx context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
	x := exchangeFrom(ctx)
	made, err := conduct(ctx, s, x, func(ctx context.Context) (tool.Conversation, error) {
		return s.prompt.Do(ctx, toolapp.GetPrompt{
			Read: cqrs.Read{By: x.request.Actor()}, Prompt: x.message.Name, Arguments: r.Params.Arguments,
		})
	})
	if err != nil {
		return nil, x.turnDown(err)
	}
	result := &mcp.GetPromptResult{Description: made.Description}
	for _, turn := range made.Turns {
		result.Messages = append(result.Messages, s.toTurn(turn))
	}
	return result, nil
}

// completable reports whether there is anything to complete.
func (s *Server) completable() bool {
	return slices.ContainsFunc(s.library.Prompts().All(), func(p tool.Prompt) bool { return p.Complete != nil }) ||
		slices.ContainsFunc(s.library.Resources().Templates(), func(t tool.ResourceTemplate) bool { return t.Complete != nil })
}

// completer is what mcp-go asks for completions.
type completer struct{ server *Server }

// CompletePromptArgument implements server.PromptCompletionProvider.
func (c completer) CompletePromptArgument(ctx context.Context, prompt string, a mcp.CompleteArgument, given mcp.CompleteContext) (*mcp.Completion, error) {
	return c.complete(ctx, toolapp.Complete{Prompt: prompt, Argument: a.Name, Typed: a.Value, Given: given.Arguments})
}

// CompleteResourceArgument implements server.ResourceCompletionProvider.
func (c completer) CompleteResourceArgument(ctx context.Context, template string, a mcp.CompleteArgument, given mcp.CompleteContext) (*mcp.Completion, error) {
	return c.complete(ctx, toolapp.Complete{Template: template, Argument: a.Name, Typed: a.Value, Given: given.Arguments})
}

func (c completer) complete(ctx context.Context, m toolapp.Complete) (*mcp.Completion, error) {
	x := exchangeFrom(ctx)
	m.By = x.request.Actor()
	found, err := c.server.complete.Do(ctx, m)
	if err != nil {
		return nil, x.turnDown(err)
	}
	return &mcp.Completion{Values: found.Values, Total: found.Total, HasMore: found.Total > len(found.Values)}, nil
}
