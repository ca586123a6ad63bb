package conversationstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/conversationstore/sqlcgen"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

var (
	_ conversation.Ledger = (*SQLite)(nil)
	_ conversation.Ledger = (*Memory)(nil)
)

// keptDays is for how many days what was spent is remembered: nobody asks for it, but an answer may end on the next.
const keptDays = 2

// Reserve implements conversation.Ledger.
func (s *SQLite) Reserve(ctx context.Context, owner string, tokens, most int64, now time.Time) error {
	day := conversation.Day(now)
	return database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		q := sqlcgen.New(tx)
		spent, err := spentIn(ctx, q, owner, day)
		if err != nil {
			return err
		}
		if spent+tokens > most {
			return conversation.Refuse(tokens, spent, most, now)
		}
		if err := q.ForgetTokens(ctx, day-keptDays); err != nil {
			return fmt.Errorf("forget old tokens: %w", err)
		}
		if err := q.AddTokens(ctx, sqlcgen.AddTokensParams{Owner: owner, Day: day, Tokens: tokens}); err != nil {
			return fmt.Errorf("reserve tokens: %w", err)
		}
		return nil
	})
}

func spentIn(ctx context.Context, q *sqlcgen.Queries, owner string, day int64) (int64, error) {
	spent, err := q.TokensSpent(ctx, sqlcgen.TokensSpentParams{Owner: owner, Day: day})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the spent tokens: %w", database.Translate(ctx, err))
	}
	return spent, nil
}

// Settle implements conversation.Ledger.
func (s *SQLite) Settle(ctx context.Context, owner string, reserved, spent int64, now time.Time) error {
	return database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		err := sqlcgen.New(tx).SettleTokens(ctx, sqlcgen.SettleTokensParams{Tokens: spent - reserved, Owner: owner, Day: conversation.Day(now)})
		if err != nil {
			return fmt.Errorf("settle tokens: %w", err)
		}
		return nil
	})
}

// Spent implements conversation.Ledger.
func (s *SQLite) Spent(ctx context.Context, owner string, now time.Time) (int64, error) {
	return spentIn(ctx, sqlcgen.New(s.db.Read), owner, conversation.Day(now))
}

// account is what Memory knows of an owner's day.
type account struct {
	owner string
	day   int64
}

// Reserve implements conversation.Ledger.
func (m *Memory) Reserve(ctx context.Context, owner string, tokens, most int64, now time.Time) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	day := conversation.Day(now)
	spent := m.spent[account{owner, day}]
	if spent+tokens > most {
		return conversation.Refuse(tokens, spent, most, now)
	}
	for a := range m.spent {
		if a.day < day-keptDays {
			delete(m.spent, a)
		}
	}
	m.spent[account{owner, day}] += tokens
	return nil
}

// Settle implements conversation.Ledger.
func (m *Memory) Settle(ctx context.Context, owner string, reserved, spent int64, now time.Time) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := account{owner, conversation.Day(now)}
	if _, ok := m.spent[a]; ok {
		m.spent[a] = max(0, m.spent[a]+spent-reserved)
	}
	return nil
}

// Spent implements conversation.Ledger.
func (m *Memory) Spent(ctx context.Context, owner string, now time.Time) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spent[account{owner, conversation.Day(now)}], nil
}
