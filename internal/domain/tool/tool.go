// Package tool is what a capability offered to a model looks like, whatever context it comes from: a definition
// that clients read, and a Bind that turns arguments into something that can be decided on and then run.
package tool

import (
	"context"
	"encoding/json"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Definition is the published contract of a tool. A change to it shows in tests/golden/tools.
type Definition struct {
	Name         string // ^[a-z][a-z0-9_]{0,63}$
	Title        string
	Description  string          // for the model: what it does, when to use it, what comes next
	InputSchema  json.RawMessage // JSON Schema 2020-12 of an object, additionalProperties false
	OutputSchema json.RawMessage // JSON Schema of Result.Structured; nil when there is none
	ReadOnly     bool            // changes nothing outside the audit; anything else is recorded before it runs
	Destructive  bool
	Idempotent   bool
	OpenWorld    bool          // reaches beyond Steward and its warehouse
	Icon         string        // name of an icon that presentation knows; empty for none
	Timeout      time.Duration // deadline for Run; zero takes the configured default
}

// Bound is a call whose arguments have been understood and whose cost has not begun.
type Bound struct {
	// Demands are decided together with the call itself.
	Demands []access.Demand
	// Refusal is what the caller is told when a demand is refused; nil says access is denied. It lets a hidden
	// name look exactly like an unknown one.
	Refusal *fault.Fault
	// Run does it, once, under the tool's deadline.
	Run func(ctx context.Context) (Result, error)
}

// Result is what a tool answers. Structured marshals to a JSON object that satisfies the output schema.
type Result struct {
	Text       string
	Structured any
}

// Tool is a definition with its implementation. Bind must be free of side effects: it parses and resolves for the
// principal by, and answers a fault of kind Invalid or NotFound to arguments that cannot run.
type Tool struct {
	Definition
	Bind func(ctx context.Context, by access.Principal, args json.RawMessage) (Bound, error)
}
