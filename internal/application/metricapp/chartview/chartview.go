// Package chartview is the page that shows a chart inside a conversation: an MCP App (SEP-1865) of our own, one
// document with its style and script inside, that asks nothing of any other host. It draws what the answer of the
// query tool holds: structuredContent.chart, as internal/domain/metric/chart marshals it, and the table of columns
// and rows beside it.
package chartview

import (
	"context"
	_ "embed" // the page

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// The page as an MCP resource. Its metadata needs no csp and no permissions: the default, which allows inline script
// and style and no connection at all, is enough.
const (
	URI  = "ui://steward/chart"
	MIME = tool.ViewMIME
)

//go:embed chart.html
var page []byte

// HTML returns the document, an own copy for each caller. It holds no data; the client hands that over when it shows
// the page.
func HTML() []byte { return append([]byte(nil), page...) }

// Resource offers the page. It shows nothing to whoever may read it but what the client puts into it.
func Resource() tool.Resource {
	return tool.Resource{
		URI: URI, Name: "chart", Title: "Chart", Description: "Draws the answer of query with format chart.", MIME: MIME,
		Bind: func(context.Context, access.Principal) (tool.Use[tool.Content], error) {
			return tool.Use[tool.Content]{Run: func(context.Context) (tool.Content, error) {
				return tool.Content{Text: string(HTML())}, nil
			}}, nil
		},
	}
}
