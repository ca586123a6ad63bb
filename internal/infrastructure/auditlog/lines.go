package auditlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// lines reads a segment line by line in bounded memory.
type lines struct {
	in     *bufio.Reader
	long   []byte // a line that did not fit the reader's buffer
	offset int64  // bytes consumed
}

const readBuffer = 64 << 10

func newLines(r io.Reader) *lines { return &lines{in: bufio.NewReaderSize(r, readBuffer)} }

// next gives the next line without its newline, and whether it had one. The slice is valid until the following
// call. A line longer than audit.MaxLine, which no record has, is given cut. After the last line comes io.EOF.
func (l *lines) next() (line []byte, whole bool, err error) {
	l.long = l.long[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		l.offset += int64(len(part))
		switch {
		case err == nil && len(l.long) == 0:
			return part[:len(part)-1], true, nil
		case err == nil:
			l.keep(part)
			return bytes.TrimSuffix(l.long, []byte{'\n'}), true, nil
		case errors.Is(err, bufio.ErrBufferFull):
			l.keep(part)
		case errors.Is(err, io.EOF):
			if l.keep(part); len(l.long) == 0 {
				return nil, false, io.EOF
			}
			return l.long, false, nil
		default:
			return nil, false, err
		}
	}
}

func (l *lines) keep(part []byte) {
	room := audit.MaxLine + 1 - len(l.long)
	l.long = append(l.long, part[:min(room, len(part))]...)
}

// last reports whether nothing follows.
func (l *lines) last() bool {
	_, err := l.in.Peek(1)
	return errors.Is(err, io.EOF)
}

// walk is what following a chain through one segment found.
type walk struct {
	lines int64        // records that hold
	end   int64        // offset after the last record that holds
	torn  bool         // what comes then is what a crash in the middle of a write leaves
	bad   *audit.Break // the first record that does not hold, at line lines+1
}

// visitor is shown a record that holds, without its newline, and the offset behind it. It may object with an *audit.Break.
type visitor func(line []byte, end int64) error

// follow takes chain through the segment that in gives, showing every record that holds to visit. It stops at the
// first that does not hold. A line without a newline, or one that is not JSON,
// is torn rather than bad when nothing follows it: that is what a crash in the middle of a write leaves. The error is
// one of reading, or one of visit that is no Break.
func follow(in *lines, chain *audit.Chain, visit visitor) (walk, error) {
	var w walk
	for {
		line, whole, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return w, nil
		case err != nil:
			return w, err
		case !whole:
			w.torn = true
			return w, nil
		}
		next := *chain
		err = next.Verify(line)
		if err == nil {
			err = visit(line, in.offset)
		}
		if err != nil {
			return w.stopped(err, in)
		}
		*chain = next
		w.lines, w.end = w.lines+1, in.offset
	}
}

func (w walk) stopped(err error, in *lines) (walk, error) {
	if !errors.As(err, &w.bad) {
		return w, err
	}
	if w.bad.Reason == audit.NotJSON && in.last() {
		w.torn, w.bad = true, nil
	}
	return w, nil
}

// timeOf is when a sealed record was made; a line without a time, which Seal never prints, is from the start of time.
func timeOf(line []byte) time.Time {
	var r struct {
		Time time.Time `json:"time"`
	}
	_ = json.Unmarshal(line, &r)
	return r.Time
}
