// Package auditindex finds records of audit journals by what they say. It keeps a database of its own, derived from the
// segments: it holds where a record lies, never the record, and is never the truth. Whoever deletes it loses nothing.
package auditindex

import (
	"context"
	"database/sql"
	_ "embed" // the schema
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

// The faults of the index.
var (
	ErrUnusable = fault.New(fault.Unavailable, "audit.index_unusable",
		"The index of the audit journal cannot be used; run `steward audit search --rebuild`, which makes it anew from the segments.")
	ErrQuery = fault.New(fault.Invalid, "audit.query", "The search cannot be understood.")
)

//go:embed schema.sql
var schema string

// version is that of schema.sql.
const version = 2

// Index is an opened index. Safe for concurrent use, also by several processes.
type Index struct{ db *database.DB }

// Open opens the index at path, or makes an empty one (mode 0600). One that another version of Steward made is emptied.
func Open(ctx context.Context, path string) (*Index, error) {
	db, err := database.Open(ctx, path)
	if err != nil {
		return nil, refused(err)
	}
	x := &Index{db: db}
	if err := database.InTx(ctx, db.Write, func(tx *sql.Tx) error { return prepare(ctx, tx) }); err != nil {
		return nil, errors.Join(refused(err), db.Close())
	}
	return x, nil
}

// Close lets go of the file.
func (x *Index) Close() error { return x.db.Close() }

// Remove deletes the index at path, if there is one, so that the next Open begins anew. Nobody may have it open.
func Remove(path string) error {
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return ErrUnusable.Because(err)
		}
	}
	return nil
}

func prepare(ctx context.Context, tx *sql.Tx) error {
	var made int
	if err := tx.QueryRowContext(ctx, "pragma user_version").Scan(&made); err != nil || made == version {
		return err
	}
	for _, table := range []string{"records", "chains"} {
		if _, err := tx.ExecContext(ctx, "drop table if exists "+table); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, schema+fmt.Sprintf("pragma user_version = %d;", version))
	return err
}

// refused makes an error of the database a fault of the index; faults that say more pass.
func refused(err error) error {
	if err == nil || errors.Is(err, database.ErrExposed) || errors.Is(err, database.ErrNotRegular) || errors.Is(err, database.ErrBusy) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return ErrUnusable.Because(err)
}
