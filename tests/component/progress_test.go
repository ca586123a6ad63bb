package component_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

// following calls the tool that ends when the test lets it.
func following(y way, stage string) string {
	meta := `"progressToken":"` + stage + `"`
	if y.era == harness.Modern {
		meta += `,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}`
	}
	return `{"jsonrpc":"2.0","id":"` + stage + `","method":"tools/call","params":{"name":"fixture_follows","arguments":{"stage":"` + stage + `"},"_meta":{` + meta + `}}}`
}

// A client hears how far its call is while the call runs, in whatever way it has asked, and then the answer.
func TestProgress_IsHeardWhileTheCallRuns(t *testing.T) {
	t.Parallel()
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			w, p := y.open(t, nil)
			listed(t, p) // a session, where the way has them
			var lines func() string
			if pipe, ok := p.(*wire); ok {
				heard := pipe.overhear()
				pipe.say(t, following(y, "a"))
				lines = func() string { return <-heard }
			} else {
				lines = w.follow(t, p.(*harness.Client), y)
			}
			for i := 1; i <= 2; i++ {
				if want, got := fmt.Sprintf(`{"progressToken":"a","progress":%d,"message":"a"}`, i), lines(); !strings.Contains(got, want) {
					t.Errorf("heard %s, want %s", got, want)
				}
			}
			w.tools.release <- struct{}{}
			for line := lines(); ; line = lines() {
				if strings.Contains(line, "followed a") {
					break
				}
				if !strings.Contains(line, "notifications/progress") { // as many as the machine has time for
					t.Fatalf("heard %s", line)
				}
			}
		})
	}
}

// follow posts the call and gives what it streams, event by event.
func (w *world) follow(t *testing.T, c *harness.Client, y way) func() string {
	t.Helper()
	r := w.post(t, following(y, "a"))
	r.Header.Set("Mcp-Protocol-Version", string(y.era))
	r.Header.Set("Mcp-Method", "tools/call")
	r.Header.Set("Mcp-Name", "fixture_follows")
	if sid := c.Session(); sid != "" {
		r.Header.Set("Mcp-Session-Id", sid)
	}
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if media := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || media != "text/event-stream" {
		t.Fatalf("HTTP %d, %s", response.StatusCode, media)
	}
	lines := bufio.NewScanner(response.Body)
	return func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && data != "" { // one without data only names itself
				if !json.Valid([]byte(data)) {
					t.Errorf("an event is no JSON: %s", data)
				}
				return data
			}
		}
		t.Fatalf("the stream has ended: %v", lines.Err())
		return ""
	}
}
