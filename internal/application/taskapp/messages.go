package taskapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
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

// Target is a task that is asked about. Find makes one.
type Target struct {
	id     id.Task // zero when there is none
	demand access.Demand
}

// Demand is to call the tool of the task: who may not do that any more has no use of it either.
func (t Target) Demand() access.Demand { return t.demand }

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
	own := owned{tasks: tasks, now: now}
	return &Desk{
		Runner: runner, policy: policy,
		Get:    cqrs.GovernQuery(gate, getHandler{own, policy}),
		Update: cqrs.GovernCommand(gate, updateHandler{own, runner}),
		Cancel: cqrs.GovernCommand(gate, cancelHandler{own, runner}),
	}
}

// Order makes the order of a call of p's.
func (d *Desk) Order(p access.Principal, tool string) Order {
	return Order{Owner: p.ID(), Tool: tool, Obliged: obliged(d.policy, p)}
}

// obliged tells apart what policy asks of principals beyond deciding what they may: a result was made under it.
func obliged(policy toolapp.Obliging, p access.Principal) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", policy.Obligations(p)))
	return hex.EncodeToString(sum[:])
}

// Find makes the target of a message of p's about the task that text names. That of another principal is not found, exactly as
// one that does not exist.
func (d *Desk) Find(ctx context.Context, p access.Principal, text string) (Target, error) {
	const kind, none = "task", "unknown"
	unknown := Target{demand: access.On("tool.call", kind, none)} // nobody is permitted that
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
	return Target{id: tid, demand: toolapp.Demand(t.Snapshot().Call.Tool)}, nil
}

// owned gives principals their own tasks.
type owned struct {
	tasks task.Repository
	now   func() time.Time
}

func (o owned) get(ctx context.Context, p access.Principal, t Target) (task.Snapshot, error) {
	found, err := o.tasks.Get(ctx, p.ID(), t.id)
	if err != nil {
		return task.Snapshot{}, err
	}
	if found.Expired(o.now()) {
		return task.Snapshot{}, task.ErrUnknown
	}
	return found.Snapshot(), nil
}

type getHandler struct {
	owned
	policy toolapp.Obliging
}

// obligations is the rule that refuses a result which was made when policy asked something else of its owner: rows that were
// in it may not be for the owner's eyes any more.
const obligations = "task/obligations"

func (h getHandler) Bind(ctx context.Context, m Get) (cqrs.Bound[task.Snapshot], error) {
	s, err := h.get(ctx, m.By, m.Target)
	bound := cqrs.Bound[task.Snapshot]{
		// What the call was permitted must still be: the result holds it.
		Demands: s.Call.Demands, Refusal: task.ErrUnknown, Class: Class, Arguments: s.Call.Arguments,
		Run: func(context.Context) (task.Snapshot, error) { return s, nil },
	}
	if obliged(h.policy, m.By) != s.Call.Obliged {
		bound.Objection = obligations
	}
	return bound, err
}

type updateHandler struct {
	owned
	runner *Runner
}

func (h updateHandler) Bind(ctx context.Context, m Update) (cqrs.Bound[struct{}], error) {
	s, err := h.get(ctx, m.By, m.Target)
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
	owned
	runner *Runner
}

func (h cancelHandler) Bind(ctx context.Context, m Cancel) (cqrs.Bound[struct{}], error) {
	s, err := h.get(ctx, m.By, m.Target)
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
