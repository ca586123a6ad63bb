package feed

import (
	"context"
	"slices"
	"sync"

	"github.com/steward-mcp/steward/internal/application/changes"
)

// Hint is one thing that a client may want to look at anew. The zero value is none.
type Hint struct {
	Kind Kind
	URI  string // of Content
}

// Kind says what a Hint is about.
type Kind int

// The kinds of hints.
const (
	Tools     Kind = iota + 1 // the list of tools is another
	Prompts                   // that of prompts
	Resources                 // that of resources
	Rights                    // any list may be another for this client
	Content                   // the content of a resource may be
)

// MostURIs is how many resources one mailbox can be subscribed to.
const MostURIs = 256

// Mailbox holds what one client is to be told, until it takes it. What is there already is not put there again, so that it
// holds no more than one hint of a kind and one for each URI that the client subscribed to. Safe for concurrent use.
type Mailbox struct {
	mu      sync.Mutex
	uris    map[string]struct{}
	pending []Hint
	bell    chan struct{}
}

// NewMailbox makes an empty one.
func NewMailbox() *Mailbox {
	return &Mailbox{uris: make(map[string]struct{}), bell: make(chan struct{}, 1)}
}

// Subscribe wants hints of the content of a resource. It reports false when there are too many already.
func (m *Mailbox) Subscribe(uri string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.uris[uri]; !ok && len(m.uris) >= MostURIs {
		return false
	}
	m.uris[uri] = struct{}{}
	return true
}

// Room reports whether Subscribe would succeed.
func (m *Mailbox) Room(uri string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.uris[uri]
	return ok || len(m.uris) < MostURIs
}

// Unsubscribe wants no more of them; what is there already is taken out.
func (m *Mailbox) Unsubscribe(uri string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.uris, uri)
	m.pending = slices.DeleteFunc(m.pending, func(h Hint) bool { return h.Kind == Content && h.URI == uri })
}

// Post puts in what a change means to this client.
func (m *Mailbox) Post(c changes.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, is := range []bool{c.Tools, c.Prompts, c.Resources, c.Rights} {
		if is {
			m.put(Hint{Kind: Tools + Kind(i)})
		}
	}
	if c.Content == nil {
		return
	}
	for uri := range m.uris {
		if c.Content(uri) {
			m.put(Hint{Kind: Content, URI: uri})
		}
	}
}

// Return puts back what could not be told.
func (m *Mailbox) Return(hints []Hint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range hints {
		if _, ok := m.uris[h.URI]; ok || h.Kind != Content {
			m.put(h)
		}
	}
}

func (m *Mailbox) put(h Hint) {
	if !slices.Contains(m.pending, h) {
		m.pending = append(m.pending, h)
	}
	select {
	case m.bell <- struct{}{}:
	default: // it has been rung
	}
}

// Next takes what there is, and waits for it. Of several that wait only one gets it.
func (m *Mailbox) Next(ctx context.Context) ([]Hint, error) {
	for {
		select {
		case <-m.bell:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		m.mu.Lock()
		taken := m.pending
		m.pending = nil
		m.mu.Unlock()
		if len(taken) > 0 {
			return taken, nil
		}
	}
}

// Audience is everybody's mailboxes. The zero value is ready to use. Safe for concurrent use.
type Audience struct {
	mu    sync.Mutex
	boxes map[*Mailbox]struct{}
}

// Join lets m have what is told from now on, until Leave.
func (a *Audience) Join(m *Mailbox) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.boxes == nil {
		a.boxes = make(map[*Mailbox]struct{})
	}
	a.boxes[m] = struct{}{}
}

// Leave is the end of that. A mailbox that has not joined can leave.
func (a *Audience) Leave(m *Mailbox) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.boxes, m)
}

// Size is how many have joined.
func (a *Audience) Size() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.boxes)
}

// Tell puts a change into all mailboxes.
func (a *Audience) Tell(c changes.Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for m := range a.boxes {
		m.Post(c)
	}
}
