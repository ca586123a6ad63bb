package mcpapi

import (
	"encoding/base64"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/icon"
)

// toResult is what a tool answers, its texts as they may be shown.
func (g *guard) toResult(r tool.Result) *mcp.CallToolResult {
	result := &mcp.CallToolResult{StructuredContent: r.Structured}
	if r.Text != "" {
		result.Content = append(result.Content, g.toContent(tool.Text(r.Text)))
	}
	for _, image := range r.Images {
		result.Content = append(result.Content, g.toContent(image))
	}
	for _, b := range r.Blocks {
		result.Content = append(result.Content, g.toContent(b))
	}
	return result
}

func (g *guard) toContent(b tool.Block) mcp.Content {
	switch b := b.(type) {
	case tool.Image:
		return mcp.NewImageContent(base64.StdEncoding.EncodeToString(b.Data), b.MIME)
	case tool.Audio:
		return mcp.NewAudioContent(base64.StdEncoding.EncodeToString(b.Data), b.MIME)
	case tool.Embedded:
		return mcp.NewEmbeddedResource(g.toContents(b.URI, b.Content))
	case tool.Link:
		link := mcp.NewResourceLink(b.URI, g.text(b.Name), g.text(b.Description), b.MIME)
		link.Title = g.text(b.Title)
		if b.Size > 0 {
			link.Size = &b.Size
		}
		return link
	case tool.Text:
		return mcp.NewTextContent(g.text(string(b)))
	}
	return mcp.NewTextContent("")
}

func (g *guard) toContents(uri string, c tool.Content) mcp.ResourceContents {
	var meta map[string]any
	if c.MIME == tool.ViewMIME {
		// A view says nothing of domains: it may load nothing, and hosts then forbid it to.
		meta = map[string]any{"ui": map[string]any{"prefersBorder": true}}
	} else { // a view is a program of ours
		c.Text = g.text(c.Text)
	}
	if c.Data != nil {
		return mcp.BlobResourceContents{URI: uri, MIMEType: c.MIME, Meta: meta, Blob: base64.StdEncoding.EncodeToString(c.Data)}
	}
	return mcp.TextResourceContents{URI: uri, MIMEType: c.MIME, Meta: meta, Text: c.Text}
}

func iconOf(name string) []mcp.Icon {
	uri := icon.URI(name)
	if uri == "" {
		return nil
	}
	return []mcp.Icon{{Src: uri, MIMEType: icon.MIME, Sizes: []string{"any"}}}
}

// toTurn is one message of a prompt. Tools are called in it as the client knows them.
func (s *Server) toTurn(t tool.Turn) mcp.PromptMessage {
	role := mcp.RoleUser
	if t.Assistant {
		role = mcp.RoleAssistant
	}
	b := t.Block
	if b == nil {
		b = tool.Text(t.Text)
	}
	if text, ok := b.(tool.Text); ok {
		b = tool.Text(s.catalog.Mention(string(text)))
	}
	return mcp.NewPromptMessage(role, s.guard.toContent(b))
}
