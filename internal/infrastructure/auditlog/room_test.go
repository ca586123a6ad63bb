package auditlog

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// memoryFile is a segment without a disk. It has room for capacity bytes, unless that is 0.
type memoryFile struct {
	content  []byte
	capacity int
	done     []string // "pad", "write", "truncate", "sync", "close", each once for a row of the same
}

func (f *memoryFile) did(operation string) {
	if n := len(f.done); n == 0 || f.done[n-1] != operation {
		f.done = append(f.done, operation)
	}
}

func (f *memoryFile) WriteAt(p []byte, at int64) (int, error) {
	if p[0] == padding {
		f.did("pad")
	} else {
		f.did("write")
	}
	end := int(at) + len(p)
	if f.capacity > 0 && end > f.capacity {
		end = f.capacity
	}
	if more := end - len(f.content); more > 0 {
		f.content = append(f.content, make([]byte, more)...)
	}
	n := copy(f.content[at:end], p)
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (f *memoryFile) Truncate(size int64) error {
	f.did("truncate")
	f.content = f.content[:size]
	return nil
}

func (f *memoryFile) Sync() error  { f.did("sync"); return nil }
func (f *memoryFile) Close() error { f.did("close"); return nil }

func (f *memoryFile) expectDone(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.done); diff != "" {
		t.Errorf("done to the file (-want +got):\n%s", diff)
	}
	f.done = nil
}

func line(n int) []byte { return append(bytes.Repeat([]byte{'x'}, n-1), '\n') }

func TestGrowing_WritesIntoRoomMadeAhead(t *testing.T) {
	t.Parallel()
	f := &memoryFile{}
	g := growing{file: f, limit: 64 << 20}
	add := func(n int) {
		t.Helper()
		if err := g.append(line(n)); err != nil {
			t.Fatal(err)
		}
	}
	prepare := func() {
		t.Helper()
		if err := g.prepare(); err != nil {
			t.Fatal(err)
		}
	}
	add(700)
	f.expectDone(t, "pad", "write", "sync")
	length := len(f.content)
	if length < roomAhead || length > roomAhead+2*roomUnit || length%roomUnit != 0 {
		t.Errorf("the file is %d bytes long after its first record", length)
	}
	prepare()
	add(700)
	f.expectDone(t, "write", "sync")
	add(roomAhead - roomLow + roomUnit)
	if f.expectDone(t, "write", "sync"); len(f.content) != length {
		t.Errorf("the file grew from %d to %d bytes although there was room", length, len(f.content))
	}
	prepare()
	f.expectDone(t, "pad", "sync")
	prepare()
	f.expectDone(t)
	add(2 * roomAhead) // more than there is room for
	f.expectDone(t, "pad", "write", "sync")
	if got := bytes.TrimRight(f.content, "\n"); int64(len(got))+1 != g.size || int64(len(f.content)) != g.room || g.room-g.size < roomLow {
		t.Errorf("records up to %d, room up to %d, in a file with records up to %d, of %d bytes", g.size, g.room, len(got)+1, len(f.content))
	}
	if err := g.close(); err != nil || int64(len(f.content)) != g.size {
		t.Errorf("closed, the file has %d bytes, want %d: %v", len(f.content), g.size, err)
	}
	f.expectDone(t, "truncate", "close")
}

func TestGrowing_MakesNoRoomBeyondTheEndOfItsSegment(t *testing.T) {
	t.Parallel()
	f := &memoryFile{}
	g := growing{file: f, limit: 10_000}
	for want := 1000; !g.full(); want += 1000 {
		if err := errors.Join(g.append(line(1000)), g.prepare()); err != nil {
			t.Fatal(err)
		}
		if int(g.size) != want || len(f.content) != 12288 {
			t.Fatalf("records up to %d in a file of %d bytes, want %d in 12288", g.size, len(f.content), want)
		}
	}
	if g.size != 10_000 {
		t.Errorf("the segment is full with %d bytes, want 10000: padding does not count", g.size)
	}
	f.done = nil
	if err := g.seal(); err != nil || len(f.content) != 10_000 {
		t.Errorf("sealed, the segment has %d bytes: %v", len(f.content), err)
	}
	f.expectDone(t, "truncate", "sync", "close")

	f = &memoryFile{}
	g = growing{file: f, limit: 1}
	if err := errors.Join(g.append(line(1000)), g.prepare(), g.seal()); err != nil || len(f.content) != 1000 {
		t.Errorf("a segment of one record has %d bytes: %v", len(f.content), err)
	}
	f.expectDone(t, "write", "sync", "close")
}

func TestGrowing_FailsWhenThereIsNoRoom(t *testing.T) {
	t.Parallel()
	f := &memoryFile{capacity: 5000}
	g := growing{file: f, limit: 64 << 20}
	if err := g.append(line(1000)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want no space", err)
	}
	if len(bytes.Trim(f.content, "\n")) > 0 {
		t.Error("a record was written without room for it")
	}
	f = &memoryFile{capacity: roomAhead + 2*roomUnit}
	g = growing{file: f, limit: 64 << 20}
	if err := g.append(line(roomAhead / 2)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want no space", err)
	}
}

// bulky is a record of some 130 KB, so that few of them use room up.
func bulky(n int) audit.Record {
	r := closedRecord(n)
	for range audit.MaxItems {
		r.Demands = append(r.Demands, string(bytes.Repeat([]byte{'d'}, audit.MaxText)))
	}
	return r
}

func TestJournal_IsBrokenByADiskWithoutRoom(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]int{"for the first record": 0, "for records to come": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			pads := 0
			j := startOn(t, dir, Options{}, func(o string) error {
				if o == "pad" {
					pads++
				}
				if o == "pad" && (kept == 0 || pads > 2*roomAhead/len(paddingBytes)/2+8) {
					return syscall.ENOSPC
				}
				return nil
			})
			var err error
			acknowledged := 0
			for err == nil && acknowledged < 20 {
				if err = j.Append(t.Context(), bulky(acknowledged)); err == nil {
					acknowledged++
				}
			}
			for name, err := range map[string]error{"append": err, "Err": j.Err(), "close": j.Close(t.Context())} {
				if !errors.Is(err, audit.ErrBroken) || !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("%s: got %v, want audit.broken because of ENOSPC", name, err)
				}
			}
			if acknowledged < kept {
				t.Errorf("%d records were acknowledged before the disk was full, want at least %d", acknowledged, kept)
			}
			report, err := Verify(t.Context(), dir, Trust{}, nil)
			if err != nil || report.Bad != nil || report.TornTail != 0 || report.Records != int64(acknowledged) {
				t.Errorf("%d records were acknowledged; the journal: %+v, %v", acknowledged, report, err)
			}
			if j, err = Open(dir, Options{Now: now}); err != nil {
				t.Fatalf("opened again: %v", err)
			}
			if err := errors.Join(j.Append(t.Context(), closedRecord(99)), j.Close(t.Context())); err != nil {
				t.Errorf("opened again: %v", err)
			}
			if report, err := Verify(t.Context(), dir, Trust{}, nil); err != nil || report.Bad != nil || report.Records != int64(acknowledged)+1 {
				t.Errorf("opened again: %+v, %v", report, err)
			}
		})
	}
}

func TestJournal_IsBrokenWhenASegmentCannotBeSealed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := startOn(t, dir, Options{MaxSegmentBytes: 600}, func(o string) error {
		if o == "truncate" {
			return syscall.EIO
		}
		return nil
	})
	var err error
	acknowledged := 0
	for err == nil && acknowledged < 20 {
		if err = j.Append(t.Context(), closedRecord(acknowledged)); err == nil {
			acknowledged++
		}
	}
	if !errors.Is(err, audit.ErrBroken) || !errors.Is(err, syscall.EIO) || acknowledged < 2 {
		t.Errorf("got %v after %d records, want audit.broken because of EIO after a few", err, acknowledged)
	}
	if err := j.Close(t.Context()); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("close: %v", err)
	}
	found, err := segments(dir)
	if err != nil || len(found) != 1 {
		t.Errorf("segments %v, %v; want none begun after one that could not be sealed", found, err)
	}
	if report, err := Verify(t.Context(), dir, Trust{}, nil); err != nil || report.Bad != nil || report.Records != int64(acknowledged) {
		t.Errorf("%d records were acknowledged; the journal: %+v, %v", acknowledged, report, err)
	}
}
