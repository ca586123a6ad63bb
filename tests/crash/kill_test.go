package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

// load is sixteen clients that call until the server is gone, and what they were answered.
type load struct {
	mu       sync.Mutex
	answered []string // request ids
	wrong    []error
}

const clients = 16

func (l *load) run(ctx context.Context, url, key string) {
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			c := harness.NewClient(url, key, []harness.Era{harness.Legacy, harness.Modern}[i%2])
			defer c.Close()
			for n := 0; l.call(ctx, c, n); n++ {
			}
		})
	}
	all.Wait()
}

// call makes one call, and reports whether the server is still there. An answer that is wrong is remembered.
func (l *load) call(ctx context.Context, c *harness.Client, n int) bool {
	tool, args := "echo", map[string]any{"text": strconv.Itoa(n)}
	if n%2 == 1 {
		tool, args = "list_metrics", map[string]any{"search": "revenue"}
	}
	r, err := c.Tool(ctx, tool, args, nil)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answered = append(l.answered, r.Request)
	if tool == "echo" && r.Text() != strconv.Itoa(n) {
		l.wrong = append(l.wrong, fmt.Errorf("echo of %d says %q", n, r.Text()))
	}
	return true
}

// kills is how often the server is killed: `make soak` asks for many more than every run of the tests can wait for.
func kills(t *testing.T) int {
	t.Helper()
	asked := os.Getenv("STEWARD_TEST_KILLS")
	if asked == "" {
		return 6
	}
	n, err := strconv.Atoi(asked)
	if err != nil || n < 2 {
		t.Fatalf("STEWARD_TEST_KILLS is %q, and not a number from 2 on", asked)
	}
	return n
}

func TestServer_KilledUnderLoadHasEveryAnsweredCallOnRecord(t *testing.T) {
	t.Parallel()
	// No engine is needed, so none is started over and over.
	s := newSite(t, map[string]any{"metrics.python": filepath.Join(t.TempDir(), "none")})
	key := s.key(t, "analyst")
	var l load
	rounds := kills(t)
	for round := range rounds {
		server := s.start(t)
		before := len(l.answered)
		over := make(chan struct{})
		go func() { defer close(over); l.run(t.Context(), server.URL, key) }()
		until(t, "calls are answered", func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return len(l.answered) >= before+clients
		})
		moment := time.NewTimer(time.Duration(rand.IntN(300)) * time.Millisecond)
		<-moment.C
		server.Kill()
		<-over
		if s.verifies(t); t.Failed() {
			t.Fatalf("after round %d", round)
		}
		if round == rounds/2 {
			s.tear(t)
		}
	}
	server := s.start(t)
	stop(t, server)
	s.verifies(t)

	for _, err := range l.wrong {
		t.Error(err)
	}
	closed := s.records(t)
	seen := map[string]bool{}
	for _, request := range l.answered {
		of := closed[request]
		if request == "" || seen[request] || len(of) != 1 || of[0].Outcome != "ok" || of[0].Method != "tools/call" {
			t.Errorf("the answered request %q has the records %+v", request, of)
		}
		seen[request] = true
	}
	for request, of := range closed {
		if len(of) != 1 {
			t.Errorf("request %s is closed %d times", request, len(of))
		}
	}
	t.Logf("%d calls were answered in %d rounds; %d requests are on record", len(l.answered), rounds, len(closed))
}

// tear leaves half a record at the journal's end, as a crash in the middle of a write does, and sees it set aside.
func (s site) tear(t *testing.T) {
	t.Helper()
	segments, err := harness.Segments(s.journal())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(segments[len(segments)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"seq":99,"prev":"abcdef","time":"20`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if out := s.verify(t); out.Code != 0 || !strings.Contains(out.Stdout, "torn (36 bytes)") {
		t.Errorf("with a torn tail audit verify ends with %d:\n%s", out.Code, out.Stdout)
	}
	stop(t, s.start(t))
	s.verifies(t)
	records, err := harness.Journal(s.journal())
	if err != nil {
		t.Fatal(err)
	}
	notes := 0
	for _, r := range records {
		if r.Phase == "note" && strings.Contains(r.Detail, "torn line") && strings.Contains(r.Detail, "36 bytes") {
			notes++
		}
	}
	if notes != 1 {
		t.Errorf("%d records tell of the torn tail, want 1", notes)
	}
}

func TestServer_KilledTakesTheEngineAlong(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	server := s.start(t)
	w := worker(t, server)
	server.Kill()
	until(t, "the engine's worker has ended", func() bool { _, alive := harness.FindProcess(w.PID); return !alive })
}

func TestAuditVerify_FindsAFlippedByteAndNamesItsPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"metrics.python": filepath.Join(t.TempDir(), "none"), "audit.max_segment_bytes": 64 << 10})
	key := s.key(t, "analyst")
	server := s.start(t)
	c := connect(t, server.URL, key, harness.Modern)
	for range 300 {
		if _, err := c.Tool(t.Context(), "echo", map[string]any{"text": "x"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	stop(t, server)
	s.verifies(t)
	segments, err := harness.Segments(s.journal())
	if err != nil || len(segments) < 2 {
		t.Fatalf("%d segments (%v); the test wants several", len(segments), err)
	}
	for range 25 {
		segment := segments[rand.IntN(len(segments))]
		whole, err := os.ReadFile(segment)
		if err != nil {
			t.Fatal(err)
		}
		// The very last line is left alone: what is not JSON there may as well be torn by a crash as altered.
		within := len(whole)
		if segment == segments[len(segments)-1] {
			within = strings.LastIndex(strings.TrimSuffix(string(whole), "\n"), "\n") + 1
		}
		at := rand.IntN(within)
		line := 1 + strings.Count(string(whole[:at]), "\n")
		flipped := append([]byte{}, whole...)
		flipped[at] ^= 1 << rand.IntN(8)
		if err := os.WriteFile(segment, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		place := fmt.Sprintf("segment %s, line %d,", filepath.Base(segment), line)
		if out := s.verify(t); out.Code != 1 || !strings.Contains(out.Stdout, "NOT WHOLE: "+place) {
			t.Errorf("byte %d of %s was %q and is %q; want it found at %s; audit verify ended with %d:\n%s",
				at, filepath.Base(segment), whole[at], flipped[at], place, out.Code, out.Stdout)
		}
		if err := os.WriteFile(segment, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.verifies(t)
	// A line that is taken out, and a whole segment, are found as well.
	first, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(first), "\n")
	if err := os.WriteFile(segments[0], []byte(strings.Join(append(lines[:1:1], lines[2:]...), "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := s.verify(t); out.Code != 1 || !strings.Contains(out.Stdout, "line 2,") {
		t.Errorf("a line is missing; audit verify ended with %d:\n%s", out.Code, out.Stdout)
	}
	if err := os.Remove(segments[0]); err != nil {
		t.Fatal(err)
	}
	if out := s.verify(t); out.Code != 1 || !strings.Contains(out.Stdout, "NOT WHOLE") {
		t.Errorf("a segment is missing; audit verify ended with %d:\n%s", out.Code, out.Stdout)
	}
}
