package auditlog_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// aged writes n records, one an hour, ten a segment, and leaves the journal open.
func (e estate) aged(t *testing.T, n int) *auditlog.Journal {
	t.Helper()
	j := open(t, e.dir, e.options(t))
	for i := range n {
		r := numbered(i + 1)
		r.Time = r.Time.Add(time.Duration(i+1) * time.Hour)
		if err := j.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func hour(t *testing.T, n int) time.Time {
	t.Helper()
	return numbered(1).Time.Add(time.Duration(n) * time.Hour)
}

func nothing(auditlog.Pruned) error { return nil }

func TestJournal_PutsWholeOldSegmentsAwayAndStaysWhole(t *testing.T) {
	t.Parallel()
	for name, archived := range map[string]bool{"into an archive": true, "for good": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t)
			j := e.aged(t, 35)
			archive := ""
			if archived {
				archive = filepath.Join(t.TempDir(), "archive", "2026")
			}
			var told auditlog.Pruned
			sum, err := j.Prune(t.Context(), hour(t, 25), archive, func(p auditlog.Pruned) error { told = p; return nil })
			if err != nil || sum != told || sum.Segments != 2 || sum.First != 1 || sum.Last != 20 {
				t.Fatalf("put away %+v after telling %+v, %v", sum, told, err)
			}
			if err := j.Append(t.Context(), numbered(36)); err != nil {
				t.Fatal(err)
			}
			closeJournal(t, j)
			e.grow(t, 37, 8) // the journal opens, and goes on
			r := e.verify(t, e.trust(t, true))
			if r.Bad != nil || r.Pruned != 20 || r.Seq != 44 || r.Records != 24 || r.Signed != 44 {
				t.Errorf("what stayed: %+v", r)
			}
			if !archived {
				return
			}
			put, err := auditlog.Verify(t.Context(), archive, auditlog.Trust{}, nil)
			if err != nil || put.Bad != nil || put.Head != sum.Head || put.Seq != 20 {
				t.Errorf("the archive: %+v, %v", put, err)
			}
		})
	}
}

func TestJournal_PutsNothingAwayThatIsYoungOrLast(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	j := e.aged(t, 15)
	for name, before := range map[string]time.Time{"all is younger": hour(t, 0), "part of it is younger": hour(t, 10)} {
		sum, err := j.Prune(t.Context(), before, "", func(auditlog.Pruned) error {
			t.Errorf("%s: something is announced", name)
			return nil
		})
		if err != nil || sum.Segments != 0 {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
	}
	if sum, err := j.Prune(t.Context(), hour(t, 1000), "", nothing); err != nil || sum.Last != 10 {
		t.Errorf("everything is old: %+v, %v", sum, err)
	}
	stop := errors.New("stop")
	j = e.another(t, j)
	if _, err := j.Prune(t.Context(), hour(t, 1000), "", func(auditlog.Pruned) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("refused by who is told: %v", err)
	}
	if got := len(segmentPaths(t, e.dir)); got != 2 {
		t.Errorf("%d segments are left, want 2", got)
	}
}

// another closes j and opens the journal again, with a segment more.
func (e estate) another(t *testing.T, j *auditlog.Journal) *auditlog.Journal {
	t.Helper()
	closeJournal(t, j)
	e.grow(t, 16, 6)
	return open(t, e.dir, e.options(t))
}

func TestJournal_PutsNothingAwayThatDoesNotHoldOrIsNotSigned(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	j := e.aged(t, 35)
	editLines(1, func(l [][]byte) [][]byte {
		l[3] = bytes.Replace(l[3], []byte("denied"), []byte("danied"), 1)
		return l
	})(t, e.dir)
	if _, err := j.Prune(t.Context(), hour(t, 1000), "", nothing); !errors.Is(err, auditlog.ErrCorrupt) {
		t.Errorf("an altered journal: %v", err)
	}
	if got := len(segmentPaths(t, e.dir)); got != 4 {
		t.Errorf("%d segments are left, want all 4", got)
	}
	unsigned := open(t, t.TempDir(), options())
	if _, err := unsigned.Prune(t.Context(), hour(t, 1000), "", nothing); !errors.Is(err, auditlog.ErrUnsigned) {
		t.Errorf("an unsigned journal: %v", err)
	}
}

// Only whoever has the key can shorten the journal at its front, and only as far as was put away.
func TestVerify_WantsAnAnchorForWhatIsMissingAtTheFront(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	j := e.aged(t, 45)
	if _, err := j.Prune(t.Context(), hour(t, 15), "", nothing); err != nil {
		t.Fatal(err)
	}
	closeJournal(t, j)
	remove(t, segmentPaths(t, e.dir)[0])
	want := &auditlog.Bad{Segment: "000000000021.jsonl", Line: 1, Seq: 1, Reason: audit.MissingSegment}
	if diff := cmp.Diff(want, e.verify(t, e.trust(t, true)).Bad); diff != "" {
		t.Errorf("one more segment is gone (-want +got):\n%s", diff)
	}
}

// A crash may come behind each step: the anchor is written first, then the segment goes.
func TestJournal_FinishesWhatACrashLeftOfPuttingAway(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	j := e.aged(t, 35)
	first := segmentPaths(t, e.dir)[0]
	saved := content(t, first)
	if _, err := j.Prune(t.Context(), hour(t, 11), "", nothing); err != nil {
		t.Fatal(err)
	}
	replace(t, first, saved) // the anchor is there, and the segment still is
	if r := e.verify(t, e.trust(t, true)); r.Bad != nil || r.Pruned != 0 || r.Records != 35 {
		t.Errorf("between the two: %+v", r)
	}
	if sum, err := j.Prune(t.Context(), hour(t, 11), "", nothing); err != nil || sum.Last != 10 {
		t.Errorf("again: %+v, %v", sum, err)
	}
	closeJournal(t, j)
	if r := e.verify(t, e.trust(t, true)); r.Bad != nil || r.Pruned != 10 {
		t.Errorf("at last: %+v", r)
	}
}

func TestRead_GoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	j := e.aged(t, 12)
	var at auditlog.Position
	var seen []uint64
	read := func() error {
		var err error
		at, err = auditlog.Read(t.Context(), e.dir, at, func(line []byte, behind auditlog.Position) error {
			seen = append(seen, behind.Seq)
			again, err := auditlog.Reread(e.dir, behind.Segment, behind.Offset-int64(len(line))-1, int64(len(line)))
			if err == nil && !bytes.Equal(again, line) {
				t.Errorf("record %d reads again as %s", behind.Seq, again)
			}
			return err
		})
		return err
	}
	for range 3 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
		for i := range 7 {
			if err := j.Append(t.Context(), numbered(20+i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := make([]uint64, 26)
	for i := range want {
		want[i] = uint64(i + 1)
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	closeJournal(t, j)
	editLines(2, func(l [][]byte) [][]byte { return append(l[:8], l[9:]...) })(t, e.dir)
	if err := read(); !errors.Is(err, auditlog.ErrCorrupt) {
		t.Errorf("behind a removed record: %v", err)
	}
	if err := os.Remove(segmentPaths(t, e.dir)[2]); err != nil {
		t.Fatal(err)
	}
	if err := read(); !errors.Is(err, auditlog.ErrGone) {
		t.Errorf("when the place is gone: %v", err)
	}
}
