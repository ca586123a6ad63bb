package cqrs

import (
	"cmp"
	"context"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Limiter bounds how often a principal may do things of one class. Take either counts the call or answers a fault
// of kind Exhausted that says the limit and when to try again.
type Limiter interface {
	Take(ctx context.Context, principal, class string) error
}

// ErrDenied is the one sentence that every refusal by policy says, unless the handler chose a more discreet one.
var ErrDenied = fault.New(fault.Denied, "access.denied", "You are not permitted to do this.")

// ErrArguments is what a refusal says that is owed to the arguments: other calls of the same tool may be permitted.
var ErrArguments = fault.New(fault.Denied, "access.arguments", "You are not permitted to call this tool with these arguments.")

// Gate is the one road to every handler. It is one linear function, Do; a rule for every message is a line there.
type Gate struct {
	policy  access.Policy
	limiter Limiter
	records *Recorder
	log     *zap.Logger
	timeout time.Duration
}

// NewGate makes the gate. timeout is the deadline of a Run whose handler names none.
func NewGate(policy access.Policy, limiter Limiter, records *Recorder, log *zap.Logger, timeout time.Duration) *Gate {
	return &Gate{policy: policy, limiter: limiter, records: records, log: log, timeout: timeout}
}

// Do carries m through the gate: decide, bind, decide with what the arguments demand, limit, record the intent of
// a change, run under a deadline, record the outcome. The record is closed, and durable, when Do returns; a result
// whose record could not be kept is withheld, except that of a change, whose effect the intent already tells.
// Errors are faults. Safe for concurrent use.
func (g Governed[M, R]) Do(ctx context.Context, m M) (result R, err error) {
	ctx, call := g.gate.enter(ctx, m)
	defer func() {
		var none R
		if err = call.leave(ctx, recover(), err); err != nil && !call.intended {
			result = none
		}
	}()
	// The bare demand comes first: whoever may not call at all learns nothing from how arguments are read.
	demand := m.Demand()
	if err = call.decide(demand.Bare()); err != nil {
		return result, err
	}
	bound, err := g.handler.Bind(ctx, m)
	call.given = given{bound.Arguments, bound.Redacted, bound.Definition} // also of a call that cannot run: the record says which bytes were refused
	if err != nil {
		return result, call.refuse(audit.ByInput, err)
	}
	call.refusal, call.conceals = cmp.Or(bound.Refusal, ErrDenied), bound.Refusal != nil
	if err = call.decide(demand, bound.Demands...); err != nil {
		return result, err
	}
	if bound.Objection != "" {
		return result, call.object(bound.Objection)
	}
	// Limits come after the decision, so that a refused caller cannot spend, and before the intent, so that every
	// intent is followed by an attempt.
	if err = g.gate.limiter.Take(ctx, call.request.ActorID(), bound.Class); err != nil {
		return result, call.refuse(audit.ByLimit, err)
	}
	if g.changes && !bound.ReadOnly {
		if err = call.intend(ctx); err != nil {
			return result, err
		}
	}
	if err = call.begin(ctx, bound.Brief); err != nil {
		return result, err
	}
	ctx, cancel := lifetime.For(ctx, cmp.Or(bound.Timeout, g.gate.timeout))
	defer cancel()
	return bound.Run(ctx)
}

// passage is one message on its way through the gate.
type passage struct {
	gate       *Gate
	request    *Request
	actor      access.Principal
	first      [1]access.Demand
	demands    []access.Demand // first, and what the arguments demand
	decision   access.Decision
	refusal    *fault.Fault
	conceals   bool // refusal is the handler's
	deniedBy   string
	given      given
	intended   bool
	detachment *Detachment // what lets it outlive its request; nil for nothing
}

func (g *Gate) enter(ctx context.Context, m Message) (context.Context, *passage) {
	ctx, request := g.records.join(ctx)
	request.Identify(m.Actor())
	demand := m.Demand()
	request.Concerns(demand)
	if said, ok := m.(Purposeful); ok {
		request.For(said.Purpose())
	}
	p := &passage{gate: g, request: request, actor: request.Actor(), first: [1]access.Demand{demand}, refusal: ErrDenied}
	p.demands = p.first[:]
	if c, ok := m.(Concealed); ok {
		p.refusal = c.Conceal()
	}
	return ctx, p
}

func (p *passage) decide(first access.Demand, more ...access.Demand) error {
	p.first[0] = first
	p.demands = append(p.first[:], more...)
	p.decision = p.gate.policy.Decide(p.actor, p.demands...)
	if p.decision.Allowed {
		return nil
	}
	// The bare demand was allowed, so the arguments are to blame. But a handler that conceals what is there is heard
	// first: what is not there never comes so far, and would be told apart.
	if p.decision.Denied.Arguments != nil && !p.conceals {
		return p.refuse(audit.ByPolicy, ErrArguments)
	}
	return p.refuse(audit.ByPolicy, p.refusal)
}

// object refuses what no demand tells: an obligation of the principal's that the message cannot meet.
func (p *passage) object(rule string) error {
	p.decision.Allowed, p.decision.Rule = false, rule
	return p.refuse(audit.ByPolicy, p.refusal)
}

func (p *passage) refuse(by string, err error) error {
	p.deniedBy = by
	return err
}

// intend makes the intent durable. Without it nothing is done.
func (p *passage) intend(ctx context.Context) error {
	err := p.request.intend(ctx, p.outcome(nil))
	p.intended = err == nil
	return err
}

// leave closes the request and settles what the caller is told.
func (p *passage) leave(ctx context.Context, panicked any, err error) error {
	p.detachment.end()
	if panicked != nil {
		p.gate.log.Error("a handler panicked", zap.String("request_id", p.request.ID()), observe.Trace(ctx),
			observe.Panic(panicked), zap.ByteString("stack", debug.Stack()))
		err = fault.ErrInternal
	}
	f := fault.From(err)
	if f != nil && f.Kind == fault.Denied && p.deniedBy == "" {
		// It was found out only while it ran: what refused it is no rule of a persona, but what the code names.
		p.deniedBy, p.decision.Allowed, p.decision.Rule = audit.ByPolicy, false, f.Code
	}
	if f != nil && f.Unwrap() != nil && (f.Kind == fault.Internal || f.Kind == fault.Unavailable) {
		p.gate.log.Error("a handler failed", zap.String("request_id", p.request.ID()), observe.Trace(ctx),
			zap.String("demand", p.demands[0].String()), observe.Error(f))
	}
	if lost := p.request.Close(ctx, p.outcome(f)); lost != nil {
		p.gate.log.Error("audit.lost", zap.String("request_id", p.request.ID()), observe.Trace(ctx), zap.Bool("intended", p.intended), observe.Error(lost))
		if !p.intended && f == nil {
			return fault.From(lost)
		}
	}
	if f == nil {
		return nil // a typed nil would be an error
	}
	return f
}

func (p *passage) outcome(f *fault.Fault) Outcome {
	return Outcome{Fault: f, DeniedBy: p.deniedBy, Decision: p.decision, Demands: p.demands, given: p.given}
}
