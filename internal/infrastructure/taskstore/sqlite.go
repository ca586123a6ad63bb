package taskstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
	"github.com/steward-mcp/steward/internal/infrastructure/taskstore/sqlcgen"
)

// SQLite keeps tasks in the state file.
type SQLite struct {
	db     *database.DB
	limits task.Limits
}

var (
	_ task.Repository = (*SQLite)(nil)
	_ task.Upkeep     = (*SQLite)(nil)
)

// NewSQLite takes a database whose schema is up to date, and keeps to the limits.
func NewSQLite(db *database.DB, limits task.Limits) *SQLite { return &SQLite{db: db, limits: limits} }

// Add implements task.Repository.
func (s *SQLite) Add(ctx context.Context, t *task.Task) error {
	row, err := toInsert(t)
	if err != nil {
		return err
	}
	return database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		q := sqlcgen.New(tx)
		owned, all, err := sums(ctx, q, row.Owner)
		if err != nil {
			return err
		}
		if err := s.limits.Admits(int(owned.Tasks), int(all.Tasks)); err != nil {
			return err
		}
		switch rows, err := q.InsertTask(ctx, row); {
		case err != nil:
			return fmt.Errorf("insert a task: %w", err)
		case rows == 0:
			return task.ErrExists
		}
		return nil
	})
}

func sums(ctx context.Context, q *sqlcgen.Queries, owner string) (owned sqlcgen.SumOwnedRow, all sqlcgen.SumAllRow, err error) {
	if owned, err = q.SumOwned(ctx, owner); err != nil {
		return owned, all, fmt.Errorf("count an owner's tasks: %w", err)
	}
	if all, err = q.SumAll(ctx); err != nil {
		return owned, all, fmt.Errorf("count all tasks: %w", err)
	}
	return owned, all, nil
}

// Get implements task.Repository.
func (s *SQLite) Get(ctx context.Context, owner string, tid id.Task) (*task.Task, error) {
	t, err := load(ctx, sqlcgen.New(s.db.Read), owner, tid)
	return t, database.Translate(ctx, err)
}

func load(ctx context.Context, q *sqlcgen.Queries, owner string, tid id.Task) (*task.Task, error) {
	row, err := q.GetTask(ctx, sqlcgen.GetTaskParams{ID: tid.String(), Owner: owner})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, task.ErrUnknown
	}
	if err != nil {
		return nil, fmt.Errorf("read a task: %w", err)
	}
	return toTask(tid, row)
}

// Update implements task.Repository.
func (s *SQLite) Update(ctx context.Context, owner string, tid id.Task, change func(*task.Task) error) error {
	return database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		q := sqlcgen.New(tx)
		t, err := load(ctx, q, owner, tid)
		if err != nil {
			return err
		}
		before := t.Size()
		if err := change(t); err != nil {
			return err
		}
		if err := s.holds(ctx, q, owner, t.Size()-before); err != nil {
			return err
		}
		row, err := toUpdate(t)
		if err != nil {
			return err
		}
		if err := q.UpdateTask(ctx, row); err != nil {
			return fmt.Errorf("update a task: %w", err)
		}
		return nil
	})
}

// holds says whether there is room for what an owner's tasks have grown by.
func (s *SQLite) holds(ctx context.Context, q *sqlcgen.Queries, owner string, grown int64) error {
	if grown <= 0 {
		return nil
	}
	owned, all, err := sums(ctx, q, owner)
	if err != nil {
		return err
	}
	return s.limits.Holds(owned.Bytes+grown, all.Bytes+grown)
}

// Sweep implements task.Upkeep.
func (s *SQLite) Sweep(ctx context.Context, now time.Time) (int, error) {
	var swept int64
	err := database.InTx(ctx, s.db.Write, func(tx *sql.Tx) (err error) {
		if swept, err = sqlcgen.New(tx).DeleteExpired(ctx, now.UnixMicro()); err != nil {
			return fmt.Errorf("delete expired tasks: %w", err)
		}
		return nil
	})
	return int(swept), err
}

// Unfinished implements task.Upkeep.
func (s *SQLite) Unfinished(ctx context.Context, runner string) ([]task.Key, error) {
	rows, err := sqlcgen.New(s.db.Read).ListUnfinished(ctx, runner)
	if err != nil {
		return nil, fmt.Errorf("list unfinished tasks: %w", database.Translate(ctx, err))
	}
	keys := make([]task.Key, len(rows))
	for i, row := range rows {
		tid, err := id.Parse[id.TaskKind](row.ID)
		if err != nil {
			return nil, fmt.Errorf("read a stored identifier: %w", err)
		}
		keys[i] = task.Key{Owner: row.Owner, ID: tid}
	}
	return keys, nil
}
