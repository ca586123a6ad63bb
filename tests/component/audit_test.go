package component_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// What cannot be recorded is not done, and what has been read is not told.
func TestAudit_WithoutItNothingIsDone(t *testing.T) {
	t.Parallel()
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			w, p := y.open(t, func(c *config.Config) { c.Audit.MaxSegmentBytes = 1 })
			listed(t, p)
			w.breakJournal(t)
			for tool, want := range map[string]string{"fixture_changes": "audit.broken", "echo": "audit.broken", "absent": "tool.unknown"} {
				c := call(t, p, tool, map[string]any{"text": "canary"})
				if c.failure.Code != want || strings.Contains(c.text, "canary") {
					t.Errorf("%s answered %s", tool, c.text)
				}
			}
			if times, _ := w.tools.changed(); times != 0 {
				t.Errorf("the change was made %d times without a record", times)
			}
			if log := w.log.String(); !strings.Contains(log, `"audit.lost"`) || !strings.Contains(log, "file exists") {
				t.Errorf("the operator's log does not say that records are lost, and why:\n%s", log)
			}
		})
	}
}

func TestAudit_ABrokenJournalMakesTheServerUnready(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *config.Config) { c.Audit.MaxSegmentBytes = 1 })
	if status, body := get(t, w.admin+"/readyz"); status != http.StatusOK {
		t.Fatalf("before: HTTP %d %s", status, body)
	}
	w.breakJournal(t)
	status, _, body := send(t, w.post(t, echo("canary", "")))
	if !strings.Contains(body, "audit.broken") || strings.Contains(body, "canary") {
		t.Errorf("HTTP %d %s", status, body)
	}
	r := w.post(t, echo("canary", ""))
	r.Header.Del("Authorization")
	if status, _, body := send(t, r); status != http.StatusServiceUnavailable || !strings.Contains(body, "audit.broken") {
		t.Errorf("a refusal that cannot be recorded: HTTP %d %s", status, body)
	}
	status, body = get(t, w.admin+"/readyz")
	var ready struct {
		Ready  bool
		Checks map[string]string
	}
	if err := json.Unmarshal([]byte(body), &ready); err != nil {
		t.Fatal(err)
	}
	for name, state := range ready.Checks {
		if (name == "audit") == (state == "ok") {
			t.Errorf("%s is %q", name, state)
		}
	}
	if status != http.StatusServiceUnavailable || ready.Ready || ready.Checks["audit"] == "" || ready.Checks["database"] == "" {
		t.Errorf("HTTP %d %s", status, body)
	}
	if status, body := get(t, w.admin+"/livez"); status != http.StatusOK {
		t.Errorf("/livez: HTTP %d %s", status, body)
	}
	if status, body := get(t, strings.TrimSuffix(w.url, "/mcp")+"/health"); status != http.StatusOK || body != "{\"status\":\"ok\"}\n" {
		t.Errorf("/health: HTTP %d %s", status, body)
	}
}

// Nobody can fill the disk without a key: what is refused beyond 60 times a minute is counted, and the count recorded.
func TestAudit_CountsAFloodOfStrangers(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	const flood, kept = 100, 60
	w.key = "none"
	for range flood {
		if status, _, body := send(t, w.post(t, echo("hello", ""))); status != http.StatusUnauthorized {
			t.Fatalf("HTTP %d %s", status, body)
		}
	}
	w.stop()
	var closed, counted int64
	for _, r := range w.requests(t) {
		if r.Phase == audit.Closed {
			closed++
		}
		counted += r.Count
	}
	if closed+counted != flood || closed < kept || counted == 0 {
		t.Errorf("of %d refusals %d are on record and %d counted", flood, closed, counted)
	}
}

// The journal is whole while it is written, and after the server has gone.
func TestAudit_VerifiesWhileServingAndAfter(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *config.Config) { c.Audit.MaxSegmentBytes = 4096 })
	for range 20 {
		if status, _, body := send(t, w.post(t, echo("hello", ""))); status != http.StatusOK {
			t.Fatalf("HTTP %d %s", status, body)
		}
	}
	for _, when := range []string{"while serving", "after"} {
		report, err := auditlog.Verify(t.Context(), w.journal, auditlog.Trust{}, nil)
		if err != nil || report.Bad != nil || report.Segments < 2 || report.Records < 21 || report.OpenIntents != 0 {
			t.Errorf("%s: %+v, %v", when, report, err)
		}
		w.stop()
	}
}
