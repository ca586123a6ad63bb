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
func NewRead(gate *cqrs.Gate, resources *tool.Resources, more ...Option) cqrs.Governed[ReadResource, tool.Content] {
	return cqrs.GovernQuery(gate, &readHandler{resources, boundsOf(more)})
}

type readHandler struct {
	resources *tool.Resources
	bounds    bounds
}

// Bind finds the resource and lets it understand the variables of its URI.
func (h *readHandler) Bind(ctx context.Context, m ReadResource) (cqrs.Bound[tool.Content], error) {
	said := quotable(m.URI)
	all, _ := heard(ctx, said) // find refuses what cannot be used of it
	found, err := h.find(ctx, m)
	if err != nil {
		return asking(cqrs.Bound[tool.Content]{Class: ReadClass, Arguments: digest(said), Redacted: found.redacted}, tool.Asked(ctx, err), all)
	}
	bound := bind(found.use, ReadClass, said)
	bound.Redacted = found.redacted
	run := within(h.bounds, found.use.Run, contentSize)
	bound.Run = func(ctx context.Context) (tool.Content, error) {
		content, err := run(ctx)
		content.MIME = cmp.Or(content.MIME, found.mime)
		return content, discreet(tool.Asked(ctx, err), all)
	}
	return bound, nil
}

// found is a resource with what its URI says.
type found struct {
	use      tool.Use[tool.Content]
	mime     string
	redacted string // the variables of its URI, as they are recorded
}

func (h *readHandler) find(ctx context.Context, m ReadResource) (f found, err error) {
	refused := tool.AnswersOf(ctx).Refused // after the question whether there is such a resource
	if fixed, ok := h.resources.Find(m.URI); ok {
		if f.mime, err = fixed.MIME, refused; err == nil {
			f.use, err = fixed.Bind(ctx, m.By)
		}
		return f, err
	}
	t, values, ok := h.resources.Match(m.URI)
	if !ok {
		return f, ErrNoResource
	}
	of, given := recordingOfTemplate(t), quotable(values)
	if f.mime, f.redacted = t.MIME, of.kinds(given); refused != nil {
		return f, refused
	}
	if f.use, err = t.Bind(ctx, m.By, values); err == nil {
		f.redacted = of.values(given, f.redacted)
	}
	return f, err
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
