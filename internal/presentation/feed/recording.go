package feed

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits bounds what is kept of streams.
type Limits struct {
	Events  int           // of one stream; the oldest go first
	Streams int           // of one owner; the oldest go first
	Each    int           // bytes of one owner; the oldest streams that hold some go first
	Bytes   int           // of all; the oldest streams that hold some go first, whosever they are
	Keep    time.Duration // how long an ended stream is kept
}

// LimitsFor bounds what is kept for clients that lost their streams: the largest answer of each principal, and twice the time
// that a client waits which gives up.
func LimitsFor(maxResult int) Limits {
	return Limits{Events: 1024, Streams: 64, Each: 8<<20 + maxResult, Bytes: 128<<20 + maxResult, Keep: 2 * time.Minute}
}

// Faults of taking up a stream.
var (
	ErrUnknown = errors.New("no such event is kept")
	ErrTaken   = errors.New("the stream has been taken up elsewhere")
)

// Recordings keeps the events of streams, so that a client that lost a stream can have the rest. A stream is its session's
// alone. Safe for concurrent use.
type Recordings struct {
	mu     sync.Mutex
	limits Limits
	now    func() time.Time
	kept   []*Recording // in the order in which they were opened
	bytes  int
}

// NewRecordings keeps nothing yet.
func NewRecordings(limits Limits, now func() time.Time) *Recordings {
	return &Recordings{limits: limits, now: now}
}

// Recording is one stream. All of it is guarded by its keeper.
type Recording struct {
	keeper         *Recordings
	id             string
	session, owner string
	events         []Event
	last           int // the number of the last event
	bytes          int
	ended          time.Time     // zero while there may be more
	dropped        bool          // nothing of it is kept any more
	turn           int           // of its readers: only the last one that came gets anything
	changed        chan struct{} // closed when any of this changes
	taken          func()
}

// Open begins the recording of a stream. taken is called, once, when a client comes back for it: nothing more needs to be sent
// elsewhere. It must return at once.
func (k *Recordings) Open(session, owner string, taken func()) *Recording {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := &Recording{keeper: k, id: rand.Text(), session: session, owner: owner, changed: make(chan struct{}), taken: taken}
	k.kept = append(k.kept, r)
	k.bound(owner)
	return r
}

// ID is what a client names that has had no event yet.
func (r *Recording) ID() string { return r.name(0) }

func (r *Recording) name(number int) string { return r.id + "-" + strconv.Itoa(number) }

// Append keeps one more message and gives the event that it is.
func (r *Recording) Append(line []byte) Event {
	k := r.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	r.last++
	e := Event{ID: r.name(r.last), Data: line}
	if r.dropped {
		return e
	}
	r.events = append(r.events, e)
	r.grow(len(line))
	if len(r.events) > k.limits.Events {
		r.grow(-len(r.events[0].Data))
		r.events = slices.Delete(r.events, 0, 1)
	}
	r.tell()
	k.bound(r.owner)
	return e
}

// End says that there are no more events. What is kept can still be had for a while.
func (r *Recording) End() {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	if r.ended.IsZero() {
		r.ended = r.keeper.now()
		r.tell()
	}
}

func (r *Recording) grow(bytes int) {
	r.bytes += bytes
	r.keeper.bytes += bytes
}

func (r *Recording) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Recording) drop() {
	r.grow(-r.bytes)
	r.events, r.dropped = nil, true
	r.tell()
}

// bound drops what has been kept for too long, and what is too much of owner's or of all. A stream that holds no bytes goes only
// when owner has too many: dropping it would free none, and take from its client an answer that is yet to come.
func (k *Recordings) bound(owner string) {
	now := k.now()
	k.discard(func(r *Recording) bool { return !r.ended.IsZero() && now.Sub(r.ended) >= k.limits.Keep })
	streams, bytes := 0, 0
	for _, r := range k.kept {
		if r.owner == owner {
			streams++
			bytes += r.bytes
		}
	}
	k.discard(func(r *Recording) bool {
		mine := r.owner == owner
		excess := mine && streams > k.limits.Streams || r.bytes > 0 && (k.bytes > k.limits.Bytes || mine && bytes > k.limits.Each)
		if excess && mine {
			streams, bytes = streams-1, bytes-r.bytes
		}
		return excess
	})
}

// discard drops what is too much, in order.
func (k *Recordings) discard(tooMuch func(*Recording) bool) {
	k.kept = slices.DeleteFunc(k.kept, func(r *Recording) bool {
		if !tooMuch(r) {
			return false
		}
		r.drop()
		return true
	})
}

// Forget drops the streams of a session that has ended.
func (k *Recordings) Forget(session string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.discard(func(r *Recording) bool { return r.session == session })
}

// Reader is a client that has come back for a stream.
type Reader struct {
	of    *Recording
	after int
	turn  int
}

// Find finds the stream of a session that the event is one of, for whoever wants what came after it. Whoever read it before
// gets nothing more: a message goes to one stream only.
func (k *Recordings) Find(session, event string) (*Reader, error) {
	id, number, _ := strings.Cut(event, "-")
	after, err := strconv.Atoi(number)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bound("")
	i := slices.IndexFunc(k.kept, func(r *Recording) bool { return r.id == id && r.session == session })
	if err != nil || i < 0 || after < 0 || after > k.kept[i].last {
		return nil, ErrUnknown
	}
	r := k.kept[i]
	if r.turn++; r.turn == 1 && r.taken != nil {
		r.taken()
	}
	r.tell()
	return &Reader{of: r, after: after, turn: r.turn}, nil
}

// Next gives what has come since the last call, and waits for it. It is io.EOF when there is nothing more to come, ErrTaken when
// another reader has come, ErrUnknown when the stream is kept no longer.
func (r *Reader) Next(ctx context.Context) ([]Event, error) {
	for {
		events, changed, err := r.look()
		if len(events) > 0 || err != nil {
			return events, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *Reader) look() (events []Event, changed <-chan struct{}, err error) {
	k := r.of.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	oldest := r.of.last - len(r.of.events)
	events = slices.Clone(r.of.events[min(len(r.of.events), max(0, r.after-oldest)):])
	switch {
	case r.turn != r.of.turn:
		return nil, nil, ErrTaken
	case r.of.dropped:
		return nil, nil, ErrUnknown
	case len(events) == 0 && !r.of.ended.IsZero():
		return nil, nil, io.EOF
	}
	r.after = r.of.last
	return events, r.of.changed, nil
}
