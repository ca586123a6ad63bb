package hostile_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

const mib = 1 << 20

// resident is what of a process lies in memory, in bytes. It needs /proc.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(kib)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// Sessions that are begun and never used, by one who does nothing else, cost a bounded amount of memory, whatever each
// of them says of its client; and those of others live on.
func TestMemory_AbandonedSessionsDoNotPileUp(t *testing.T) {
	t.Parallel()
	const (
		small, large  = 20_000, 300 // initializes
		mostAfterward = 160 * mib   // of growth; what the large ones say of themselves is twice as much
	)
	at := newSite(t, built.plain)
	greedy, modest := at.key(t, "greedy"), at.key(t, "modest")
	s := at.start(t)
	session := s.begin(t, modest)
	hello := func(client string) []byte {
		return []byte(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"experimental":{"` +
			client + `":{}}},"clientInfo":{"name":"` + client + `","version":"1"}}}`)
	}
	flood(t, s, greedy, 500, hello("t"))
	before := resident(t, s.PID())
	flood(t, s, greedy, small, hello("t"))
	flood(t, s, greedy, large, hello(strings.Repeat("x", mib/2)))
	flood(t, s, greedy, 2000, hello("t")) // so that what is garbage has been collected
	if grown := resident(t, s.PID()) - before; grown > mostAfterward {
		t.Errorf("the server grew by %d MiB", grown/mib)
	}
	c := harness.NewClient(s.URL, modest, harness.Legacy)
	defer c.Close()
	if _, status, _, err := c.Post(t.Context(), []byte(list), map[string]string{"Mcp-Session-Id": session}); err != nil || status != 200 {
		t.Errorf("the session of somebody else is gone: HTTP %d, %v", status, err)
	}
}

// flood posts a message as often as told, eight at a time.
func flood(t *testing.T, s *server, key string, times int, message []byte) {
	t.Helper()
	var left atomic.Int64
	left.Store(int64(times))
	c := harness.NewClient(s.URL, key, harness.Legacy)
	defer c.Close()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if answer, status, _, err := c.Post(t.Context(), message, nil); err != nil || status != 200 {
					t.Errorf("HTTP %d, %v: %.200s", status, err, answer)
					return
				}
			}
		})
	}
	all.Wait()
}
