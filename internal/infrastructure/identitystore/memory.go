// Package identitystore keeps API keys, in memory for tests and for a server without state, in SQLite for everything
// else, and the pepper in a file of its own. Both stores pass the suite of package identitytest.
package identitystore

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Memory keeps keys for as long as the process runs. The zero value is not usable; see NewMemory.
type Memory struct {
	mu   sync.RWMutex
	kept map[identity.KeyID]identity.Snapshot
}

var _ identity.Repository = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{kept: map[identity.KeyID]identity.Snapshot{}} }

// Add implements identity.Repository.
func (m *Memory) Add(ctx context.Context, k *identity.Key) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.kept[k.ID()]; taken {
		return identity.ErrExists
	}
	m.kept[k.ID()] = k.Snapshot()
	return nil
}

// Terms implements identity.Lookup.
func (m *Memory) Terms(ctx context.Context, id identity.KeyID) (identity.Terms, error) {
	if err := ctx.Err(); err != nil {
		return identity.Terms{}, fault.From(err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.kept[id].Terms, nil // of none, those of the zero Snapshot
}

// Get implements identity.Lookup.
func (m *Memory) Get(ctx context.Context, id identity.KeyID) (*identity.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.load(id)
}

func (m *Memory) load(id identity.KeyID) (*identity.Key, error) {
	s, ok := m.kept[id]
	if !ok {
		return nil, identity.ErrNotFound
	}
	return identity.Restore(s), nil
}

// List implements identity.Repository.
func (m *Memory) List(ctx context.Context) ([]*identity.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.From(err)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	sorted := make([]identity.Snapshot, 0, len(m.kept))
	for _, s := range m.kept {
		sorted = append(sorted, s)
	}
	slices.SortFunc(sorted, func(a, b identity.Snapshot) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	keys := make([]*identity.Key, len(sorted))
	for i, s := range sorted {
		keys[i] = identity.Restore(s)
	}
	return keys, nil
}

// Update implements identity.Repository.
func (m *Memory) Update(ctx context.Context, id identity.KeyID, change func(*identity.Key) error) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k, err := m.load(id)
	if err != nil {
		return err
	}
	if err := change(k); err != nil {
		return err
	}
	m.kept[id] = k.Snapshot()
	return nil
}

// Touch implements identity.Repository.
func (m *Memory) Touch(ctx context.Context, uses []identity.Use) error {
	if err := ctx.Err(); err != nil {
		return fault.From(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range uses {
		if s, ok := m.kept[u.Key]; ok && !s.Used.After(u.At) {
			s.Used, s.UsedFrom = u.At.UTC().Truncate(time.Microsecond), u.From
			m.kept[u.Key] = s
		}
	}
	return nil
}
