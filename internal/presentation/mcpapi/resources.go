package mcpapi

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// uiExtension is MCP Apps (SEP-1865). A client that does not know it ignores what of it stands in listings.
const uiExtension = "io.modelcontextprotocol/ui"

// offerResources registers what there is to read. Nothing is advertised when there is nothing.
func (s *Server) offerResources(to *server.MCPServer) {
	for _, r := range s.library.Resources().All() {
		to.AddResource(mcp.Resource{URI: r.URI, Name: r.Name, Title: r.Title, Description: r.Description, MIMEType: r.MIME}, s.readResource)
	}
	for _, t := range s.library.Resources().Templates() {
		listed := mcp.NewResourceTemplate(t.URI, t.Name)
		listed.Title, listed.Description, listed.MIMEType = t.Title, t.Description, t.MIME
		to.AddResourceTemplate(listed, s.readResource)
	}
}

// readable keeps from listings what the principal could not read. mcp-go has no filter for resources.
func (s *Server) readable() *server.Hooks {
	hooks := &server.Hooks{}
	hooks.AddAfterListResources(func(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, r *mcp.ListResourcesResult) {
		r.Resources = slices.DeleteFunc(r.Resources, func(listed mcp.Resource) bool { return !s.mayRead(ctx, listed.URI) })
	})
	hooks.AddAfterListResourceTemplates(func(ctx context.Context, _ any, _ *mcp.ListResourceTemplatesRequest, r *mcp.ListResourceTemplatesResult) {
		r.ResourceTemplates = slices.DeleteFunc(r.ResourceTemplates, func(listed mcp.ResourceTemplate) bool {
			return !s.mayRead(ctx, listed.URITemplate.Raw())
		})
	})
	return hooks
}

func (s *Server) mayRead(ctx context.Context, uri string) bool {
	return s.library.MayRead(exchangeFrom(ctx).request.Actor(), uri)
}

// readResource is the handler of every resource. The URI is the one that was read strictly, not mcp-go's reading of it.
func (s *Server) readResource(ctx context.Context, _ mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	x := exchangeFrom(ctx)
	content, err := s.read.Do(ctx, s.library.Reading(x.request.Actor(), x.message.URI))
	if err != nil {
		return nil, x.turnDown(err)
	}
	if content.MIME != tool.ViewMIME { // a view is a program of ours
		content.Text = s.guard.text(content.Text)
	}
	return []mcp.ResourceContents{toContents(x.message.URI, content)}, nil
}

func toContents(uri string, c tool.Content) mcp.ResourceContents {
	var meta map[string]any
	if c.MIME == tool.ViewMIME {
		// A view says nothing of domains: it may load nothing, and hosts then forbid it to.
		meta = map[string]any{"ui": map[string]any{"prefersBorder": true}}
	}
	if c.Data != nil {
		return mcp.BlobResourceContents{URI: uri, MIMEType: c.MIME, Meta: meta, Blob: base64.StdEncoding.EncodeToString(c.Data)}
	}
	return mcp.TextResourceContents{URI: uri, MIMEType: c.MIME, Meta: meta, Text: c.Text}
}

// turnDown answers the request with a fault, whatever mcp-go makes of the error that it is given.
func (x *exchange) turnDown(err error) error {
	x.rejected = fault.From(err)
	return x.rejected
}

// rejectedCode is the JSON-RPC error code for x.rejected. For a resource that is not there the older revisions have one of
// their own.
func (x *exchange) rejectedCode() int {
	if x.missesResource() && !mcp.IsModernProtocol(x.revision()) {
		return mcp.RESOURCE_NOT_FOUND
	}
	return rpcCode(x.rejected.Kind)
}

func (x *exchange) missesResource() bool {
	return x.message.Method == string(mcp.MethodResourcesRead) && x.rejected.Kind == fault.NotFound
}
