package conversationstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/infrastructure/conversationstore/sqlcgen"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

// SQLite keeps conversations in the state file.
type SQLite struct {
	db *database.DB
}

var _ conversation.Repository = (*SQLite)(nil)

// NewSQLite takes a database whose schema is up to date.
func NewSQLite(db *database.DB) *SQLite { return &SQLite{db: db} }

// Add implements conversation.Repository.
func (s *SQLite) Add(ctx context.Context, c *conversation.Conversation, perOwner int, now time.Time) error {
	snapshot := c.Snapshot()
	return database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		q := sqlcgen.New(tx)
		switch taken, err := q.IsTaken(ctx, snapshot.ID.String()); {
		case err != nil:
			return fmt.Errorf("look for the identifier: %w", err)
		case taken:
			return conversation.ErrExists
		}
		if err := makeRoom(ctx, q, snapshot.Owner, perOwner, now); err != nil {
			return err
		}
		if err := q.InsertConversation(ctx, toInsert(snapshot)); err != nil {
			return fmt.Errorf("insert a conversation: %w", err)
		}
		return insertTurns(ctx, q, snapshot, 0)
	})
}

func makeRoom(ctx context.Context, q *sqlcgen.Queries, owner string, perOwner int, now time.Time) error {
	rows, err := q.ListHeld(ctx, owner)
	if err != nil {
		return fmt.Errorf("list what the owner holds: %w", err)
	}
	held := make([]conversation.Held, len(rows))
	for i, row := range rows {
		if held[i], err = toHeld(row); err != nil {
			return err
		}
	}
	drop, err := conversation.MakeRoom(held, perOwner, now)
	if err != nil {
		return err
	}
	for _, cid := range drop {
		if err := q.DeleteConversation(ctx, cid.String()); err != nil {
			return fmt.Errorf("delete a conversation: %w", err)
		}
	}
	return nil
}

// Get implements conversation.Repository.
func (s *SQLite) Get(ctx context.Context, owner string, cid id.Conversation) (*conversation.Conversation, error) {
	var c *conversation.Conversation
	// A transaction, so that the conversation and its turns are of one moment.
	err := database.InTx(ctx, s.db.Read, func(tx *sql.Tx) (err error) {
		c, err = load(ctx, sqlcgen.New(tx), owner, cid)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Update implements conversation.Repository. Turns are only ever appended, so only new ones are written.
func (s *SQLite) Update(ctx context.Context, owner string, cid id.Conversation, change func(*conversation.Conversation) error) error {
	return database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		q := sqlcgen.New(tx)
		c, err := load(ctx, q, owner, cid)
		if err != nil {
			return err
		}
		stored := c.Held().Turns
		if err := change(c); err != nil {
			return err
		}
		snapshot := c.Snapshot()
		if err := q.UpdateConversation(ctx, toUpdate(snapshot)); err != nil {
			return fmt.Errorf("update a conversation: %w", err)
		}
		return insertTurns(ctx, q, snapshot, stored)
	})
}

func load(ctx context.Context, q *sqlcgen.Queries, owner string, cid id.Conversation) (*conversation.Conversation, error) {
	row, err := q.GetConversation(ctx, sqlcgen.GetConversationParams{ID: cid.String(), Owner: owner})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, conversation.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read a conversation: %w", err)
	}
	turns, err := q.ListTurns(ctx, row.ID)
	if err != nil {
		return nil, fmt.Errorf("read a conversation's turns: %w", err)
	}
	return conversation.Restore(toSnapshot(cid, row, turns))
}

func insertTurns(ctx context.Context, q *sqlcgen.Queries, s conversation.Snapshot, from int) error {
	for i := from; i < len(s.Turns); i++ {
		err := q.InsertTurn(ctx, sqlcgen.InsertTurnParams{
			ConversationID: s.ID.String(), Position: int64(i),
			Role: string(s.Turns[i].Role), Text: s.Turns[i].Text, AtUs: s.Turns[i].At.UnixMicro(),
		})
		if err != nil {
			return fmt.Errorf("insert a turn: %w", err)
		}
	}
	return nil
}
