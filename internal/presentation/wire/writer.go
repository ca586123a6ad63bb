package wire

import (
	"io"
	"runtime"
	"sync"
)

// LineWriter writes messages, one a line, to a peer that has nothing else to read. Safe for concurrent use.
type LineWriter struct {
	out  io.Writer
	lost func()

	mu       sync.Mutex
	ended    sync.Cond // of a write
	broken   error
	pending  []byte // what the next write takes
	batch    int    // the number of that write
	finished int    // the number of the last that has ended
	writing  bool
	spare    []byte
}

// keptBuffer is how large a buffer may be that is kept for the next write.
const keptBuffer = 64 << 10

// NewLineWriter writes to out. lost is called, once, when out does not take a line; none is written after that.
func NewLineWriter(out io.Writer, lost func()) *LineWriter {
	w := &LineWriter{out: out, lost: lost, batch: 1}
	w.ended.L = &w.mu
	return w
}

// Send writes the lines that are not nil, all of them before any other, and says why the peer takes none any more, if so. It
// returns when they are written. Whoever sends while somebody else is about to write or writes leaves in one write with all
// others who do; nobody waits for that.
func (w *LineWriter) Send(lines ...[]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := 0
	for _, l := range lines {
		if l != nil && w.broken == nil {
			w.pending = append(append(w.pending, l...), '\n')
			mine = w.batch
		}
	}
	for w.broken == nil && w.finished < mine {
		if w.writing {
			w.ended.Wait()
		} else {
			w.write()
		}
	}
	return w.broken
}

// write writes what is pending, and gives up the lock meanwhile.
func (w *LineWriter) write() {
	w.writing = true
	for size := 0; len(w.pending) > size; { // as long as others who are ready to send bring more
		size = len(w.pending)
		w.mu.Unlock()
		runtime.Gosched()
		w.mu.Lock()
	}
	taken := w.pending
	w.pending, w.spare = w.spare[:0], nil
	w.batch++
	w.mu.Unlock()
	_, err := w.out.Write(taken)
	w.mu.Lock()
	if cap(taken) <= keptBuffer {
		w.spare = taken
	}
	w.writing = false
	if w.finished++; err != nil {
		w.broken = err
		w.lost()
	}
	w.ended.Broadcast()
}
