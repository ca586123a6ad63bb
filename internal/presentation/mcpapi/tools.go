package mcpapi

import (
	"context"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// toTool is a definition in mcp-go's words. Schemas are handed over as they were written: nothing re-encodes them.
func toTool(d tool.Definition) mcp.Tool {
	t := mcp.NewToolWithRawSchema(d.Name, d.Description, d.InputSchema)
	t.RawOutputSchema = d.OutputSchema
	t.Title = d.Title
	t.Annotations = mcp.ToolAnnotation{
		Title: d.Title, ReadOnlyHint: &d.ReadOnly, DestructiveHint: &d.Destructive,
		IdempotentHint: &d.Idempotent, OpenWorldHint: &d.OpenWorld,
	}
	t.Icons = iconOf(d.Icon)
	if d.View != "" {
		// The second member is how hosts found the view before the extension was settled.
		t.Meta = mcp.NewMetaFromMap(map[string]any{"ui": map[string]any{"resourceUri": d.View}, "ui/resourceUri": d.View})
	}
	return t
}

// callTool is the handler of every tool, as mcp-go calls it. Errors become results in toResult and nowhere else, so that no
// text of a Go error can reach a client by way of mcp-go.
func (s *Server) callTool(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	x := exchangeFrom(ctx)
	result, err := s.use(ctx, x, r.Params.Name)
	if x.inquiry != nil {
		return &mcp.CallToolResult{}, nil
	}
	return s.toResult(x, result, err), nil
}

func (s *Server) toResult(x *exchange, result tool.Result, err error) *mcp.CallToolResult {
	if err != nil {
		return x.fail(s.guard, fault.From(err))
	}
	return s.guard.toResult(result)
}

// use lets the tool do what the exchange asks for. The catalog has the tool, under the name that it is published by.
func (s *Server) use(ctx context.Context, x *exchange, published string) (tool.Result, error) {
	name, _ := s.catalog.Plain(published)
	return conduct(ctx, s, x, func(ctx context.Context) (tool.Result, error) {
		return s.call.Do(ctx, toolapp.Call{
			Change: cqrs.Change{By: x.request.Actor()},
			Tool:   name, Arguments: x.message.Arguments, Reason: x.message.Meta.Purpose,
		})
	})
}

// called is the name in the catalog of the tool that a message calls; empty for none, and for one that there is not.
func (s *Server) called(m wire.Message) string {
	if m.Method != string(mcp.MethodToolsCall) {
		return ""
	}
	if name, ok := s.catalog.Plain(m.Name); ok {
		return name
	}
	return ""
}

// fail notes what the call came to, for the exchange and for telemetry.
func (x *exchange) fail(g *guard, f *fault.Fault) *mcp.CallToolResult {
	x.toolError, x.failed = true, f
	if errors.Is(f, toolapp.ErrUnknown) {
		x.rejected = f
	}
	return toErrorResult(g.fault(f), x.request.ID())
}

// visible keeps from a listing the tools that the principal could not call. Calls pass: the gate decides them, so
// that the record says by which rule, and callTool makes a refusal look like an unknown name.
func (s *Server) visible(ctx context.Context, tools []mcp.Tool) []mcp.Tool {
	x := exchangeFrom(ctx)
	if x.message.Method == string(mcp.MethodToolsCall) {
		return tools
	}
	seen := make([]mcp.Tool, 0, len(tools))
	for _, t := range tools {
		if name, _ := s.catalog.Plain(t.Name); s.sees.Permits(x.request.Actor(), name) {
			seen = append(seen, t)
		}
	}
	return seen
}

func (s *Server) register(to *server.MCPServer, catalog *tool.Catalog) {
	for _, t := range catalog.All() {
		d := t.Definition
		d.Name, d.Description = catalog.Published(d.Name), catalog.Mention(d.Description)
		listed := toTool(d)
		to.AddTool(listed, s.callTool)
		if mcp.ExtractParamHeaderBindings(&listed) != nil {
			s.mirroring[d.Name] = &listed
		}
	}
}
