package cqrs

import (
	"context"
	"sync"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
)

// ErrNotRunning answers Detach when there is nothing to detach: the message has not come to Run yet, or is over.
var ErrNotRunning = fault.New(fault.Precondition, "cqrs.not_running", "The message is not running.")

// Detachment lets one message go on after the request that brought it was answered. What brought the message answers, and
// the message closes the record when it is over. Safe for concurrent use.
type Detachment struct {
	begun func(ctx context.Context) error

	mu      sync.Mutex
	taken   bool
	passage *passage // between the beginning of Run and its end
}

type detachmentKey struct{}

// Detachable makes the first message that passes the gate under the context returned one that can be detached. begun is called
// when the message has been decided, limited and, if it is a change, put on record, right before it runs; an error of begun
// keeps it from running.
func Detachable(ctx context.Context, begun func(ctx context.Context) error) (context.Context, *Detachment) {
	d := &Detachment{begun: begun}
	return context.WithValue(ctx, detachmentKey{}, d), d
}

// Detached is what is on record of a message that was detached.
type Detached struct {
	Request   id.Request
	Arguments string          // their digest
	Demands   []access.Demand // beside the message's own, without arguments
}

// Detach puts an intent on record, unless there is one, and returns when it is durable: whoever is told now that the message goes
// on can be sure of a trace of it. The request can then be answered. An error changes nothing; ErrNotRunning says that the
// message is not, or no longer, to be detached.
func (d *Detachment) Detach(ctx context.Context) (Detached, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.passage
	if p == nil {
		return Detached{}, ErrNotRunning
	}
	if !p.intended {
		if err := p.request.intend(ctx, p.outcome(nil)); err != nil {
			return Detached{}, err
		}
	}
	told := Detached{Arguments: p.given.arguments}
	var err error
	if told.Request, err = id.Parse[id.RequestKind](p.request.ID()); err != nil {
		return Detached{}, err
	}
	for _, demand := range p.demands[min(1, len(p.demands)):] {
		told.Demands = append(told.Demands, demand.Bare())
	}
	p.request = p.request.handOver()
	d.passage = nil // once is enough
	return told, nil
}

// handOver gives a request that has the record of q, which is closed for whoever holds q.
func (q *Request) handOver() *Request {
	heir := &Request{records: q.records, begun: q.begun, record: q.record, actor: q.actor, alone: q.alone}
	heir.taken.Store(true)
	q.closed.Store(true)
	return heir
}

// begin is what comes right before Run.
func (p *passage) begin(ctx context.Context, brief bool) error {
	d, ok := ctx.Value(detachmentKey{}).(*Detachment)
	if !ok || brief || !d.take(p) {
		return nil
	}
	p.detachment = d
	return d.begun(ctx)
}

func (d *Detachment) take(p *passage) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.taken {
		return false
	}
	d.taken, d.passage = true, p
	return true
}

// end says that the message is over: what is not detached by now never is.
func (d *Detachment) end() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.passage = nil
}
