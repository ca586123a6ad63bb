// Package taskapp is the use of tasks: calls that may outlive the request that brought them, and what their owners ask about
// them later.
package taskapp

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
)

// Bounds are those of what runs and of what is told about it.
type Bounds struct {
	Grace           time.Duration // how long a call may take before it becomes a task
	Terms           task.Terms
	Running         int // tasks at a time
	RunningPerOwner int
}

// Runner runs calls, and lets those go on as tasks that take long. NewRunner makes one; Recover begins its life and Stop ends it.
// Safe for concurrent use.
type Runner struct {
	name   string
	tasks  task.Repository
	bounds Bounds
	now    func() time.Time
	log    *zap.Logger

	mu       sync.Mutex
	stopping bool
	running  map[*run]id.Task
	all      sync.WaitGroup
}

// NewRunner makes a runner that keeps its tasks under a name that no other process with the same store has.
func NewRunner(name string, tasks task.Repository, bounds Bounds, now func() time.Time, log *zap.Logger) *Runner {
	return &Runner{name: name, tasks: tasks, bounds: bounds, now: now, log: log, running: make(map[*run]id.Task)}
}

// Order is a call to be run. Desk.Order makes one.
type Order struct {
	Owner    string // access.Principal.ID
	Tool     string
	Obliged  string // see Desk.Order
	Required bool   // the call becomes a task as soon as it runs
	// Attend gives the task a context that ends with its owner's credential, until leave is called; nil when nothing ends it.
	Attend func(context.Context) (attended context.Context, leave func())
}

// Work makes the call once, through the gate. A call that asked is made again with the answers.
type Work func(ctx context.Context, r Round) Answer

// Round is what a call knows from the rounds before; the zero value in the first.
type Round struct {
	Answers task.Inputs // to the questions of the round before
}

// Answer is what one round of a call came to.
type Answer struct {
	Result    []byte       // JSON, also that of a tool that failed; nil when there is none
	Fault     *fault.Fault // what went wrong; nil when nothing did
	Questions task.Inputs  // what to ask the client before the next round; empty when this was the last
}

// Run runs work and waits for the end of its first round: then it answers nil, and what the round came to is the caller's to
// tell. When the round takes longer than the grace, or has to be a task, Run answers the task instead, once it is kept and on
// record, and work goes on without the caller. The end of ctx ends work as long as there is no task.
func (r *Runner) Run(ctx context.Context, o Order, work Work) (*task.Snapshot, error) {
	c := &run{runner: r, order: o, work: work, became: make(chan struct{}), done: make(chan struct{})}
	apart, cancel := context.WithCancelCause(lifetime.Apart(ctx))
	c.cancel = cancel
	apart, c.detachment = cqrs.Detachable(apart, c.begin)
	if !r.start(func() { c.follow(apart) }) {
		cancel(nil)
		return nil, task.ErrInterrupted
	}
	return c.wait(ctx)
}

// start runs do in a goroutine that Stop waits for, unless it is too late for that.
func (r *Runner) start(do func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return false
	}
	r.all.Go(do)
	return true
}

// enter makes room for one more task that runs.
func (r *Runner) enter(c *run) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return task.ErrInterrupted
	}
	owned := 0
	for other := range r.running {
		if other.order.Owner == c.order.Owner {
			owned++
		}
	}
	if len(r.running) >= r.bounds.Running || owned >= r.bounds.RunningPerOwner {
		return task.ErrBusy
	}
	r.running[c] = id.Task{}
	return nil
}

func (r *Runner) call(c *run, tid id.Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running[c] = tid
}

func (r *Runner) leave(c *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, c)
}

// find gives what runs the task; nil when nothing does.
func (r *Runner) find(tid id.Task) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, running := range r.running {
		if running == tid {
			return c
		}
	}
	return nil
}

// Recover fails the tasks that a former process of this name left unfinished, and says how many they were. It is called before
// anything runs.
func (r *Runner) Recover(ctx context.Context, kept task.Upkeep) (int, error) {
	left, err := kept.Unfinished(ctx, r.name)
	if err != nil {
		return 0, err
	}
	now := r.now()
	for i, key := range left {
		fail := func(t *task.Task) error { return t.Fail(task.ErrInterrupted, now) }
		if err := r.tasks.Update(ctx, key.Owner, key.ID, fail); err != nil {
			return i, err
		}
	}
	return len(left), nil
}

// Stop lets what runs go on until ctx ends, and then ends it: those tasks have failed, and say so. What waits for its client is
// ended at once. Nothing runs any more when Stop returns.
func (r *Runner) Stop(ctx context.Context) {
	r.mu.Lock()
	r.stopping = true
	for c := range r.running {
		if c.asks() {
			c.cancel(task.ErrInterrupted)
		}
	}
	r.mu.Unlock()
	over := make(chan struct{})
	go func() { defer close(over); r.all.Wait() }()
	select {
	case <-over:
		return
	case <-ctx.Done():
	}
	r.mu.Lock()
	for c, tid := range r.running {
		r.log.Warn("a task was interrupted", zap.Stringer("task", tid), zap.String("tool", c.order.Tool))
		c.cancel(task.ErrInterrupted)
	}
	r.mu.Unlock()
	<-over
}

// settleTime bounds how long a task may take to keep what came of it.
const settleTime = 10 * time.Second

// settle keeps what came of a task.
func (r *Runner) settle(ctx context.Context, s task.Snapshot, a Answer) {
	cause, _ := context.Cause(ctx).(*fault.Fault) //nolint:errorlint // what ended the context, not what that wraps
	ctx, cancel := context.WithTimeout(lifetime.Apart(ctx), settleTime)
	defer cancel()
	now := r.now()
	end := func(t *task.Task) error { return t.Complete(a.Result, now) }
	switch {
	case a.Fault != nil && cause != nil:
		end = func(t *task.Task) error { return t.Fail(cause, now) }
	case a.Result == nil:
		end = func(t *task.Task) error { return t.Fail(cmp.Or(a.Fault, fault.ErrInternal), now) }
	}
	err := r.tasks.Update(ctx, s.Call.Owner, s.ID, end)
	if errors.Is(err, task.ErrNoRoom) {
		err = r.tasks.Update(ctx, s.Call.Owner, s.ID, func(t *task.Task) error { return t.Fail(task.ErrNoRoom, now) })
	}
	if err != nil && !errors.Is(err, task.ErrTransition) && !errors.Is(err, task.ErrUnknown) { // cancelled, or forgotten
		r.log.Error("what came of a task could not be kept", zap.Stringer("task", s.ID), zap.Stringer("call", s.Call.Request), observe.Error(err))
	}
}
