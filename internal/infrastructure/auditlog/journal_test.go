package auditlog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

func TestJournal_ReopensWhereItEnded(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "var", "audit")
	var want []audit.Record
	for run := range 5 {
		fill(t, dir, 7*run, 7)
		for i := range 7 {
			want = append(want, numbered(7*run+i))
		}
	}
	if diff := cmp.Diff(want, records(t, dir)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	report := verified(t, dir)
	if report.Records != 35 || report.Seq != 35 || report.Segments != 4 {
		t.Errorf("report is %+v, want 35 records in 4 segments", report)
	}
	var names []string
	for _, path := range segmentPaths(t, dir) {
		names = append(names, filepath.Base(path))
	}
	if diff := cmp.Diff([]string{"000000000001.jsonl", "000000000011.jsonl", "000000000021.jsonl", "000000000031.jsonl"}, names); diff != "" {
		t.Errorf("segments (-want +got):\n%s", diff)
	}
}

func TestJournal_IsReadableByItsOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "var", "audit")
	fill(t, dir, 0, 15)
	for path, want := range map[string]os.FileMode{
		filepath.Dir(dir): 0o700, dir: 0o700, segmentPaths(t, dir)[0]: 0o600, segmentPaths(t, dir)[1]: 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

func TestJournal_RefusesASecondWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, options())
	if _, err := auditlog.Open(dir, options()); !errors.Is(err, auditlog.ErrLocked) {
		t.Fatalf("got %v, want audit.locked", err)
	}
	if err := j.Append(t.Context(), numbered(1)); err != nil {
		t.Errorf("the first writer is disturbed: %v", err)
	}
	closeJournal(t, j)
	closeJournal(t, open(t, dir, options()))
}

func TestJournal_RefusesOptionsThatMeanNothing(t *testing.T) {
	t.Parallel()
	for _, opts := range []auditlog.Options{{}, {Now: now, MaxSegmentBytes: -1}, {Now: now, QueueLength: -1}} {
		if _, err := auditlog.Open(t.TempDir(), opts); !errors.Is(err, auditlog.ErrOptions) {
			t.Errorf("%+v: got %v, want audit.options_invalid", opts, err)
		}
	}
}

func TestJournal_RefusesAPathThatIsNoDirectory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	replace(t, path, nil)
	for _, dir := range []string{path, filepath.Join(path, "below")} {
		if _, err := auditlog.Open(dir, options()); !errors.Is(err, auditlog.ErrStorage) {
			t.Errorf("got %v, want audit.storage_failed", err)
		}
	}
}

func TestJournal_SetsATornTailAside(t *testing.T) {
	t.Parallel()
	room := strings.Repeat("\n", 9000)
	for name, test := range map[string]struct{ torn, behind string }{
		"a line without its end":                    {`{"seq":13,"prev":"00`, ""},
		"a line without its end, and padding":       {`{"seq":13,"prev":"00`, room},
		"a whole line without a newline":            {"", ""},
		"zeros":                                     {"\x00\x00\x00\x00", ""},
		"a line that is not JSON":                   {"{\"seq\":13,\"pr\x00\x00\x00\"}", "\n"},
		"a line that is not JSON, and padding":      {"{\"seq\":13,\"pr\x00\x00\x00\"}", room},
		"more than any line may have":               {strings.Repeat("x", audit.MaxLine+70_000), ""},
		"more than any line may have, with padding": {strings.Repeat("x", audit.MaxLine+70_000), room},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, 1, 12)
			path, whole := lastSegment(t, dir)
			torn := test.torn
			if torn == "" {
				fill(t, dir, 13, 1)
				_, longer := lastSegment(t, dir)
				torn = strings.TrimSuffix(string(longer[len(whole):]), "\n")
			}
			replace(t, path, append(slices.Clip(whole), torn+test.behind...))
			if report := verified(t, dir); report.TornTail != int64(len(torn)) || report.Records != 12 {
				t.Errorf("before opening: %+v, want a torn tail of %d bytes after 12 records", report, len(torn))
			}

			fill(t, dir, 13, 1)

			if got := content(t, filepath.Join(dir, "torn-000000000013-1.bin")); string(got) != torn {
				t.Errorf("the side file holds %d bytes, want the %d that were torn", len(got), len(torn))
			}
			got := records(t, dir)
			if len(got) != 14 {
				t.Fatalf("%d records, want 12, a note and 1", len(got))
			}
			note := audit.Record{Time: now(), Phase: audit.Note, Action: "audit.set_aside", Outcome: "ok", Detail: fmt.Sprintf(
				"The journal ended in a torn line, which no caller was told is kept; it was moved to torn-000000000013-1.bin (%d bytes, sha256 %x).",
				len(torn), sha256.Sum256([]byte(torn)))}
			if diff := cmp.Diff([]audit.Record{note, numbered(13)}, got[12:]); diff != "" {
				t.Errorf("after opening (-want +got):\n%s", diff)
			}
			if report := verified(t, dir); report.TornTail != 0 || report.Seq != 14 {
				t.Errorf("after opening: %+v", report)
			}
			fill(t, dir, 14, 1)
			if got := records(t, dir); len(got) != 15 {
				t.Errorf("opening again wrote %d records, want 1", len(got)-14)
			}
		})
	}
}

// A crash can come between the side file and the cut, between the cut and the note, and again while the note is
// written. None of them may lose what was set aside or the word of it.
func TestJournal_FinishesARecoveryThatWasCutShort(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(t *testing.T, dir, path string, whole []byte){
		"before the cut, or in the note": func(t *testing.T, dir, path string, whole []byte) {
			t.Helper()
			replace(t, filepath.Join(dir, "torn-000000000013-1.bin"), []byte(`{"se`))
			replace(t, path, append(whole, `{"seq":13`...))
		},
		"before the note": func(t *testing.T, dir, _ string, _ []byte) {
			t.Helper()
			replace(t, filepath.Join(dir, "torn-000000000013-1.bin"), []byte(`{"se`))
			replace(t, filepath.Join(dir, "torn-000000000013-2.bin"), []byte(`{"seq":13`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, 1, 12)
			path, whole := lastSegment(t, dir)
			leave(t, dir, path, whole)
			fill(t, dir, 13, 1)
			verified(t, dir)
			got := records(t, dir)
			if len(got) != 14 || got[12].Phase != audit.Note ||
				!strings.Contains(got[12].Detail, "-1.bin (4 bytes") || !strings.Contains(got[12].Detail, "-2.bin (9 bytes") {
				t.Errorf("record 13 of %d is %+v, want a note on both side files", len(got), got[12])
			}
		})
	}
}

func TestJournal_RecoversASegmentThatHoldsNothingYet(t *testing.T) {
	t.Parallel()
	room := strings.Repeat("\n", 9000)
	for name, test := range map[string]struct {
		content string
		records int
	}{
		"empty": {"", 11}, "nothing but padding": {room, 11},
		"torn in its first line": {`{"seq":11,`, 12}, "torn in its first line, and padding": {`{"seq":11,` + room, 12},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, 1, 10)
			replace(t, filepath.Join(dir, "000000000011.jsonl"), []byte(test.content))
			fill(t, dir, 11, 1)
			if report := verified(t, dir); report.Records != int64(test.records) || report.Segments != 2 {
				t.Errorf("report is %+v, want %d records in 2 segments", report, test.records)
			}
		})
	}
}

// What a crash leaves when no write was under way: the records, whose last may lack its newline because padding has the
// same, and room for more of them.
func TestJournal_ContinuesInTheRoomThatACrashLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 1, 12)
	pad(t, dir)
	_, before := lastSegment(t, dir)
	j := open(t, dir, options())
	if err := j.Append(t.Context(), numbered(13)); err != nil {
		t.Fatal(err)
	}
	if _, after := lastSegment(t, dir); len(after) < len(before) || !bytes.HasSuffix(after, []byte("\n\n")) {
		t.Errorf("the segment had %d bytes and has %d; want it to have room still", len(before), len(after))
	}
	if report := verified(t, dir); report.Records != 13 || report.TornTail != 0 {
		t.Errorf("while it is open: %+v, want 13 records", report)
	}
	closeJournal(t, j)
	expectNoPadding(t, segmentPaths(t, dir))
	if got := records(t, dir); len(got) != 13 || got[12].Request != numbered(13).Request {
		t.Errorf("%d records, want 13 and no word of a torn line", len(got))
	}
}

// Readers of JSON take padding for white space.
func TestJournal_IsReadableWhileItIsOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, auditlog.Options{Now: now, MaxSegmentBytes: 10 * lineLength(t)})
	for n := range 25 {
		if err := j.Append(t.Context(), numbered(n)); err != nil {
			t.Fatal(err)
		}
	}
	paths := segmentPaths(t, dir)
	if _, last := lastSegment(t, dir); len(paths) != 3 || !bytes.HasSuffix(last, []byte("}\n\n")) && !bytes.HasSuffix(last, []byte("\n\n\n")) {
		t.Errorf("%d segments, the last of %d bytes; want three, the last with room for more", len(paths), len(last))
	}
	expectNoPadding(t, paths[:2])
	read := 0
	for _, path := range paths {
		for in := json.NewDecoder(bytes.NewReader(content(t, path))); ; read++ {
			var r audit.Record
			if err := in.Decode(&r); errors.Is(err, io.EOF) {
				break
			} else if err != nil || r.Request != numbered(read).Request {
				t.Fatalf("record %d is read as %+v, %v", read, r, err)
			}
		}
	}
	if report := verified(t, dir); read != 25 || report.Records != 25 || report.TornTail != 0 {
		t.Errorf("%d records are read, and verified: %+v", read, report)
	}
	closeJournal(t, j)
	expectNoPadding(t, paths)
}

func TestJournal_RefusesToContinueWhatDoesNotHold(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, dir string){
		"a changed record in the last segment": func(t *testing.T, dir string) {
			t.Helper()
			path, b := lastSegment(t, dir)
			replace(t, path, []byte(strings.Replace(string(b), "denied", "danied", 1)))
		},
		"a changed last record": func(t *testing.T, dir string) {
			t.Helper()
			path, b := lastSegment(t, dir)
			at := strings.LastIndex(string(b), "denied")
			copy(b[at:], "danied")
			replace(t, path, b)
		},
		"a line that is not JSON before the last": func(t *testing.T, dir string) {
			t.Helper()
			path, b := lastSegment(t, dir)
			b[20] = 0
			replace(t, path, b)
		},
		"a record that is padding": func(t *testing.T, dir string) {
			t.Helper()
			blank(t, dir, 2, 1)
		},
		"a record that is padding, after a crash": func(t *testing.T, dir string) {
			t.Helper()
			blank(t, dir, 2, 0)
			pad(t, dir)
		},
		"a blank line": editLines(2, func(l [][]byte) [][]byte { return slices.Insert(l, 2, []byte("\n")) }),
		"a changed last record before padding": func(t *testing.T, dir string) {
			t.Helper()
			path, b := lastSegment(t, dir)
			b[bytes.LastIndex(b, []byte("denied"))+1] = 'a'
			replace(t, path, b)
			pad(t, dir)
		},
		"something in the padding": func(t *testing.T, dir string) {
			t.Helper()
			pad(t, dir)
			path, b := lastSegment(t, dir)
			b[len(b)-5000] = 'x'
			replace(t, path, b)
		},
		"an older segment that ends in padding": func(t *testing.T, dir string) {
			t.Helper()
			path := segmentPaths(t, dir)[1]
			replace(t, path, append(content(t, path), "\n\n\n"...))
		},
		"a last segment that does not follow the one before": func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(segmentPaths(t, dir)[1]); err != nil {
				t.Fatal(err)
			}
		},
		"a last segment under another name": func(t *testing.T, dir string) {
			t.Helper()
			path, _ := lastSegment(t, dir)
			if err := os.Rename(path, filepath.Join(dir, "000000000099.jsonl")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, 1, 25)
			damage(t, dir)
			path, before := lastSegment(t, dir)
			_, err := auditlog.Open(dir, options())
			if !errors.Is(err, auditlog.ErrCorrupt) || !strings.Contains(err.Error(), "steward audit verify") {
				t.Errorf("got %v, want audit.corrupt and what to run", err)
			}
			if diff := cmp.Diff(before, content(t, path)); diff != "" {
				t.Errorf("a refused journal was changed:\n%s", diff)
			}
			if _, err := auditlog.Open(dir, options()); errors.Is(err, auditlog.ErrLocked) {
				t.Error("a refused journal stays locked")
			}
		})
	}
}

func TestJournal_ContinuesWhenOldSegmentsWereTakenAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 1, 25)
	for _, path := range segmentPaths(t, dir)[:2] {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, dir, 26, 1)
	if got := records(t, dir); len(got) != 6 || got[5].Request != numbered(26).Request {
		t.Errorf("%d records, want the 5 that were left and 1", len(got))
	}
	if bad := verify(t, dir).Bad; bad == nil || bad.Reason != audit.MissingSegment {
		t.Errorf("verify says %v, want a missing segment", bad)
	}
}

func TestJournal_CloseThatMayNotWaitStillEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, options())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Close(ctx); err != nil && !errors.Is(err, audit.ErrUnavailable) {
		t.Errorf("got %v, want audit.unavailable", err)
	}
	if err := j.Err(); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Err is %v, want audit.closed", err)
	}
	closeJournal(t, j)
	closeJournal(t, open(t, dir, options()))
}
