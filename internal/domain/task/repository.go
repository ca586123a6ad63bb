package task

import (
	"context"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Limits bound what is kept: of each owner, and of all together. Bytes are those of Task.Size.
type Limits struct {
	PerOwner, All           int
	BytesPerOwner, BytesAll int64
}

// Admits says whether one more task finds a place beside those that an owner and that all hold.
func (l Limits) Admits(owned, all int) error {
	if owned >= l.PerOwner || all >= l.All {
		return ErrTooMany
	}
	return nil
}

// Holds says whether so many bytes of an owner, and of all, find room.
func (l Limits) Holds(owned, all int64) error {
	if owned > l.BytesPerOwner || all > l.BytesAll {
		return ErrNoRoom
	}
	return nil
}

// Repository keeps tasks within Limits. Every method is safe for concurrent use and keeps all of a change or nothing. A task of
// another owner is ErrUnknown, exactly as one that does not exist. An expired task is kept, and counts, until Upkeep.Sweep.
type Repository interface {
	// Add keeps a new task. Faults: ErrExists, ErrTooMany.
	Add(ctx context.Context, t *Task) error
	// Get gives a copy. Fault: ErrUnknown.
	Get(ctx context.Context, owner string, tid id.Task) (*Task, error)
	// Update loads, changes and saves in one transaction. An error of change is returned as it is, and nothing is kept.
	// change may run more than once, each time on a fresh copy, so it must be pure. Faults: ErrUnknown, ErrNoRoom when the
	// task grew beyond what there is room for.
	Update(ctx context.Context, owner string, tid id.Task, change func(*Task) error) error
}

// Key finds a task.
type Key struct {
	Owner string
	ID    id.Task
}

// Upkeep is what the owner of a store does now and then.
type Upkeep interface {
	// Sweep forgets the tasks that have expired by now, and says how many they were.
	Sweep(ctx context.Context, now time.Time) (int, error)
	// Unfinished lists the tasks of that runner that have not ended.
	Unfinished(ctx context.Context, runner string) ([]Key, error)
}
