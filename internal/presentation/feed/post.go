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
	record func(taken func()) *Recording // nil when the stream cannot be taken up again
	primes bool

	left atomic.Bool // nobody is there to be told

	mu    sync.Mutex
	kept  *Recording  // from the first event on
	pulse *time.Timer // goes off when nothing has been said for a while; nil before anything has
}

// NewPost makes the response that w is. A stream whose client may come back for the rest of it is made with record; primes says
// that such a client knows an event without data for what it is (revision 2025-11-25).
func NewPost(w http.ResponseWriter, record func(taken func()) *Recording, primes bool) *Post {
	return &Post{out: NewResponse(w), record: record, primes: primes}
}

// Attend begins the stream when the call has run for a while, if it is recorded, unless ctx has ended or done been called;
// that does not happen after done has returned. A quick call costs a timer that never goes off.
func (p *Post) Attend(ctx context.Context) (done func()) {
	over := false
	timer := time.AfterFunc(streamAfter, func() { //nolint:forbidigo // a goroutine that waits costs a call more than all of its stream
		p.mu.Lock()
		defer p.mu.Unlock()
		if !over && ctx.Err() == nil {
			p.begin()
		}
	})
	return func() {
		timer.Stop()
		p.mu.Lock()
		defer p.mu.Unlock()
		over = true
	}
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

// begin is called with the lock held. Whoever has left without the name of an event cannot come back.
func (p *Post) begin() {
	if p.record == nil || p.kept != nil || p.left.Load() {
		return
	}
	p.kept = p.record(func() { p.left.Store(true) })
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
	if p.record == nil {
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
