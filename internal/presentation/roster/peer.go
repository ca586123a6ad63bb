package roster

import (
	"sync"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Peer is what a protocol session knows of its client, by the client's own word. The zero value knows nothing. Safe for
// concurrent use.
type Peer struct {
	mu       sync.Mutex
	ready    bool
	revision string
	name     string
	can      tool.Abilities
	member   id.Session
}

// Initialize notes that the client has initialized.
func (p *Peer) Initialize() { p.change(func() { p.ready = true }) }

// Initialized reports whether it has.
func (p *Peer) Initialized() bool { return known(p, &p.ready) }

// SetProtocolVersion notes the revision that initialize agreed on.
func (p *Peer) SetProtocolVersion(revision string) { p.change(func() { p.revision = revision }) }

// ProtocolVersion is that revision; empty before.
func (p *Peer) ProtocolVersion() string { return known(p, &p.revision) }

// Introduce notes what the client calls itself.
func (p *Peer) Introduce(name string) { p.change(func() { p.name = name }) }

// Name is what it calls itself.
func (p *Peer) Name() string { return known(p, &p.name) }

// Enable notes which questions the client can answer.
func (p *Peer) Enable(can tool.Abilities) { p.change(func() { p.can = can }) }

// Abilities are those questions.
func (p *Peer) Abilities() tool.Abilities { return known(p, &p.can) }

// Join notes to which session of the domain the protocol session belongs: the one in which it was used last.
func (p *Peer) Join(member id.Session) { p.change(func() { p.member = member }) }

// BelongsTo reports whether it belongs to that one.
func (p *Peer) BelongsTo(member id.Session) bool { return known(p, &p.member) == member }

func (p *Peer) change(how func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how()
}

func known[T any](p *Peer, what *T) T {
	p.mu.Lock()
	defer p.mu.Unlock()
	return *what
}
