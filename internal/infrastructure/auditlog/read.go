package auditlog

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// Position is a place between two records of a journal. The zero value is the place before the first that is there.
type Position struct {
	Segment uint64 // the number of the segment's first record, which names its file
	Offset  int64  // in the segment
	Seq     uint64 // of the record before
	Head    audit.Digest
}

// Read shows every record behind from to visit, in order, each with the place behind it, and gives the place behind the
// last. It follows the chain, takes no lock, may run while the journal is written, and then reads what was there when it
// began. The line is valid during the visit. An error of visit ends it.
//
// A record that does not hold, and a journal that does not go on from there, is ErrCorrupt; Verify says more. A journal
// that no longer has the place is ErrGone. Otherwise the error is ErrNoJournal, ErrStorage or ctx's.
func Read(ctx context.Context, dir string, from Position, visit func(line []byte, behind Position) error) (Position, error) {
	v := &verifier{dir: dir}
	found, err := v.measure()
	if err != nil {
		return from, err
	}
	at, found, err := resumeAt(dir, found, from)
	if err != nil {
		return from, err
	}
	for i, s := range found {
		if s.first != at.Segment {
			if s.first != at.Seq+1 {
				return at, ErrCorrupt.Because(&Bad{Segment: s.name, Line: 1, Seq: at.Seq + 1, Reason: audit.MissingSegment})
			}
			at.Segment, at.Offset = s.first, 0
		}
		if at, err = readSegment(ctx, dir, s, i == len(found)-1, at, visit); err != nil {
			return at, err
		}
	}
	return at, nil
}

// resumeAt gives the segments to read, and the place before the first of them when from is the zero place.
func resumeAt(dir string, found []sizedSegment, from Position) (Position, []sizedSegment, error) {
	if from.Seq > 0 {
		for i, s := range found {
			if s.first == from.Segment && from.Offset <= s.size {
				return from, found[i:], nil
			}
		}
		return from, nil, ErrGone
	}
	first := found[0]
	at := Position{Segment: first.first}
	if first.first == 1 {
		return at, found, nil
	}
	f, err := os.Open(filepath.Join(dir, first.name))
	if err != nil {
		return at, nil, ErrStorage.Because(err)
	}
	defer func() { _ = f.Close() }()
	line, err := firstLine(f)
	if err != nil {
		return at, nil, ErrStorage.Because(err)
	}
	before, err := audit.Before(line) // whoever asks whether it may begin here asks Verify
	if err != nil {
		return at, nil, ErrCorrupt.Because(err)
	}
	at.Seq, at.Head = before.Seq(), before.Head()
	return at, found, nil
}

func readSegment(
	ctx context.Context, dir string, s sizedSegment, last bool, at Position, visit func([]byte, Position) error,
) (Position, error) {
	f, err := os.Open(filepath.Join(dir, s.name))
	if err != nil {
		return at, ErrStorage.Because(err)
	}
	defer func() { _ = f.Close() }()
	chain := audit.Checkpoint{Seq: at.Seq, Hash: at.Head}.Chain()
	start := at.Offset
	var stopped error
	w, err := follow(newLines(io.NewSectionReader(f, start, s.size-start)), &chain, func(line []byte, end int64) error {
		next, err := audit.After(line)
		if err == nil {
			at = Position{Segment: s.first, Offset: start + end, Seq: next.Seq(), Head: next.Head()}
			err = errors.Join(visit(line, at), ctx.Err())
		}
		stopped = err
		return err
	})
	switch {
	case stopped != nil:
		return at, stopped
	case err != nil:
		return at, ErrStorage.Because(err)
	case w.bad != nil && !last, w.torn && !last, w.bad != nil && w.bad.Reason != audit.NotJSON:
		bad := &Bad{Segment: s.name, Line: w.lines + 1, Seq: at.Seq + 1, Reason: audit.NotJSON}
		if w.bad != nil {
			bad.Reason = w.bad.Reason
		}
		return at, ErrCorrupt.Because(bad)
	}
	return at, nil
}

// Reread gives the record of that length, newline not counted, that begins at offset in the segment. It answers ErrGone
// when no record that holds by its own hash is there any more.
func Reread(dir string, segment uint64, offset, length int64) ([]byte, error) {
	f, err := openRegular(filepath.Join(dir, segmentFrom(segment).name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, ErrStorage.Because(err)
	}
	defer func() { _ = f.Close() }()
	line := make([]byte, length)
	if _, err := f.ReadAt(line, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, ErrStorage.Because(err)
	}
	if _, err := audit.After(line); err != nil {
		return nil, ErrGone.Because(err)
	}
	return line, nil
}

// FirstSegment is the number of the first record that the journal in dir still has. It answers ErrNoJournal without one.
func FirstSegment(dir string) (uint64, error) {
	found, err := segments(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(found) == 0:
		return 0, ErrNoJournal
	case err != nil:
		return 0, ErrStorage.Because(err)
	}
	return found[0].first, nil
}
