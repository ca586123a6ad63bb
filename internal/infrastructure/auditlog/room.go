package auditlog

import (
	"bytes"
	"errors"
)

// A segment is written into room that has been made for its records ahead of them, because the length of the file then
// stays what it is, and a file system that keeps a journal of its own need not commit that for every record. The room
// is real bytes, which no reader of JSON minds: blocks that are only reserved must still be marked as written.
const (
	roomAhead = 1 << 20   // made at once
	roomLow   = 256 << 10 // what is left when more is made as soon as nobody waits
	roomUnit  = 4096      // room ends where a block of the file system does
	padding   = '\n'
)

var paddingBytes = bytes.Repeat([]byte{padding}, 64<<10)

// growing is the segment that records are appended to. One goroutine uses it.
type growing struct {
	file  segmentFile
	size  int64 // of its records
	room  int64 // where the file ends; from size on it is padding
	limit int64 // the size that ends it
}

func (g *growing) full() bool { return g.size >= g.limit }

// append makes lines durable. It makes room first when they do not fit, at the price of no further sync.
func (g *growing) append(lines []byte) error {
	end := g.size + int64(len(lines))
	if end > g.room {
		if err := g.makeRoom(end); err != nil {
			return err
		}
	}
	if _, err := g.file.WriteAt(lines, g.size); err != nil {
		return err
	}
	g.size = end
	g.room = max(g.room, end)
	return g.file.Sync()
}

// prepare makes durable room for records to come, unless there is enough of it. The time for it is when nobody waits.
func (g *growing) prepare() error {
	if g.room-g.size >= roomLow || g.room >= g.limit {
		return nil
	}
	if err := g.makeRoom(g.size); err != nil {
		return err
	}
	return g.file.Sync()
}

// makeRoom pads the file to some way beyond end, but not beyond the segment's limit: lines that reach it are its last,
// and lengthen the file themselves if they must.
func (g *growing) makeRoom(end int64) error {
	if end >= g.limit {
		return nil
	}
	for target := roundUp(min(end+roomAhead, g.limit)); g.room < target; {
		n, err := g.file.WriteAt(paddingBytes[:min(int64(len(paddingBytes)), target-g.room)], g.room)
		g.room += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

func roundUp(n int64) int64 { return (n + roomUnit - 1) / roomUnit * roomUnit }

// seal closes a full segment, which is durably its records and nothing else on return: only a last segment may end in
// padding, so this comes before the next one has a name.
func (g *growing) seal() error {
	if g.room == g.size {
		return g.file.Close()
	}
	err := g.file.Truncate(g.size)
	if err == nil {
		err = g.file.Sync()
	}
	return errors.Join(err, g.file.Close())
}

// close cuts the padding off. A loss of power that brings it back does no harm, so nothing waits for the disk.
func (g *growing) close() error {
	var err error
	if g.room > g.size {
		err = g.file.Truncate(g.size)
	}
	return errors.Join(err, g.file.Close())
}
