package mcpapi

import (
	"context"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/presentation/paging"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
)

// listings keeps from lists what the principal could not use, where mcp-go has no filter, and answers all of them page by page.
// The cursors are ours, and mcp-go is shown none: its own lose items that share a name.
func (s *Server) listings() *server.Hooks {
	hooks := &server.Hooks{}
	hooks.AddBeforeListTools(func(ctx context.Context, _ any, r *mcp.ListToolsRequest) { turnTo(ctx, &r.Params) })
	hooks.AddBeforeListPrompts(func(ctx context.Context, _ any, r *mcp.ListPromptsRequest) { turnTo(ctx, &r.Params) })
	hooks.AddBeforeListResources(func(ctx context.Context, _ any, r *mcp.ListResourcesRequest) { turnTo(ctx, &r.Params) })
	hooks.AddBeforeListResourceTemplates(func(ctx context.Context, _ any, r *mcp.ListResourceTemplatesRequest) { turnTo(ctx, &r.Params) })

	hooks.AddAfterListTools(func(ctx context.Context, _ any, _ *mcp.ListToolsRequest, r *mcp.ListToolsResult) {
		r.Tools, r.NextCursor = page(ctx, s.page, r.Tools, func(t mcp.Tool) string { return t.Name })
	})
	hooks.AddAfterListPrompts(func(ctx context.Context, _ any, _ *mcp.ListPromptsRequest, r *mcp.ListPromptsResult) {
		r.Prompts, r.NextCursor = page(ctx, s.page, r.Prompts, func(p mcp.Prompt) string { return p.Name })
	})
	hooks.AddAfterListResources(func(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, r *mcp.ListResourcesResult) {
		seen := slices.DeleteFunc(r.Resources, func(listed mcp.Resource) bool { return !s.mayRead(ctx, listed.URI) })
		r.Resources, r.NextCursor = page(ctx, s.page, seen, func(r mcp.Resource) string { return r.Name })
	})
	hooks.AddAfterListResourceTemplates(func(ctx context.Context, _ any, _ *mcp.ListResourceTemplatesRequest, r *mcp.ListResourceTemplatesResult) {
		seen := slices.DeleteFunc(r.ResourceTemplates, func(listed mcp.ResourceTemplate) bool {
			return !s.mayRead(ctx, listed.URITemplate.Raw())
		})
		r.ResourceTemplates, r.NextCursor = page(ctx, s.page, seen, func(t mcp.ResourceTemplate) string { return t.Name })
	})
	return hooks
}

// turnTo keeps the cursor for page.
func turnTo(ctx context.Context, asked *mcp.PaginatedParams) {
	exchangeFrom(ctx).cursor, asked.Cursor = asked.Cursor, ""
}

// page is the part of a list that the cursor of the exchange asks for.
func page[T any](ctx context.Context, size int, all []T, name func(T) string) ([]T, mcp.Cursor) {
	x := exchangeFrom(ctx)
	part, next, ok := paging.Cut(x.message.Method, all, string(x.cursor), size, name)
	if !ok {
		x.rejected, x.deniedBy = refusal.ErrCursor, audit.ByEdge
	}
	return part, mcp.Cursor(next)
}
