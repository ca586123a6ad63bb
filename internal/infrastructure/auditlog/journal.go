// Package auditlog keeps audit records: Journal in append-only files that anyone can read with less and jq and
// check with sha256sum, Memory for tests. Verify checks a journal, at rest or while it is being written.
package auditlog

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Options of a journal. Only Now is required.
type Options struct {
	// MaxSegmentBytes ends a segment with the record that reaches it, padding not counted; 0 means
	// DefaultMaxSegmentBytes.
	MaxSegmentBytes int64
	// QueueLength is how many records wait for the disk before callers wait for the queue; 0 means
	// DefaultQueueLength.
	QueueLength int
	// Now dates the notes that the journal writes about itself, and its checkpoints.
	Now func() time.Time
	// Signing is how checkpoints are signed.
	Signing Signing
}

// The sizes that hold when Options are silent.
const (
	DefaultMaxSegmentBytes = 64 << 20
	DefaultQueueLength     = 1024
)

func (o Options) complete() (Options, error) {
	if o.Now == nil || o.MaxSegmentBytes < 0 || o.QueueLength < 0 || o.Signing.Every < 0 || o.Signing.KeyFile != "" && o.Signing.Writer == "" {
		return o, ErrOptions
	}
	if o.MaxSegmentBytes == 0 {
		o.MaxSegmentBytes = DefaultMaxSegmentBytes
	}
	if o.QueueLength == 0 {
		o.QueueLength = DefaultQueueLength
	}
	if o.Signing.Every == 0 {
		o.Signing.Every = DefaultCheckpointEvery
	}
	return o, nil
}

// Journal is an audit.Log in a directory of segment files (mode 0600 in a directory made with 0700), each named by
// the number of its first record and holding one sealed record a line (audit.Chain). Records that callers append at
// the same time become durable together, by one write and one fdatasync. The first failure of either breaks the
// journal for good, because after it nobody knows what the disk holds.
//
// While it is open, and after a crash, the last segment ends in padding, newlines that are room for records to come. They
// are gone from a journal that was closed. Nowhere else may a line be blank.
//
// A directory belongs to one process at a time. Torn bytes that a crash left at the end are moved to a side file
// torn-<record>-<n>.bin when the journal is opened next, and a note in the chain says so.
type Journal struct {
	queue   chan *pending
	closing chan struct{}
	once    sync.Once
	done    chan struct{} // closed by the writer when it has let go of everything
	broken  atomic.Pointer[fault.Fault]
	dir     string
	writer  string
	notary  *notary
	release error // what letting go failed with; read after done
}

var _ audit.Log = (*Journal)(nil)

// pending is a record between its caller and the writer.
type pending struct {
	body    []byte     // canonical JSON, without seal
	outcome chan error // of capacity 1: the writer never waits for a caller
}

// keptCapacity bounds the buffers that are reused; a rare long record must not stay in memory.
const keptCapacity = 16 << 10

var pendings = sync.Pool{New: func() any { return &pending{outcome: make(chan error, 1)} }}

// Open opens the journal in dir, creates it when there is none, and starts its writer, which Close ends. It reads
// the last segment and refuses with ErrCorrupt when a line of it does not hold, with ErrLocked when another process
// has the directory, with ErrStorage when the directory cannot be used, and with ErrOptions.
func Open(dir string, opts Options) (*Journal, error) {
	opts, err := opts.complete()
	if err != nil {
		return nil, err
	}
	d, err := hold(dir)
	if err != nil {
		return nil, err
	}
	j, err := start(d, opts, d.openSegment)
	if err != nil {
		_ = d.release()
		return nil, err
	}
	return j, nil
}

func start(d *directory, opts Options, open opener) (*Journal, error) {
	t, err := d.recoverTail(opts.Now)
	if err != nil {
		return nil, err
	}
	signs, err := newNotary(d.path, opts.Signing, opts.Now, t.chain)
	if err != nil {
		return nil, err
	}
	file, err := open(t.segment.name, t.fresh)
	if err != nil {
		return nil, ErrStorage.Because(err)
	}
	w := &writer{open: open, segment: growing{file: file, size: t.size, room: t.room, limit: opts.MaxSegmentBytes}, chain: t.chain, notary: signs}
	if t.note != nil {
		if err := w.write(*t.note); err != nil {
			_ = file.Close()
			return nil, ErrStorage.Because(err)
		}
	}
	if err := w.notary.attest(w.chain, true); err != nil {
		_ = file.Close()
		return nil, ErrStorage.Because(err)
	}
	j := &Journal{
		dir:     d.path,
		writer:  opts.Signing.Writer,
		notary:  signs,
		queue:   make(chan *pending, opts.QueueLength),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	w.failed = func(err error) *fault.Fault {
		j.broken.CompareAndSwap(nil, audit.ErrBroken.Because(err))
		return j.broken.Load()
	}
	go j.run(w, d)
	return j, nil
}

// Append returns nil when r is on the disk. When ctx ends first it refuses with audit.ErrUnavailable, and the record
// may be written all the same. It refuses with audit.ErrBroken after a failure of the disk, and with audit.ErrClosed
// once Close was called. Safe for concurrent use; many callers at once are what makes it cheap.
func (j *Journal) Append(ctx context.Context, r audit.Record) error {
	if err := j.refusal(ctx); err != nil {
		return err
	}
	p, _ := pendings.Get().(*pending)
	p.body = r.Bounded().AppendJSON(p.body[:0])
	select {
	case j.queue <- p: // alone, it costs a fraction of the three
	default:
		select {
		case j.queue <- p:
		case <-ctx.Done():
			return audit.ErrUnavailable.Because(ctx.Err())
		case <-j.closing:
			return audit.ErrClosed
		}
	}
	select {
	case err := <-p.outcome:
		recycle(p)
		return err
	case <-ctx.Done(): // the writer may still hold p
		return audit.ErrUnavailable.Because(ctx.Err())
	case <-j.done:
	}
	// The writer is gone. It answered p just before, or p came after its last look at the queue.
	select {
	case err := <-p.outcome:
		return err
	default:
		return audit.ErrClosed
	}
}

func (j *Journal) refusal(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return audit.ErrUnavailable.Because(err)
	}
	return j.Err()
}

func recycle(p *pending) {
	if cap(p.body) <= keptCapacity {
		pendings.Put(p)
	}
}

// Writer is what its checkpoints call it. No two journals of one state that are open at a time have the same.
func (j *Journal) Writer() string { return j.writer }

// Err is nil while the journal accepts records, and what Append refuses with otherwise: audit.ErrBroken, whose cause
// is the failure of the disk, or audit.ErrClosed.
func (j *Journal) Err() error {
	if f := j.broken.Load(); f != nil {
		return f
	}
	select {
	case <-j.closing:
		return audit.ErrClosed
	default:
		return nil
	}
}

// Elsewhere is what keeping the last checkpoint in the second directory failed with, or nil. Records are kept all the
// same, and the next checkpoint vouches for everything that this one did.
func (j *Journal) Elsewhere() error {
	if j.notary == nil {
		return nil
	}
	if err := j.notary.kept(); err != nil {
		return ErrElsewhere.Because(err)
	}
	return nil
}

// Close refuses new records, writes those that wait, and lets go of the directory. When ctx ends first it answers
// audit.ErrUnavailable, and the writer still finishes. It answers audit.ErrBroken when the journal is broken.
// It signs the end of the chain. Closing again waits for the same end.
func (j *Journal) Close(ctx context.Context) error {
	j.once.Do(func() { close(j.closing) })
	select {
	case <-j.done:
	case <-ctx.Done():
		return audit.ErrUnavailable.Because(ctx.Err())
	}
	if f := j.broken.Load(); f != nil {
		return f
	}
	return j.release
}
