package mcpapi

import (
	"context"

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

func (s *Server) mayRead(ctx context.Context, uri string) bool {
	return s.library.MayRead(exchangeFrom(ctx).request.Actor(), uri)
}

// readResource is the handler of every resource. The URI is the one that was read strictly, not mcp-go's reading of it.
func (s *Server) readResource(ctx context.Context, _ mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	x := exchangeFrom(ctx)
	content, err := conduct(ctx, s, x, func(ctx context.Context) (tool.Content, error) {
		return s.read.Do(ctx, s.library.Reading(x.request.Actor(), x.message.URI))
	})
	if err != nil {
		return nil, x.turnDown(err)
	}
	return []mcp.ResourceContents{s.guard.toContents(x.message.URI, content)}, nil
}

// turnDown answers the request with a fault, whatever mcp-go makes of the error that it is given, unless the answer is that
// there is something to answer first.
func (x *exchange) turnDown(err error) error {
	if x.inquiry == nil {
		x.rejected = fault.From(err)
	}
	return err
}

// rejectedCode is the JSON-RPC error code for x.rejected. For a resource that is not there the older revisions have one of their own.
func (x *exchange) rejectedCode() int {
	if x.missesResource() && !mcp.IsModernProtocol(x.revision()) {
		return mcp.RESOURCE_NOT_FOUND
	}
	return rpcCode(x.rejected.Kind)
}

func (x *exchange) missesResource() bool {
	of := mcp.MCPMethod(x.message.Method)
	return (of == mcp.MethodResourcesRead || of == mcp.MethodResourcesSubscribe) && x.rejected.Kind == fault.NotFound
}
