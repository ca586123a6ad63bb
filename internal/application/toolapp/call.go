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
	Reason    string          // what the caller says that the call is for
}

// Demand is tool.call on the tool with the arguments.
func (c Call) Demand() access.Demand { return Demand(c.Tool).With(c.Arguments) }

// Purpose is the reason, if it can stand on record.
func (c Call) Purpose() string {
	if !validPurpose(c.Reason) {
		return ""
	}
	return c.Reason
}

// Conceal says what a caller hears who may not use the tool.
func (c Call) Conceal() *fault.Fault { return ErrUnknown }

// Demand is what seeing a tool demands, and what using it does whatever its arguments are.
func Demand(name string) access.Demand { return access.On("tool.call", "tool", name) }

// Check says what is wrong with arguments, as a fault of kind Invalid that names the place.
type Check func(arguments json.RawMessage) error

// Compiler turns a JSON Schema (2020-12) into a check. It fails on a schema that does not compile.
type Compiler func(name string, schema json.RawMessage) (Check, error)

// NewCall gives the one command behind every tool. Every input schema is compiled here, so that a tool whose
// schema is broken stops the start rather than accepting anything later.
func NewCall(gate *cqrs.Gate, policy Obliging, catalog *tool.Catalog, compile Compiler, more ...Option) (cqrs.Governed[Call, tool.Result], error) {
	h := &callHandler{policy: policy, catalog: catalog, contracts: make(map[string]contract, len(catalog.All())), bounds: boundsOf(more)}
	for _, t := range catalog.All() {
		check, err := compile(t.Name, t.InputSchema)
		if err != nil {
			return cqrs.Governed[Call, tool.Result]{}, fmt.Errorf("compile the input schema of %s: %w", t.Name, err)
		}
		known := properties(t.InputSchema)
		h.contracts[t.Name] = contract{check: check, optional: known, recording: newRecording(known, t.Recorded), digest: t.Digest()}
	}
	return cqrs.GovernCommand(gate, h), nil
}

type callHandler struct {
	policy    Obliging
	catalog   *tool.Catalog
	contracts map[string]contract
	bounds    bounds
}

// contract is what is derived once from a tool's definition.
type contract struct {
	check     Check
	optional  optional
	recording recording
	digest    string
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
	if rule := h.policy.Obligations(c.By).Purpose; rule != "" && c.Purpose() == "" {
		bound.Objection, bound.Refusal = rule, ErrPurpose
		return bound, nil
	}
	of := h.contracts[t.Name]
	bound.Definition, bound.Redacted = of.digest, of.recording.kinds(args)
	args = of.optional.without(args) // after the digest, which is of what was sent
	if err := of.check(args); err != nil {
		return bound, err
	}
	said, err := heard(ctx, args)
	if err != nil {
		return bound, err
	}
	b, err := t.Bind(ctx, c.By, args)
	if asked := tool.Asked(ctx, err); asked != nil {
		return asking(bound, asked, said)
	}
	bound.Redacted = of.recording.values(args, bound.Redacted)
	bound.Demands, bound.Refusal, bound.Objection = b.Demands, b.Refusal, b.Objection
	run := within(h.bounds, b.Run, resultSize)
	bound.Run = func(ctx context.Context) (tool.Result, error) {
		result, err := run(ctx)
		return result, discreet(tool.Asked(ctx, err), said)
	}
	bound.ReadOnly, bound.Timeout = t.ReadOnly, t.Timeout
	return bound, nil
}
