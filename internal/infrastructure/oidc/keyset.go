package oidc

import (
	"context"
	"sync"
	"time"
)

// How long keys are believed, and how often they are asked for.
const (
	refreshAfter = 5 * time.Minute  // then keys are fetched again, while those at hand go on to hold
	staleAfter   = time.Hour        // without a successful fetch for so long, no key holds any more
	coolDown     = 30 * time.Second // between a fetch that succeeded and the next, whatever kid is asked for
	coolFailed   = 5 * time.Second  // between a fetch that failed and the next
)

// keySet is the keys of one issuer as they were last fetched. However many tokens ask, one fetch runs at a time, and
// none sooner than its cool-down. Safe for concurrent use.
type keySet struct {
	now   func() time.Time
	fetch func(context.Context) ([]key, error)
	spawn func(func(context.Context)) bool // runs a function beside the caller; false when the server ends

	mu      sync.Mutex
	keys    []key
	fetched time.Time // when the fetch that keys are from began; zero before the first
	tried   time.Time // when the last fetch began
	failed  error     // what came of it
	flight  chan struct{}
}

// find gives the keys that t may be checked with: errNoKeys when the issuer's keys are not known, errNoKey when none
// fits. A kid that is not known makes one fetch run, unless one has just done so; find waits for it, or for the end of
// ctx. Keys at hand are never waited for.
func (s *keySet) find(ctx context.Context, t token) ([]key, error) {
	chosen, flight := s.look(t)
	if len(chosen) > 0 {
		return chosen, nil
	}
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, errNoKeys
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known() {
		return nil, errNoKeys
	}
	if chosen = choose(s.keys, t); len(chosen) == 0 {
		return nil, errNoKey
	}
	return chosen, nil
}

// look also has the keys fetched, when that is due; it answers the fetch that may bring what is missing.
func (s *keySet) look(t token) ([]key, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var chosen []key
	if s.known() {
		chosen = choose(s.keys, t)
	}
	if len(chosen) == 0 || s.now().Sub(s.fetched) >= refreshAfter {
		s.refresh()
	}
	return chosen, s.flight
}

// known reports whether there are keys that are not too old.
func (s *keySet) known() bool {
	return !s.fetched.IsZero() && s.now().Sub(s.fetched) < staleAfter
}

// warm has the keys fetched before the first token comes.
func (s *keySet) warm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh()
}

// refresh has the keys fetched, unless that is being done or was done just now. The caller holds the lock.
func (s *keySet) refresh() {
	pause := coolDown
	if s.failed != nil {
		pause = coolFailed
	}
	began := s.now()
	if s.flight != nil || !s.tried.IsZero() && began.Sub(s.tried) < pause {
		return
	}
	flight := make(chan struct{})
	if s.spawn(func(ctx context.Context) { s.bring(ctx, began, flight) }) {
		s.tried, s.flight = began, flight
	}
}

func (s *keySet) bring(ctx context.Context, began time.Time, flight chan struct{}) {
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed = err; err == nil {
		s.keys, s.fetched = keys, began
	}
	s.flight = nil
	close(flight)
}

// err is nil when the keys are known and the last fetch succeeded.
func (s *keySet) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil && !s.known() {
		return errNoKeys
	}
	return s.failed
}
