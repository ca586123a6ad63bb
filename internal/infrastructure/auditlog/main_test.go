package auditlog_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/audit/audittest"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// TestMain is also the entry of the child processes that some tests start: the test binary itself, told by childRole
// what to be.
func TestMain(m *testing.M) {
	switch role := os.Getenv(childRole); role {
	case "":
		goleak.VerifyTestMain(m)
	case "append":
		os.Exit(appendForever(os.Getenv(childDir)))
	case "limited":
		os.Exit(appendUntilTheDiskRefuses(os.Getenv(childDir)))
	default:
		fmt.Fprintln(os.Stderr, "no such role:", role)
		os.Exit(2)
	}
}

func now() time.Time { return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) }

func options() auditlog.Options { return auditlog.Options{Now: now} }

// open opens a journal that the test closes, unless it closes it first.
func open(t *testing.T, dir string, opts auditlog.Options) *auditlog.Journal {
	t.Helper()
	j, err := auditlog.Open(dir, opts)
	if err != nil {
		t.Fatalf("open: %v (%v)", err, cause(err))
	}
	t.Cleanup(func() { _ = j.Close(context.WithoutCancel(t.Context())) })
	return j
}

func closeJournal(t *testing.T, j *auditlog.Journal) {
	t.Helper()
	if err := j.Close(t.Context()); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// fill writes n records, numbered on from first, and closes the journal. Segments hold about ten of them.
func fill(t *testing.T, dir string, first, n int) {
	t.Helper()
	j := open(t, dir, auditlog.Options{Now: now, MaxSegmentBytes: 10 * lineLength(t)})
	for i := range n {
		if err := j.Append(t.Context(), numbered(first+i)); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	closeJournal(t, j)
}

func numbered(n int) audit.Record {
	r := audittest.Full()
	r.Request = fmt.Sprintf("req_%06d", n)
	return r
}

func lineLength(t *testing.T) int64 {
	t.Helper()
	var c audit.Chain
	return int64(len(c.Seal(nil, numbered(1).AppendJSON(nil))))
}

// segmentPaths lists the segments of dir in order.
func segmentPaths(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// lastSegment is the path and content of the last segment.
func lastSegment(t *testing.T, dir string) (string, []byte) {
	t.Helper()
	found := segmentPaths(t, dir)
	path := found[len(found)-1]
	return path, content(t, path)
}

func content(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func replace(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// pad leaves the last segment of dir as a crash does: with room for records to come.
func pad(t *testing.T, dir string) {
	t.Helper()
	path, b := lastSegment(t, dir)
	replace(t, path, append(b, bytes.Repeat([]byte{'\n'}, 12_288-len(b)%4096)...))
}

// expectNoPadding wants the segments at paths to be lines that are not blank, and nothing else.
func expectNoPadding(t *testing.T, paths []string) {
	t.Helper()
	for _, path := range paths {
		b := content(t, path)
		if bytes.HasPrefix(b, []byte("\n")) || bytes.Contains(b, []byte("\n\n")) || !bytes.HasSuffix(b, []byte("}\n")) && len(b) > 0 {
			t.Errorf("%s, of %d bytes, has padding", path, len(b))
		}
	}
}

// records reads what a closed journal holds, whole lines only.
func records(t *testing.T, dir string) []audit.Record {
	t.Helper()
	var all []audit.Record
	for _, path := range segmentPaths(t, dir) {
		lines := bufio.NewScanner(bytes.NewReader(content(t, path)))
		lines.Buffer(nil, audit.MaxLine)
		for lines.Scan() {
			var r audit.Record
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			all = append(all, r)
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// verified is the report on a journal that must hold.
func verified(t *testing.T, dir string) auditlog.Report {
	t.Helper()
	report := verify(t, dir)
	if report.Bad != nil {
		t.Fatalf("the journal does not hold: %v", report.Bad)
	}
	return report
}

func verify(t *testing.T, dir string) auditlog.Report {
	t.Helper()
	report, err := auditlog.Verify(t.Context(), dir, auditlog.Trust{}, nil)
	if err != nil {
		t.Fatalf("verify: %v (%v)", err, cause(err))
	}
	return report
}

func cause(err error) error {
	if f, ok := err.(interface{ Unwrap() error }); ok {
		return f.Unwrap()
	}
	return nil
}
