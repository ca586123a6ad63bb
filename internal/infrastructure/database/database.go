// Package database opens the SQLite file that holds Steward's state, keeps its schema, and runs transactions.
// It knows no table: each context's store brings its own statements. The audit journal does not live here.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the driver that sql.Open finds as "sqlite"
)

const (
	readConnections = 4
	busyTimeoutMS   = "5000" // how long a statement waits for another process (the command line) to finish writing
)

// DB is one state file, opened. Write has exactly one connection, on which every transaction takes the write lock
// at once: writers queue in this process instead of colliding in SQLite, whose waiting is far less even. Read has
// several connections, which refuse to write and never wait for the writer (WAL).
type DB struct {
	Write *sql.DB
	Read  *sql.DB

	index *walIndex
	leave func() error // of index, once

	// durable is held while the write connection is in another mode than the rest of the state wants.
	durable sync.Mutex
}

// Open opens the state file at path and creates it, readable by this user alone, when it is missing; a missing
// directory is made likewise. It refuses a file that others can read or write, one that is not a regular file, and
// a directory in which others can replace it. It does not touch the schema: see Migrate and Check.
func Open(ctx context.Context, path string) (*DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("resolve the state file's path: %w", err)
	}
	if err := secure(abs); err != nil {
		return nil, err
	}
	d := &DB{index: shareIndex(abs)} // before there is a connection, and left after the last
	d.leave = sync.OnceValue(d.index.leave)
	if d.Write, err = pool(ctx, abs, 1, url.Values{"_txlock": {"immediate"}, "_journal_mode": {"WAL"}}); err != nil {
		return nil, errors.Join(err, d.leave())
	}
	if d.Read, err = pool(ctx, abs, readConnections, url.Values{"_query_only": {"1"}}); err != nil {
		return nil, errors.Join(err, d.Write.Close(), d.leave())
	}
	return d, nil
}

// Close waits for what runs and closes both pools. A second Close does nothing.
func (d *DB) Close() error {
	// The writer last: the last connection to leave checkpoints the write-ahead log, which readers may not do.
	return errors.Join(d.Read.Close(), d.Write.Close(), d.leave())
}

func pool(ctx context.Context, abs string, connections int, settings url.Values) (*sql.DB, error) {
	settings.Set("_busy_timeout", busyTimeoutMS)
	settings.Set("_foreign_keys", "1")
	// In WAL mode NORMAL loses at most the last transactions on power failure, and never consistency.
	settings.Set("_synchronous", "NORMAL")
	settings.Set("_dqs", "0")
	settings.Set("_defensive", "1")
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: settings.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open the state file: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the state file: %w", Translate(ctx, err)), db.Close())
	}
	return db, nil
}
