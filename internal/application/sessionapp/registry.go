// Package sessionapp knows the sessions that are going on: it lets their requests in, tells operators of them, and closes
// them. All but what is closed is in memory only, and in little of it.
package sessionapp

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/session"
)

// How many sessions are remembered, some 800 bytes each. One more takes the place of the one unused for longest, the
// principal's own first. What runs and what operators closed stays all the same: how much runs is bounded elsewhere.
const (
	maxHeld  = 10_000
	maxOwned = 200 // of one principal: whoever changes names without end drives out nobody else's
)

// Protocol are the sessions of those revisions of the protocol that have some.
type Protocol interface {
	// Of describes the protocol sessions that go on in a session, in a form that is of no use to whoever wants to enter one.
	Of(id.Session) []string
	// End ends them.
	End(id.Session)
}

// Registry is the sessions of one process. NewRegistry makes one. Safe for concurrent use.
type Registry struct {
	kept     session.Repository
	lifetime time.Duration
	now      func() time.Time
	closing  sync.Mutex // held while a session is closed: what is kept and what holds here change together

	mu       sync.Mutex
	byID     map[id.Session]*entry
	byPeer   map[session.Peer]*entry // those whose peer is known
	held     *list.List              // of *entry: all that are not closed, used last in front
	owned    map[string]*list.List   // the same of each principal
	protocol Protocol
}

type entry struct {
	session    *session.Session
	peer       session.Peer
	running    map[*Stay]struct{}
	place, own *list.Element // in held and owned; nil while it is in neither
	heard      bool          // since it was written down
}

// NewRegistry makes one that lets a session last for lifetime without a request. It knows of no closed session until Sync
// has told it.
func NewRegistry(kept session.Repository, lifetime time.Duration, now func() time.Time) *Registry {
	return &Registry{
		kept: kept, lifetime: lifetime, now: now,
		byID: map[id.Session]*entry{}, byPeer: map[session.Peer]*entry{}, held: list.New(), owned: map[string]*list.List{},
	}
}

// Bind tells r of protocol sessions. It is called before the first request.
func (r *Registry) Bind(p Protocol) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.protocol = p
}

// Stay is one request in its session, between Enter and Leave.
type Stay struct {
	Session  id.Session
	registry *Registry
	entry    *entry        // nil when it was not let in, and when it has left
	hold     lifetime.Hold // on its context
}

// Enter counts a request in the session of its peer, which it opens if it is the first. It reads and writes nothing but
// memory. The context ends, with session.ErrClosed as its cause, when the session is closed. A session that is closed is
// session.ErrClosed; the Stay tells its identifier all the same. Whoever enters leaves.
func (r *Registry) Enter(ctx context.Context, p session.Peer, address string) (context.Context, *Stay, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.find(p)
	stay := &Stay{Session: e.session.ID(), registry: r}
	if err := e.session.Enter(p, address, r.lifetime, r.now()); err != nil {
		e.heard = true
		return ctx, stay, err
	}
	within, hold := lifetime.Within(ctx)
	stay.entry, stay.hold = e, hold
	e.running[stay] = struct{}{}
	r.settle(e)
	return within, stay, nil
}

// Leave says that the request is over, and whether it was refused. Later calls do nothing.
func (s *Stay) Leave(refused bool) {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	e := s.entry
	if e == nil {
		return
	}
	s.entry = nil
	s.hold.Leave()
	delete(e.running, s)
	e.session.Leave(refused)
}

// find gives the entry of a peer; a new one when there is none.
func (r *Registry) find(p session.Peer) *entry {
	if e, ok := r.byPeer[p]; ok {
		return e
	}
	s := session.Open(p, r.now())
	e, ok := r.byID[s.ID()]
	if !ok { // otherwise it was closed before its peer was known here
		e = r.add(s)
	}
	e.peer = p
	r.byPeer[p] = e
	return e
}

func (r *Registry) add(s *session.Session) *entry {
	snapshot := s.Snapshot()
	e := &entry{session: s, peer: snapshot.Peer, running: map[*Stay]struct{}{}}
	r.byID[snapshot.ID] = e
	if e.peer != (session.Peer{}) {
		r.byPeer[e.peer] = e
	}
	return e
}

// settle puts an entry among those that can be forgotten, in front, unless it is closed, and makes room there.
func (r *Registry) settle(e *entry) {
	if e.session.State() == session.Closed {
		r.pull(e)
		return
	}
	if e.place != nil {
		r.held.MoveToFront(e.place)
		r.owned[e.peer.Principal].MoveToFront(e.own)
		return
	}
	own, ok := r.owned[e.peer.Principal]
	if !ok {
		own = list.New()
		r.owned[e.peer.Principal] = own
	}
	e.place, e.own = r.held.PushFront(e), own.PushFront(e)
	r.makeRoom(own, maxOwned)
	r.makeRoom(r.held, maxHeld)
}

// makeRoom forgets what was used least recently until no more than most are left, or everything runs.
func (r *Registry) makeRoom(among *list.List, most int) {
	for tries := among.Len(); among.Len() > most && tries > 0; tries-- {
		e, _ := among.Back().Value.(*entry)
		if len(e.running) == 0 {
			r.forget(e)
			continue
		}
		r.settle(e) // what runs is in use
	}
}

// pull takes an entry from where it could be forgotten.
func (r *Registry) pull(e *entry) {
	if e.place == nil {
		return
	}
	r.held.Remove(e.place)
	own := r.owned[e.peer.Principal]
	own.Remove(e.own)
	if own.Len() == 0 {
		delete(r.owned, e.peer.Principal)
	}
	e.place, e.own = nil, nil
}

func (r *Registry) forget(e *entry) {
	r.pull(e)
	delete(r.byID, e.session.ID())
	delete(r.byPeer, e.peer)
}
