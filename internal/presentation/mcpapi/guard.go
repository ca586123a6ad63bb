package mcpapi

import (
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// guard is what every answer passes on its way out. From all of it configured secrets and Steward's own keys are taken,
// from errors whatever looks like a secret too. Texts, which people and models read, lose all characters that are not
// seen; structured content, whose values are compared and sent back, only those that have no place in data.
type guard struct {
	redact *redact.Redactor
	most   int
	info   mcp.Implementation
}

func newGuard(r *redact.Redactor, most int, info mcp.Implementation) *guard {
	if r == nil {
		r = redact.New(nil)
	}
	return &guard{redact: r, most: most, info: info}
}

// text is what a result shows.
func (g *guard) text(text string) string { return g.redact.Shown(redact.Result, text) }

// fault is f in words that may leave the process, whatever they quote.
func (g *guard) fault(f *fault.Fault) *fault.Fault {
	clean := *f
	clean.Message = g.told(f.Message)
	clean.Suggestions = nil
	for _, s := range f.Suggestions {
		clean.Suggestions = append(clean.Suggestions, g.told(s))
	}
	return &clean
}

func (g *guard) told(text string) string {
	return g.redact.Text(redact.Fault, g.redact.Shown(redact.Fault, text))
}

// result encodes a result, or in place of one that is too large says so: a tool's as its own error, which a model can
// mend, any other as an error of the protocol.
func (g *guard) result(x *exchange, value any) ([]byte, error) {
	clean, err := g.encode(value)
	if err == nil && g.most > 0 && len(clean) > g.most {
		return g.tooLarge(x)
	}
	if err != nil {
		return nil, err
	}
	return wire.Respond(x.message.ID, "result", clean), nil
}

func (g *guard) tooLarge(x *exchange) ([]byte, error) {
	if x.message.Method != string(mcp.MethodToolsCall) {
		x.rejected = toolapp.ErrTooLarge
		return nil, nil
	}
	clean, err := g.encode(g.complete(x, x.fail(g, toolapp.ErrTooLarge)))
	return wire.Respond(x.message.ID, "result", clean), err
}

// complete says of the result what revision 2026-07-28 requires of all of them.
func (g *guard) complete(x *exchange, r *mcp.CallToolResult) *mcp.CallToolResult {
	if mcp.IsModernProtocol(x.revision()) {
		r.SetResultType(mcp.ResultTypeComplete)
		r.EnsureResultMeta().SetServerInfo(g.info)
	}
	return r
}

// toolResult is result of what a tool says in a text and as data, which is most of what tools say.
func (g *guard) toolResult(x *exchange, r wire.ToolResult) ([]byte, error) {
	r.Text = g.text(r.Text)
	body, encoded, err := wire.RespondTool(x.message.ID, r)
	if err != nil {
		return nil, err
	}
	clean := g.redact.Answer(redact.Result, g.redact.Data(redact.Result, encoded))
	switch {
	case g.most > 0 && len(clean) > g.most:
		return g.tooLarge(x)
	case len(clean) != len(encoded) || &clean[0] != &encoded[0]: // something had to be taken out
		return wire.Respond(x.message.ID, "result", clean), nil
	}
	return body, nil
}

func (g *guard) encode(value any) ([]byte, error) {
	encoded, err := wire.Encode(value)
	if err != nil {
		return nil, err
	}
	return g.redact.Answer(redact.Result, g.redact.Data(redact.Result, encoded)), nil
}

// error encodes an error. What it is made of always encodes: our own words, and texts that came as JSON.
func (g *guard) error(x *exchange, e mcp.JSONRPCErrorDetails) []byte {
	encoded, _ := wire.Encode(e)
	shown := g.redact.Shown(redact.Fault, string(g.redact.Data(redact.Fault, encoded)))
	return wire.Respond(x.message.ID, "error", g.redact.Line(redact.Fault, []byte(shown)))
}
