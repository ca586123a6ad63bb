// Package changes carries word of what is offered from whoever changes it to whoever has clients to tell.
package changes

import (
	"maps"
	"slices"
	"sync"
)

// Change says what may be otherwise than it was. It is a hint: who hears it asks anew for what it is about.
type Change struct {
	Tools, Prompts, Resources bool // the lists themselves, for everybody
	Rights                    bool // what each principal may see of them, which each has to look at
	// Content reports whether the content of the resource of that URI may be another; nil for none. It is called at once, and
	// must be quick.
	Content func(uri string) bool
}

// Board is where changes are announced and heard. The zero value is ready to use. Safe for concurrent use.
type Board struct {
	mu      sync.Mutex
	next    int
	hearing map[int]listener
}

type listener struct {
	hear    func(Change)
	anybody func() bool
}

// Announce tells everybody who listens, before it returns.
func (b *Board) Announce(c Change) {
	b.mu.Lock()
	hearing := slices.Collect(maps.Values(b.hearing))
	b.mu.Unlock()
	for _, l := range hearing {
		l.hear(c)
	}
}

// Anybody reports whether anybody would be told: whoever has to look for changes can save the trouble if not.
func (b *Board) Anybody() bool {
	b.mu.Lock()
	hearing := slices.Collect(maps.Values(b.hearing))
	b.mu.Unlock()
	return slices.ContainsFunc(hearing, func(l listener) bool { return l.anybody() })
}

// Listen calls hear with every change from now on, until stop is called; anybody says whether that tells anybody at the moment.
// Both must return at once, and may be called by several goroutines.
func (b *Board) Listen(hear func(Change), anybody func() bool) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hearing == nil {
		b.hearing = make(map[int]listener)
	}
	b.next++
	place := b.next
	b.hearing[place] = listener{hear, anybody}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.hearing, place)
	}
}
