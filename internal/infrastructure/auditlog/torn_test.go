package auditlog

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// sealed is a segment of n records; ends are the offsets behind each.
func sealed(n int, detail func(i int) int) (content []byte, ends []int64) {
	var c audit.Chain
	for i := range n {
		r := closedRecord(i)
		r.Detail = strings.Repeat("d", detail(i))
		content = c.Seal(content, r.AppendJSON(nil))
		ends = append(ends, int64(len(content)))
	}
	return content, ends
}

// padded is what a segment of content looks like in room of size bytes.
func padded(content []byte, size int) []byte {
	return append(slices.Clip(content), bytes.Repeat([]byte{padding}, size-len(content))...)
}

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// look follows a last segment to its end, and gives what is torn there.
func look(t failer, segment []byte) (walk, string) {
	t.Helper()
	f := bytes.NewReader(segment)
	end, err := contentLength(f, int64(len(segment)))
	if err != nil {
		t.Fatal(err)
	}
	var c audit.Chain
	w, err := followLast(f, end, &c, func([]byte, int64) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if !w.torn {
		return w, ""
	}
	part, err := tornPart(f, w.end, end)
	if err != nil {
		t.Fatal(err)
	}
	torn := make([]byte, part.Size())
	if _, err := part.ReadAt(torn, 0); err != nil {
		t.Fatal(err)
	}
	return w, string(torn)
}

func TestFollowLast_FindsEveryPrefixOfARecordTorn(t *testing.T) {
	t.Parallel()
	content, ends := sealed(3, func(int) int { return 400 })
	for length := range len(content) + 1 {
		whole := int64(0)
		for _, end := range ends {
			if int64(length) >= end-1 { // the newline that is missing is the padding's
				whole++
			}
		}
		torn := ""
		if begins := append([]int64{0}, ends...)[whole]; int64(length) > begins {
			torn = string(content[begins:length])
		}
		for _, room := range []int{0, 1, roomUnit} {
			w, got := look(t, padded(content[:length], length+room))
			if room == 0 && slices.Contains(ends, int64(length)+1) {
				continue // without padding, a record lacks its newline
			}
			if w.bad != nil || w.lines != whole || got != torn {
				t.Fatalf("cut at %d with room for %d: %d records hold, %v, torn %d bytes; want %d and %d bytes",
					length, room, w.lines, w.bad, len(got), whole, len(torn))
			}
		}
	}
}

// A loss of power may leave out any sectors of what was being written, and nothing of what came before.
func TestFollowLast_FindsAWriteWithLostSectorsTorn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.IntRange(0, 1000), 2, 12).Draw(t, "lengths")
		content, ends := sealed(len(lengths), func(i int) int { return lengths[i] })
		durable := rapid.IntRange(0, len(ends)-1).Draw(t, "records before the write")
		from := append([]int64{0}, ends...)[durable]
		room := int(roundUp(int64(len(content)))) + roomUnit
		cut := rapid.IntRange(int(from), len(content)).Draw(t, "the write's end")
		segment := padded(content[:cut], room)
		for at := from; at < int64(cut); {
			next := at - at%sectorSize + sectorSize
			if rapid.Bool().Draw(t, fmt.Sprintf("lost at %d", at)) {
				copy(segment[at:next], paddingBytes)
			}
			at = next
		}
		w, torn := look(t, segment)
		if w.bad != nil || w.lines < int64(durable) {
			t.Fatalf("of %d records, %d durable, hold %d, and then %v", len(lengths), durable, w.lines, w.bad)
		}
		if kept := bytes.Trim(segment[w.end:], "\n"); string(kept) != torn {
			t.Fatalf("behind %d records are %d bytes, of which %d are set aside", w.lines, len(kept), len(torn))
		}
	})
}

// What no single write leaves is bad, and named where it begins.
func TestFollowLast_FindsPaddingWhereRecordsWereBad(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.IntRange(0, 1000), 3, 12).Draw(t, "lengths")
		content, ends := sealed(len(lengths), func(i int) int { return lengths[i] })
		begins := append([]int64{0}, ends...)
		i := rapid.IntRange(0, len(ends)-2).Draw(t, "record")
		from := rapid.Int64Range(begins[i], ends[i]-2).Draw(t, "from")
		to := rapid.Int64Range(from+1, ends[i]).Filter(func(to int64) bool { return to%sectorSize > 0 }).Draw(t, "to")
		segment := padded(content, int(roundUp(int64(len(content))))+roomUnit)
		copy(segment[from:to], bytes.Repeat([]byte{padding}, int(to-from)))
		w, _ := look(t, segment)
		if w.bad == nil || w.bad.Reason != audit.NotJSON || w.bad.Seq != uint64(i)+1 || w.lines != int64(i) {
			t.Fatalf("bytes %d to %d, in record %d, are padding: %d records hold, and then %v, torn: %t", from, to, i+1, w.lines, w.bad, w.torn)
		}
	})
}

func TestFollowLast_FindsNothingTornThatIsMoreThanOneWrite(t *testing.T) {
	t.Parallel()
	content, _ := sealed(1, func(int) int { return 0 })
	segment := padded(content, sectorSize)
	segment = append(padded(segment, sectorSize+maxWrite+1-maxWrite%sectorSize), `{"seq":9`...)
	if w, _ := look(t, segment); w.bad == nil || w.lines != 1 {
		t.Errorf("%d bytes of padding before a torn line: %+v, want it found bad", maxWrite, w)
	}
}

func TestContentLength_IsThatWithoutThePaddingAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ lines, room, want int64 }{
		{0, 0, 0},
		{0, 1, 0},
		{0, 3 * readBuffer, 0},
		{1, 0, 1},
		{1, 1, 2},
		{1, 2 * readBuffer, 2},
		{readBuffer, 0, readBuffer},
		{readBuffer - 1, 1, readBuffer},
		{readBuffer, readBuffer, readBuffer + 1},
		{readBuffer + 1, 5*readBuffer - 1, readBuffer + 2},
	} {
		content := padded(bytes.Repeat([]byte{'x'}, int(test.lines)), int(test.lines+test.room))
		if got, err := contentLength(bytes.NewReader(content), int64(len(content))); got != test.want || err != nil {
			t.Errorf("%d bytes and %d of padding: %d, %v, want %d", test.lines, test.room, got, err, test.want)
		}
	}
	// A file that has become shorter since its size was asked for.
	if got, err := contentLength(strings.NewReader("xx\n"), 5*readBuffer); got != 3 || err != nil {
		t.Errorf("a file cut meanwhile: %d, %v, want 3", got, err)
	}
}
