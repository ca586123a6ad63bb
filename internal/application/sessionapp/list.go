package sessionapp

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/session"
)

// Session is what an operator sees of a session. Times are UTC.
type Session struct {
	ID          string        `json:"id"`
	Principal   string        `json:"principal,omitempty"` // empty when nothing but the identifier is known here
	Client      string        `json:"client,omitempty"`
	Revision    string        `json:"revision,omitempty"`
	Transport   string        `json:"transport,omitempty"`
	State       session.State `json:"state"`
	Opened      time.Time     `json:"opened,omitzero"`
	LastSeen    time.Time     `json:"last_seen,omitzero"`
	LastAddress string        `json:"last_address,omitempty"`
	Requests    int64         `json:"requests"`
	Refused     int64         `json:"refused"` // of Requests
	Running     int           `json:"running"`
	Protocol    []string      `json:"protocol_sessions,omitempty"` // the beginnings of their digests
	ClosedBy    string        `json:"closed_by,omitempty"`
	Closed      time.Time     `json:"closed,omitzero"`
	Reason      string        `json:"reason,omitempty"`
	Expires     time.Time     `json:"expires,omitzero"` // when it ends, or opens again, if nothing comes before
}

// Filter chooses sessions. Empty words choose all.
type Filter struct {
	Principal string        // exactly
	Client    string        // what the client's word contains, whatever the case
	State     session.State // as of now
	After     string        // Page.Next of the page before
	Limit     int           // at most MaxPage; zero takes DefaultPage
}

// Bounds of a page.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// Page is some sessions, those that were opened last first.
type Page struct {
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next,omitempty"` // Filter.After of the page that follows; empty on the last
}

// What a Filter can be wrong about.
var (
	ErrState = fault.New(fault.Invalid, "session.state", "A session is open, closed or expired.")
	ErrPage  = fault.New(fault.Invalid, "session.page", "Give as after what a page before answered as next, and a limit between 1 and 1000.")
)

// Show tells of one session, or session.ErrNotFound.
func (r *Registry) Show(sid id.Session) (Session, error) {
	r.mu.Lock()
	e, ok := r.byID[sid]
	if !ok {
		r.mu.Unlock()
		return Session{}, session.ErrNotFound
	}
	e.session.Lapse(r.lifetime, r.now())
	s := e.session.Snapshot()
	r.mu.Unlock()
	return r.view(s), nil
}

// List gives a page of what f chooses. Sessions that are opened meanwhile come on no later page.
func (r *Registry) List(f Filter) (Page, error) {
	after, err := f.check()
	if err != nil {
		return Page{}, err
	}
	chosen := r.choose(f)
	slices.SortFunc(chosen, func(a, b session.Snapshot) int { return order(place{a.Opened, a.ID}, place{b.Opened, b.ID}) })
	if f.After != "" {
		first, found := slices.BinarySearchFunc(chosen, after, func(s session.Snapshot, p place) int {
			return order(place{s.Opened, s.ID}, p)
		})
		if found {
			first++
		}
		chosen = chosen[first:]
	}
	page := Page{Sessions: []Session{}}
	if limit := cmp.Or(f.Limit, DefaultPage); len(chosen) > limit {
		chosen = chosen[:limit]
		last := chosen[limit-1]
		page.Next = place{last.Opened, last.ID}.String()
	}
	for _, s := range chosen {
		page.Sessions = append(page.Sessions, r.view(s))
	}
	return page, nil
}

func (r *Registry) choose(f Filter) (chosen []session.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, client := r.now(), strings.ToLower(f.Client)
	for _, e := range r.byID {
		e.session.Lapse(r.lifetime, now)
		if f.Principal != "" && e.peer.Principal != f.Principal || f.State != "" && e.session.State() != f.State ||
			!strings.Contains(strings.ToLower(e.peer.Client), client) {
			continue
		}
		chosen = append(chosen, e.session.Snapshot())
	}
	return chosen
}

func (f Filter) check() (place, error) {
	if !slices.Contains([]session.State{"", session.Opened, session.Closed, session.Expired}, f.State) {
		return place{}, ErrState
	}
	if f.Limit < 0 || f.Limit > MaxPage {
		return place{}, ErrPage
	}
	if f.After == "" {
		return place{}, nil
	}
	return parsePlace(f.After)
}

// place is where a session stands in a list.
type place struct {
	opened time.Time
	id     id.Session
}

// order puts what was opened last first.
func order(a, b place) int {
	return cmp.Or(b.opened.Compare(a.opened), cmp.Compare(a.id.String(), b.id.String()))
}

func (p place) String() string {
	text := p.id.String()
	if !p.opened.IsZero() {
		text = strconv.FormatInt(p.opened.UnixNano(), 10) + " " + text
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func parsePlace(text string) (p place, err error) {
	written, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return place{}, ErrPage
	}
	name := string(written)
	if moment, rest, known := strings.Cut(name, " "); known {
		ns, err := strconv.ParseInt(moment, 10, 64)
		if err != nil {
			return place{}, ErrPage
		}
		p.opened, name = time.Unix(0, ns), rest
	}
	if p.id, err = id.Parse[id.SessionKind](name); err != nil {
		return place{}, ErrPage
	}
	return p, nil
}

func (r *Registry) view(s session.Snapshot) Session {
	v := Session{
		ID: s.ID.String(), Principal: s.Peer.Principal, Client: s.Peer.Client, Revision: s.Peer.Revision, Transport: s.Peer.Transport,
		State: s.State, Opened: utc(s.Opened), LastSeen: utc(s.Used), LastAddress: s.Address,
		Requests: s.Requests, Refused: s.Refused, Running: s.Running,
	}
	if s.State != session.Expired {
		v.Expires = s.Quiet().UTC().Add(r.lifetime)
	}
	if s.State == session.Closed {
		v.ClosedBy, v.Closed, v.Reason = s.Closing.By, utc(s.Closing.At), s.Closing.Reason
	}
	r.mu.Lock()
	protocol := r.protocol
	r.mu.Unlock()
	if protocol != nil {
		v.Protocol = protocol.Of(s.ID)
	}
	return v
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
