package auditlog

import (
	"bytes"
	"errors"
	"io"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

const (
	// sectorSize is what a disk writes whole or not at all; where sectors are larger, they are multiples of it.
	sectorSize = 512
	// maxWrite bounds what one write brings: a batch that falls short of batchBytes, and the record that fills it.
	maxWrite = batchBytes + audit.MaxLine
)

// contentLength is how long a segment of size bytes is without the padding at its end. The newline of its last line
// counts as content.
func contentLength(f io.ReaderAt, size int64) (int64, error) {
	block := make([]byte, readBuffer)
	for end := size; end > 0; {
		from := max(0, end-readBuffer)
		n, err := f.ReadAt(block[:end-from], from)
		if err != nil && !errors.Is(err, io.EOF) { // the writer may cut padding off meanwhile
			return 0, err
		}
		if kept := len(bytes.TrimRight(block[:n], string(padding))); kept > 0 {
			return min(from+int64(kept)+1, size), nil
		}
		end = from
	}
	return 0, nil
}

// followLast is follow for the last segment of a journal, whose content ends at end. What does not hold there is torn
// rather than bad also when a write explains it that reached the disk in part.
func followLast(f io.ReaderAt, end int64, chain *audit.Chain, visit visitor) (walk, error) {
	w, err := follow(newLines(io.NewSectionReader(f, 0, end)), chain, visit)
	if err != nil || w.bad == nil || w.bad.Reason != audit.NotJSON || end-w.end > maxWrite {
		return w, err
	}
	rest := make([]byte, end-w.end)
	if _, err := f.ReadAt(rest, w.end); err != nil && !errors.Is(err, io.EOF) {
		return w, err
	}
	if lostSectors(rest, w.end) {
		w.torn, w.bad = true, nil
	}
	return w, nil
}

// lostSectors reports whether rest, which begins at offset behind the last record that holds, can be a write of records
// of which some sectors were lost with the power. Such a sector is still padding; the others hold lines, and in lines no
// newline stands but between two records. Nobody was told that any record of that write is kept.
func lostSectors(rest []byte, offset int64) bool {
	rest = bytes.TrimRight(rest, string(padding))
	lost := false
	for at := 0; at < len(rest); {
		next := min(len(rest), at+sectorSize-int((offset+int64(at))%sectorSize))
		sector := rest[at:next]
		switch {
		case len(bytes.TrimLeft(sector, string(padding))) == 0:
			lost = true
		case at == 0 && sector[0] == padding || !betweenRecords(sector):
			return false
		}
		at = next
	}
	return lost
}

// betweenRecords reports whether every newline in part of some lines ends one record and begins another, as far as part
// shows it.
func betweenRecords(part []byte) bool {
	for i, b := range part {
		if b == padding && (i > 0 && part[i-1] != '}' || i+1 < len(part) && part[i+1] != '{') {
			return false
		}
	}
	return true
}

// tornPart is what is torn between from and end, without the padding around it.
func tornPart(f io.ReaderAt, from, end int64) (*io.SectionReader, error) {
	in := newLines(io.NewSectionReader(f, from, end-from))
	start := from
	for {
		line, _, err := in.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if err != nil || len(line) > 0 {
			break
		}
		start = from + in.offset
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], end-1); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if last[0] == padding {
		end--
	}
	return io.NewSectionReader(f, start, max(0, end-start)), nil
}
