package conversationstore

import (
	"database/sql"
	"fmt"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/infrastructure/conversationstore/sqlcgen"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

func toInsert(s conversation.Snapshot) sqlcgen.InsertConversationParams {
	p := pendingColumns(s.Pending)
	return sqlcgen.InsertConversationParams{
		ID: s.ID.String(), Owner: s.Owner, State: string(s.State),
		Title: s.Terms.Title, Model: s.Terms.Model, SystemPrompt: s.Terms.System, MaxTokens: int64(s.Terms.MaxTokens),
		InputTokens: s.Usage.Input, OutputTokens: s.Usage.Output, Reservations: int64(s.Reservations),
		PendingText: p.text, PendingAtUs: p.at, PendingUntilUs: p.until,
		StartedAtUs: s.Started.UnixMicro(), UsedAtUs: s.Used.UnixMicro(),
	}
}

func toUpdate(s conversation.Snapshot) sqlcgen.UpdateConversationParams {
	p := pendingColumns(s.Pending)
	return sqlcgen.UpdateConversationParams{
		State: string(s.State),
		Title: s.Terms.Title, Model: s.Terms.Model, SystemPrompt: s.Terms.System, MaxTokens: int64(s.Terms.MaxTokens),
		InputTokens: s.Usage.Input, OutputTokens: s.Usage.Output, Reservations: int64(s.Reservations),
		PendingText: p.text, PendingAtUs: p.at, PendingUntilUs: p.until,
		UsedAtUs: s.Used.UnixMicro(), ID: s.ID.String(),
	}
}

type pendingRow struct {
	text      sql.NullString
	at, until sql.NullInt64
}

func pendingColumns(p *conversation.Pending) pendingRow {
	if p == nil {
		return pendingRow{}
	}
	return pendingRow{
		text:  sql.NullString{String: p.Text, Valid: true},
		at:    sql.NullInt64{Int64: p.At.UnixMicro(), Valid: true},
		until: sql.NullInt64{Int64: p.Until.UnixMicro(), Valid: true},
	}
}

func toSnapshot(cid id.Conversation, row sqlcgen.Conversation, turns []sqlcgen.ListTurnsRow) conversation.Snapshot {
	s := conversation.Snapshot{
		ID: cid, Owner: row.Owner, State: conversation.State(row.State),
		Terms: conversation.Terms{
			Title: row.Title, Model: row.Model, System: row.SystemPrompt, MaxTokens: int(row.MaxTokens),
		},
		Usage:        conversation.Usage{Input: row.InputTokens, Output: row.OutputTokens},
		Reservations: conversation.Reservation(row.Reservations),
		Started:      database.Time(row.StartedAtUs), Used: database.Time(row.UsedAtUs),
	}
	for _, t := range turns {
		s.Turns = append(s.Turns, conversation.Turn{Role: conversation.Role(t.Role), Text: t.Text, At: database.Time(t.AtUs)})
	}
	if row.PendingText.Valid {
		s.Pending = &conversation.Pending{
			Text: row.PendingText.String, At: database.Time(row.PendingAtUs.Int64), Until: database.Time(row.PendingUntilUs.Int64),
		}
	}
	return s
}

func toHeld(row sqlcgen.ListHeldRow) (conversation.Held, error) {
	cid, err := id.Parse[id.ConversationKind](row.ID)
	if err != nil {
		return conversation.Held{}, fmt.Errorf("read a stored identifier: %w", err)
	}
	h := conversation.Held{ID: cid, State: conversation.State(row.State), Turns: int(row.Turns), Used: database.Time(row.UsedAtUs)}
	if row.PendingUntilUs.Valid {
		h.Until = database.Time(row.PendingUntilUs.Int64)
	}
	return h, nil
}
