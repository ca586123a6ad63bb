package mcpapi

import (
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// session is what mcp-go needs to know of a peer. Revisions before 2026-07-28 keep one between initialize and its
// end; a request of 2026-07-28 has one to itself, so that no two requests share anything.
type session struct {
	id            string
	owner         string // access.Principal.ID of whoever initialized it
	notifications chan mcp.JSONRPCNotification
	calls         inFlightCalls

	mu       sync.Mutex
	ready    bool
	revision string
	client   string
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

// The client's word for itself and for what it can do: server.SessionWithClientInfo. Only a short name is kept, because
// a session lives for hours and a client may say megabytes; and Steward asks nothing of clients, whatever they can do.
func (s *session) GetClientInfo() mcp.Implementation {
	return mcp.Implementation{Name: s.clientName()}
}

func (s *session) SetClientInfo(info mcp.Implementation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client = wire.ClientName(info.Name, info.Version)
}

func (*session) GetClientCapabilities() mcp.ClientCapabilities { return mcp.ClientCapabilities{} }
func (*session) SetClientCapabilities(mcp.ClientCapabilities)  {}

func (s *session) clientName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

var (
	_ server.SessionWithClientInfo      = (*session)(nil)
	_ server.SessionWithProtocolVersion = (*session)(nil)
)
