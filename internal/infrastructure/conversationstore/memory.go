// Package conversationstore keeps conversations: in memory for tests and for a server without state, in SQLite for
// everything else. Both pass the suite of package conversationtest.
package conversationstore

import (
	"context"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
)

// Memory keeps conversations for as long as the process runs. The zero value is not usable; see NewMemory.
type Memory struct {
	mu    sync.Mutex
	kept  map[id.Conversation]conversation.Snapshot
	spent map[account]int64
}

var _ conversation.Repository = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory {
	return &Memory{kept: map[id.Conversation]conversation.Snapshot{}, spent: map[account]int64{}}
}

// Add implements conversation.Repository.
func (m *Memory) Add(ctx context.Context, c *conversation.Conversation, perOwner int, now time.Time) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := c.Snapshot()
	if _, taken := m.kept[s.ID]; taken {
		return conversation.ErrExists
	}
	held, err := m.held(s.Owner)
	if err != nil {
		return err
	}
	drop, err := conversation.MakeRoom(held, perOwner, now)
	if err != nil {
		return err
	}
	for _, cid := range drop {
		delete(m.kept, cid)
	}
	m.kept[s.ID] = s
	return nil
}

func (m *Memory) held(owner string) ([]conversation.Held, error) {
	var held []conversation.Held
	for _, s := range m.kept {
		if s.Owner != owner {
			continue
		}
		c, err := conversation.Restore(s)
		if err != nil {
			return nil, err
		}
		held = append(held, c.Held())
	}
	return held, nil
}

// Get implements conversation.Repository.
func (m *Memory) Get(ctx context.Context, owner string, cid id.Conversation) (*conversation.Conversation, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.load(owner, cid)
}

func (m *Memory) load(owner string, cid id.Conversation) (*conversation.Conversation, error) {
	s, ok := m.kept[cid]
	if !ok || s.Owner != owner {
		return nil, conversation.ErrNotFound
	}
	return conversation.Restore(s)
}

// Update implements conversation.Repository.
func (m *Memory) Update(ctx context.Context, owner string, cid id.Conversation, change func(*conversation.Conversation) error) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.load(owner, cid)
	if err != nil {
		return err
	}
	if err := change(c); err != nil {
		return err
	}
	m.kept[cid] = c.Snapshot()
	return nil
}
