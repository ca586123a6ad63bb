// Package taskstore keeps tasks: in memory for tests and for a server without state, in SQLite for everything else. Both
// pass the suite of package tasktest.
package taskstore

import (
	"context"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
)

// Memory keeps tasks for as long as the process runs. The zero value is not usable; see NewMemory.
type Memory struct {
	limits task.Limits
	mu     sync.Mutex
	kept   map[id.Task]*task.Task
}

var (
	_ task.Repository = (*Memory)(nil)
	_ task.Upkeep     = (*Memory)(nil)
)

// NewMemory makes an empty one that keeps to the limits.
func NewMemory(limits task.Limits) *Memory {
	return &Memory{limits: limits, kept: map[id.Task]*task.Task{}}
}

// Add implements task.Repository.
func (m *Memory) Add(ctx context.Context, t *task.Task) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := t.Snapshot()
	if _, taken := m.kept[s.ID]; taken {
		return task.ErrExists
	}
	owned := 0
	for _, other := range m.kept {
		if other.Snapshot().Call.Owner == s.Call.Owner {
			owned++
		}
	}
	if err := m.limits.Admits(owned, len(m.kept)); err != nil {
		return err
	}
	return m.keep(s)
}

func (m *Memory) keep(s task.Snapshot) error {
	t, err := task.Restore(s)
	if err == nil {
		m.kept[s.ID] = t
	}
	return err
}

// Get implements task.Repository.
func (m *Memory) Get(ctx context.Context, owner string, tid id.Task) (*task.Task, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.load(owner, tid)
}

func (m *Memory) load(owner string, tid id.Task) (*task.Task, error) {
	t, ok := m.kept[tid]
	if !ok {
		return nil, task.ErrUnknown
	}
	s := t.Snapshot()
	if s.Call.Owner != owner {
		return nil, task.ErrUnknown
	}
	return task.Restore(s)
}

// Update implements task.Repository.
func (m *Memory) Update(ctx context.Context, owner string, tid id.Task, change func(*task.Task) error) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.load(owner, tid)
	if err != nil {
		return err
	}
	before := t.Size()
	if err := change(t); err != nil {
		return err
	}
	if grown := t.Size() - before; grown > 0 {
		var owned, all int64
		for _, other := range m.kept {
			if all += other.Size(); other.Snapshot().Call.Owner == owner {
				owned += other.Size()
			}
		}
		if err := m.limits.Holds(owned+grown, all+grown); err != nil {
			return err
		}
	}
	return m.keep(t.Snapshot())
}

// Sweep implements task.Upkeep.
func (m *Memory) Sweep(ctx context.Context, now time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	swept := 0
	for tid, t := range m.kept {
		if t.Expired(now) {
			delete(m.kept, tid)
			swept++
		}
	}
	return swept, nil
}

// Unfinished implements task.Upkeep.
func (m *Memory) Unfinished(ctx context.Context, runner string) ([]task.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []task.Key
	for tid, t := range m.kept {
		if s := t.Snapshot(); s.Call.Runner == runner && !s.State.Ended() {
			keys = append(keys, task.Key{Owner: s.Call.Owner, ID: tid})
		}
	}
	return keys, nil
}
