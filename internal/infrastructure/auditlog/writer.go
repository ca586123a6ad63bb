package auditlog

import (
	"errors"
	"runtime"

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
	segment growing
	chain   audit.Chain
	notary  *notary
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
		case <-w.notary.time():
			w.attest()
		case <-j.closing:
			open = false
		}
		j.gather(w)
		w.flush()
		if open && len(j.queue) == 0 {
			w.prepare()
		}
	}
	if err := errors.Join(w.close(), d.release()); err != nil {
		j.release = ErrStorage.Because(err)
	}
}

// yields bounds how often one batch lets others go first.
const yields = 16

// gather lets those run who are ready to and takes what they queue, for as long as that brings more records: a batch costs
// one sync however many it holds. Where nobody is ready it takes no time, so that a lone caller waits for the disk alone;
// where the processors are busy, what the sync saves is worth more to those who wait than the moment by which it is later.
func (j *Journal) gather(w *writer) {
	for range yields {
		before := len(w.waiting)
		runtime.Gosched()
		j.take(w)
		if len(w.waiting) == before {
			return
		}
	}
}

// take adds what is queued at this moment.
func (j *Journal) take(w *writer) {
	for {
		select {
		case p := <-j.queue:
			w.add(p)
		default:
			return
		}
	}
}

// add seals the record of p into the batch. A batch that is full, or that completes its segment, is flushed.
func (w *writer) add(p *pending) {
	if w.broken != nil {
		p.outcome <- w.broken
		return
	}
	if w.segment.full() {
		if err := w.roll(); err != nil {
			w.fail(err)
			p.outcome <- w.broken
			return
		}
	}
	w.buffer = w.chain.Seal(w.buffer, p.body)
	w.waiting = append(w.waiting, p)
	if len(w.waiting) >= batchRecords || len(w.buffer) >= batchBytes || w.segment.size+int64(len(w.buffer)) >= w.segment.limit {
		w.flush()
	}
}

// flush makes the batch durable and tells those who wait for it.
func (w *writer) flush() {
	if len(w.waiting) == 0 {
		return
	}
	err := w.sync()
	if err == nil {
		err = w.notary.attest(w.chain, false) // before anyone is told, so that no kept record has to do without the first
	}
	if err != nil {
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
	err := w.segment.append(w.buffer)
	w.buffer = w.buffer[:0]
	return err
}

// attest signs what is durable.
func (w *writer) attest() {
	if w.broken != nil {
		return
	}
	if err := w.notary.attest(w.chain, true); err != nil {
		w.fail(err)
	}
}

// prepare makes room while nobody waits. A disk that has none for it is as bad as one that has none for a record.
func (w *writer) prepare() {
	if w.broken != nil {
		return
	}
	if err := w.segment.prepare(); err != nil {
		w.fail(err)
	}
}

// roll ends the segment and starts the next one.
func (w *writer) roll() error {
	if err := w.segment.seal(); err != nil {
		return err
	}
	next, err := w.open(segmentFrom(w.chain.Seq()+1).name, true)
	if err != nil {
		return err
	}
	w.segment = growing{file: next, limit: w.segment.limit}
	return nil
}

// close leaves a segment alone of which nobody knows what the disk holds.
func (w *writer) close() error {
	w.attest()
	if w.broken != nil {
		return w.segment.file.Close()
	}
	return w.segment.close()
}

func (w *writer) fail(err error) { w.broken = w.failed(err) }

// write makes one record of the journal's own durable, before the writer has a goroutine.
func (w *writer) write(r audit.Record) error {
	w.buffer = w.chain.Seal(w.buffer, r.Bounded().AppendJSON(nil))
	return w.sync()
}
