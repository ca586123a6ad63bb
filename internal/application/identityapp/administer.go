package identityapp

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// class is the rate-limit class of administrative acts.
const class = "admin"

// CreateKey issues a key. The target of its demand is the name that the key is given.
type CreateKey struct {
	cqrs.Change
	Grant identity.Grant
}

// Demand is key.create on the key's name.
func (c CreateKey) Demand() access.Demand { return access.On("key.create", "key", c.Grant.Name) }

// Created is a new key with its credential, which is told this once.
type Created struct {
	Key        Key
	Credential identity.Credential
}

// RevokeKey ends a key.
type RevokeKey struct {
	cqrs.Change
	ID string
}

// Demand is key.revoke on the key's id.
func (r RevokeKey) Demand() access.Demand { return access.On("key.revoke", "key", r.ID) }

// ListKeys tells all keys.
type ListKeys struct{ cqrs.Read }

// Demand is key.list.
func (ListKeys) Demand() access.Demand { return access.On("key.list", "key", "all") }

// Administration is what an operator does with keys, each act decided and on record.
type Administration struct {
	Create cqrs.Governed[CreateKey, Created]
	Revoke cqrs.Governed[RevokeKey, Key]
	List   cqrs.Governed[ListKeys, []Key]
}

// NewAdministration governs the acts. personas are the names that are configured.
func NewAdministration(gate *cqrs.Gate, keys identity.Repository, authority identity.Authority, personas []string, now func() time.Time) Administration {
	return Administration{
		Create: cqrs.GovernCommand(gate, act[CreateKey, Created](func(ctx context.Context, c CreateKey) (Created, error) {
			k, credential, err := Create(ctx, keys, authority, personas, c.Grant, now())
			return Created{Key: k, Credential: credential}, err
		})),
		Revoke: cqrs.GovernCommand(gate, act[RevokeKey, Key](func(ctx context.Context, r RevokeKey) (Key, error) {
			return Revoke(ctx, keys, r.ID, now())
		})),
		List: cqrs.GovernQuery(gate, act[ListKeys, []Key](func(ctx context.Context, _ ListKeys) ([]Key, error) {
			return List(ctx, keys, now())
		})),
	}
}

// act is a handler whose messages need no binding.
type act[M cqrs.Message, R any] func(context.Context, M) (R, error)

// Bind leaves everything to Run.
func (a act[M, R]) Bind(_ context.Context, m M) (cqrs.Bound[R], error) {
	return cqrs.Bound[R]{Class: class, Run: func(ctx context.Context) (R, error) { return a(ctx, m) }}, nil
}
