package identitystore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore/sqlcgen"
)

// SQLite keeps keys in the state file. It holds no copy of them: the command line may revoke a key beside a running
// server, and the next request must know.
type SQLite struct {
	db         *database.DB
	terms, get pointRead
}

var _ identity.Repository = (*SQLite)(nil)

// NewSQLite takes a database whose schema is up to date.
func NewSQLite(db *database.DB) *SQLite {
	return &SQLite{db: db, terms: pointRead{DB: db.Read}, get: pointRead{DB: db.Read}}
}

// Add implements identity.Repository.
func (s *SQLite) Add(ctx context.Context, k *identity.Key) error {
	row, err := toRow(k.Snapshot())
	if err != nil {
		return err
	}
	return s.db.Durably(ctx, func(tx *sql.Tx) error {
		added, err := sqlcgen.New(tx).InsertKey(ctx, sqlcgen.InsertKeyParams(row))
		if err != nil {
			return fmt.Errorf("insert a key: %w", err)
		}
		if added == 0 {
			return identity.ErrExists
		}
		return nil
	})
}

// Terms implements identity.Lookup. It reads nothing but an index, in which all entries are about as long.
func (s *SQLite) Terms(ctx context.Context, id identity.KeyID) (identity.Terms, error) {
	if err := ctx.Err(); err != nil {
		return identity.Terms{}, fault.From(err)
	}
	row, err := sqlcgen.New(&s.terms).GetTerms(ctx, id.String())
	if err != nil {
		return identity.Terms{}, fmt.Errorf("read a key's terms: %w", database.Translate(ctx, err))
	}
	return toTerms(id, row)
}

// Get implements identity.Lookup.
func (s *SQLite) Get(ctx context.Context, id identity.KeyID) (*identity.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	return load(ctx, sqlcgen.New(&s.get), id)
}

func load(ctx context.Context, q *sqlcgen.Queries, id identity.KeyID) (*identity.Key, error) {
	row, err := q.GetKey(ctx, id.String())
	if errors.Is(err, sql.ErrNoRows) {
		return nil, identity.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read a key: %w", database.Translate(ctx, err))
	}
	return toKey(row)
}

// List implements identity.Repository.
func (s *SQLite) List(ctx context.Context) ([]*identity.Key, error) {
	rows, err := sqlcgen.New(s.db.Read).ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the keys: %w", database.Translate(ctx, err))
	}
	keys := make([]*identity.Key, len(rows))
	for i, row := range rows {
		if keys[i], err = toKey(row); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// Update implements identity.Repository.
func (s *SQLite) Update(ctx context.Context, id identity.KeyID, change func(*identity.Key) error) error {
	return s.db.Durably(ctx, func(tx *sql.Tx) error {
		q := sqlcgen.New(tx)
		k, err := load(ctx, q, id)
		if err != nil {
			return err
		}
		if err := change(k); err != nil {
			return err
		}
		row, err := toRow(k.Snapshot())
		if err != nil {
			return err
		}
		err = q.UpdateKey(ctx, sqlcgen.UpdateKeyParams{
			Name: row.Name, Environment: row.Environment, Personas: row.Personas, Attributes: row.Attributes,
			Digest: row.Digest, ExpiresUs: row.ExpiresUs, RevokedUs: row.RevokedUs,
			IssuedUs: row.IssuedUs, Scope: row.Scope, Networks: row.Networks, PreviousDigest: row.PreviousDigest,
			PreviousUntilUs: row.PreviousUntilUs, ID: row.ID,
		})
		if err != nil {
			return fmt.Errorf("update a key: %w", err)
		}
		return nil
	})
}

// Touch implements identity.Repository.
func (s *SQLite) Touch(ctx context.Context, uses []identity.Use) error {
	if len(uses) == 0 {
		return nil
	}
	return database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		q := sqlcgen.New(tx)
		for _, u := range uses {
			at := database.Micros(u.At)
			err := q.TouchKey(ctx, sqlcgen.TouchKeyParams{UsedUs: at, UsedFrom: u.From, ID: u.Key.String(), UsedUs_2: at})
			if err != nil {
				return fmt.Errorf("note the use of a key: %w", err)
			}
		}
		return nil
	})
}
