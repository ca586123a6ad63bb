package tool

import (
	"context"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// Resource is something to read under one fixed URI: a document for a model, or the view (ui://…) that draws what a
// tool answers. Bind must be free of side effects.
type Resource struct {
	URI         string
	Name        string // unique among resources and templates: listings are sorted by it
	Title       string
	Description string
	MIME        string
	Bind        func(ctx context.Context, by access.Principal) (Use[Content], error)
}

// ResourceTemplate is a family of resources whose URIs differ in the values of variables. Bind must be free of side
// effects, and answers a fault of kind NotFound to values that name nothing.
type ResourceTemplate struct {
	URI         string // RFC 6570, level 1: metric://{name}
	Name        string
	Title       string
	Description string
	MIME        string
	Bind        func(ctx context.Context, by access.Principal, values map[string]string) (Use[Content], error)
	Complete    Completer // nil when there is nothing to suggest
	Recorded    []string  // variables whose values the audit may hold once Bind has accepted them; see Definition
}

// Variables are the names of the variables, in order.
func (t ResourceTemplate) Variables() (names []string) {
	for _, found := range variable.FindAllStringSubmatch(t.URI, -1) {
		names = append(names, found[1])
	}
	return names
}

// Content is what a resource holds: text, or data when it is no text.
type Content struct {
	MIME string // empty for that of the resource
	Text string
	Data []byte
}

// ViewMIME is the MIME type of a view, after MCP Apps (SEP-1865).
const ViewMIME = "text/html;profile=mcp-app"

// Completer lists the values that an argument, or a variable of a template, may take and that fit what has been
// typed, the likeliest first, for the principal by. given are the values of other arguments, as far as the client told them;
// like typed they come from the client unchecked. An argument that it knows nothing of has no values. Nothing may be listed
// that by may not see. Whoever asks cuts the list.
type Completer func(ctx context.Context, by access.Principal, argument, typed string, given map[string]string) ([]string, error)
