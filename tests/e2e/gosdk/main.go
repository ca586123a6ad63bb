// Command gosdk connects with the official Go SDK, does what a client does, and prints what it was given as one JSON
// object. It is a module of its own, so that Steward does not depend on the SDK.
//
//	gosdk QUESTION http URL KEY
//	gosdk QUESTION stdio COMMAND [ARGUMENT]…
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	if err := visit(context.Background(), os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// bearer shows the key on every request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

func transport(kind string, where []string) mcp.Transport {
	if kind == "stdio" {
		server := exec.Command(where[0], where[1:]...)
		server.Stderr = os.Stderr
		return &mcp.CommandTransport{Command: server}
	}
	return &mcp.StreamableClientTransport{Endpoint: where[0], HTTPClient: &http.Client{Transport: bearer(where[1])}}
}

type visited struct {
	Revision    string      `json:"revision"`
	Tools       []*mcp.Tool `json:"tools"`
	Structured  any         `json:"structured"`
	Echoes      []string    `json:"echoes"`
	Resource    string      `json:"resource"`
	Prompt      string      `json:"prompt"`
	Completions []string    `json:"completions"`
	Refused     string      `json:"refused"`
}

func visit(ctx context.Context, question, kind string, where []string) error {
	session, err := mcp.NewClient(&mcp.Implementation{Name: "visit-go", Version: "1"}, nil).Connect(ctx, transport(kind, where), nil)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer session.Close()
	v := visited{Revision: session.InitializeResult().ProtocolVersion}
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		v.Tools = append(v.Tools, tool)
	}
	answer, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "query", Arguments: json.RawMessage(question)})
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	v.Structured = answer.StructuredContent
	for i := range 20 {
		answer, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"text": fmt.Sprint("echo ", i)}})
		if err != nil {
			return fmt.Errorf("echo: %w", err)
		}
		v.Echoes = append(v.Echoes, answer.Content[0].(*mcp.TextContent).Text)
	}
	if err := v.library(ctx, session); err != nil {
		return err
	}
	_, err = session.CallTool(ctx, &mcp.CallToolParams{Name: "no_such_tool", Arguments: map[string]any{}})
	v.Refused = fmt.Sprint(err)
	return json.NewEncoder(os.Stdout).Encode(v)
}

func (v *visited) library(ctx context.Context, session *mcp.ClientSession) error {
	read, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "metric://revenue"})
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	v.Resource = read.Contents[0].Text
	prompt, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: "metric_analysis", Arguments: map[string]string{"metric": "revenue"}})
	if err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	v.Prompt = prompt.Messages[0].Content.(*mcp.TextContent).Text
	completed, err := session.Complete(ctx, &mcp.CompleteParams{
		Ref: &mcp.CompleteReference{Type: "ref/prompt", Name: "metric_analysis"}, Argument: mcp.CompleteParamsArgument{Name: "metric", Value: "reve"},
	})
	if err != nil {
		return fmt.Errorf("complete: %w", err)
	}
	v.Completions = completed.Completion.Values
	return nil
}
