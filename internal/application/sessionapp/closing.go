package sessionapp

import (
	"context"
	"errors"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/session"
)

// Close closes the session, first where it is kept and then here, ends what runs in it and the protocol sessions that
// belong to it, and tells how it stands then. A session that is not known here, because it was forgotten or is another
// process's, is closed by its identifier alone. What could not be kept is not closed. A second closing changes nothing and
// succeeds.
func (r *Registry) Close(ctx context.Context, sid id.Session, by, reason string) (Session, error) {
	r.closing.Lock()
	defer r.closing.Unlock()
	c := session.Closing{By: by, At: r.now(), Reason: reason}
	closed := r.copyOf(sid, c)
	if err := closed.Close(c, r.lifetime); err != nil {
		return Session{}, err
	}
	if err := r.kept.Keep(ctx, closed); err != nil {
		return Session{}, err
	}
	if err := r.close(closed); err != nil {
		return Session{}, err
	}
	return r.Show(sid)
}

// copyOf is the session as it stands, or one whose peer is not known.
func (r *Registry) copyOf(sid id.Session, c session.Closing) *session.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.byID[sid]; ok {
		return session.Restore(e.session.Snapshot())
	}
	return session.Bar(sid, c)
}

// close makes hold here what is kept.
func (r *Registry) close(closed *session.Session) error {
	kept := closed.Snapshot()
	r.mu.Lock()
	e, ok := r.byID[kept.ID]
	if !ok {
		e = r.add(closed)
	}
	err := e.session.Close(kept.Closing, r.lifetime)
	e.session.Heard(kept.Used)
	r.settle(e)
	for stay := range e.running {
		stay.hold.End(session.ErrClosed)
	}
	protocol := r.protocol
	r.mu.Unlock() // protocol sessions have a lock of their own
	if err == nil && protocol != nil {
		protocol.End(kept.ID)
	}
	return err
}

// Sync takes over what is kept and does not hold here yet: at the start everything, later what another process has closed.
// It says which sessions those are. Its owner calls it before the first request and every few seconds.
func (r *Registry) Sync(ctx context.Context) (closed []id.Session, err error) {
	r.closing.Lock()
	defer r.closing.Unlock()
	all, err := r.kept.Closed(ctx)
	if err != nil {
		return nil, err
	}
	now := r.now()
	for _, s := range all {
		if s.Lapse(r.lifetime, now) || r.holds(s.Snapshot()) {
			continue
		}
		err = errors.Join(err, r.close(s))
		closed = append(closed, s.ID())
	}
	return closed, err
}

// holds reports whether the session is closed here, and notes until when its peer was heard of elsewhere.
func (r *Registry) holds(kept session.Snapshot) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.byID[kept.ID]
	if !ok || e.session.State() != session.Closed {
		return false
	}
	e.session.Heard(kept.Used)
	return true
}

// late is for how long after its end a closing is kept: another process may have heard of the peer, and not yet said so.
const late = 5 * time.Minute

// Sweep writes down when peers of closed sessions were heard of, lets sessions expire, and forgets those that have been
// expired for as long as they may last. Its owner calls it once a minute and at the end.
func (r *Registry) Sweep(ctx context.Context) error {
	err := r.kept.Touch(ctx, r.signs())
	if err != nil {
		r.unheard()
	}
	r.expire()
	return errors.Join(err, r.kept.Forget(ctx, r.now().Add(-r.lifetime-late)))
}

// signs are what has been heard of closed sessions since the last time.
func (r *Registry) signs() (signs []session.Sign) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.byID {
		if e.heard && e.session.State() == session.Closed {
			s := e.session.Snapshot()
			signs = append(signs, session.Sign{
				Session: s.ID, Peer: s.Peer, At: s.Used, Address: s.Address, Requests: s.Requests, Refused: s.Refused,
			})
		}
		e.heard = false
	}
	return signs
}

// unheard has everything that is closed written down the next time.
func (r *Registry) unheard() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.byID {
		e.heard = e.session.State() == session.Closed && !e.session.Snapshot().Used.IsZero()
	}
}

func (r *Registry) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	for _, e := range r.byID {
		switch {
		case !e.session.Lapse(r.lifetime, now):
		case e.peer == session.Peer{} || now.Sub(e.session.Snapshot().Quiet()) >= 2*r.lifetime:
			r.forget(e)
		case e.place == nil: // it was closed until now
			r.settle(e)
		}
	}
}
