package wire

import (
	"io"
	"sync"
)

// LineWriter writes messages, one a line, to a peer that has nothing else to read. Safe for concurrent use.
type LineWriter struct {
	mu     sync.Mutex // one Send at a time
	out    io.Writer
	lost   func()
	broken error
}

// NewLineWriter writes to out. lost is called, once, when out does not take a line; none is written after that.
func NewLineWriter(out io.Writer, lost func()) *LineWriter { return &LineWriter{out: out, lost: lost} }

// Send writes the lines that are not nil, all of them before any other, and says why the peer takes none any more, if so.
func (w *LineWriter) Send(lines ...[]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range lines {
		if l == nil || w.broken != nil {
			continue
		}
		if _, w.broken = w.out.Write(append(l, '\n')); w.broken != nil {
			w.lost()
		}
	}
	return w.broken
}
