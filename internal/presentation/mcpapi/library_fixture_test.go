package mcpapi_test

import (
	"context"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
)

var errNoWord = fault.New(fault.NotFound, "word.unknown", "There is no such word.")

// draws is a tool whose answer has a picture and a view.
func draws() tool.Tool {
	made := bare("draws", func(context.Context) (tool.Result, error) {
		return tool.Result{Text: "drawn", Images: []tool.Image{{MIME: "image/png", Data: []byte{1, 2, 3}}}}, nil
	})
	made.View = "ui://drawing"
	return made
}

func holding(c tool.Content) func(context.Context, access.Principal) (tool.Use[tool.Content], error) {
	return func(context.Context, access.Principal) (tool.Use[tool.Content], error) {
		return tool.Use[tool.Content]{Run: func(context.Context) (tool.Content, error) { return c, nil }}, nil
	}
}

// defined is what there is to read about a word.
func defined(_ context.Context, _ access.Principal, values map[string]string) (tool.Use[tool.Content], error) {
	if values["word"] == "none" {
		return tool.Use[tool.Content]{}, errNoWord
	}
	return tool.Use[tool.Content]{
		Demands: []access.Demand{access.On("word.read", "word", values["word"])}, Refusal: errNoWord,
		Run: func(ctx context.Context) (tool.Content, error) {
			if values["word"] == "ask" {
				name, err := asked(ctx)
				return tool.Content{Text: "The word " + name}, err
			}
			return tool.Content{Text: "The word " + values["word"]}, nil
		},
	}, nil
}

// library gives parts what there is to read and to begin with.
func (w *world) library(tb testing.TB, p *mcpapi.Parts, gate *cqrs.Gate) {
	tb.Helper()
	resources, err := tool.NewResources(p.Catalog, []tool.Resource{
		{Name: "secret", URI: "doc://secret", MIME: "text/plain", Bind: holding(tool.Content{Text: "s"})},
		{Name: "guide", Title: "Guide", Description: "Says how.", URI: "doc://guide", MIME: "text/plain", Bind: holding(tool.Content{Text: "How."})},
		{Name: "logo", URI: "doc://logo", MIME: "image/png", Bind: holding(tool.Content{Data: []byte{1, 2, 3}})},
		{Name: "drawing", URI: "ui://drawing", MIME: tool.ViewMIME, Bind: holding(tool.Content{Text: "<!doctype html>"})},
		{Name: "broken", URI: "doc://broken", MIME: "text/plain", Bind: func(context.Context, access.Principal) (tool.Use[tool.Content], error) {
			panic("boom")
		}},
	}, []tool.ResourceTemplate{{
		Name: "word", URI: "word://{word}", MIME: "text/plain", Bind: defined,
		Complete: func(_ context.Context, _ access.Principal, argument, typed string, _ map[string]string) ([]string, error) {
			if argument != "word" {
				return nil, nil
			}
			return strings.Fields(strings.Repeat(typed+"x ", 150)), nil
		},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	prompts, err := tool.NewPrompts([]tool.Prompt{
		{Name: "hidden_prompt", Description: "Not for all.", Bind: said},
		{
			Name: "explain", Title: "Explain", Description: "Explains a word.", Icon: "list", Bind: said,
			Arguments: []tool.Argument{{Name: "word", Description: "Which.", Required: true}, {Name: "to", Description: "Whom."}},
			Complete: func(_ context.Context, by access.Principal, argument, typed string, given map[string]string) ([]string, error) {
				return []string{by.Subject, argument, typed, given["to"]}, nil
			},
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	p.Library = toolapp.NewLibrary(w, resources, prompts)
	p.Read, p.Prompt, p.Complete = toolapp.NewRead(gate, resources), toolapp.NewGetPrompt(gate, prompts), toolapp.NewComplete(gate, p.Library)
	p.Subscribe = toolapp.NewSubscribe(gate, resources)
}

func said(_ context.Context, _ access.Principal, args map[string]string) (tool.Use[tool.Conversation], error) {
	return tool.Use[tool.Conversation]{Run: func(ctx context.Context) (tool.Conversation, error) {
		if args["word"] == "ask" {
			name, err := asked(ctx)
			return tool.Conversation{Turns: []tool.Turn{{Text: "The word " + name}}}, err
		}
		return tool.Conversation{Description: "D", Turns: []tool.Turn{
			{Text: "Explain " + args["word"] + "."}, {Assistant: true, Text: "To " + args["to"] + "?"},
		}}, nil
	}}, nil
}
