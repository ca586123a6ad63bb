// Package roster knows the peers of the protocol's revisions with sessions, and what each has running.
package roster

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Session is what a roster keeps.
type Session interface {
	SessionID() string
	Owner() string // access.Principal.ID of whoever began it
}

// Roster holds sessions. It is bounded for each principal and altogether: a new session takes the place of the one unused for
// longest, the principal's own first. An id is good for the principal that began the session and for nobody else. Safe for
// concurrent use.
type Roster[S Session] struct {
	mu     sync.Mutex
	held   *simplelru.LRU[string, *entry[S]]
	owners map[string]*simplelru.LRU[string, struct{}] // the ids of each principal's sessions, in the same order
	now    func() time.Time
	gone   func(S)
}

type entry[S Session] struct {
	session S
	used    time.Time
}

// How many sessions there are at most, and how long one is kept that is not used.
const (
	Most      = 10_000
	MostOwned = 1_000 // of one principal: whoever begins some without end drives out nobody else
	Idle      = 8 * time.Hour
)

// New makes an empty roster. gone is told of every session that has ended, for whatever reason; it must not come back here.
func New[S Session](now func() time.Time, gone func(S)) *Roster[S] {
	r := &Roster[S]{owners: make(map[string]*simplelru.LRU[string, struct{}]), now: now, gone: gone}
	r.held, _ = simplelru.NewLRU(Most, r.left) // fails on a size below one only
	return r
}

// left follows every session that held gives up, for whatever reason.
func (r *Roster[S]) left(sid string, ended *entry[S]) {
	owner := ended.session.Owner()
	owned := r.owners[owner]
	owned.Remove(sid)
	if owned.Len() == 0 {
		delete(r.owners, owner)
	}
	r.gone(ended.session)
}

// Keep makes a session findable.
func (r *Roster[S]) Keep(kept S) {
	r.mu.Lock()
	defer r.mu.Unlock()
	owned, ok := r.owners[kept.Owner()]
	if !ok {
		owned, _ = simplelru.NewLRU[string, struct{}](MostOwned, nil) // as above
		r.owners[kept.Owner()] = owned
	}
	if oldest, _, _ := owned.GetOldest(); owned.Len() >= MostOwned {
		r.held.Remove(oldest)
	}
	owned.Add(kept.SessionID(), struct{}{})
	r.held.Add(kept.SessionID(), &entry[S]{session: kept, used: r.now()})
}

// Find gives the session of that id if it is owner's and has not been idle for too long.
func (r *Roster[S]) Find(sid, owner string) (found S, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held, ok := r.held.Peek(sid)
	if !ok || held.session.Owner() != owner {
		return found, false
	}
	now := r.now()
	if now.Sub(held.used) >= Idle {
		r.held.Remove(sid)
		return found, false
	}
	held.used = now
	r.held.Get(sid)
	r.owners[owner].Get(sid)
	return held.session, true
}

// Has reports whether there is a session of that id.
func (r *Roster[S]) Has(sid string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held.Contains(sid)
}

// Dismiss ends the session, if it is owner's.
func (r *Roster[S]) Dismiss(sid, owner string) bool {
	if _, ok := r.Find(sid, owner); !ok {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held.Remove(sid)
}

// Those gives the ids of the sessions that are wanted.
func (r *Roster[S]) Those(wanted func(S) bool) (ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, held := range r.held.Values() {
		if wanted(held.session) {
			ids = append(ids, held.session.SessionID())
		}
	}
	return ids
}

// Remove ends the sessions of those ids, whosever they are.
func (r *Roster[S]) Remove(ids ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sid := range ids {
		r.held.Remove(sid)
	}
}
