package auditlog

import (
	"errors"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// The limits of one batch, which is what one write and one sync make durable.
const (
	batchRecords = 512
	batchBytes   = 1 << 20
)

// writer owns the end of the chain. One goroutine uses it.
type writer struct {
	open    opener
	file    segmentFile
	size    int64 // of the segment, without what is in buffer
	limit   int64
	chain   audit.Chain
	buffer  []byte     // sealed lines that are not written yet
	waiting []*pending // whose records they are
	failed  func(error) *fault.Fault
	broken  *fault.Fault
}

// run writes what is queued until the journal closes. Records that arrive while a batch is being written form the
// next one, so batches grow with the load and a lone caller never waits for company.
func (j *Journal) run(w *writer, d *directory) {
	defer close(j.done)
	for open := true; open; {
		select {
		case p := <-j.queue:
			w.add(p)
		case <-j.closing:
			open = false
		}
		for more := true; more; {
			select {
			case p := <-j.queue:
				w.add(p)
			default:
				more = false
			}
		}
		w.flush()
	}
	if err := errors.Join(w.file.Close(), d.release()); err != nil {
		j.release = ErrStorage.Because(err)
	}
}

// add seals the record of p into the batch. A batch that is full, or that completes its segment, is flushed.
func (w *writer) add(p *pending) {
	if w.broken != nil {
		p.outcome <- w.broken
		return
	}
	if w.size >= w.limit {
		if err := w.roll(); err != nil {
			w.fail(err)
			p.outcome <- w.broken
			return
		}
	}
	w.buffer = w.chain.Seal(w.buffer, p.body)
	w.waiting = append(w.waiting, p)
	if len(w.waiting) >= batchRecords || len(w.buffer) >= batchBytes || w.size+int64(len(w.buffer)) >= w.limit {
		w.flush()
	}
}

// flush makes the batch durable and tells those who wait for it.
func (w *writer) flush() {
	if len(w.waiting) == 0 {
		return
	}
	if err := w.sync(); err != nil {
		w.fail(err)
	}
	for i, p := range w.waiting {
		w.waiting[i] = nil
		if w.broken != nil {
			p.outcome <- w.broken
			continue
		}
		p.outcome <- nil
	}
	w.waiting = w.waiting[:0]
}

func (w *writer) sync() error {
	n, err := w.file.Write(w.buffer)
	if err != nil {
		return err
	}
	w.size += int64(n)
	w.buffer = w.buffer[:0]
	return w.file.Sync()
}

// roll starts the next segment. Everything sealed so far is durable by then, so the old one needs no more than a
// close.
func (w *writer) roll() error {
	next, err := w.open(segmentFrom(w.chain.Seq()+1).name, true)
	if err != nil {
		return err
	}
	old := w.file
	w.file, w.size = next, 0
	return old.Close()
}

func (w *writer) fail(err error) { w.broken = w.failed(err) }

// write makes one record of the journal's own durable, before the writer has a goroutine.
func (w *writer) write(r audit.Record) error {
	w.buffer = w.chain.Seal(w.buffer, r.Bounded().AppendJSON(nil))
	return w.sync()
}
