package auditapp

import (
	"slices"
	"time"

	"github.com/steward-mcp/steward/internal/domain/identity"
)

// Bounds of what is remembered.
const (
	mostKnown  = 10_000 // keys, and principals
	mostPlaces = 16     // of a key
)

// places are the addresses that keys come from. The zero value knows none.
type places struct{ of map[identity.KeyID][]string }

// visit notes that a key comes from an address, and reports whether that was to be expected: it has come from there before,
// or never from anywhere. The address that it has not come from for longest is forgotten for one too many; a key that is
// forgotten begins anew with the last address of the store.
func (p *places) visit(key identity.KeyID, before, address string) (known bool) {
	if p.of == nil {
		p.of = make(map[identity.KeyID][]string)
	}
	seen, ok := p.of[key]
	if !ok {
		if before == "" {
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

// What a burst is.
const (
	burstTimes    = 10 // as many requests in a minute as usual
	burstLeast    = 60 // requests in a minute; fewer are none, however quiet it was before
	burstLearning = 5  // minutes in which somebody must have asked before it is known what is usual
	burstMemory   = 8  // of so many minutes the usual rate is the average, about
)

// paces are the rates at which principals ask. The zero value knows none.
type paces struct{ of map[string]*pace }

type pace struct {
	minute int64
	count  int
	usual  float64 // requests in a minute that had any
	active int     // minutes before this one that had any
	told   bool
}

// count notes a request, and reports, once in a minute, that there are too many: with what is usual.
func (p *paces) count(principal string, at time.Time) (usual float64, burst bool) {
	if p.of == nil {
		p.of = make(map[string]*pace)
	}
	minute := at.Unix() / int64(time.Minute/time.Second)
	c := p.of[principal]
	if c == nil {
		makeRoom(p.of)
		c = &pace{minute: minute}
		p.of[principal] = c
	}
	if minute != c.minute {
		c.learn(minute)
	}
	c.count++
	if c.told || c.active < burstLearning || float64(c.count) <= max(burstLeast, burstTimes*c.usual) {
		return c.usual, false
	}
	c.told = true
	return c.usual, true
}

func (c *pace) learn(minute int64) {
	c.active++
	c.usual += (float64(c.count) - c.usual) / float64(min(c.active, burstMemory))
	c.minute, c.count, c.told = minute, 0, false
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
