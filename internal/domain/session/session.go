// Package session is about who speaks to Steward over a while: one principal, with one client, in one revision of the
// protocol, over one transport. A session begins with the first request of such a peer and has an identifier that
// follows from the peer, so nobody hands it out, and nobody can choose or lose it. What a client calls itself is only its
// word: a session is for an operator's overview, and its end keeps out whoever goes on under the same name. Budgets and
// rights belong to the principal, and the boundary is its credential.
//
// It does not know the sessions of the protocol's older revisions; those belong to the transport.
package session

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
)

// maxWord bounds each word of a Peer, in bytes: a session is kept in memory for as long as it lasts.
const maxWord = 512

// Peer is who speaks, and how. It is comparable; NewPeer makes one.
type Peer struct {
	Principal string // access.Principal.ID
	Client    string // the client's word for itself, behind that of its token's issuer; may be empty
	Revision  string // of the protocol
	Transport string // http, stdio
}

// NewPeer makes a peer of bounded size: of a word longer than 512 bytes the end is replaced by a digest of all of it.
func NewPeer(principal, client, revision, transport string) Peer {
	return Peer{Principal: bounded(principal), Client: bounded(client), Revision: bounded(revision), Transport: bounded(transport)}
}

func bounded(word string) string {
	if len(word) <= maxWord {
		return word
	}
	digest := sha256.Sum256([]byte(word))
	end := hex.EncodeToString(digest[:])
	return strings.ToValidUTF8(word[:maxWord-len(end)], "") + end
}

// ID is the identifier of the peer's session: the same in every process and after every restart.
func (p Peer) ID() id.Session {
	return id.Derive[id.SessionKind](p.Principal, p.Client, p.Revision, p.Transport)
}

// Closing is who closed a session, when, and why.
type Closing struct {
	By     string // access.Principal.ID
	At     time.Time
	Reason string // in the operator's words; may be empty
}

// Session is the aggregate. It is not safe for concurrent use.
type Session struct {
	id       id.Session
	peer     Peer // zero as long as a closed session has not been heard of
	state    State
	opened   time.Time
	used     time.Time // when its last request came, refused ones included
	address  string
	requests int64
	refused  int64
	running  int
	closing  Closing
}

// Open begins the session of a peer.
func Open(p Peer, now time.Time) *Session {
	return &Session{id: p.ID(), peer: p, state: Opened, opened: now, used: now}
}

// Bar makes a closed session of an identifier whose peer is not known here: it has not been heard of since the process
// began, or by another process only. The peer is learnt when it comes.
func Bar(sid id.Session, c Closing) *Session { return &Session{id: sid, state: Closed, closing: c} }

// ID is the session's identifier.
func (s *Session) ID() id.Session { return s.id }

// State is what the session does with its next request, unless it has lapsed since.
func (s *Session) State() State { return s.state }

// Enter counts a request that comes from address. In a session that is closed it is refused with ErrClosed, and is a sign
// of life: the session stays closed until it has been quiet for as long as it lasts. One that has lapsed is opened anew
// and counts from zero.
func (s *Session) Enter(p Peer, address string, lifetime time.Duration, now time.Time) error {
	s.Lapse(lifetime, now)
	was := s.state
	if err := s.move(arrival); err != nil {
		return err
	}
	if was == Expired {
		*s = Session{id: s.id, state: Opened, opened: now}
	}
	s.peer, s.address, s.used = p, address, later(s.used, now)
	if s.opened.IsZero() {
		s.opened = now
	}
	s.requests++
	if s.state == Closed {
		s.refused++
		return s.closed(lifetime)
	}
	s.running++
	return nil
}

func (s *Session) closed(lifetime time.Duration) error {
	return ErrClosed.Saying("An operator closed this session. It opens again when no request has come for %s; each one that comes begins that time anew.",
		spelled.Replace(lifetime.String()))
}

// spelled takes the zeros from the end of a time.Duration as it is written: 30m, not 30m0s.
var spelled = strings.NewReplacer("h0m0s", "h", "m0s", "m")

// Leave says that a request which Enter let in is over, and whether it was refused by something else.
func (s *Session) Leave(refused bool) {
	s.running--
	if refused {
		s.refused++
	}
}

// Close makes the session refuse its peer. A second closing changes nothing and succeeds.
func (s *Session) Close(c Closing, lifetime time.Duration) error {
	s.Lapse(lifetime, c.At)
	was := s.state
	if err := s.move(closure); err != nil {
		return err
	}
	if was != Closed {
		s.closing = c
	}
	return nil
}

// Lapse lets the session expire if it has been quiet for its lifetime and nothing runs, and reports whether it is expired.
func (s *Session) Lapse(lifetime time.Duration, now time.Time) bool {
	if s.state != Expired && s.running == 0 && now.Sub(s.quiet()) >= lifetime {
		_ = s.move(lapse) // the table has it for every state but Expired
	}
	return s.state == Expired
}

// Heard notes that the peer was heard of elsewhere: by another process on the same state.
func (s *Session) Heard(at time.Time) { s.used = later(s.used, at) }

// quiet is since when nothing has happened.
func (s *Session) quiet() time.Time { return later(s.used, s.closing.At) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
