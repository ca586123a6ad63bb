package mcpapi

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// session is what mcp-go needs to know of a peer. Revisions before 2026-07-28 keep one between initialize and its
// end; a request of 2026-07-28 has one to itself, so that no two requests share anything.
type session struct {
	id            string
	owner         string // access.Principal.ID of whoever initialized it
	notifications chan mcp.JSONRPCNotification

	mu           sync.Mutex
	ready        bool
	revision     string
	client       string
	capabilities mcp.ClientCapabilities
	info         mcp.Implementation
}

// notificationSlots is how many notifications one request may queue before its answer; what comes beyond is refused
// to the sender by mcp-go.
const notificationSlots = 16

func newSession(sid, owner string) *session {
	return &session{id: sid, owner: owner, notifications: make(chan mcp.JSONRPCNotification, notificationSlots)}
}

// SessionID, NotificationChannel, Initialize and Initialized are server.ClientSession.
func (s *session) SessionID() string                                   { return s.id }
func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notifications }

func (s *session) Initialize() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
}

func (s *session) Initialized() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready
}

// ProtocolVersion and SetProtocolVersion let mcp-go remember what initialize agreed on.
func (s *session) ProtocolVersion() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

func (s *session) SetProtocolVersion(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision = version
}

// The client's word for itself and for what it can do: server.SessionWithClientInfo.
func (s *session) GetClientInfo() mcp.Implementation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info
}

func (s *session) SetClientInfo(info mcp.Implementation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.info, s.client = info, wire.ClientName(info.Name, info.Version)
}

func (s *session) GetClientCapabilities() mcp.ClientCapabilities {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.capabilities
}

func (s *session) SetClientCapabilities(c mcp.ClientCapabilities) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capabilities = c
}

func (s *session) clientName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

var (
	_ server.SessionWithClientInfo      = (*session)(nil)
	_ server.SessionWithProtocolVersion = (*session)(nil)
)

// sessions holds the protocol sessions of clients that speak a revision with sessions. It is bounded: the session
// unused for longest makes room. An id is good for the principal that initialized it and for nobody else.
type sessions struct {
	mu   sync.Mutex
	held *simplelru.LRU[string, *heldSession]
	idle time.Duration
	now  func() time.Time
}

type heldSession struct {
	*session
	used time.Time
}

const (
	maxSessions = 10_000
	sessionIdle = 8 * time.Hour
)

func newSessions(now func() time.Time) *sessions {
	held, _ := simplelru.NewLRU[string, *heldSession](maxSessions, nil) // fails on a size below one only
	return &sessions{held: held, idle: sessionIdle, now: now}
}

// open starts a session that keep will make findable.
func (s *sessions) open(owner string) *session {
	return newSession(id.New[id.SessionKind]().String(), owner)
}

func (s *sessions) keep(kept *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.Add(kept.id, &heldSession{session: kept, used: s.now()})
}

// find gives the session of that id if it is owner's and has not been idle for too long.
func (s *sessions) find(sid, owner string) (*session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.held.Get(sid)
	if !ok || held.owner != owner {
		return nil, false
	}
	if now := s.now(); now.Sub(held.used) < s.idle {
		held.used = now
		return held.session, true
	}
	s.held.Remove(sid)
	return nil, false
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
