// Package sessionstore keeps the sessions that operators closed, in memory for tests, in SQLite for everything else. Both
// stores pass the suite of package sessiontest.
package sessionstore

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/session"
)

// Memory keeps sessions for as long as the process runs. The zero value is ready.
type Memory struct {
	mu   sync.Mutex
	kept map[id.Session]session.Snapshot
}

var _ session.Repository = (*Memory)(nil)

// Keep implements session.Repository.
func (m *Memory) Keep(ctx context.Context, s *session.Session) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept == nil {
		m.kept = map[id.Session]session.Snapshot{}
	}
	m.kept[s.ID()] = s.Snapshot()
	return nil
}

// Closed implements session.Repository.
func (m *Memory) Closed(ctx context.Context) ([]*session.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*session.Session
	for _, s := range m.kept {
		all = append(all, session.Restore(s))
	}
	slices.SortFunc(all, func(a, b *session.Session) int { return cmp.Compare(a.ID().String(), b.ID().String()) })
	return all, nil
}

// Touch implements session.Repository.
func (m *Memory) Touch(ctx context.Context, signs []session.Sign) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, sign := range signs {
		s, ok := m.kept[sign.Session]
		if !ok || s.Used.After(sign.At) {
			continue
		}
		s.Peer, s.Used, s.Address, s.Requests, s.Refused = sign.Peer, sign.At, sign.Address, sign.Requests, sign.Refused
		m.kept[sign.Session] = s
	}
	return nil
}

// Forget implements session.Repository.
func (m *Memory) Forget(ctx context.Context, since time.Time) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for sid, s := range m.kept {
		if s.Quiet().Before(since) {
			delete(m.kept, sid)
		}
	}
	return nil
}
