// Package toolapp is the use of tools: one command for every tool there is, and the question which tools a
// principal may see.
package toolapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// ErrUnknown answers a tool that does not exist and one that the principal may not see: the two look the same.
var ErrUnknown = fault.New(fault.NotFound, "tool.unknown", "There is no tool of this name; tools/list names the ones there are.")

// Class is the rate-limit class of tool calls.
const Class = "tool"

// Call uses a tool.
type Call struct {
	cqrs.Change
	Tool      string
	Arguments json.RawMessage // a JSON object; empty means {}
}

// Demand is tool.call on the tool.
func (c Call) Demand() access.Demand { return Demand(c.Tool) }

// Conceal says what a caller hears who may not use the tool.
func (c Call) Conceal() *fault.Fault { return ErrUnknown }

// Demand is what using, and seeing, a tool demands.
func Demand(name string) access.Demand { return access.On("tool.call", "tool", name) }

// Check says what is wrong with arguments, as a fault of kind Invalid that names the place.
type Check func(arguments json.RawMessage) error

// Compiler turns a JSON Schema (2020-12) into a check. It fails on a schema that does not compile.
type Compiler func(name string, schema json.RawMessage) (Check, error)

// NewCall gives the one command behind every tool. Every input schema is compiled here, so that a tool whose
// schema is broken stops the start rather than accepting anything later.
func NewCall(gate *cqrs.Gate, catalog *tool.Catalog, compile Compiler) (cqrs.Governed[Call, tool.Result], error) {
	h := &callHandler{catalog: catalog, checks: make(map[string]Check, len(catalog.All())), optional: make(map[string]optional, len(catalog.All()))}
	for _, t := range catalog.All() {
		check, err := compile(t.Name, t.InputSchema)
		if err != nil {
			return cqrs.Governed[Call, tool.Result]{}, fmt.Errorf("compile the input schema of %s: %w", t.Name, err)
		}
		h.checks[t.Name], h.optional[t.Name] = check, properties(t.InputSchema)
	}
	return cqrs.GovernCommand(gate, h), nil
}

type callHandler struct {
	catalog  *tool.Catalog
	checks   map[string]Check
	optional map[string]optional
}

// Bind finds the tool, checks the arguments against its schema, and lets the tool understand them.
func (h *callHandler) Bind(ctx context.Context, c Call) (cqrs.Bound[tool.Result], error) {
	bound := cqrs.Bound[tool.Result]{Class: Class}
	t, ok := h.catalog.Find(c.Tool)
	if !ok {
		return bound, ErrUnknown
	}
	args := c.Arguments
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	sum := sha256.Sum256(args)
	bound.Arguments = hex.EncodeToString(sum[:])
	args = h.optional[t.Name].without(args) // after the digest, which is of what was sent
	if err := h.checks[t.Name](args); err != nil {
		return bound, err
	}
	b, err := t.Bind(ctx, c.By, args)
	if err != nil {
		return bound, discreet(err, args)
	}
	bound.Demands, bound.Refusal, bound.Objection = b.Demands, b.Refusal, b.Objection
	bound.Run = func(ctx context.Context) (tool.Result, error) {
		result, err := b.Run(ctx)
		return result, discreet(err, args)
	}
	bound.ReadOnly, bound.Timeout = t.ReadOnly, t.Timeout
	return bound, nil
}
