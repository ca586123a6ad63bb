package mcpapi

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// sessions holds the protocol sessions of clients that speak a revision with sessions. It is bounded for each principal
// and altogether: a new session takes the place of the one unused for longest, the principal's own first. An id is good
// for the principal that initialized it and for nobody else.
type sessions struct {
	mu     sync.Mutex
	held   *simplelru.LRU[string, *heldSession]
	owners map[string]*simplelru.LRU[string, struct{}] // the ids of each principal's sessions, in the same order
	idle   time.Duration
	now    func() time.Time
}

type heldSession struct {
	*session
	used time.Time
}

const (
	maxSessions = 10_000
	maxOwned    = 1_000 // of one principal: whoever initializes without end drives out nobody else
	sessionIdle = 8 * time.Hour
)

func newSessions(now func() time.Time) *sessions {
	s := &sessions{owners: make(map[string]*simplelru.LRU[string, struct{}]), idle: sessionIdle, now: now}
	s.held, _ = simplelru.NewLRU(maxSessions, s.left) // fails on a size below one only
	return s
}

// left follows every session that held gives up, for whatever reason.
func (s *sessions) left(sid string, gone *heldSession) {
	owned := s.owners[gone.owner]
	owned.Remove(sid)
	if owned.Len() == 0 {
		delete(s.owners, gone.owner)
	}
}

// open starts a session that keep will make findable.
func (s *sessions) open(owner string) *session {
	return newSession(id.New[id.SessionKind]().String(), owner)
}

func (s *sessions) keep(kept *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owned, ok := s.owners[kept.owner]
	if !ok {
		owned, _ = simplelru.NewLRU[string, struct{}](maxOwned, nil) // as above
		s.owners[kept.owner] = owned
	}
	if oldest, _, _ := owned.GetOldest(); owned.Len() >= maxOwned {
		s.held.Remove(oldest)
	}
	owned.Add(kept.id, struct{}{})
	s.held.Add(kept.id, &heldSession{session: kept, used: s.now()})
}

// find gives the session of that id if it is owner's and has not been idle for too long.
func (s *sessions) find(sid, owner string) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.held.Peek(sid)
	if !ok || held.owner != owner {
		return nil, false
	}
	now := s.now()
	if now.Sub(held.used) >= s.idle {
		s.held.Remove(sid)
		return nil, false
	}
	held.used = now
	s.held.Get(sid)
	s.owners[owner].Get(sid)
	return held.session, true
}

// end forgets the session, if it is owner's.
func (s *sessions) end(sid, owner string) bool {
	if _, ok := s.find(sid, owner); !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held.Remove(sid)
}
