package identityapp

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Usage remembers when keys were last used until Flush writes it down, so that a request writes nothing. It holds one
// entry for each key that was used since. The zero value is ready. Safe for concurrent use.
type Usage struct {
	mu   sync.Mutex
	last map[identity.KeyID]identity.Use
}

func (u *Usage) note(id identity.KeyID, at time.Time, from string) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = make(map[identity.KeyID]identity.Use)
	}
	u.last[id] = identity.Use{Key: id, At: at, From: from}
}

// Flush writes down what was noted since the last time. Whoever owns the keys calls it once a minute and before they
// close. What could not be written is kept for the next time.
func (u *Usage) Flush(ctx context.Context, keys identity.Repository) error {
	u.mu.Lock()
	noted := u.last
	u.last = nil
	u.mu.Unlock()
	if len(noted) == 0 {
		return nil
	}
	err := keys.Touch(ctx, slices.Collect(maps.Values(noted)))
	if err == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.Copy(noted, u.last) // what came meanwhile is newer
	u.last = noted
	return err
}
