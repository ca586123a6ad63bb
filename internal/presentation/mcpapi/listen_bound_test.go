package mcpapi_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/steward-mcp/steward/internal/presentation/feed"
)

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
