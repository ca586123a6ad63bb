package taskapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
)

// Class is the rate-limit class of everything that is asked about tasks.
const Class = "task"

// Target is a task that is asked about, as it was when Find found it. The zero value is none.
type Target struct {
	found   task.Snapshot
	expires time.Time
	demand  access.Demand
}

// Demand is to call the tool of the task: who may not do that any more has no use of it either.
func (t Target) Demand() access.Demand { return t.demand }

// of is the task, if it is p's and has not expired.
func (t Target) of(p access.Principal, now time.Time) (task.Snapshot, error) {
	if t.found.Call.Owner != p.ID() || !now.Before(t.expires) {
		return task.Snapshot{}, task.ErrUnknown
	}
	return t.found, nil
}

// Conceal says what a caller hears who may not: there is no such task.
func (Target) Conceal() *fault.Fault { return task.ErrUnknown }

// Get asks how a task stands, and what came of it.
type Get struct {
	cqrs.Read
	Target
}

// Update answers what a task asked.
type Update struct {
	cqrs.Change
	Target
	Answers task.Inputs
}

// Cancel ends a task. One that has ended stays as it is.
type Cancel struct {
	cqrs.Change
	Target
}

// Desk answers owners of tasks.
type Desk struct {
	Runner *Runner
	Get    cqrs.Governed[Get, task.Snapshot]
	Update cqrs.Governed[Update, struct{}]
	Cancel cqrs.Governed[Cancel, struct{}]
	policy toolapp.Obliging
}

// NewDesk puts the gate before the tasks of a runner.
func NewDesk(gate *cqrs.Gate, policy toolapp.Obliging, tasks task.Repository, runner *Runner, now func() time.Time) *Desk {
	return &Desk{
		Runner: runner, policy: policy,
		Get:    cqrs.GovernQuery(gate, getHandler{policy, now}),
		Update: cqrs.GovernCommand(gate, updateHandler{tasks, runner, now}),
		Cancel: cqrs.GovernCommand(gate, cancelHandler{tasks, runner, now}),
	}
}

// Order makes the order of a call of p's.
func (d *Desk) Order(p access.Principal, tool string) Order {
	return Order{Owner: p.ID(), Tool: tool, Obliged: d.policy.Obligations(p).Digest()}
}

// Find makes the target of a message of p's about the task that text names. That of another principal is not found, exactly as
// one that does not exist.
func (d *Desk) Find(ctx context.Context, p access.Principal, text string) (Target, error) {
	const kind, none = "task", "unknown"
	// Few are permitted that; whoever is hears from the handlers what the others hear from the gate.
	unknown := Target{demand: access.On("tool.call", kind, none)}
	tid, malformed := id.Parse[id.TaskKind](text)
	if malformed != nil {
		return unknown, nil //nolint:nilerr // what is no identifier identifies no task
	}
	t, err := d.Runner.tasks.Get(ctx, p.ID(), tid)
	if errors.Is(err, task.ErrUnknown) {
		return unknown, nil
	}
	if err != nil {
		return unknown, err
	}
	s := t.Snapshot()
	return Target{found: s, expires: t.Expires(), demand: toolapp.Demand(s.Call.Tool)}, nil
}

type getHandler struct {
	policy toolapp.Obliging
	now    func() time.Time
}

// obligations is the rule that refuses a result which was made when policy asked something else of its owner: rows that were
// in it may not be for the owner's eyes any more.
const obligations = "task/obligations"

func (h getHandler) Bind(_ context.Context, m Get) (cqrs.Bound[task.Snapshot], error) {
	s, err := m.of(m.By, h.now())
	bound := cqrs.Bound[task.Snapshot]{
		// What the call was permitted must still be: the result holds it.
		Demands: s.Call.Demands, Refusal: task.ErrUnknown, Class: Class, Arguments: s.Call.Arguments,
		Run: func(context.Context) (task.Snapshot, error) { return s, nil },
	}
	if h.policy.Obligations(m.By).Digest() != s.Call.Obliged {
		bound.Objection = obligations
	}
	return bound, err
}

type updateHandler struct {
	tasks  task.Repository
	runner *Runner
	now    func() time.Time
}

func (h updateHandler) Bind(_ context.Context, m Update) (cqrs.Bound[struct{}], error) {
	s, err := m.of(m.By, h.now())
	bound := cqrs.Bound[struct{}]{Class: Class, Arguments: digest(m.Answers)}
	if err != nil {
		return bound, err
	}
	if s.Call.Runner != h.runner.name && !s.State.Ended() {
		return bound, task.ErrElsewhere
	}
	bound.Run = func(ctx context.Context) (struct{}, error) {
		var taken task.Inputs
		now := h.now()
		err := h.tasks.Update(ctx, m.By.ID(), s.ID, func(t *task.Task) error {
			taken = t.Answer(m.Answers, now)
			return nil
		})
		if run := h.runner.find(s.ID); err == nil && run != nil {
			run.deliver(taken)
		}
		return struct{}{}, err
	}
	return bound, nil
}

func digest(answers task.Inputs) string {
	text, err := json.Marshal(answers)
	if err != nil { // not of what came as JSON
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

type cancelHandler struct {
	tasks  task.Repository
	runner *Runner
	now    func() time.Time
}

func (h cancelHandler) Bind(_ context.Context, m Cancel) (cqrs.Bound[struct{}], error) {
	s, err := m.of(m.By, h.now())
	return cqrs.Bound[struct{}]{
		Class: Class, Arguments: s.Call.Arguments, ReadOnly: s.State.Ended(),
		Run: func(ctx context.Context) (struct{}, error) {
			now := h.now()
			err := h.tasks.Update(ctx, m.By.ID(), s.ID, func(t *task.Task) error { return t.Cancel(now) })
			if err != nil && !errors.Is(err, task.ErrTransition) { // it ended in between
				return struct{}{}, err
			}
			if run := h.runner.find(s.ID); run != nil {
				run.cancel(context.Canceled)
			}
			return struct{}{}, nil
		},
	}, err
}
