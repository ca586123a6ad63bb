// Package roster knows the peers of the protocol's revisions with sessions, and what each has running.
package roster

import (
	"container/list"
	"sync"
	"time"
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
	held   map[string]*entry[S]
	order  *list.List            // of *entry: all of them, used last in front
	owners map[string]*list.List // the same of each principal
	now    func() time.Time
	gone   func(S)
}

type entry[S Session] struct {
	session    S
	used       time.Time
	owned      *list.List    // its owner's
	place, own *list.Element // in order, and in owned
}

// How many sessions there are at most, and how long one is kept that is not used.
const (
	Most      = 10_000
	MostOwned = 1_000 // of one principal: whoever begins some without end drives out nobody else
	Idle      = 8 * time.Hour
)

// New makes an empty roster. gone is told of every session that has ended, for whatever reason; it must not come back here.
func New[S Session](now func() time.Time, gone func(S)) *Roster[S] {
	return &Roster[S]{held: make(map[string]*entry[S]), order: list.New(), owners: make(map[string]*list.List), now: now, gone: gone}
}

// Keep makes a session findable. Its id is nobody else's.
func (r *Roster[S]) Keep(kept S) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end(kept.SessionID())
	r.makeRoom(r.owners[kept.Owner()], MostOwned)
	r.makeRoom(r.order, Most)
	owned, ok := r.owners[kept.Owner()]
	if !ok {
		owned = list.New()
		r.owners[kept.Owner()] = owned
	}
	e := &entry[S]{session: kept, used: r.now(), owned: owned}
	e.place, e.own = r.order.PushFront(e), owned.PushFront(e)
	r.held[kept.SessionID()] = e
}

// makeRoom ends what was used least recently, until there is room for one more.
func (r *Roster[S]) makeRoom(among *list.List, most int) {
	for among != nil && among.Len() >= most {
		e, _ := among.Back().Value.(*entry[S])
		r.end(e.session.SessionID())
	}
}

// end gives up the session of that id, if there is one.
func (r *Roster[S]) end(sid string) bool {
	e, ok := r.held[sid]
	if !ok {
		return false
	}
	delete(r.held, sid)
	r.order.Remove(e.place)
	e.owned.Remove(e.own)
	if e.owned.Len() == 0 {
		delete(r.owners, e.session.Owner())
	}
	r.gone(e.session)
	return true
}

// Find gives the session of that id if it is owner's and has not been idle for too long.
func (r *Roster[S]) Find(sid, owner string) (found S, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.held[sid]
	if !ok || e.session.Owner() != owner {
		return found, false
	}
	now := r.now()
	if now.Sub(e.used) >= Idle {
		r.end(sid)
		return found, false
	}
	e.used = now
	r.order.MoveToFront(e.place)
	e.owned.MoveToFront(e.own)
	return e.session, true
}

// Has reports whether there is a session of that id.
func (r *Roster[S]) Has(sid string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.held[sid]
	return ok
}

// Dismiss ends the session, if it is owner's.
func (r *Roster[S]) Dismiss(sid, owner string) bool {
	if _, ok := r.Find(sid, owner); !ok {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end(sid)
}

// Those gives the ids of the sessions that are wanted.
func (r *Roster[S]) Those(wanted func(S) bool) (ids []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for sid, e := range r.held {
		if wanted(e.session) {
			ids = append(ids, sid)
		}
	}
	return ids
}

// Remove ends the sessions of those ids, whosever they are.
func (r *Roster[S]) Remove(ids ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sid := range ids {
		r.end(sid)
	}
}
