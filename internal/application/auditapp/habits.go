package auditapp

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Bounds of what is remembered.
const (
	mostKnown  = 10_000 // keys, and principals
	mostPlaces = 16     // of a key
)

// places are the addresses that keys come from. The zero value knows none. Safe for concurrent use: nearly every visit is from
// the place of the last one, and changes nothing.
type places struct {
	mu sync.RWMutex
	of map[identity.KeyID][]string // the latest first
}

// visit notes that a key comes from an address, and reports whether that was to be expected: it has come from there before,
// or never from anywhere. The address that it has not come from for longest is forgotten for one too many; a key that is
// forgotten begins anew with the last address of the store.
func (p *places) visit(key identity.KeyID, before, address string) (known bool) {
	if p.last(key) == address {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = make(map[identity.KeyID][]string)
	}
	seen, ok := p.of[key]
	if !ok {
		if before = cqrs.Origin(before); before == "" {
			before = address
		}
		seen = []string{before}
		makeRoom(p.of)
	}
	at := slices.Index(seen, address)
	switch {
	case at == 0 && ok:
		return true
	case at >= 0:
		known = true
		seen = slices.Delete(seen, at, at+1)
	}
	seen = slices.Insert(seen, 0, address)
	p.of[key] = seen[:min(len(seen), mostPlaces)]
	return known
}

// last is where a key came from last; empty when that is not known.
func (p *places) last(key identity.KeyID) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if seen := p.of[key]; len(seen) > 0 {
		return seen[0]
	}
	return ""
}

// What a burst is.
const (
	burstTimes    = 10 // as many requests in a minute as usual
	burstLeast    = 60 // requests in a minute; fewer are none, however quiet it was before
	burstLearning = 5  // minutes in which somebody must have asked before it is known what is usual
	burstMemory   = 8  // of so many minutes the usual rate is the average, about
)

// paces are the rates at which principals ask. The zero value knows none. Safe for concurrent use: a request within what is usual
// only adds to a count.
type paces struct {
	mu sync.RWMutex
	of map[string]*pace
}

// pace is of one principal. All but the counters is under the lock of paces.
type pace struct {
	minute atomic.Int64
	count  atomic.Int64
	most   atomic.Int64 // requests of this minute of which nobody has to be told; all, when it is not known what is usual, or was told
	usual  float64      // requests in a minute that had any
	active int          // minutes before this one that had any
}

// count notes a request, and reports, once in a minute, that there are too many: with what is usual.
func (p *paces) count(principal string, at time.Time) (usual float64, burst bool) {
	minute, counted := at.Unix()/int64(time.Minute/time.Second), false
	if c := p.known(principal); c != nil && c.minute.Load() == minute {
		if c.count.Add(1) <= c.most.Load() {
			return 0, false
		}
		counted = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.find(principal, minute)
	if c.minute.Load() != minute {
		c.learn(minute)
		counted = false
	}
	if !counted {
		c.count.Add(1)
	}
	if c.count.Load() <= c.most.Load() {
		return c.usual, false
	}
	c.most.Store(math.MaxInt64)
	return c.usual, true
}

// known is the pace of a principal, or nil.
func (p *paces) known(principal string) *pace {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.of[principal]
}

// find is known, or begins to know.
func (p *paces) find(principal string, minute int64) *pace {
	if p.of == nil {
		p.of = make(map[string]*pace)
	}
	c := p.of[principal]
	if c == nil {
		makeRoom(p.of)
		c = &pace{}
		c.minute.Store(minute)
		c.most.Store(math.MaxInt64)
		p.of[principal] = c
	}
	return c
}

// learn takes what was asked in the last minute that had any for an example, and begins another one.
func (c *pace) learn(minute int64) {
	c.active++
	c.usual += (float64(c.count.Load()) - c.usual) / float64(min(c.active, burstMemory))
	c.minute.Store(minute)
	c.count.Store(0)
	c.most.Store(math.MaxInt64)
	if c.active >= burstLearning {
		c.most.Store(int64(max(burstLeast, burstTimes*c.usual)))
	}
}

// makeRoom forgets somebody when there are too many, whoever it is.
func makeRoom[K comparable, V any](of map[K]V) {
	for key := range of {
		if len(of) < mostKnown {
			return
		}
		delete(of, key)
	}
}
