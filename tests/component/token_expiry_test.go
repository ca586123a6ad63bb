package component_test

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

// What began under an access token does not outlive it: neither a stream that is open nor a call that runs.
func TestTokens_NothingRunsOnBeyondTheirTime(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	w := serve(t, func(c *config.Config) {
		i.configure(c)
		c.Auth.ClockSkew = 0
	})
	for name, c := range map[string]struct{ body, tool string }{
		"a call that streams": {following(way{era: harness.Modern}, "a"), "fixture_follows"},
		"a call that waits":   {strings.ReplaceAll(following(way{era: harness.Modern}, "b"), "fixture_follows", "fixture_waits"), "fixture_waits"},
	} {
		expires := time.Now().Add(3 * time.Second).Truncate(time.Second)
		subject := strings.ReplaceAll(name, " ", "-")
		token := i.token(t, nil, map[string]any{"sub": subject, "exp": expires.Unix()})
		before := len(w.requests(t))
		r := w.post(t, c.body)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Mcp-Name", c.tool)
		response, err := client(t).Do(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.tool == "fixture_follows" && !bufio.NewScanner(response.Body).Scan() {
			t.Errorf("%s: nothing is streamed", name)
		}
		_, _ = io.Copy(io.Discard, response.Body) // until it ends
		ended := time.Now()
		if late := ended.Sub(expires); late < 0 || late > 5*time.Second {
			t.Errorf("%s: ended %s after the token", name, late)
		}
		_ = response.Body.Close()
		told := func(r audit.Record) bool {
			return r.Actor == i.URL+":"+subject && r.Phase == audit.Closed && r.Outcome == "canceled"
		}
		eventually(t, "the record", func() bool { return slices.ContainsFunc(w.newest(t, before), told) })
		again := w.post(t, echo("hello", ""))
		again.Header.Set("Authorization", "Bearer "+token)
		if status, _, body := send(t, again); status != http.StatusUnauthorized {
			t.Errorf("%s: the token after its time: HTTP %d: %s", name, status, body)
		}
	}
	if log := w.log.String(); !strings.Contains(log, "their credential holds no more") || !strings.Contains(log, i.URL+":a-call-that-waits") {
		t.Errorf("the log does not say whose requests were ended:\n%s", log)
	}
}
