package auditlog_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// The environment of a child process: what it is to do, and the journal it is to do it to.
const (
	childRole = "AUDITLOG_TEST_ROLE"
	childDir  = "AUDITLOG_TEST_DIR"
)

const childWriters = 16

// child prepares a child process in the given role; its error output goes to the test's.
func child(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir)
	c.Stderr = os.Stderr
	return c
}

// appendForever prints the request of every record it was told is durable, one a line, each by one write.
func appendForever(dir string) int {
	_, err := appendUntilRefused(dir, 256<<10)
	fmt.Fprintln(os.Stderr, "refused:", err)
	return 1
}

// refusedSize is where a file may not grow any more, so that it has room once and not twice.
const refusedSize = 1_500_000

// appendUntilTheDiskRefuses does the same under a limit on the size of files, which writes meet as EFBIG.
func appendUntilTheDiskRefuses(dir string) int {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: refusedSize, Max: refusedSize}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	j, err := appendUntilRefused(dir, 64<<20)
	again := j.Append(context.Background(), numbered(0))
	for _, err := range []error{err, again, j.Err(), j.Close(context.Background())} {
		if !errors.Is(err, audit.ErrBroken) || !errors.Is(err, syscall.EFBIG) {
			fmt.Fprintf(os.Stderr, "got %v (%v), want audit.broken because of EFBIG\n", err, cause(err))
			return 1
		}
	}
	return 0
}

func appendUntilRefused(dir string, segment int64) (*auditlog.Journal, error) {
	j, err := auditlog.Open(dir, auditlog.Options{Now: now, MaxSegmentBytes: segment})
	if err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	refusals := make([]error, childWriters)
	for w := range childWriters {
		wg.Go(func() {
			for i := 0; refusals[w] == nil; i++ {
				r := numbered(i)
				r.Request = fmt.Sprintf("%d.%d.%d", os.Getpid(), w, i)
				if refusals[w] = j.Append(context.Background(), r); refusals[w] == nil {
					_, refusals[w] = io.WriteString(os.Stdout, r.Request+"\n")
				}
			}
		})
	}
	wg.Wait()
	return j, refusals[0]
}

func TestJournal_KeepsEveryAcknowledgedRecordThroughKill(t *testing.T) {
	t.Parallel()
	const rounds = 10
	dir := t.TempDir()
	var acknowledged []string
	roomy := 0
	for range rounds {
		acknowledged = append(acknowledged, killAfter(t, dir, 1+rand.IntN(1500))...)
		verified(t, dir)
		paths := segmentPaths(t, dir)
		expectNoPadding(t, paths[:len(paths)-1])
		if _, last := lastSegment(t, dir); bytes.HasSuffix(last, []byte("\n\n")) {
			roomy++
		}
		closeJournal(t, open(t, dir, options()))
		expectNoPadding(t, paths)
		if report := verified(t, dir); report.TornTail != 0 {
			t.Errorf("opened again, the journal has a torn tail of %d bytes", report.TornTail)
		}
	}
	expectKept(t, dir, acknowledged)
	if roomy == 0 {
		t.Error("no kill left room for more records, so this test tests less than it says")
	}
}

// killAfter starts a child that appends, kills it (SIGKILL) after n acknowledgements, and gives all that it printed.
func killAfter(t *testing.T, dir string, n int) []string {
	t.Helper()
	c := child(t, "append", dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(out)
	var acknowledged []string
	for {
		line, err := in.ReadString('\n')
		if err != nil { // what comes without a newline was cut while it was printed
			break
		}
		acknowledged = append(acknowledged, strings.TrimSuffix(line, "\n"))
		if len(acknowledged) == n {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 || len(acknowledged) < n {
		t.Fatalf("the child ended with %v after %d acknowledgements, want it killed after %d", err, len(acknowledged), n)
	}
	return acknowledged
}

func TestJournal_StaysBrokenWhenTheDiskRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := child(t, "limited", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := strings.Fields(string(bytes.TrimSpace(out)))
	if len(acknowledged) < 500 {
		t.Fatalf("%d records were acknowledged before the disk refused", len(acknowledged))
	}
	if report := verified(t, dir); report.TornTail != 0 {
		t.Errorf("what was refused is room for records, and a torn tail of %d bytes", report.TornTail)
	}
	if _, last := lastSegment(t, dir); len(last) != refusedSize {
		t.Errorf("the segment has %d bytes, so nothing refused it more than that", len(last))
	}
	fill(t, dir, 0, 1)
	expectKept(t, dir, acknowledged)
	verified(t, dir)
}

func expectKept(t *testing.T, dir string, acknowledged []string) {
	t.Helper()
	kept := make(map[string]int)
	for _, r := range records(t, dir) {
		if r.Phase == audit.Closed {
			kept[r.Request]++
		}
	}
	for _, request := range acknowledged {
		if kept[request] != 1 {
			t.Errorf("record %s was acknowledged and is there %d times", request, kept[request])
		}
	}
	t.Logf("%d acknowledged, %d kept", len(acknowledged), len(kept))
}
