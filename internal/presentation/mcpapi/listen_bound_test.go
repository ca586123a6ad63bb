package mcpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/feed"
)

// The record says that it was the limit, so that it does not count as a malformed request.
func TestStreams_BeyondTheRateAreRefusedByTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sid := w.session(t, "a")
	w.limit = fault.New(fault.Exhausted, "limit.rate", "Slow down.")
	for _, path := range []string{"/mcp", "/sse"} {
		w.taken()
		rw := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		for name, value := range map[string]string{"Accept": "text/event-stream", "X-Test-Who": "a", "Mcp-Session-Id": sid} {
			r.Header.Set(name, value)
		}
		w.ServeHTTP(rw, r)
		if rw.Code != http.StatusTooManyRequests || !strings.Contains(rw.Body.String(), "limit.rate") {
			t.Errorf("%s: HTTP %d %s", path, rw.Code, rw.Body)
		}
		if records := w.taken(); len(records) != 1 || records[0].Outcome != "limit.rate" || records[0].DeniedBy != audit.ByLimit {
			t.Errorf("%s: on record %+v", path, records)
		}
	}
}

// However many resources a client wants to know of, no more are looked at, and acknowledged, than it can be subscribed to.
func TestListen_LooksAtNoMoreResourcesThanItCanTellOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		h := w.listens(ctx, t, true, "a", slices.Repeat([]string{"doc://guide"}, 10*feed.MostURIs)...)
		lines := h.lines()
		if len(lines) != 1 {
			t.Fatalf("%d messages", len(lines))
		}
		if n := strings.Count(lines[0], `"doc://guide"`); n == 0 || n > feed.MostURIs {
			t.Errorf("%d resources are acknowledged", n)
		}
		cancel()
		<-h.done
	})
}
