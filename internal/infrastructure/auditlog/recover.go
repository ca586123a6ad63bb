package auditlog

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// tail is where a journal continues.
type tail struct {
	segment segment
	fresh   bool  // the segment does not exist yet
	size    int64 // of its records
	room    int64 // where it ends, in padding if that is not size
	chain   audit.Chain
	note    *audit.Record // what the journal must say about its own recovery before anything else
}

// recoverTail finds the end of the chain from the last segment and the line before it. It trusts older segments,
// which Verify reads. A torn line at the end is copied to a side file, and only then cut off.
func (d *directory) recoverTail(now func() time.Time) (tail, error) {
	found, err := segments(d.path)
	if err != nil {
		return tail{}, ErrStorage.Because(err)
	}
	t := tail{segment: segmentFrom(1), fresh: true}
	if len(found) > 0 {
		if t, err = d.readTail(found); err != nil {
			return tail{}, err
		}
	}
	// The side file, not the cut, calls for the note: a crash between the two must not lose it. The note's own
	// number is the one in the side file's name, so once it is written no later start finds it due.
	if t.note, err = d.noteDue(t.chain.Seq()+1, now); err != nil {
		return tail{}, ErrStorage.Because(err)
	}
	return t, nil
}

func (d *directory) readTail(found []segment) (tail, error) {
	t := tail{segment: found[len(found)-1]}
	f, err := os.OpenFile(filepath.Join(d.path, t.segment.name), os.O_RDWR, 0)
	if err != nil {
		return tail{}, ErrStorage.Because(err)
	}
	defer func() { _ = f.Close() }()
	if t.chain, err = d.chainBefore(found, f); err != nil {
		return tail{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return tail{}, ErrStorage.Because(err)
	}
	end, err := contentLength(f, info.Size())
	if err != nil {
		return tail{}, ErrStorage.Because(err)
	}
	w, err := followLast(f, end, &t.chain, func([]byte, int64) error { return nil })
	if err != nil {
		return tail{}, ErrStorage.Because(err)
	}
	if w.bad != nil {
		return tail{}, ErrCorrupt.Because(&Bad{Segment: t.segment.name, Line: w.lines + 1, Seq: w.bad.Seq, Reason: w.bad.Reason})
	}
	t.size, t.room = w.end, info.Size()
	if w.torn {
		if err := d.setAside(f, w.end, end, t.chain.Seq()+1); err != nil {
			return tail{}, ErrStorage.Because(err)
		}
		t.room = w.end
	}
	return t, nil
}

// chainBefore is the place before the last segment, whose file is last: after the final line of the segment that
// precedes it. When that one has been taken away, the first line of last is taken on trust.
func (d *directory) chainBefore(found []segment, last *os.File) (audit.Chain, error) {
	first := found[len(found)-1]
	if first.first == 1 {
		return audit.Chain{}, nil
	}
	var line []byte
	var err error
	place := audit.After
	if len(found) > 1 {
		line, err = lastLine(filepath.Join(d.path, found[len(found)-2].name))
	} else {
		place = audit.Before
		line, err = firstLine(last)
	}
	if err != nil {
		return audit.Chain{}, ErrStorage.Because(err)
	}
	chain, err := place(line)
	if err != nil || chain.Seq()+1 != first.first {
		return audit.Chain{}, ErrCorrupt.Because(&Bad{Segment: first.name, Line: 1, Seq: first.first, Reason: audit.MissingSegment})
	}
	return chain, nil
}

// firstLine reads the first line of f and goes back to the start. It is nil when f is empty.
func firstLine(f *os.File) ([]byte, error) {
	line, _, err := newLines(f).next()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	_, err = f.Seek(0, io.SeekStart)
	return line, err
}

// lastLine is the last line of a whole segment, without its newline.
func lastLine(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-audit.MaxLine-1)
	end, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if err != nil {
		return nil, err
	}
	end = bytes.TrimSuffix(end, []byte{'\n'})
	return end[bytes.LastIndexByte(end, '\n')+1:], nil
}

// setAside moves what is torn in f between offset and end into a new side file, durably, before f loses it and the
// padding that follows.
func (d *directory) setAside(f *os.File, offset, end int64, seq uint64) error {
	torn, err := tornPart(f, offset, end)
	if err != nil {
		return err
	}
	side, err := d.createSide(seq)
	if err != nil {
		return err
	}
	_, err = io.Copy(side, torn)
	if err = errors.Join(err, side.Sync(), side.Close(), d.file.Sync()); err != nil {
		return err
	}
	return errors.Join(f.Truncate(offset), f.Sync())
}

func sideName(seq uint64, n int) string { return fmt.Sprintf("torn-%012d-%d.bin", seq, n) }

func (d *directory) createSide(seq uint64) (*os.File, error) {
	for n := 1; ; n++ {
		side, err := os.OpenFile(filepath.Join(d.path, sideName(seq, n)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		if !errors.Is(err, fs.ErrExist) {
			return side, err
		}
	}
}

// noteDue is what the journal must say about the side files that were cut off in front of record next, if there are
// any. It is one record, so that a crash cannot keep half of it.
func (d *directory) noteDue(next uint64, now func() time.Time) (*audit.Record, error) {
	var files []string
	for n := 1; ; n++ {
		file, err := d.describeSide(sideName(next, n))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, nil
	}
	return &audit.Record{
		Time: now(), Phase: audit.Note, Action: "audit.set_aside", Outcome: audit.OK,
		Detail: "The journal ended in a torn line, which no caller was told is kept; it was moved to " + strings.Join(files, ", ") + ".",
	}, nil
}

func (d *directory) describeSide(name string) (string, error) {
	f, err := os.Open(filepath.Join(d.path, name))
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s (%d bytes, sha256 %x)", name, size, sum.Sum(nil)), nil
}
