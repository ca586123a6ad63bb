package toolapp

import (
	"context"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Subscribe asks to be told when a resource may have another content. Library.Subscribing makes one. It demands what reading
// the resource does, and whoever is refused hears the same.
type Subscribe struct{ ReadResource }

// Subscribing is the message by which p subscribes to uri.
func (l *Library) Subscribing(p access.Principal, uri string) Subscribe {
	return Subscribe{l.Reading(p, uri)}
}

// Sees reports whether p could read uri at this moment: whether there is such a resource, and the gate would let p have it. It
// leaves no record. Nobody sees what panics.
func (l *Library) Sees(ctx context.Context, p access.Principal, uri string) (sees bool) {
	defer func() {
		if recover() != nil {
			sees = false
		}
	}()
	m := l.Reading(p, uri)
	if !l.policy.Decide(p, m.Demand().Bare()).Allowed {
		return false
	}
	reads := readHandler{resources: l.resources}
	found, err := reads.find(ctx, m)
	return err == nil && found.use.Objection == "" &&
		l.policy.Decide(p, append([]access.Demand{m.Demand()}, found.use.Demands...)...).Allowed
}

// NewSubscribe gives the query that decides who may be told of a resource. Its result says only that.
func NewSubscribe(gate *cqrs.Gate, resources *tool.Resources) cqrs.Governed[Subscribe, struct{}] {
	return cqrs.GovernQuery(gate, &subscribeHandler{readHandler{resources: resources}})
}

type subscribeHandler struct{ reads readHandler }

// Bind understands the URI as reading it does.
func (h *subscribeHandler) Bind(ctx context.Context, m Subscribe) (cqrs.Bound[struct{}], error) {
	said := quotable(m.URI)
	found, err := h.reads.find(ctx, m.ReadResource)
	bound := cqrs.Bound[struct{}]{Class: ReadClass, Arguments: digest(said), Redacted: found.redacted}
	if err != nil {
		return bound, discreet(err, said)
	}
	bound.Demands, bound.Refusal, bound.Objection = found.use.Demands, found.use.Refusal, found.use.Objection
	bound.Run = func(context.Context) (struct{}, error) { return struct{}{}, nil }
	return bound, nil
}
