package database

import (
	"context"
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// The faults of using the file.
var (
	ErrBusy        = fault.New(fault.Unavailable, "database.busy", "The state is being written by another process; try again shortly.")
	ErrUnavailable = fault.New(fault.Unavailable, "database.unavailable", "The state cannot be read or written; the operator's log has the reason.")
)

// InTx runs do in a transaction on db: committed when do returns nil, rolled back when it returns an error, when it
// panics and when ctx ends. It returns do's error, or else the commit's. On DB.Write the transaction holds the
// write lock from its start, so what do reads cannot change before it commits; do must not use DB.Write itself,
// whose only connection it occupies.
func InTx(ctx context.Context, db *sql.DB, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return Translate(ctx, err)
	}
	// After a commit this answers sql.ErrTxDone, which says nothing that Commit did not say.
	defer func() { _ = tx.Rollback() }()
	if err := do(tx); err != nil {
		return Translate(ctx, err)
	}
	return Translate(ctx, tx.Commit())
}

// Durably is InTx on the write connection for what must also survive a power failure, which the state's usual mode does not
// promise: what an operator ended must not come back.
func (d *DB) Durably(ctx context.Context, do func(tx *sql.Tx) error) error {
	d.durable.Lock()
	defer d.durable.Unlock()
	// The pragma speaks to a connection, and outside a transaction only; the write pool has one connection, and others
	// that use it meanwhile are merely more durable.
	if _, err := d.Write.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
		return Translate(ctx, err)
	}
	defer func() {
		// The caller may have left; the mode goes back all the same. Failing to is slower, not wrong.
		_, _ = d.Write.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = NORMAL")
	}()
	return InTx(ctx, d.Write, do)
}

// Translate makes an error of SQLite a fault when the caller or the operator can act on it, and the end of ctx the
// fault for that; other errors, faults among them, pass through. InTx has done it to what it returns.
func Translate(ctx context.Context, err error) error {
	var foreign *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil:
		return fault.From(ctx.Err()) // database/sql rolled back because ctx ended
	case !errors.As(err, &foreign):
		return err
	}
	const primary = 0xff // the low byte of an extended result code
	switch foreign.Code() & primary {
	case sqlite3.SQLITE_INTERRUPT:
		if ctx.Err() != nil {
			return fault.From(ctx.Err())
		}
		return err
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrBusy.Because(err)
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return ErrUnavailable.Because(err)
	}
	return err
}
