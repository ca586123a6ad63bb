package cqrs

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
)

// Recorder opens a record for each request. The edge opens it before anything can be refused; whoever settles the
// request closes it, and the first to close it is right.
type Recorder struct {
	log      audit.Log
	now      func() time.Time
	settle   func(access.Principal) access.Principal
	refusals refusals
	patience patience
	watcher  Watcher      // nil for none
	tracer   trace.Tracer // nil for none
}

// Watcher hears of requests what their records say. It must not wait for anything.
type Watcher interface {
	// Concluded hears of each request once, when it is known what came of it, also of those that are only counted. That is
	// before the record is durable.
	Concluded(ctx context.Context, r audit.Record)
	// Lost hears that a record could not be kept.
	Lost(ctx context.Context, err error)
}

// NewRecorder makes a recorder that keeps its records in log.
func NewRecorder(log audit.Log, now func() time.Time) *Recorder {
	return &Recorder{log: log, now: now, settle: func(p access.Principal) access.Principal { return p }}
}

// Settling makes r put every principal that it is told of through settle, which access.Switch has: all of a request is then
// decided by one policy. It is called before the first request, and gives r.
func (r *Recorder) Settling(settle func(access.Principal) access.Principal) *Recorder {
	r.settle = settle
	return r
}

// Watched makes r tell w of every request. It is called before the first one, and gives r.
func (r *Recorder) Watched(w Watcher) *Recorder {
	r.watcher = w
	return r
}

// Traced makes r begin a trace for each record that would have none: of what is refused at the edge, or is done by no call. It is
// called before the first request, and gives r.
func (r *Recorder) Traced(t trace.Tracer) *Recorder {
	r.tracer = t
	return r
}

func (r *Recorder) conclude(ctx context.Context, rec audit.Record) {
	if r.watcher != nil {
		r.watcher.Concluded(ctx, rec)
	}
}

func (r *Recorder) lost(ctx context.Context, err error) {
	if r.watcher != nil {
		r.watcher.Lost(ctx, err)
	}
}

// Arrival is what an edge knows of a request before it has looked inside.
type Arrival struct {
	Transport string // http, stdio, cli
	Address   string // of the peer
	Method    string // HTTP route or protocol method, as far as it is known
}

// Request is one request between its arrival and its closed record. It is used by one goroutine at a time.
type Request struct {
	records *Recorder
	begun   time.Time
	record  audit.Record
	actor   access.Principal
	taken   atomic.Bool // by a message at the gate
	closed  atomic.Bool
	denied  string
	alone   string // the trace that it has for itself
}

// Outcome is what a request came to. The zero value is success without a decision.
type Outcome struct {
	Fault    *fault.Fault
	DeniedBy string
	Decision access.Decision
	Demands  []access.Demand
	given    given
}

// given is what the record says of a message's arguments: their digest, what they are without their values, and the
// digest of the definition that they were written for.
type given struct{ arguments, redacted, definition string }

type requestKey struct{}

// Open begins a request and puts it in the context that it returns.
func (r *Recorder) Open(ctx context.Context, a Arrival) (context.Context, *Request) {
	now := r.now()
	q := &Request{records: r, begun: now, record: audit.Record{
		Request: id.New[id.RequestKind]().String(), Transport: a.Transport, Address: a.Address, Method: a.Method,
	}}
	return context.WithValue(ctx, requestKey{}, q), q
}

// Again begins another request by the same caller, for what goes on after q was closed: the next round of what asks its caller.
// Its record names the first of them. It is decided by the policy of its own moment.
func (q *Request) Again(ctx context.Context, first string) (context.Context, *Request) {
	ctx, next := q.records.Open(ctx, Arrival{Transport: q.record.Transport, Address: q.record.Address, Method: q.record.Method})
	actor := q.actor
	actor.Under = nil
	next.Identify(actor)
	next.record.Revision, next.record.Client, next.record.Session = q.record.Revision, q.record.Client, q.record.Session
	next.Continues(first)
	return ctx, next
}

// Continues says in the record that this is a later round of what the request of that id began.
func (q *Request) Continues(first string) { q.record.Detail = "continues " + first }

// RequestFrom is the request that ctx belongs to, or nil.
func RequestFrom(ctx context.Context) *Request {
	q, _ := ctx.Value(requestKey{}).(*Request)
	return q
}

// join finds the request of ctx, if it is open and no message has taken it yet, or opens one: background work is
// recorded too, and so is what a handler sends on, which must not close the record of the message that it serves.
func (r *Recorder) join(ctx context.Context) (context.Context, *Request) {
	if q := RequestFrom(ctx); q != nil && !q.closed.Load() && q.taken.CompareAndSwap(false, true) {
		return ctx, q
	}
	ctx, q := r.Open(ctx, Arrival{Transport: "internal"})
	q.taken.Store(true)
	return ctx, q
}

// ID identifies the request in records, logs and error answers.
func (q *Request) ID() string { return q.record.Request }

// Address is where it came from, as the edge knows it; empty when it came from nowhere.
func (q *Request) Address() string { return q.record.Address }

// Transport is how it came, as the edge knows it.
func (q *Request) Transport() string { return q.record.Transport }

// Actor is who acts; the zero principal before authentication.
func (q *Request) Actor() access.Principal { return q.actor }

// ActorID is access.Principal.ID of who acts; empty before authentication.
func (q *Request) ActorID() string { return q.record.Actor }

// Identify says who acts.
func (q *Request) Identify(p access.Principal) {
	if q.record.Actor == "" || p.Issuer != q.actor.Issuer || p.Subject != q.actor.Subject {
		q.record.Actor = p.ID()
	}
	q.actor, q.record.Personas = q.records.settle(p), p.Personas
	if q.record.Client == "" { // what Speaks has put there says more
		q.record.Client = p.Client
	}
}

// Explain notes for the operator why nobody could be identified. The reason has no caller's text in it.
func (q *Request) Explain(reason string) { q.record.Detail = reason }

// Concerns says what is demanded.
func (q *Request) Concerns(d access.Demand) {
	q.record.Action, q.record.Target = string(d.Action), d.Target.String()
}

// Within says which session it belongs to: an id.Session in its text form.
func (q *Request) Within(session string) { q.record.Session = session }

// Session is the session that it belongs to; empty when it belongs to none, or it is not known yet.
func (q *Request) Session() string { return q.record.Session }

// Client is what the record says of the client.
func (q *Request) Client() string { return q.record.Client }

// For says what the request is for, in the caller's words.
func (q *Request) For(purpose string) { q.record.Purpose = purpose }

// Speaks says which protocol method, revision and client the request turned out to be. Empty words change nothing. What a
// client calls itself stands behind what the issuer of its token calls it.
func (q *Request) Speaks(method, revision, client string) {
	if method != "" {
		q.record.Method = method
	}
	if revision != "" {
		q.record.Revision = revision
	}
	if client != "" && q.actor.Client != "" {
		client = q.actor.Client + ": " + client
	}
	if client != "" {
		q.record.Client = client
	}
}

// Discard says that this request is of a kind that is not recorded: a ping, a notification, a health check.
func (q *Request) Discard() { q.closed.Store(true) }

// DeniedBy is what refused the request, one of audit.By…; empty when nothing did, or not yet.
func (q *Request) DeniedBy() string { return q.denied }

// Closed reports whether the record is closed or will never be.
func (q *Request) Closed() bool { return q.closed.Load() }

// Close writes the record, once, and returns when it is durable. Later calls do nothing and return nil. It waits
// for the record even when ctx has ended.
func (q *Request) Close(ctx context.Context, o Outcome) error {
	if !q.closed.CompareAndSwap(false, true) {
		return nil
	}
	q.denied = o.DeniedBy
	rec := q.outcome(audit.Closed, o)
	rec.Trace = q.trace(ctx)
	q.records.conclude(ctx, rec)
	return q.append(ctx, rec)
}

// Begin puts on record, durably, that a request has begun which lasts, such as a stream of notifications. Its end closes the
// record. Without it nothing may begin.
func (q *Request) Begin(ctx context.Context) error { return q.intend(ctx, Outcome{}) }

func (q *Request) intend(ctx context.Context, o Outcome) error {
	rec := q.outcome(audit.Intent, o)
	rec.Trace = q.trace(ctx)
	return q.append(ctx, rec)
}

// outcome is the record of what came of the request, but for its trace.
func (q *Request) outcome(phase audit.Phase, o Outcome) audit.Record {
	rec := q.record
	rec.Time, rec.Phase = q.records.now(), phase
	rec.Rule, rec.Policy, rec.DeniedBy = o.Decision.Rule, o.Decision.Policy, o.DeniedBy
	rec.Arguments, rec.Redacted, rec.Definition = o.given.arguments, o.given.redacted, o.given.definition
	for _, d := range o.Demands[min(1, len(o.Demands)):] { // the first is action and target
		rec.Demands = append(rec.Demands, d.String())
	}
	if phase == audit.Closed {
		rec.DurationUS = rec.Time.Sub(q.begun).Microseconds()
		rec.Outcome = audit.OK
		if o.Fault != nil {
			rec.Outcome = o.Fault.Code
		}
	}
	if rec.Policy == "" && q.actor.Under != nil {
		rec.Policy = q.actor.Under.Hash() // which would have decided, or did decide what a listing shows
	}
	return rec
}

// trace is the trace of ctx, or else one that has the request in it and nothing more, so that who looks for the request by its
// trace finds it wherever it ended.
func (q *Request) trace(ctx context.Context) string {
	span := trace.SpanContextFromContext(ctx)
	if !span.HasTraceID() && q.records.tracer != nil && q.alone == "" {
		_, only := q.records.tracer.Start(ctx, "request", trace.WithTimestamp(q.begun))
		q.alone = only.SpanContext().TraceID().String()
		only.End(trace.WithTimestamp(q.records.now()))
	}
	if !span.HasTraceID() {
		return q.alone
	}
	return span.TraceID().String()
}

// append waits for the record even when ctx has ended.
func (q *Request) append(ctx context.Context, rec audit.Record) error {
	ctx = q.records.patience.of(ctx, rec.Time)
	err := q.records.log.Append(ctx, rec)
	if err != nil {
		q.records.lost(ctx, err)
	}
	return err
}
