package component_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

const chosen = "Chosen-by_the-operator-0123456789"

// keyed lets in the holder of a configured key.
func keyed(c *config.Config) {
	c.Compat = config.Compat{Persona: "caller", APIKey: config.NewSecret(chosen)}
}

// The configured key is told apart from others by nothing but that it holds, and is told to nobody.
func TestStaticKey_HoldsAndTheRestIsRefusedAlike(t *testing.T) {
	t.Parallel()
	w := serve(t, keyed)
	want := w.refused(t, "")
	if want.Status != http.StatusUnauthorized {
		t.Errorf("without a key: %+v", want)
	}
	for _, key := range []string{chosen + "x", chosen[1:], strings.ToUpper(chosen), "stw_" + chosen, "key:compat", "compat"} {
		if diff := cmp.Diff(want, w.refused(t, key)); diff != "" {
			t.Errorf("%q is told apart (-want +got):\n%s", key, diff)
		}
	}
	before := len(w.requests(t))
	r := w.post(t, echo("hello", ""))
	r.Header.Set("Authorization", "Bearer "+chosen)
	if status, _, body := send(t, r); status != http.StatusOK {
		t.Errorf("HTTP %d: %s", status, body)
	}
	for _, r := range w.newest(t, before) {
		if r.Actor != "key:compat" {
			t.Errorf("on record: %+v", r)
		}
	}
	if before == len(w.requests(t)) || strings.Contains(w.log.String(), chosen) {
		t.Errorf("the call is not on record, or the log holds the key:\n%s", w.log)
	}
	for _, header := range []string{"Basic " + chosen, chosen, "Bearer"} {
		r := w.post(t, echo("hello", ""))
		r.Header.Set("Authorization", header)
		if status, _, _ := send(t, r); status != http.StatusUnauthorized {
			t.Errorf("%q: HTTP %d", header, status)
		}
	}
}

func TestStaticKey_EndsWithItsConfiguration(t *testing.T) {
	t.Parallel()
	c := configured(t, keyed)
	w := serveConfigured(t, c)
	w.stop()
	c.Compat.APIKey = config.Secret{}
	w = serveRestarted(t, c)
	if got := w.refused(t, chosen); got.Status != http.StatusUnauthorized {
		t.Errorf("after it was taken away: HTTP %d", got.Status)
	}
}

// With a suffix nothing but names changes: the policy, which speaks of plain ones, holds, and so does the record.
func TestToolSuffix_RenamesWhatClientsSeeAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			w, p := y.open(t, func(c *config.Config) { c.ToolSuffix = "_tool" })
			names := listed(t, p)
			if slices.ContainsFunc(names, func(n string) bool { return !strings.HasSuffix(n, "_tool") }) ||
				!slices.Contains(names, "echo_tool") || slices.Contains(names, "fixture_hidden_tool") {
				t.Errorf("listed are %v", names)
			}
			before := len(w.requests(t))
			if c := call(t, p, "echo_tool", map[string]any{"text": "hello"}); c.result.Text() != "hello" {
				t.Errorf("echo_tool: %s", c.text)
			}
			c := call(t, p, "whoami_tool", map[string]any{})
			var me struct{ Tools []string }
			if err := harness.Decode(c.result.Structured, &me); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(names, me.Tools); diff != "" {
				t.Errorf("whoami tells of other tools than tools/list (-list +whoami):\n%s", diff)
			}
			unknown := call(t, p, "nothing_tool", map[string]any{})
			for _, name := range []string{"echo", "whoami", "fixture_hidden", "fixture_hidden_tool", "echo_tool_tool", "_tool"} {
				if c := call(t, p, name, map[string]any{"text": "hello"}); c.failure.Code != unknown.failure.Code || c.failure.Message != unknown.failure.Message {
					t.Errorf("%s: %s, want %s", name, c.text, unknown.text)
				}
			}
			done := map[string]int{}
			for _, r := range w.newest(t, before) {
				if r.Phase == audit.Closed && r.Outcome == audit.OK && r.Method == "tools/call" {
					done[r.Target]++
				}
			}
			if diff := cmp.Diff(map[string]int{"tool:echo": 1, "tool:whoami": 1}, done); diff != "" {
				t.Errorf("done by the record (-want +got):\n%s", diff)
			}
		})
	}
}
