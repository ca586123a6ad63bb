package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// pool hands ready workers to whoever asks, in the order of asking, and remembers why there are none. Its keepers,
// one for each worker and spare, offer processes and withdraw them.
type pool struct {
	size  int // how many may serve at once; the others are spare
	total int // processes that the keepers keep
	depth int // how many may wait
	now   func() time.Time

	mu        sync.Mutex
	idle      []*process // what was used last is last, and taken first: its session with the warehouse is open
	queue     []*waiter
	busy      int
	ready     map[*process]bool   // those that have been offered and not withdrawn
	failing   map[int]*notStarted // why a keeper has no worker and pauses
	mending   map[int]bool        // keepers that replace a worker which was well
	latest    *notStarted         // of failing
	again     time.Time           // when the keeper that failed last tries again
	replaced  int
	last      ready // of the worker that became ready last
	hasServed bool  // last is set
	closed    bool
}

// waiter is a place in the queue. granted holds one grant at most; whoever leaves the queue by itself takes it back.
type waiter struct {
	urgent  bool
	granted chan grant
}

type grant struct {
	process *process
	err     error
}

func newPool(c Config, now func() time.Time) *pool {
	return &pool{
		size: c.Workers, total: c.Workers + max(c.Spare, 0), depth: c.QueueDepth, now: now,
		ready: map[*process]bool{}, failing: map[int]*notStarted{}, mending: map[int]bool{},
	}
}

// acquire waits for a worker. It refuses at once when the queue is full, and when there is no worker because none can
// be started. An urgent asker goes first, into a full queue too, and may take a spare: it looks after the others.
func (p *pool) acquire(ctx context.Context, urgent bool) (*process, error) {
	w, err := p.enqueue(urgent)
	if err != nil {
		return nil, err
	}
	select {
	case g := <-w.granted:
		return g.process, g.err
	case <-ctx.Done():
		p.leave(w)
		return nil, fault.From(ctx.Err())
	}
}

func (p *pool) enqueue(urgent bool) (*waiter, error) {
	w := &waiter{urgent: urgent, granted: make(chan grant, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if urgent {
		p.queue = slices.Insert(p.queue, 0, w)
	} else {
		p.queue = append(p.queue, w)
	}
	p.dispatch()
	if !urgent && len(p.queue) > p.depth {
		p.queue = p.queue[:len(p.queue)-1]
		return nil, metric.ErrBusy.After(time.Second)
	}
	return w, nil
}

// leave takes w out of the queue, or gives back what it was granted in the meantime.
func (p *pool) leave(w *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.queue, w); at >= 0 {
		p.queue = slices.Delete(p.queue, at, at+1)
		return
	}
	if g := <-w.granted; g.process != nil {
		p.put(g.process)
		p.busy--
		p.dispatch()
	}
}

// dispatch gives the first in the queue what they wait for, as far as there is something. The caller holds mu, as for
// all that follow which do not take it.
func (p *pool) dispatch() {
	for len(p.queue) > 0 {
		w := p.queue[0]
		g, some := p.next(w.urgent)
		if !some {
			return
		}
		if g.process != nil {
			p.busy++
		}
		w.granted <- g
		p.queue = slices.Delete(p.queue, 0, 1)
	}
}

func (p *pool) next(urgent bool) (grant, bool) {
	switch {
	case p.closed:
		return grant{err: errClosing}, true
	case len(p.ready) == 0 && p.latest != nil && len(p.mending) == 0:
		return grant{err: p.refusal()}, true
	case p.busy >= p.size && !urgent:
		return grant{}, false
	}
	found := p.pick()
	return grant{process: found}, found != nil
}

// pick takes the idle worker that was used last. One that has ended is dropped: its keeper is about to notice.
func (p *pool) pick() *process {
	for len(p.idle) > 0 {
		found := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if found.alive() {
			return found
		}
	}
	return nil
}

// refusal is the last failure, with the time left until the next attempt.
func (p *pool) refusal() *fault.Fault {
	return p.latest.fault.After(max(p.again.Sub(p.now()), time.Second))
}

// put makes a worker idle, or has its keeper replace it when it has done enough. Workers are replaced one at a time,
// so that what waits is served meanwhile, unless one has grown out of all proportion.
func (p *pool) put(w *process) {
	due, overdue := w.lease.ended(w.requests, w.rss, p.now())
	switch {
	case !w.alive():
	case overdue, due && len(p.ready) == p.total:
		w.retire()
	default:
		p.idle = append(p.idle, w)
	}
}

func (p *pool) release(w *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(w)
	p.busy--
	p.dispatch()
}

// borrow takes the idle worker that was used longest ago among those that suit, for work that nobody waits for.
func (p *pool) borrow(suits func(*process) bool) *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.IndexFunc(p.idle, suits)
	if at < 0 {
		return nil
	}
	found := p.idle[at]
	p.idle = slices.Delete(p.idle, at, at+1)
	return found
}

func (p *pool) giveBack(w *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(w)
	p.dispatch()
}

// replaceAged retires an idle worker whose time is up, if there is one and all others are ready.
func (p *pool) replaceAged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.idle
	p.idle = make([]*process, 0, len(idle))
	retired := false
	for _, w := range idle {
		if due, _ := w.lease.ended(w.requests, w.rss, p.now()); due && !retired && len(p.ready) == p.total {
			w.retire()
			retired = true
			continue
		}
		p.idle = append(p.idle, w)
	}
}

// offer puts a worker that has just become ready at the disposal of whoever waits.
func (p *pool) offer(keeper int, w *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.mending, keeper)
	delete(p.failing, keeper)
	if len(p.failing) == 0 {
		p.latest = nil
	}
	p.ready[w] = true
	p.last, p.hasServed = w.ready, true
	p.idle = append(p.idle, w)
	p.dispatch()
}

// withdraw forgets a worker that has ended. When it had been well, the next one is worth waiting for.
func (p *pool) withdraw(keeper int, w *process, well bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ready, w)
	p.replaced++
	p.idle = slices.DeleteFunc(p.idle, func(other *process) bool { return other == w })
	if well {
		p.mending[keeper] = true
	}
	p.dispatch()
}

// fail remembers why a keeper has no worker, so that questions are refused with the reason instead of waiting.
func (p *pool) fail(keeper int, n *notStarted, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.mending, keeper)
	p.failing[keeper], p.latest, p.again = n, n, p.now().Add(pause)
	p.dispatch()
}

// close refuses all who wait and all who come.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.dispatch()
}

func (p *pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}
