package worker

import (
	"fmt"
	"time"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// State is how the workers are at one moment.
type State struct {
	Total     int // processes that are kept: workers and spares
	Ready     int // of those, the ones that can serve or do
	Busy      int
	Serving   int           // how many may be busy at once
	Waiting   int           // questions in the queue
	Depth     int           // how many may wait
	Replaced  int           // processes that have ended, for whatever reason, since the start
	Failing   int           // of Total, those that could not be started and are tried again after a pause
	Reason    string        // why the last of them could not; empty when Failing is 0
	NextTryIn time.Duration // until the next attempt to start one; 0 when Failing is 0
}

// String says it in a few words: "1 of 3 ready, 2 failing; 1 of 2 busy, 0 waiting, 4 replaced".
func (s State) String() string {
	failing := ""
	if s.Failing > 0 {
		failing = fmt.Sprintf(", %d failing", s.Failing)
	}
	return fmt.Sprintf("%d of %d ready%s; %d of %d busy, %d waiting, %d replaced",
		s.Ready, s.Total, failing, s.Busy, s.Serving, s.Waiting, s.Replaced)
}

// State returns how the workers are now. It never waits.
func (s *Source) State() State { return s.pool.state() }

// Health is nil when a worker is ready, else why there is none. Workers that fail beside one that serves leave the
// source healthy; State tells of them.
func (s *Source) Health() error { return s.pool.health() }

func (p *pool) state() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := State{
		Total: p.total, Ready: len(p.ready), Busy: p.busy, Serving: p.size, Waiting: len(p.queue), Depth: p.depth,
		Replaced: p.replaced, Failing: len(p.failing),
	}
	if p.latest != nil {
		s.Reason, s.NextTryIn = p.latest.fault.Message, max(p.again.Sub(p.now()), 0)
	}
	return s
}

func (p *pool) health() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errClosing
	case len(p.ready) > 0:
		return nil
	case p.latest != nil:
		return p.refusal()
	}
	return errStarting
}

// why returns the reason why no worker can be started; nil while one is ready or none has failed.
func (p *pool) why() *notStarted {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ready) > 0 {
		return nil
	}
	return p.latest
}

// known returns what the worker said that became ready last, and false when none has yet.
func (p *pool) known() (ready, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, p.hasServed
}

var (
	errClosing  = metric.ErrEngineUnavailable.Saying("The server is shutting down.")
	errStarting = metric.ErrEngineUnavailable.Saying("The metrics engine is starting; ask again in a moment.").After(time.Second)
)
