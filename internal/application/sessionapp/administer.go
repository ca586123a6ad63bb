package sessionapp

import (
	"context"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
)

// maxReason is how many bytes a reason may have: as much as a record keeps of it.
const maxReason = 1000

// ErrReason is the answer to a reason that is too long.
var ErrReason = fault.New(fault.Invalid, "session.reason", "Give a reason of at most 1,000 bytes.")

// ListSessions tells which sessions there are.
type ListSessions struct {
	cqrs.Read
	Filter Filter
}

// Demand is admin.sessions.list.
func (ListSessions) Demand() access.Demand { return access.On("admin.sessions.list", "session", "all") }

// ShowSession tells of one session.
type ShowSession struct {
	cqrs.Read
	ID string
}

// Demand is admin.sessions.show on the session's id.
func (s ShowSession) Demand() access.Demand {
	return access.On("admin.sessions.show", "session", s.ID)
}

// CloseSession closes one.
type CloseSession struct {
	cqrs.Change
	ID     string
	Reason string // may be empty
}

// Demand is admin.sessions.close on the session's id.
func (c CloseSession) Demand() access.Demand {
	return access.On("admin.sessions.close", "session", c.ID)
}

// Purpose is the reason, which the record keeps.
func (c CloseSession) Purpose() string { return c.Reason }

// Administration is what an operator does with sessions, each act decided and on record.
type Administration struct {
	List  cqrs.Governed[ListSessions, Page]
	Show  cqrs.Governed[ShowSession, Session]
	Close cqrs.Governed[CloseSession, Session]
}

// NewAdministration governs the acts.
func NewAdministration(gate *cqrs.Gate, r *Registry) Administration {
	return Administration{
		List: cqrs.GovernQuery(gate, cqrs.Act[ListSessions, Page](func(_ context.Context, l ListSessions) (Page, error) {
			return r.List(l.Filter)
		})),
		Show: cqrs.GovernQuery(gate, cqrs.Act[ShowSession, Session](func(_ context.Context, s ShowSession) (Session, error) {
			sid, err := id.Parse[id.SessionKind](s.ID)
			if err != nil {
				return Session{}, err
			}
			return r.Show(sid)
		})),
		Close: cqrs.GovernCommand(gate, closer{r}),
	}
}

type closer struct{ registry *Registry }

// Bind reads the identifier, so that there is no intent of what cannot be.
func (c closer) Bind(_ context.Context, m CloseSession) (cqrs.Bound[Session], error) {
	sid, err := id.Parse[id.SessionKind](m.ID)
	if err != nil {
		return cqrs.Bound[Session]{}, err
	}
	if len(m.Reason) > maxReason {
		return cqrs.Bound[Session]{}, ErrReason
	}
	return cqrs.Bound[Session]{Class: cqrs.AdminClass, Run: func(ctx context.Context) (Session, error) {
		return c.registry.Close(ctx, sid, m.By.ID(), m.Reason)
	}}, nil
}
