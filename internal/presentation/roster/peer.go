package roster

import (
	"sync"
	"sync/atomic"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Peer is what a protocol session knows of its client, by the client's own word. The zero value knows nothing. Safe for
// concurrent use: who asks waits for nobody, because requests ask many times and hardly anything ever changes.
type Peer struct {
	mu   sync.Mutex // of changes
	said atomic.Pointer[said]
}

// said is what is known at one moment. It is never changed.
type said struct {
	ready    bool
	revision string
	name     string
	can      tool.Abilities
	member   id.Session
}

// Initialize notes that the client has initialized.
func (p *Peer) Initialize() { p.change(func(s *said) { s.ready = true }) }

// Initialized reports whether it has.
func (p *Peer) Initialized() bool { return p.now().ready }

// SetProtocolVersion notes the revision that initialize agreed on.
func (p *Peer) SetProtocolVersion(revision string) { p.change(func(s *said) { s.revision = revision }) }

// ProtocolVersion is that revision; empty before.
func (p *Peer) ProtocolVersion() string { return p.now().revision }

// Introduce notes what the client calls itself.
func (p *Peer) Introduce(name string) { p.change(func(s *said) { s.name = name }) }

// Name is what it calls itself.
func (p *Peer) Name() string { return p.now().name }

// Enable notes which questions the client can answer.
func (p *Peer) Enable(can tool.Abilities) { p.change(func(s *said) { s.can = can }) }

// Abilities are those questions.
func (p *Peer) Abilities() tool.Abilities { return p.now().can }

// Join notes to which session of the domain the protocol session belongs: the one in which it was used last.
func (p *Peer) Join(member id.Session) {
	if p.now().member != member { // which every request says
		p.change(func(s *said) { s.member = member })
	}
}

// BelongsTo reports whether it belongs to that one.
func (p *Peer) BelongsTo(member id.Session) bool { return p.now().member == member }

func (p *Peer) change(how func(*said)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := *p.now()
	how(&next)
	p.said.Store(&next)
}

var nothing said

func (p *Peer) now() *said {
	if s := p.said.Load(); s != nil {
		return s
	}
	return &nothing
}
