package sessionstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/session"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
	"github.com/steward-mcp/steward/internal/infrastructure/sessionstore/sqlcgen"
)

// SQLite keeps sessions in the state file.
type SQLite struct{ db *database.DB }

var _ session.Repository = (*SQLite)(nil)

// NewSQLite takes a database whose schema is up to date.
func NewSQLite(db *database.DB) *SQLite { return &SQLite{db: db} }

// Keep implements session.Repository.
func (s *SQLite) Keep(ctx context.Context, closed *session.Session) error {
	k := closed.Snapshot()
	return s.db.Durably(ctx, func(tx *sql.Tx) error {
		err := sqlcgen.New(tx).KeepSession(ctx, sqlcgen.KeepSessionParams{
			ID: k.ID.String(), Principal: k.Peer.Principal, Client: k.Peer.Client, Revision: k.Peer.Revision,
			Transport: k.Peer.Transport, Address: k.Address, Requests: k.Requests, Refused: k.Refused,
			OpenedUs: database.Micros(k.Opened), UsedUs: database.Micros(k.Used),
			ClosedUs: k.Closing.At.UnixMicro(), ClosedBy: k.Closing.By, Reason: k.Closing.Reason,
		})
		if err != nil {
			return fmt.Errorf("keep a closed session: %w", err)
		}
		return nil
	})
}

// Closed implements session.Repository.
func (s *SQLite) Closed(ctx context.Context) ([]*session.Session, error) {
	rows, err := sqlcgen.New(s.db.Read).ListSessions(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the closed sessions: %w", database.Translate(ctx, err))
	}
	all := make([]*session.Session, len(rows))
	for i, row := range rows {
		if all[i], err = toSession(row); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func toSession(row sqlcgen.ClosedSession) (*session.Session, error) {
	sid, err := id.Parse[id.SessionKind](row.ID)
	if err != nil {
		return nil, fmt.Errorf("read the id of a closed session: %w", err)
	}
	return session.Restore(session.Snapshot{
		ID: sid, State: session.Closed,
		Peer:   session.Peer{Principal: row.Principal, Client: row.Client, Revision: row.Revision, Transport: row.Transport},
		Opened: database.TimeOrZero(row.OpenedUs), Used: database.TimeOrZero(row.UsedUs), Address: row.Address, Requests: row.Requests, Refused: row.Refused,
		Closing: session.Closing{By: row.ClosedBy, At: database.Time(row.ClosedUs), Reason: row.Reason},
	}), nil
}

// Touch implements session.Repository.
func (s *SQLite) Touch(ctx context.Context, signs []session.Sign) error {
	if len(signs) == 0 {
		return nil
	}
	return database.InTx(ctx, s.db.Write, func(tx *sql.Tx) error {
		q := sqlcgen.New(tx)
		for _, sign := range signs {
			at, p := database.Micros(sign.At), sign.Peer
			err := q.TouchSession(ctx, sqlcgen.TouchSessionParams{
				Principal: p.Principal, Client: p.Client, Revision: p.Revision, Transport: p.Transport,
				Address: sign.Address, Requests: sign.Requests, Refused: sign.Refused,
				UsedUs: at, ID: sign.Session.String(), UsedUs_2: at,
			})
			if err != nil {
				return fmt.Errorf("note the last sign of a closed session: %w", err)
			}
		}
		return nil
	})
}

// Forget implements session.Repository.
func (s *SQLite) Forget(ctx context.Context, since time.Time) error {
	if err := sqlcgen.New(s.db.Write).ForgetSessions(ctx, since.UnixMicro()); err != nil {
		return fmt.Errorf("forget closed sessions: %w", database.Translate(ctx, err))
	}
	return nil
}
