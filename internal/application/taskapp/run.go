package taskapp

import (
	"context"
	"errors"
	"maps"
	"runtime/debug"
	"sync"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// run is one call between Run and its end.
type run struct {
	runner     *Runner
	order      Order
	work       Work
	detachment *cqrs.Detachment
	cancel     context.CancelCauseFunc
	became     chan struct{} // closed when the call has become a task
	done       chan struct{} // closed when it is over

	mu       sync.Mutex
	running  bool // the gate has let it through
	overdue  bool
	task     *task.Snapshot // as it began; nil as long as there is none
	release  func()         // of what the task holds
	panicked bool

	inboxMu sync.Mutex // held for moments only, by whoever holds other locks or none
	inbox   *inbox     // what it waits for; nil while it waits for nothing
}

// inbox gathers answers.
type inbox struct {
	missing int
	given   task.Inputs
	full    chan struct{}
}

// wait is the caller's side.
func (c *run) wait(ctx context.Context) (*task.Snapshot, error) {
	grace, cancel := context.WithTimeout(ctx, c.runner.bounds.Grace)
	defer cancel()
	select {
	case <-c.done:
		return c.outcome()
	case <-c.became:
		return c.outcome()
	case <-grace.Done():
	}
	if ctx.Err() == nil {
		c.exceed(ctx)
	}
	select {
	case <-c.done:
	case <-c.became:
	case <-ctx.Done():
		c.abandon(ctx)
	}
	return c.outcome()
}

func (c *run) outcome() (*task.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.task == nil && c.panicked {
		return nil, fault.ErrInternal
	}
	return c.task, nil
}

// exceed says that the grace is over: the call becomes a task, now or when it begins to run. What cannot become one is waited
// for.
func (c *run) exceed(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.overdue = true; c.running {
		_ = c.become(ctx)
	}
}

// abandon ends the call, unless it has become a task.
func (c *run) abandon(ctx context.Context) {
	c.mu.Lock()
	stays := c.task != nil
	c.mu.Unlock()
	if !stays {
		c.cancel(context.Cause(ctx))
		<-c.done
	}
}

// begin is called when the gate has let the call through. What must be a task and cannot does not run.
func (c *run) begin(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = true
	if !c.order.Required && !c.overdue {
		return nil
	}
	if err := c.become(ctx); err != nil && c.order.Required {
		return err
	}
	return nil
}

// become makes the call a task: it is put on record, then kept, and then its caller may hear of it.
func (c *run) become(ctx context.Context) error {
	if c.task != nil {
		return nil
	}
	r := c.runner
	if err := r.enter(c); err != nil {
		return err
	}
	ctx = lifetime.Apart(ctx) // what is put on record is kept, although its request ends meanwhile
	on, err := c.detachment.Detach(ctx)
	if err != nil {
		r.leave(c)
		return err
	}
	t := task.New(task.Call{
		Owner: c.order.Owner, Tool: c.order.Tool, Request: on.Request, Arguments: on.Arguments, Demands: on.Demands,
		Obliged: c.order.Obliged, Runner: r.name,
	}, r.bounds.Terms, r.now())
	if err := r.tasks.Add(ctx, t); err != nil {
		r.leave(c)
		return err
	}
	s := t.Snapshot()
	r.call(c, s.ID)
	c.task, c.release = &s, c.hold(ctx, s)
	close(c.became)
	return nil
}

// hold ends the call when the task's time is over or the credential of its owner ends.
func (c *run) hold(ctx context.Context, s task.Snapshot) (release func()) {
	held, cancel := context.WithTimeoutCause(lifetime.Apart(ctx), s.Terms.TTL, task.ErrExpired)
	leave := func() {}
	if c.order.Attend != nil {
		held, leave = c.order.Attend(held)
	}
	stop := context.AfterFunc(held, func() {
		why := task.ErrCredential
		if errors.Is(context.Cause(held), task.ErrExpired) {
			why = task.ErrExpired
		}
		c.cancel(why)
	})
	return func() {
		stop()
		leave()
		cancel()
	}
}

// follow makes the call, again whenever it has asked and was answered, until it is over.
func (c *run) follow(ctx context.Context) {
	defer c.cancel(nil)
	defer close(c.done)
	answer := c.once(ctx, Round{})
	s := c.stay()
	if s == nil {
		return
	}
	defer c.runner.leave(c)
	defer c.release()
	for round := 1; len(answer.Questions) > 0; round++ {
		if round > tool.MaxRounds {
			answer = Answer{Fault: tool.ErrRounds}
			break
		}
		given, err := c.ask(ctx, *s, answer.Questions)
		if err != nil {
			answer = Answer{Fault: fault.From(err)}
			break
		}
		answer = c.once(ctx, Round{Answers: given})
	}
	c.runner.settle(ctx, *s, answer)
}

// stay says that the first round is over: what is no task by now never becomes one.
func (c *run) stay() *task.Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = false
	return c.task
}

// once makes the call. The gate recovers what panics behind it; what panics before it comes here.
func (c *run) once(ctx context.Context, r Round) (a Answer) {
	defer func() {
		if v := recover(); v != nil {
			c.runner.log.Error("a call panicked", zap.String("tool", c.order.Tool), observe.Panic(v), zap.ByteString("stack", debug.Stack()))
			a = Answer{Fault: fault.ErrInternal}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.panicked = true
		}
	}()
	return c.work(ctx, r)
}

// ask lets the client know the questions and waits for its answers, or for the end of ctx.
func (c *run) ask(ctx context.Context, s task.Snapshot, questions task.Inputs) (task.Inputs, error) {
	box := &inbox{missing: len(questions), given: task.Inputs{}, full: make(chan struct{})}
	c.open(box)
	defer c.open(nil)
	now := c.runner.now()
	if err := c.runner.tasks.Update(ctx, s.Call.Owner, s.ID, func(t *task.Task) error { return t.Ask(questions, now) }); err != nil {
		return nil, err
	}
	select {
	case <-box.full:
		return box.given, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *run) open(box *inbox) {
	c.inboxMu.Lock()
	defer c.inboxMu.Unlock()
	c.inbox = box
}

// asks reports whether the call waits for its client.
func (c *run) asks() bool {
	c.inboxMu.Lock()
	defer c.inboxMu.Unlock()
	return c.inbox != nil
}

// deliver gives the call answers to what it asked.
func (c *run) deliver(given task.Inputs) {
	c.inboxMu.Lock()
	defer c.inboxMu.Unlock()
	if c.inbox == nil {
		return
	}
	before := len(c.inbox.given)
	maps.Copy(c.inbox.given, given)
	if len(c.inbox.given) == c.inbox.missing && before < c.inbox.missing {
		close(c.inbox.full)
	}
}
