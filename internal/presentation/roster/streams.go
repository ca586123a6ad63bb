package roster

import (
	"context"
	"sync"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Streams are the protocol sessions that are one stream each, and nowhere else to be found, with what ends them. The zero
// value is ready. Safe for concurrent use.
type Streams[S Member] struct {
	mu    sync.Mutex
	stops map[*held[S]]context.CancelFunc
}

type held[S Member] struct{ session S }

// Hold gives the stream of a session a context that ends with it. release is called when the stream has ended.
func (s *Streams[S]) Hold(ctx context.Context, of S) (within context.Context, release func()) {
	within, stop := context.WithCancel(ctx)
	place := &held[S]{of}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stops == nil {
		s.stops = map[*held[S]]context.CancelFunc{}
	}
	s.stops[place] = stop
	return within, func() {
		stop()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.stops, place)
	}
}

// End ends the streams of those that belong to member.
func (s *Streams[S]) End(member id.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for place, stop := range s.stops {
		if place.session.BelongsTo(member) {
			stop()
		}
	}
}
