package auditlog_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// estate is a journal with checkpoints, here and elsewhere.
type estate struct{ dir, key, elsewhere string }

func newEstate(t *testing.T) estate {
	t.Helper()
	root := t.TempDir()
	return estate{filepath.Join(root, "audit"), filepath.Join(root, "audit.key"), filepath.Join(root, "elsewhere")}
}

func (e estate) options(t *testing.T) auditlog.Options {
	t.Helper()
	return auditlog.Options{
		Now: now, MaxSegmentBytes: 10 * lineLength(t),
		Signing: auditlog.Signing{KeyFile: e.key, Writer: "journal", Elsewhere: e.elsewhere},
	}
}

// grow adds n records in one run of the journal, numbered on from first.
func (e estate) grow(t *testing.T, first, n int) {
	t.Helper()
	j := open(t, e.dir, e.options(t))
	for i := range n {
		if err := j.Append(t.Context(), numbered(first+i)); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	closeJournal(t, j)
}

func (e estate) far() string {
	file, _ := auditlog.CheckpointsElsewhere(e.elsewhere, "journal")
	return file
}

// trust is what verify is given for the journal; far says that checkpoints from elsewhere are there.
func (e estate) trust(t *testing.T, far bool) auditlog.Trust {
	t.Helper()
	key, err := auditlog.PublicKey(e.key)
	if err != nil {
		t.Fatal(err)
	}
	trust := auditlog.Trust{Keys: []ed25519.PublicKey{key}, Signed: true}
	if far {
		trust.Files = []string{e.far()}
	}
	return trust
}

func (e estate) verify(t *testing.T, trust auditlog.Trust) auditlog.Report {
	t.Helper()
	report, err := auditlog.Verify(t.Context(), e.dir, trust, nil)
	if err != nil {
		t.Fatalf("verify: %v (%v)", err, cause(err))
	}
	return report
}

func (e estate) path(name string) string { return filepath.Join(e.dir, name) }

// copyDirectory gives a copy of the journal as it is now.
func copyDirectory(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// rechain computes the chain anew from the given record on, after changing that record, as somebody can who writes all
// files but lacks the key.
func rechain(t *testing.T, dir string, from uint64) {
	t.Helper()
	var chain audit.Chain
	for _, path := range segmentPaths(t, dir) {
		var out []byte
		for line := range bytes.Lines(content(t, path)) {
			record := append([]byte("{"), line[bytes.Index(line, []byte(`"time"`)):bytes.LastIndex(line, []byte(`,"hash":`))]...)
			record = append(record, '}')
			if chain.Seq()+1 == from {
				record = bytes.Replace(record, []byte("access.denied"), []byte("ok"), 1)
			}
			out = chain.Seal(out, record)
		}
		replace(t, path, out)
	}
}

func TestVerify_HoldsAJournalAgainstItsCheckpoints(t *testing.T) {
	t.Parallel()
	const two, three = "000000000011.jsonl", "000000000021.jsonl"
	// Two runs of the journal, of 12 and 13 records: heads are signed at 1, 12 and 25.
	for name, test := range map[string]struct {
		damage    func(t *testing.T, e estate)
		want      *auditlog.Bad // by what lies in the journal's own directory
		elsewhere *auditlog.Bad // and by what was kept elsewhere too
	}{
		"nothing": {damage: func(*testing.T, estate) {}},
		"a flipped bit": {damage: func(t *testing.T, e estate) {
			t.Helper()
			b := content(t, e.path(two))
			b[4*lineLength(t)] ^= 1
			replace(t, e.path(two), b)
		}, want: &auditlog.Bad{Segment: two, Line: 4, Seq: 14, Reason: audit.HashMismatch}},
		"a cut tail": {damage: func(t *testing.T, e estate) {
			t.Helper()
			editLines(2, func(l [][]byte) [][]byte { return l[:2] })(t, e.dir)
		}, want: &auditlog.Bad{Segment: three, Line: 3, Seq: 23, Reason: audit.CutTail}},
		"a cut tail, with a crash's padding": {damage: func(t *testing.T, e estate) {
			t.Helper()
			editLines(2, func(l [][]byte) [][]byte { return l[:2] })(t, e.dir)
			pad(t, e.dir)
		}, want: &auditlog.Bad{Segment: three, Line: 3, Seq: 23, Reason: audit.CutTail}},
		"a segment cut off the end": {damage: func(t *testing.T, e estate) {
			t.Helper()
			remove(t, e.path(three))
		}, want: &auditlog.Bad{Segment: two, Line: 11, Seq: 21, Reason: audit.CutTail}},
		"a segment taken from the front": {damage: func(t *testing.T, e estate) {
			t.Helper()
			remove(t, segmentPaths(t, e.dir)[0])
		}, want: &auditlog.Bad{Segment: two, Line: 1, Seq: 1, Reason: audit.MissingSegment}},
		"a chain computed anew": {damage: func(t *testing.T, e estate) {
			t.Helper()
			rechain(t, e.dir, 15)
		}, want: &auditlog.Bad{Segment: three, Line: 5, Seq: 25, Reason: audit.Rewritten, Since: 13}},
		"a chain computed anew from its start": {damage: func(t *testing.T, e estate) {
			t.Helper()
			rechain(t, e.dir, 1)
		}, want: &auditlog.Bad{Segment: "000000000001.jsonl", Line: 1, Seq: 1, Reason: audit.Rewritten}},
		"a chain computed anew and its checkpoints taken away": {
			damage: func(t *testing.T, e estate) {
				t.Helper()
				rechain(t, e.dir, 1)
				remove(t, e.path("checkpoints.ndjson"))
			}, want: &auditlog.Bad{Segment: "checkpoints.ndjson", Line: 1, Seq: 25, Reason: audit.NoCheckpoint},
			elsewhere: &auditlog.Bad{Segment: "000000000001.jsonl", Line: 1, Seq: 1, Reason: audit.Rewritten},
		},
		"checkpoints of another key": {
			damage: func(t *testing.T, e estate) {
				t.Helper()
				rechain(t, e.dir, 1)
				replace(t, e.path("checkpoints.ndjson"), audit.Checkpoint{Kind: audit.Head, Seq: 25, Writer: "journal"}.Sign(nil, ed25519.NewKeyFromSeed(make([]byte, 32))))
			}, want: &auditlog.Bad{Segment: "checkpoints.ndjson", Line: 1, Seq: 25, Reason: audit.UnknownKey},
			elsewhere: &auditlog.Bad{Segment: "000000000001.jsonl", Line: 1, Seq: 1, Reason: audit.Rewritten},
		},
		"an altered checkpoint": {damage: func(t *testing.T, e estate) {
			t.Helper()
			replace(t, e.path("checkpoints.ndjson"), bytes.Replace(content(t, e.path("checkpoints.ndjson")), []byte(`"seq":12`), []byte(`"seq":11`), 1))
		}, want: &auditlog.Bad{Segment: "checkpoints.ndjson", Line: 2, Seq: 11, Reason: audit.BadSignature}},
		"half a checkpoint, as a crash leaves it": {damage: func(t *testing.T, e estate) {
			t.Helper()
			replace(t, e.path("checkpoints.ndjson"), append(content(t, e.path("checkpoints.ndjson")), `{"kind":"he`...))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t)
			e.grow(t, 1, 12)
			e.grow(t, 13, 13)
			test.damage(t, e)
			if diff := cmp.Diff(test.want, e.verify(t, e.trust(t, false)).Bad); diff != "" {
				t.Errorf("by what is here (-want +got):\n%s", diff)
			}
			if test.elsewhere == nil {
				test.elsewhere = test.want
			}
			if diff := cmp.Diff(test.elsewhere, e.verify(t, e.trust(t, true)).Bad); diff != "" {
				t.Errorf("by what is elsewhere (-want +got):\n%s", diff)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// An old copy of everything in the journal's directory holds together. Only what was kept elsewhere tells that it is old.
func TestVerify_FindsAnOldJournalPutInPlaceOfThisOne(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.grow(t, 1, 12)
	old := copyDirectory(t, e.dir)
	e.grow(t, 13, 13)
	if err := os.RemoveAll(e.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(e.dir, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	if bad := e.verify(t, e.trust(t, false)).Bad; bad != nil {
		t.Errorf("what is here says %v", bad)
	}
	want := &auditlog.Bad{Segment: "000000000011.jsonl", Line: 3, Seq: 13, Reason: audit.CutTail}
	if diff := cmp.Diff(want, e.verify(t, e.trust(t, true)).Bad); diff != "" {
		t.Errorf("what is elsewhere (-want +got):\n%s", diff)
	}
	if _, err := auditlog.Open(e.dir, e.options(t)); !errors.Is(err, auditlog.ErrRolledBack) {
		t.Errorf("the journal opens with %v, want %v", err, auditlog.ErrRolledBack)
	}
}

func TestJournal_SignsWhatItAcknowledgedFirstAndWhatItEndsWith(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	j := open(t, e.dir, e.options(t))
	if err := j.Append(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	if r := e.verify(t, e.trust(t, true)); r.Bad != nil || r.Signed != 1 {
		t.Errorf("after the first record: %+v", r)
	}
	for i := range 5 {
		if err := j.Append(t.Context(), numbered(2+i)); err != nil {
			t.Fatal(err)
		}
	}
	if r := e.verify(t, e.trust(t, true)); r.Bad != nil || r.Signed != 1 || r.Seq != 6 {
		t.Errorf("while it waits: %+v", r)
	}
	closeJournal(t, j)
	r := e.verify(t, e.trust(t, true))
	if r.Bad != nil || r.Signed != 6 || r.Checkpoints != 4 || r.Key != fmt.Sprintf("%x", e.trust(t, false).Keys[0]) {
		t.Errorf("after the end: %+v", r)
	}
	for _, path := range []string{e.key, e.path("checkpoints.ndjson"), e.far()} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestJournal_SignsARecordThatNoneFollows(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	opts := e.options(t)
	opts.Signing.Every = 20 * time.Millisecond
	j := open(t, e.dir, opts)
	for i := range 3 {
		if err := j.Append(t.Context(), numbered(1+i)); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(time.Minute); ; {
		r := e.verify(t, e.trust(t, true))
		if r.Bad != nil || time.Now().After(deadline) {
			t.Fatalf("not signed: %+v", r)
		}
		if r.Signed == 3 {
			break
		}
	}
	closeJournal(t, j)
}

func TestJournal_GoesOnWhenNothingCanBeKeptElsewhere(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	j := open(t, e.dir, e.options(t))
	if err := os.RemoveAll(e.elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), numbered(1)); err != nil {
		t.Fatal(err)
	}
	if err := j.Elsewhere(); !errors.Is(err, auditlog.ErrElsewhere) || j.Err() != nil {
		t.Errorf("elsewhere: %v; here: %v", err, j.Err())
	}
	closeJournal(t, j)
	e.grow(t, 2, 1)
	if r := e.verify(t, e.trust(t, true)); r.Bad != nil || r.Signed != 2 {
		t.Errorf("later: %+v", r)
	}
}

func TestJournal_RefusesKeysThatCannotVouch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(t *testing.T, e estate)
		want   error
	}{
		"one that others read": {func(t *testing.T, e estate) {
			t.Helper()
			if err := os.Chmod(e.key, 0o644); err != nil {
				t.Fatal(err)
			}
		}, auditlog.ErrKeyExposed},
		"one that is none": {func(t *testing.T, e estate) {
			t.Helper()
			replace(t, e.key, []byte("key"))
		}, auditlog.ErrKey},
		"another one": {func(t *testing.T, e estate) {
			t.Helper()
			remove(t, e.key)
		}, auditlog.ErrKeyChanged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t)
			e.grow(t, 1, 3)
			test.change(t, e)
			if _, err := auditlog.Open(e.dir, e.options(t)); !errors.Is(err, test.want) {
				t.Errorf("opens with %v, want %v", err, test.want)
			}
		})
	}
}

func TestVerify_SaysWhenNamedCheckpointsAreNotThere(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.grow(t, 1, 3)
	_, err := auditlog.Verify(t.Context(), e.dir, auditlog.Trust{Files: []string{filepath.Join(e.dir, "none")}}, nil)
	if !errors.Is(err, auditlog.ErrNoCheckpoints) || strings.Contains(err.Error(), e.dir) {
		t.Errorf("got %v", err)
	}
	if _, err := auditlog.PublicKey(filepath.Join(e.dir, "none")); !errors.Is(err, auditlog.ErrNoKey) {
		t.Errorf("a key that is not there: %v", err)
	}
	public, err := auditlog.PublicKey(e.path("checkpoints.pub"))
	if err != nil || !public.Equal(e.trust(t, false).Keys[0]) {
		t.Errorf("the exported key is %x, %v", public, err)
	}
}
