package task

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Snapshot is a task as plain values, and the only way in and out of storage.
type Snapshot struct {
	ID      id.Task
	Call    Call
	Terms   Terms
	State   State
	Created time.Time
	Updated time.Time
	Pending Inputs  // of a task that requires input
	Result  []byte  // of a completed one: JSON
	Failure Failure // of a failed one
}

// Snapshot copies the task's present state; later changes of either do not show in the other.
func (t *Task) Snapshot() Snapshot {
	call := t.call
	call.Demands = slices.Clone(t.call.Demands)
	return Snapshot{
		ID: t.id, Call: call, Terms: t.terms, State: t.state, Created: t.created, Updated: t.updated,
		Pending: maps.Clone(t.pending), Result: bytes.Clone(t.result), Failure: t.failure,
	}
}

// Restore rebuilds a task from what Snapshot gave; stores alone call it. It refuses what no task can have become.
func Restore(s Snapshot) (*Task, error) {
	switch {
	case !s.State.known():
		return nil, fmt.Errorf("restore task %s: unknown state %q", s.ID, s.State)
	case (s.State == InputRequired) != (len(s.Pending) > 0):
		return nil, fmt.Errorf("restore task %s: it is %s with %d questions", s.ID, s.State, len(s.Pending))
	case (s.State == Completed) != (len(s.Result) > 0):
		return nil, fmt.Errorf("restore task %s: it is %s with a result of %d bytes", s.ID, s.State, len(s.Result))
	case (s.State == Failed) != (s.Failure != Failure{}):
		return nil, fmt.Errorf("restore task %s: it is %s with the failure %q", s.ID, s.State, s.Failure.Code)
	}
	call := s.Call
	call.Demands = slices.Clone(s.Call.Demands)
	return &Task{
		id: s.ID, call: call, terms: s.Terms, state: s.State, created: s.Created, updated: s.Updated,
		pending: maps.Clone(s.Pending), result: bytes.Clone(s.Result), failure: s.Failure,
	}, nil
}
