package hostile_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/auditapp"
	"github.com/steward-mcp/steward/internal/domain/audit"
)

// told holds what the log of a process says of security events against the journal: of everything that was refused since it
// began, nothing was missed, and nothing made up. Every attack of these tests is thus one that operators hear of.
func (s *site) told(t *testing.T, log string, since time.Time) {
	t.Helper()
	want := map[auditapp.Event]int64{}
	for _, r := range s.records(t) {
		if event := auditapp.EventOf(r); event != "" && r.Time.After(since) && (r.Phase == audit.Closed || r.Phase == audit.Counted) {
			want[event] += max(1, r.Count)
		}
	}
	got := map[auditapp.Event]int64{}
	for line := range strings.Lines(log) {
		var said struct {
			Msg   string
			Event auditapp.Event
			Count int64
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			continue // which orderly complains of
		}
		switch said.Event {
		case auditapp.Redacted, auditapp.NewAddress, auditapp.Burst: // of these no record tells
		default:
			if strings.HasPrefix(said.Msg, "security event") {
				got[said.Event] += max(1, said.Count)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("security events (-in the journal +in the log):\n%s", diff)
	}
}
