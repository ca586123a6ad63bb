// Package task is a call that goes on after the request that brought it was answered: whose it is, how it stands, and what
// came of it. It does not know how a call runs (taskapp) nor where tasks are kept (Repository).
package task

import (
	"bytes"
	"encoding/json"
	"maps"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
)

// Call is what a task is about.
type Call struct {
	Owner   string // access.Principal.ID
	Tool    string
	Request id.Request // under which the call is on record
	// Arguments is the digest of the arguments. The arguments themselves are not kept.
	Arguments string
	// Demands are what the call needed beside the tool itself, without any arguments. Whoever fetches the result must still be
	// permitted all of them.
	Demands []access.Demand
	Obliged string // digest of what policy asked of the owner beyond that; it must still ask the same
	Runner  string // names what runs the call: of two processes with one store, each only knows its own
}

// Terms are how long a task is kept, and how often it is sensible to ask about it.
type Terms struct {
	TTL  time.Duration // from its creation on
	Poll time.Duration
}

// Inputs are requests to the client, or its answers, as the protocol writes them, by the key of the question.
type Inputs map[string]json.RawMessage

// Task is the aggregate. It is not safe for concurrent use; a Repository hands out copies.
type Task struct {
	id      id.Task
	call    Call
	terms   Terms
	state   State
	created time.Time
	updated time.Time
	pending Inputs
	result  []byte
	failure Failure
}

// Failure is why a task failed.
type Failure struct {
	Code    string
	Message string
}

// New makes a task that works.
func New(call Call, terms Terms, now time.Time) *Task {
	return &Task{id: id.New[id.TaskKind](), call: call, terms: terms, state: Working, created: now, updated: now}
}

// ID is the task's identifier. It tells nothing about the task.
func (t *Task) ID() id.Task { return t.id }

// State is where the task stands.
func (t *Task) State() State { return t.state }

// Expired reports whether the task is to be forgotten.
func (t *Task) Expired(now time.Time) bool { return !now.Before(t.Expires()) }

// Expires is when the task is to be forgotten.
func (t *Task) Expires() time.Time { return t.created.Add(t.terms.TTL) }

// Ask makes the task wait for answers to the questions, at least one.
func (t *Task) Ask(questions Inputs, now time.Time) error {
	if err := t.happen(Asks, now); err != nil {
		return err
	}
	t.pending = maps.Clone(questions)
	return nil
}

// Answer takes those of the answers that were asked for and gives them back; the others mean nothing. With the last one the
// task works again. A task that asks nothing takes nothing.
func (t *Task) Answer(answers Inputs, now time.Time) (taken Inputs) {
	taken = Inputs{}
	for key, answer := range answers {
		if _, asked := t.pending[key]; asked {
			taken[key] = answer
			delete(t.pending, key)
		}
	}
	if len(taken) > 0 {
		t.updated = now
	}
	if t.state == InputRequired && len(t.pending) == 0 {
		_ = t.happen(Resumes, now) // the state allows it
	}
	return taken
}

// Complete ends the task with a result: JSON, at most as large as the Repository's Limits allow.
func (t *Task) Complete(result []byte, now time.Time) error {
	if err := t.happen(Completes, now); err != nil {
		return err
	}
	t.result = bytes.Clone(result)
	return nil
}

// Fail ends the task without a result. Of f code and sentence are kept.
func (t *Task) Fail(f *fault.Fault, now time.Time) error {
	if err := t.happen(Fails, now); err != nil {
		return err
	}
	t.failure = Failure{Code: f.Code, Message: f.Message}
	return nil
}

// Cancel ends the task because its owner says so.
func (t *Task) Cancel(now time.Time) error { return t.happen(Cancels, now) }

// happen is the only way in which the state changes. An event that it does not allow is ErrTransition and changes nothing.
func (t *Task) happen(e Event, now time.Time) error {
	next, ok := transitions[t.state][e]
	if !ok {
		return ErrTransition.Saying("The task is %s already.", t.state)
	}
	t.state, t.updated = next, now
	if next != InputRequired {
		t.pending = nil
	}
	return nil
}

// Size is the number of bytes that count against Limits.
func (t *Task) Size() int64 {
	size := len(t.result)
	for key, question := range t.pending {
		size += len(key) + len(question)
	}
	return int64(size)
}
