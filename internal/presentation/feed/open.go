package feed

import (
	"context"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Bounds of the streams that are open although nothing is being done.
const (
	MostOfOwner   = 16
	MostOfSession = 4
	MostOfAll     = 2048
)

// A stream too many: of whoever asks, or of all.
var (
	ErrStreams     = fault.New(fault.Exhausted, "http.streams", "There are as many open streams as you may have; close one first.")
	ErrStreamsFull = fault.New(fault.Unavailable, "http.streams_full", "The server holds as many open streams as it can; try again in a while.")
)

// The ends of streams that the server brings about.
var (
	ErrStopped = fault.New(fault.Unavailable, "http.stopping", "The server is being stopped; begin again in a moment.")
	ErrSession = fault.New(fault.Canceled, "mcp.session_ended", "The session has ended.")
)

// Open knows the streams that are open although nothing is being done, bounds them, and ends them. The zero value is ready to
// use. Safe for concurrent use.
type Open struct {
	mu      sync.Mutex
	streams map[*entry]struct{}
	stopped bool
}

type entry struct {
	owner, session string
	end            context.CancelCauseFunc
}

// Enter opens a stream of an owner, in a session if it has one. It ends with the context returned, at the latest when leave is
// called; the cause says why.
func (o *Open) Enter(ctx context.Context, owner, session string) (_ context.Context, leave func(), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ofOwner, ofSession := 0, 0
	for e := range o.streams {
		if e.owner == owner {
			ofOwner++
		}
		if session != "" && e.session == session {
			ofSession++
		}
	}
	switch {
	case o.stopped:
		return nil, nil, ErrStopped
	case ofOwner >= MostOfOwner || ofSession >= MostOfSession:
		return nil, nil, ErrStreams
	case len(o.streams) >= MostOfAll:
		return nil, nil, ErrStreamsFull.After(time.Minute)
	}
	ctx, end := context.WithCancelCause(ctx)
	e := &entry{owner: owner, session: session, end: end}
	if o.streams == nil {
		o.streams = make(map[*entry]struct{})
	}
	o.streams[e] = struct{}{}
	return ctx, func() {
		end(nil)
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.streams, e)
	}, nil
}

// EndSession ends the streams of a session.
func (o *Open) EndSession(session string) {
	o.end(func(e *entry) bool { return e.session == session }, ErrSession)
}

// Stop ends all streams; no more can be opened.
func (o *Open) Stop() {
	o.mu.Lock()
	o.stopped = true
	o.mu.Unlock()
	o.end(func(*entry) bool { return true }, ErrStopped)
}

func (o *Open) end(which func(*entry) bool, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for e := range o.streams {
		if which(e) {
			e.end(why)
		}
	}
}
