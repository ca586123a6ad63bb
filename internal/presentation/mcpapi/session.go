package mcpapi

import (
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/steward-mcp/steward/internal/presentation/feed"
	"github.com/steward-mcp/steward/internal/presentation/mrtr"
	"github.com/steward-mcp/steward/internal/presentation/roster"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// session is what mcp-go needs to know of a peer. Revisions before 2026-07-28 keep one between initialize and its
// end; a request of 2026-07-28 has one to itself, so that no two requests share anything.
type session struct {
	roster.Peer // of server.ClientSession: Initialize, Initialized; server.SessionWithProtocolVersion

	id    string
	owner string // access.Principal.ID of whoever initialized it
	calls roster.Calls
	asks  mrtr.Pending // what we have asked of it

	mu    sync.Mutex
	level mcp.LoggingLevel // of what it wants to be told
	// subscriber is whom the session's streams tell; nil until there is something to tell of, or a stream
	subscriber *feed.Subscriber
}

func newSession(sid, owner string) *session {
	return &session{id: sid, owner: owner, level: mcp.LoggingLevelInfo}
}

// SessionID and NotificationChannel are server.ClientSession.
func (s *session) SessionID() string { return s.id }
func (s *session) Owner() string     { return s.owner }

// NotificationChannel takes what mcp-go itself would tell, which nobody reads: what clients are told they are told by us. It has
// room for one, because mcp-go fails a subscriptions/listen that it cannot acknowledge.
func (*session) NotificationChannel() chan<- mcp.JSONRPCNotification {
	return make(chan mcp.JSONRPCNotification, 1)
}

// The client's word for itself and for what it can do: server.SessionWithClientInfo. Only a short name is kept, and which questions it can
// answer, because a session lives for hours and a client may say megabytes. mcp-go is not told what it can do: it asks the client nothing.
func (s *session) GetClientInfo() mcp.Implementation { return mcp.Implementation{Name: s.Name()} }

func (s *session) SetClientInfo(info mcp.Implementation) {
	s.Introduce(wire.ClientName(info.Name, info.Version))
}

func (*session) GetClientCapabilities() mcp.ClientCapabilities { return mcp.ClientCapabilities{} }
func (s *session) SetClientCapabilities(said mcp.ClientCapabilities) {
	s.Enable(mrtr.Abilities(wire.MarshalOrNull(said)))
}

// SetLogLevel and GetLogLevel are server.SessionWithLogging: logging/setLevel.
func (s *session) SetLogLevel(level mcp.LoggingLevel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.level = level
}

func (s *session) GetLogLevel() mcp.LoggingLevel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.level
}

var (
	_ server.SessionWithClientInfo      = (*session)(nil)
	_ server.SessionWithProtocolVersion = (*session)(nil)
	_ server.SessionWithLogging         = (*session)(nil)
)
