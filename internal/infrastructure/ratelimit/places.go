package ratelimit

import (
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// What is refused when too much runs at once.
var (
	ErrConcurrent = fault.New(fault.Exhausted, "limit.concurrent", "You have too many requests running; wait until one of them has ended.")
	ErrBusy       = fault.New(fault.Exhausted, "limit.busy", "The server has too many requests running; try again shortly.")
)

// soon is when to try again where nobody can know: when a request ends is up to others.
const soon = time.Second

// places counts what runs. A count of 0 bounds nothing; there is an entry only for principals of whom something runs.
type places struct {
	most, mostEach int
	mu             sync.Mutex
	all            int
	by             map[string]int
}

func (p *places) enter(principal string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.mostEach > 0 && p.by[principal] >= p.mostEach:
		return ErrConcurrent.After(soon).Saying(
			"The limit of %d requests at a time is reached: 0 more may begin; wait until one of yours has ended.", p.mostEach)
	case p.most > 0 && p.all >= p.most:
		return ErrBusy.After(soon).Saying(
			"The server's limit of %d requests at a time is reached: 0 more may begin; try again in 1 s.", p.most)
	}
	p.all++
	p.by[principal]++
	return nil
}

func (p *places) leave(principal string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.by[principal]--; p.by[principal] == 0 {
		delete(p.by, principal)
	}
}
