package database

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The faults of the schema.
var (
	ErrNewerSchema = fault.New(fault.Precondition, "database.newer_schema", "A newer version of Steward wrote this state; run that version, or restore a backup.")
	ErrOlderSchema = fault.New(fault.Precondition, "database.older_schema", "The state's schema is older than this program; start the server once, which brings it up to date.")
)

// Schema tells where a state file stands: Current is 0 for a new file, Known is the newest version that this
// program has. Versions are the numbers of the files under migrations.
type Schema struct {
	Current int64
	Known   int64
}

// Schema reads the versions. On a new file it makes the table that keeps them.
func (d *DB) Schema(ctx context.Context) (Schema, error) {
	p, err := d.provider()
	if err != nil {
		return Schema{}, err
	}
	current, known, err := p.GetVersions(ctx)
	if err != nil {
		return Schema{}, fmt.Errorf("read the schema version: %w", Translate(ctx, err))
	}
	return Schema{Current: current, Known: known}, nil
}

// Check is nil when the schema is exactly the one that this program was written for, else ErrOlderSchema or
// ErrNewerSchema.
func (d *DB) Check(ctx context.Context) error {
	s, err := d.Schema(ctx)
	switch {
	case err != nil:
		return err
	case s.Current > s.Known:
		return ErrNewerSchema
	case s.Current < s.Known:
		return ErrOlderSchema
	}
	return nil
}

// migrateTries bounds how often Migrate looks again after another process migrated the same file meanwhile.
const migrateTries = 3

// Migrate brings the schema up to what this program knows, each file in a transaction of its own, and refuses a
// schema that it does not know (ErrNewerSchema). On a file that is up to date it does nothing. Several processes
// may call it at once on one file.
func (d *DB) Migrate(ctx context.Context) error {
	p, err := d.provider()
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		before, err := d.Schema(ctx)
		if err != nil {
			return err
		}
		if before.Current > before.Known {
			return ErrNewerSchema
		}
		if _, err = p.Up(ctx); err == nil {
			return nil
		}
		// The loser of a race finds the winner's tables in its way; the version tells that from a real failure.
		after, readErr := d.Schema(ctx)
		if readErr != nil || after.Current == before.Current || try == migrateTries {
			return fmt.Errorf("migrate the state: %w", Translate(ctx, err))
		}
	}
}

func (d *DB) provider() (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("find the migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, d.Write, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return p, nil
}
