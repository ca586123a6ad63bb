package mcpapi

import (
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/presentation/roster"
)

// sessions holds the protocol sessions of clients that speak a revision with sessions.
type sessions struct {
	roster.Members[*session]
	streams roster.Streams[*session] // of the transport in which a session is a stream
}

func newSessions(now func() time.Time, gone func(*session)) *sessions {
	return &sessions{Members: roster.Members[*session]{Roster: roster.New(now, gone)}}
}

// End ends those that belong to member, and their streams.
func (s *sessions) End(member id.Session) {
	s.Members.End(member)
	s.streams.End(member)
}

// open starts a session that Keep will make findable.
func (s *sessions) open(owner string) *session {
	return newSession(id.New[id.ProtocolSessionKind]().String(), owner)
}
