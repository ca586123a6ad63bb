package hostile_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// A stop waits for what runs no longer than it was told, whoever else holds a connection, and what it cuts off has its
// outcome on record.
func TestStop_LeavesNoRequestWithoutItsRecord(t *testing.T) {
	t.Parallel()
	const changes = 6
	at := newSite(t, built.race) // which waits for a second
	provider := at.thinks(t)
	key := at.key(t, "hasty")
	s := at.start(t)
	for i, begun := range []string{"", "POST /mcp HTTP/1.1\r\n", "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key + "\r\n" + jsonType + "\r\nContent-Length: 9\r\n\r\n{"} {
		for range 10 {
			if _, err := io.WriteString(s.dial(t, fmt.Sprintf("127.0.0.%d", 2+i)), begun); err != nil {
				t.Fatal(err)
			}
		}
	}
	var all sync.WaitGroup
	for range changes {
		all.Go(func() {
			_, _, _, _ = exchange(t.Context(), s, key, toolHeaders("claude_conversation"), modernCall(`"claude_conversation"`, `{"message":"Think."}`))
		})
		<-provider.asked
	}
	begun := time.Now()
	if err := s.Stop(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("the stop took %s", took)
	}
	all.Wait()
	intents, outcomes := map[string]bool{}, map[string]int{}
	for _, r := range at.records(t) {
		switch {
		case r.Target != "tool:claude_conversation" && !strings.HasPrefix(r.Outcome, "http."):
		case r.Phase == audit.Intent:
			intents[r.Request] = true
		case r.Phase == audit.Closed:
			outcomes[r.Outcome]++
			delete(intents, r.Request)
		}
	}
	if len(intents) != 0 || outcomes["canceled"] != changes || outcomes["http.body_unread"] != 10 {
		t.Errorf("intents without outcome: %v; outcomes %v", intents, outcomes)
	}
}
