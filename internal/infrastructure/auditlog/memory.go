package auditlog

import (
	"context"
	"slices"
	"sync"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// Memory is an audit.Log that lasts as long as the process and grows without limit: for tests and for runs that
// keep no state. The zero value is ready.
type Memory struct {
	mu      sync.Mutex
	records []audit.Record
	closed  bool
}

var _ audit.Log = (*Memory)(nil)

// Append keeps r. It refuses with audit.ErrUnavailable when ctx has ended and audit.ErrClosed after Close.
func (m *Memory) Append(ctx context.Context, r audit.Record) error {
	if err := ctx.Err(); err != nil {
		return audit.ErrUnavailable.Because(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return audit.ErrClosed
	}
	m.records = append(m.records, r.Bounded())
	return nil
}

// Records is a copy of what has been kept so far, in order. It works after Close too.
func (m *Memory) Records() []audit.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.records)
}

// Close ends the log; every later Append is refused. Closing twice is harmless.
func (m *Memory) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}
