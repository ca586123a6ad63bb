package toolapp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// ReadResource reads a resource. Library.Reading makes one; written out, it demands resource.read, of a view too.
type ReadResource struct {
	cqrs.Read
	URI    string
	demand access.Demand // of a view
}

// Demand is resource.read on the resource, or tool.call on the tool that a view is part of.
func (m ReadResource) Demand() access.Demand {
	if m.demand.Action == "" {
		return DemandRead(m.URI)
	}
	return m.demand
}

// Conceal says what a caller hears who may not read the resource.
func (ReadResource) Conceal() *fault.Fault { return ErrNoResource }

// NewRead gives the one query behind every resource, fixed or one of a template.
func NewRead(gate *cqrs.Gate, resources *tool.Resources) cqrs.Governed[ReadResource, tool.Content] {
	return cqrs.GovernQuery(gate, &readHandler{resources})
}

type readHandler struct{ resources *tool.Resources }

// Bind finds the resource and lets it understand the variables of its URI.
func (h *readHandler) Bind(ctx context.Context, m ReadResource) (cqrs.Bound[tool.Content], error) {
	said := quotable(m.URI)
	use, mime, err := h.use(ctx, m)
	if err != nil {
		return cqrs.Bound[tool.Content]{Arguments: digest(said)}, discreet(err, said)
	}
	bound := bind(use, ReadClass, said)
	bound.Run = func(ctx context.Context) (tool.Content, error) {
		content, err := use.Run(ctx)
		content.MIME = cmp.Or(content.MIME, mime)
		return content, discreet(err, said)
	}
	return bound, nil
}

func (h *readHandler) use(ctx context.Context, m ReadResource) (use tool.Use[tool.Content], mime string, err error) {
	if fixed, ok := h.resources.Find(m.URI); ok {
		use, err = fixed.Bind(ctx, m.By)
		return use, fixed.MIME, err
	}
	t, values, ok := h.resources.Match(m.URI)
	if !ok {
		return use, "", ErrNoResource
	}
	use, err = t.Bind(ctx, m.By, values)
	return use, t.MIME, err
}

// bind is a use as the gate takes it, but for Run.
func bind[R any](use tool.Use[R], class string, said json.RawMessage) cqrs.Bound[R] {
	return cqrs.Bound[R]{
		Demands: use.Demands, Refusal: use.Refusal, Objection: use.Objection, Class: class, Arguments: digest(said), Run: use.Run,
	}
}

// quotable is what the caller said, for the record's digest and to keep it out of the log.
func quotable(said any) json.RawMessage {
	text, _ := json.Marshal(said) // strings, and maps of them
	return text
}

func digest(said json.RawMessage) string {
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:])
}
