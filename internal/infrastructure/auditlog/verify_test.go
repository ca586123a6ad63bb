package auditlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// editLines rewrites the lines of one segment of dir; segment and the lines edit gets count from 0.
func editLines(segment int, edit func(lines [][]byte) [][]byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		path := segmentPaths(t, dir)[segment]
		replace(t, path, bytes.Join(edit(bytes.SplitAfter(content(t, path), []byte("\n"))), nil))
	}
}

// blank replaces one record by as much padding; segment and record count from 0.
func blank(t *testing.T, dir string, segment, record int) {
	t.Helper()
	editLines(segment, func(l [][]byte) [][]byte {
		l[record] = bytes.Repeat([]byte("\n"), len(l[record]))
		return l
	})(t, dir)
}

// afterCrash is damage to a journal whose last segment ends in padding.
func afterCrash(damage func(*testing.T, string)) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		damage(t, dir)
		pad(t, dir)
	}
}

func TestVerify_NamesTheFirstBadRecord(t *testing.T) {
	t.Parallel()
	const one, two, three = "000000000001.jsonl", "000000000011.jsonl", "000000000021.jsonl"
	for name, test := range map[string]struct {
		damage func(t *testing.T, dir string)
		want   *auditlog.Bad // in a journal of 25 records, ten a segment
	}{
		"a changed byte": {editLines(1, func(l [][]byte) [][]byte {
			l[3] = bytes.Replace(l[3], []byte("denied"), []byte("danied"), 1)
			return l
		}), &auditlog.Bad{Segment: two, Line: 4, Seq: 14, Reason: audit.HashMismatch}},
		"a byte that makes it no JSON": {editLines(1, func(l [][]byte) [][]byte {
			l[3][30] = '"'
			return l
		}), &auditlog.Bad{Segment: two, Line: 4, Seq: 14, Reason: audit.NotJSON}},
		"a removed line": {editLines(1, func(l [][]byte) [][]byte {
			return append(l[:3], l[4:]...)
		}), &auditlog.Bad{Segment: two, Line: 4, Seq: 14, Reason: audit.MissingSeq}},
		"two lines in wrong order": {editLines(1, func(l [][]byte) [][]byte {
			l[3], l[4] = l[4], l[3]
			return l
		}), &auditlog.Bad{Segment: two, Line: 4, Seq: 14, Reason: audit.MissingSeq}},
		"a line written twice": {editLines(0, func(l [][]byte) [][]byte {
			return append(l[:3:3], append([][]byte{l[2]}, l[3:]...)...)
		}), &auditlog.Bad{Segment: one, Line: 4, Seq: 4, Reason: audit.RepeatedSeq}},
		"a cut line in the middle": {editLines(1, func(l [][]byte) [][]byte {
			l[3] = append(l[3][:50:50], '\n')
			return l
		}), &auditlog.Bad{Segment: two, Line: 4, Seq: 14, Reason: audit.NotJSON}},
		"a cut line at the end of an older segment": {editLines(1, func(l [][]byte) [][]byte {
			l[9] = l[9][:50]
			return l[:10]
		}), &auditlog.Bad{Segment: two, Line: 10, Seq: 20, Reason: audit.NotJSON}},
		"no last line in an older segment": {editLines(1, func(l [][]byte) [][]byte {
			return l[:9]
		}), &auditlog.Bad{Segment: three, Line: 1, Seq: 20, Reason: audit.MissingSegment}},
		"a line after all that belong in a segment": {editLines(0, func(l [][]byte) [][]byte {
			var c audit.Chain
			for _, line := range l[:10] {
				_ = c.Verify(bytes.TrimSpace(line))
			}
			return append(l, c.Seal(nil, numbered(0).AppendJSON(nil)))
		}), &auditlog.Bad{Segment: two, Line: 1, Seq: 12, Reason: audit.RepeatedSeq}},
		"a segment taken away": {func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, two)); err != nil {
				t.Fatal(err)
			}
		}, &auditlog.Bad{Segment: three, Line: 1, Seq: 11, Reason: audit.MissingSegment}},
		"a segment from another journal": {func(t *testing.T, dir string) {
			t.Helper()
			other := t.TempDir()
			fill(t, other, 50, 25)
			replace(t, filepath.Join(dir, two), content(t, filepath.Join(other, two)))
		}, &auditlog.Bad{Segment: two, Line: 1, Seq: 11, Reason: audit.BrokenLink}},
		"a line that is no record although its hash holds": {func(t *testing.T, dir string) {
			t.Helper()
			c, err := audit.After(bytes.TrimSpace(content(t, filepath.Join(dir, three))[4*lineLength(t)+4:]))
			if err != nil {
				t.Fatal(err)
			}
			path, b := lastSegment(t, dir)
			replace(t, path, c.Seal(b, []byte(`{"time":"soon"}`)))
		}, &auditlog.Bad{Segment: three, Line: 6, Seq: 26, Reason: audit.NotRecord}},
		"a record that is padding": {func(t *testing.T, dir string) {
			t.Helper()
			blank(t, dir, 1, 3)
		}, &auditlog.Bad{Segment: two, Line: 4, Seq: 14, Reason: audit.NotJSON}},
		"a last record of an older segment that is padding": {func(t *testing.T, dir string) {
			t.Helper()
			blank(t, dir, 1, 9)
		}, &auditlog.Bad{Segment: two, Line: 10, Seq: 20, Reason: audit.NotJSON}},
		"a blank line at the end of an older segment": {editLines(1, func(l [][]byte) [][]byte {
			return append(l, []byte("\n"))
		}), &auditlog.Bad{Segment: two, Line: 11, Seq: 21, Reason: audit.NotJSON}},
		"a record of the last segment that is padding": {afterCrash(func(t *testing.T, dir string) {
			t.Helper()
			blank(t, dir, 2, 2)
		}), &auditlog.Bad{Segment: three, Line: 3, Seq: 23, Reason: audit.NotJSON}},
		"a blank line in the last segment": {afterCrash(editLines(2, func(l [][]byte) [][]byte {
			return slices.Insert(l, 4, []byte("\n"))
		})), &auditlog.Bad{Segment: three, Line: 5, Seq: 25, Reason: audit.NotJSON}},
		"a byte that makes it no JSON, before padding": {afterCrash(editLines(2, func(l [][]byte) [][]byte {
			l[3][30] = '"'
			return l
		})), &auditlog.Bad{Segment: three, Line: 4, Seq: 24, Reason: audit.NotJSON}},
		"a changed last record, before padding": {afterCrash(editLines(2, func(l [][]byte) [][]byte {
			l[4] = bytes.Replace(l[4], []byte("denied"), []byte("danied"), 1)
			return l
		})), &auditlog.Bad{Segment: three, Line: 5, Seq: 25, Reason: audit.HashMismatch}},
		"a removed line, before padding": {afterCrash(editLines(2, func(l [][]byte) [][]byte {
			return append(l[:3], l[4:]...)
		})), &auditlog.Bad{Segment: three, Line: 4, Seq: 24, Reason: audit.MissingSeq}},
		"two lines in wrong order, before padding": {afterCrash(editLines(2, func(l [][]byte) [][]byte {
			l[3], l[4] = l[4], l[3]
			return l
		})), &auditlog.Bad{Segment: three, Line: 4, Seq: 24, Reason: audit.MissingSeq}},
		"something in the padding": {func(t *testing.T, dir string) {
			t.Helper()
			pad(t, dir)
			path, b := lastSegment(t, dir)
			copy(b[len(b)-5000:], "garbage")
			replace(t, path, b)
		}, &auditlog.Bad{Segment: three, Line: 6, Seq: 26, Reason: audit.NotJSON}},
		"a record far in the padding": {func(t *testing.T, dir string) {
			t.Helper()
			pad(t, dir)
			path, b := lastSegment(t, dir)
			copy(b[len(b)-5000:], b[:lineLength(t)])
			replace(t, path, b)
		}, &auditlog.Bad{Segment: three, Line: 6, Seq: 26, Reason: audit.NotJSON}},
		"a cut tail that padding replaces, which only a head kept elsewhere shows": {func(t *testing.T, dir string) {
			t.Helper()
			blank(t, dir, 2, 4)
		}, nil},
		"a cut tail, which only a head kept elsewhere shows": {editLines(2, func(l [][]byte) [][]byte { return l[:2] }), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, 1, 25)
			test.damage(t, dir)
			report := verify(t, dir)
			if diff := cmp.Diff(test.want, report.Bad); diff != "" {
				t.Errorf("first bad record (-want +got):\n%s", diff)
			}
			if test.want != nil && (report.Seq != test.want.Seq-1 || report.Records != int64(report.Seq)) {
				t.Errorf("%d records hold, up to number %d, want %d", report.Records, report.Seq, test.want.Seq-1)
			}
		})
	}
}

func TestVerify_ReportsWhatAJournalHolds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, options())
	at := now()
	add := func(phase audit.Phase, request string) {
		t.Helper()
		at = at.Add(time.Second)
		if err := j.Append(t.Context(), audit.Record{Time: at, Phase: phase, Request: request}); err != nil {
			t.Fatal(err)
		}
	}
	var lost []string
	for i := range 12 {
		add(audit.Intent, fmt.Sprintf("lost%d", i))
		add(audit.Intent, fmt.Sprintf("done%d", i))
		add(audit.Closed, fmt.Sprintf("done%d", i))
		add(audit.Closed, fmt.Sprintf("read%d", i))
		lost = append(lost, fmt.Sprintf("lost%d", i))
	}
	add(audit.Note, "")
	closeJournal(t, j)
	path, whole := lastSegment(t, dir)
	replace(t, path, append(whole, `{"seq":50`...))
	last, err := audit.After(whole[bytes.LastIndexByte(whole[:len(whole)-1], '\n')+1 : len(whole)-1])
	if err != nil {
		t.Fatal(err)
	}
	want := auditlog.Report{
		Segments: 1, Records: 49, First: now().Add(time.Second), Last: now().Add(49 * time.Second), Seq: 49, Head: last.Head(),
		TornTail: 9, OpenIntents: 12, OpenRequests: lost[:10],
	}
	if diff := cmp.Diff(want, verify(t, dir)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestVerify_TellsItsProgress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 1, 25)
	var size, last int64
	for _, path := range segmentPaths(t, dir) {
		size += int64(len(content(t, path)))
	}
	_, err := auditlog.Verify(t.Context(), dir, auditlog.Trust{}, func(done, total int64) {
		if done < last || total != size {
			t.Errorf("progress %d of %d after %d of %d", done, total, last, size)
		}
		last = done
	})
	if err != nil || last != size {
		t.Errorf("progress ended at %d of %d, %v", last, size, err)
	}
}

func TestVerify_SeesTheJournalAsOfItsStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 1, 25)
	j := open(t, dir, options())
	report, err := auditlog.Verify(t.Context(), dir, auditlog.Trust{}, func(int64, int64) {
		if err := j.Append(t.Context(), numbered(0)); err != nil {
			t.Error(err)
		}
	})
	if err != nil || report.Bad != nil || report.Records != 25 || report.TornTail != 0 {
		t.Errorf("got %+v, %v, want the 25 records that were there", report, err)
	}
}

func TestVerify_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 1, 25)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := auditlog.Verify(ctx, dir, auditlog.Trust{}, func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestVerify_SaysWhenThereIsNothingToVerify(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	if _, err := auditlog.Verify(t.Context(), empty, auditlog.Trust{}, nil); !errors.Is(err, auditlog.ErrNoJournal) {
		t.Errorf("an empty directory: %v, want audit.no_journal", err)
	}
	if _, err := auditlog.Verify(t.Context(), filepath.Join(empty, "none"), auditlog.Trust{}, nil); !errors.Is(err, auditlog.ErrNoJournal) {
		t.Errorf("no directory: %v, want audit.no_journal", err)
	}
}

func TestVerify_WorksWhileTheJournalIsWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, auditlog.Options{Now: now, MaxSegmentBytes: 20_000})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	end := sync.OnceFunc(func() { close(stop) })
	defer end()
	for range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := j.Append(t.Context(), numbered(i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var seen int64
	for rounds := 0; rounds < 25 || seen < 200; rounds++ {
		report, err := auditlog.Verify(t.Context(), dir, auditlog.Trust{}, func(done, total int64) {
			if done > total {
				t.Errorf("progress %d of %d", done, total)
			}
		})
		if err != nil || report.Bad != nil || report.TornTail < 0 {
			t.Fatalf("got %+v, %v, %v", report, report.Bad, err)
		}
		seen = report.Records
	}
	end()
	wg.Wait()
	closeJournal(t, j)
	if report := verified(t, dir); report.TornTail != 0 || report.Records < seen {
		t.Errorf("at rest: %+v", report)
	}
}
