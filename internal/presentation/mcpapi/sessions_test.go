package mcpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

const listTools = `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`

// Whoever begins sessions without end loses the oldest of their own, and drives out nobody else's.
func TestSessions_AreBoundedForEachPrincipal(t *testing.T) {
	w := newWorld(t)
	theirs := w.session(t, "modest")
	first := w.session(t, "greedy")
	used := w.session(t, "greedy")
	for range 1_100 { // more than one principal may have
		w.session(t, "greedy")
		w.taken()
		if status, _, _ := w.post(t, listTools, "X-Test-Who", "greedy", "Mcp-Session-Id", used); status != http.StatusOK {
			t.Fatalf("a session in use: HTTP %d", status)
		}
	}
	for name, c := range map[string]struct {
		who, session string
		status       int
	}{
		"of somebody else":      {"modest", theirs, http.StatusOK},
		"in use":                {"greedy", used, http.StatusOK},
		"unused for longest":    {"greedy", first, http.StatusNotFound},
		"the newest, elsewhere": {"modest", used, http.StatusNotFound},
	} {
		if status, _, _ := w.post(t, listTools, "X-Test-Who", c.who, "Mcp-Session-Id", c.session); status != c.status {
			t.Errorf("%s: HTTP %d, want %d", name, status, c.status)
		}
	}
}

// What a client says of itself is on record as a short name, however much it says.
func TestSessions_KeepAShortName(t *testing.T) {
	w := newWorld(t)
	long := strings.Replace(initialize, `"name":"t"`, `"name":"`+strings.Repeat("n", 100_000)+`"`, 1)
	_, header, _ := w.post(t, long, "X-Test-Who", "a")
	w.post(t, listTools, "X-Test-Who", "a", "Mcp-Session-Id", header.Get("Mcp-Session-Id"))
	for _, r := range w.taken() {
		if r.Client != strings.Repeat("n", 128) {
			t.Errorf("%s is on record as of %q", r.Method, r.Client)
		}
	}
}
