package session

import (
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// Snapshot is all of a session, for those who keep or show it.
type Snapshot struct {
	ID       id.Session
	Peer     Peer // zero as long as it is not known
	State    State
	Opened   time.Time // zero as long as its peer is not known
	Used     time.Time // likewise
	Address  string    // of the last request
	Requests int64
	Refused  int64 // of Requests
	Running  int   // at the moment
	Closing  Closing
}

// Snapshot copies the session.
func (s *Session) Snapshot() Snapshot {
	return Snapshot{
		ID: s.id, Peer: s.peer, State: s.state, Opened: s.opened, Used: s.used, Address: s.address,
		Requests: s.requests, Refused: s.refused, Running: s.running, Closing: s.closing,
	}
}

// Restore makes the session that was copied. Nothing runs in it any more.
func Restore(s Snapshot) *Session {
	return &Session{
		id: s.ID, peer: s.Peer, state: s.State, opened: s.Opened, used: s.Used, address: s.Address,
		requests: s.Requests, refused: s.Refused, closing: s.Closing,
	}
}

// Quiet is since when nothing has happened.
func (s Snapshot) Quiet() time.Time { return later(s.Used, s.Closing.At) }
