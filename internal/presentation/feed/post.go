package feed

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// streamAfter is how long a call runs before its client gets a stream that it can come back for: calls that are quicker than
// that are quicker made again.
const streamAfter = time.Second

// pulseEvery is later than whoever beats by themselves, which puts it off.
const pulseEvery = beatEvery + time.Second

// Post is the response to one POST: one body, or, when there is something to say before the answer, a stream of events. A
// recorded one goes on although its client has left, once it has begun. A stream that has begun and says nothing shows that it
// is alive, until Close. Safe for concurrent use.
type Post struct {
	out    *Response
	place  Place
	primes bool

	left atomic.Bool // nobody is there to be told

	mu      sync.Mutex
	visit   Visit           // of what is attended
	kept    *Recording      // from the first event on
	pulse   *time.Timer     // goes off when nothing has been said for a while; nil before anything has
	call    context.Context //nolint:containedctx // of what is attended; nil for nothing, and when it is over
	waiting *time.Timer     // for the time to begin
}

// Place is where a stream is recorded whose client may come back for the rest of it: in those of a session. The zero value is
// for a stream that cannot be taken up again.
type Place struct {
	In             *Recordings
	Session, Owner string
}

// primed is the first revision whose clients know an event without data for what it is; those of older ones took it for a message.
const primed = "2025-11-25"

// NewPost makes the response that w is, to a client of a revision of the protocol, recorded at a place.
func NewPost(w http.ResponseWriter, at Place, revision string) *Post {
	return &Post{out: NewResponse(w), place: at, primes: revision >= primed, visit: none{}}
}

// Attend begins the stream when the call has run for a while, if it is recorded, unless ctx has ended or Attended been called;
// that does not happen after Attended has returned. A quick call costs a timer that never goes off. The visit that ctx is of
// outlasts its client once that knows of an event to come back to.
func (p *Post) Attend(ctx context.Context) {
	visit := VisitOf(ctx)
	visit.Outlast(p.Left) // which takes the lock
	p.mu.Lock()
	defer p.mu.Unlock()
	p.visit, p.call = visit, ctx
	p.waiting = time.AfterFunc(streamAfter, p.attend) //nolint:forbidigo // a goroutine that waits costs a call more than all of its stream
}

func (p *Post) attend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.call != nil && p.call.Err() == nil {
		p.begin()
	}
}

// Attended says that the call is over. Of a call that is not attended, and doing it again, it does nothing.
func (p *Post) Attended() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.call == nil {
		return
	}
	p.call = nil
	p.waiting.Stop()
}

// said puts off the next sign of life. It is called with the lock held.
func (p *Post) said() {
	switch {
	case p.left.Load():
	case p.pulse == nil:
		p.pulse = time.AfterFunc(pulseEvery, func() { _ = p.Beat() }) //nolint:forbidigo // as above
	default:
		p.pulse.Reset(pulseEvery)
	}
}

// begin is called with the lock held. Whoever has left without the name of an event cannot come back; Left may not have been told yet.
func (p *Post) begin() {
	if p.place.In == nil || p.kept != nil || p.left.Load() || !p.visit.Here() {
		return
	}
	p.kept = p.place.In.Open(p.place.Session, p.place.Owner, func() { p.left.Store(true) })
	if p.primes {
		p.show(Event{ID: p.kept.ID()})
	}
	p.said()
}

func (p *Post) show(e Event) {
	if !p.left.Load() && p.out.Send(e) != nil {
		p.left.Store(true)
	}
}

// Tell sends one message at once, or keeps it for a client that has left but may come back.
func (p *Post) Tell(line []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.place.In == nil {
		err := p.out.Send(Event{Data: line})
		if err == nil {
			p.said()
		}
		return err
	}
	if p.begin(); p.kept == nil {
		return errOver
	}
	p.show(p.kept.Append(line))
	p.said()
	return nil
}

// Left says that the client has, and reports whether it can come back for the rest.
func (p *Post) Left() (canReturn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left.Store(true)
	return p.kept != nil
}

// Beat shows that the stream is alive, if it is one already.
func (p *Post) Beat() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left.Load() {
		return nil
	}
	if p.out.Begun() {
		if err := p.out.Beat(); err != nil {
			return err
		}
	}
	p.said()
	return nil
}

// Detach ends the response before the answer, so that the client comes back for it (SEP-1699), and reports whether it can: the
// call goes on all the same.
func (p *Post) Detach() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begin(); p.kept == nil || p.left.Load() || !p.primes {
		return false
	}
	p.left.Store(true)
	p.out.Finish()
	return true
}

// Close says that the handler is about to return: whatever is said from now on goes nowhere, or to a client that comes back.
func (p *Post) Close() {
	p.left.Store(true)
	p.out.Seal()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pulse != nil {
		p.pulse.Stop()
	}
}

// Streaming reports whether the answer has to be an event.
func (p *Post) Streaming() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept != nil || p.out.Begun()
}

// End ends the stream with lines, of which the last one is the answer; with none, it says that no answer is owed.
func (p *Post) End(lines ...[]byte) {
	for _, line := range lines {
		_ = p.Tell(line) // a client that left cannot be told
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(lines) == 0 && !p.left.Load() {
		_ = p.out.Begin()
	}
	if p.kept != nil {
		p.kept.End()
	}
}
