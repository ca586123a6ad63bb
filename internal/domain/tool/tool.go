// Package tool is what a capability offered to a model looks like, whatever context it comes from: a definition
// that clients read, and a Bind that turns arguments into something that can be decided on and then run.
package tool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	View         string        // URI of the Resource (ui://…) that draws Result.Structured; empty for none
	Timeout      time.Duration // deadline for Run; zero takes the configured default
	Task         TaskSupport   // whether a call can outlive its request; it is not published
	// Recorded names the arguments whose values the audit may hold once Bind has accepted them: names of the catalog,
	// numbers, dates. Of all others it holds kind and length. It is not published.
	Recorded []string
}

// Digest is the SHA-256, in hexadecimal, of what clients are told of the tool: a record that names it says which wording
// of the contract a call was made under.
func (d Definition) Digest() string {
	text, _ := json.Marshal(struct { // texts, flags and JSON that has compiled always marshal
		Name, Title, Description                     string
		InputSchema, OutputSchema                    json.RawMessage
		ReadOnly, Destructive, Idempotent, OpenWorld bool
		Icon, View                                   string
	}{d.Name, d.Title, d.Description, d.InputSchema, d.OutputSchema, d.ReadOnly, d.Destructive, d.Idempotent, d.OpenWorld, d.Icon, d.View})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Use is something that was asked for, whose arguments have been understood and whose cost has not begun.
type Use[R any] struct {
	// Demands are decided together with the use itself.
	Demands []access.Demand
	// Refusal is what the caller is told when a demand is refused; nil says access is denied. It lets a hidden
	// name look exactly like an unknown one.
	Refusal *fault.Fault
	// Objection is the rule of policy that forbids this use although every demand is allowed; empty when none does. The
	// caller is told Refusal.
	Objection string
	// Run does it, once, under a deadline.
	Run func(ctx context.Context) (R, error)
}

// Bound is the use of a tool.
type Bound = Use[Result]

// Result is what a tool answers. Structured marshals to a JSON object that satisfies the output schema.
type Result struct {
	Text       string
	Images     []Image // shown after the text
	Blocks     []Block // shown after both, in this order
	Structured any
}

// Encoded is structured content as encoding/json has written it, which nobody has to read again to write it.
type Encoded []byte

// MarshalJSON gives e.
func (e Encoded) MarshalJSON() ([]byte, error) { return e, nil }

// ErrFailed is behind every error that Failed makes.
var ErrFailed = fault.New(fault.Precondition, "tool.failed", "The tool could not do this.")

// Failed is the error of a tool that wants the model to read text, and nothing else, in place of a result (isError). It is on
// record as tool.failed. Whoever programs against a tool is better served by a fault with a code of its own.
func Failed(text string) error { return ErrFailed.Saying("%s", text) }

// Tool is a definition with its implementation. Bind must be free of side effects: it parses and resolves for the
// principal by, and answers a fault of kind Invalid or NotFound to arguments that cannot run.
type Tool struct {
	Definition
	Bind func(ctx context.Context, by access.Principal, args json.RawMessage) (Bound, error)
}
