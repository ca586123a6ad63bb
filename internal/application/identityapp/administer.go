package identityapp

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// CreateKey issues a key. The target of its demand is the name that the key is given.
type CreateKey struct {
	cqrs.Change
	Grant identity.Grant
}

// Demand is admin.keys.create on the key's name.
func (c CreateKey) Demand() access.Demand { return access.On("admin.keys.create", "key", c.Grant.Name) }

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

// Demand is admin.keys.revoke on the key's id.
func (r RevokeKey) Demand() access.Demand { return access.On("admin.keys.revoke", "key", r.ID) }

// RotateKey gives a key another secret.
type RotateKey struct {
	cqrs.Change
	ID       string
	Rotation identity.Rotation
}

// Demand is admin.keys.rotate on the key's id.
func (r RotateKey) Demand() access.Demand { return access.On("admin.keys.rotate", "key", r.ID) }

// ListKeys tells all keys, or those that have not been used for a while.
type ListKeys struct {
	cqrs.Read
	Unused time.Duration // zero for all
}

// Demand is admin.keys.list.
func (ListKeys) Demand() access.Demand { return access.On("admin.keys.list", "key", "all") }

// Administration is what an operator does with keys, each act decided and on record.
type Administration struct {
	Create cqrs.Governed[CreateKey, Created]
	Rotate cqrs.Governed[RotateKey, Created]
	Revoke cqrs.Governed[RevokeKey, Key]
	List   cqrs.Governed[ListKeys, []Key]
}

// NewAdministration governs the acts. personas are the names that are configured.
func NewAdministration(gate *cqrs.Gate, keys identity.Repository, authority identity.Authority, personas []string, now func() time.Time) Administration {
	return Administration{
		Create: cqrs.GovernCommand(gate, granting{func(ctx context.Context, c CreateKey) (Created, error) {
			k, credential, err := Create(ctx, keys, authority, personas, c.Grant, now())
			return Created{Key: k, Credential: credential}, err
		}}),
		Rotate: cqrs.GovernCommand(gate, cqrs.Act[RotateKey, Created](func(ctx context.Context, r RotateKey) (Created, error) {
			return Rotate(ctx, keys, authority, r.ID, r.Rotation, now())
		})),
		Revoke: cqrs.GovernCommand(gate, cqrs.Act[RevokeKey, Key](func(ctx context.Context, r RevokeKey) (Key, error) {
			return Revoke(ctx, keys, r.ID, now())
		})),
		List: cqrs.GovernQuery(gate, cqrs.Act[ListKeys, []Key](func(ctx context.Context, l ListKeys) ([]Key, error) {
			return List(ctx, keys, l.Unused, now())
		})),
	}
}

// granting is an act that gives away rights: whoever may do it for one persona need not be permitted it for another.
type granting struct{ cqrs.Act[CreateKey, Created] }

// Bind demands admin.keys.create on every persona that the key is to have.
func (g granting) Bind(ctx context.Context, c CreateKey) (cqrs.Bound[Created], error) {
	bound, err := g.Act.Bind(ctx, c)
	for _, persona := range c.Grant.Personas {
		bound.Demands = append(bound.Demands, access.On("admin.keys.create", "persona", persona))
	}
	return bound, err
}
