package mcpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// lastEvent is the id that the client of a stream comes back with.
func (h *heard) lastEvent() (id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for line := range strings.Lines(h.Body.String()) {
		if found, ok := strings.CutPrefix(strings.TrimSpace(line), "id: "); ok {
			id = found
		}
	}
	return id
}

// resume comes back for the rest of a stream, and waits for the end of it.
func (w *world) resume(t *testing.T, who, sid, event string) *heard {
	t.Helper()
	h := w.ask(t.Context(), http.MethodGet, "", "X-Test-Who", who, "Mcp-Session-Id", sid, "Last-Event-ID", event)
	<-h.done
	return h
}

// A client whose connection broke has cancelled nothing: the call goes on, once, and the rest of what it says is there for
// whoever comes back.
func TestResume_ACallGoesOnWithoutItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		sid := w.session(t, "a")
		w.taken()
		ctx, leave := context.WithCancel(t.Context())
		h := w.ask(ctx, http.MethodPost, working(false, `"progressToken":"p"`), "X-Test-Who", "a", "Mcp-Session-Id", sid)
		elapse(t, 1500*time.Millisecond)
		leave()
		elapse(t, 100*time.Millisecond)
		if len(w.taken()) != 0 {
			t.Error("the call ended with its client")
		}
		event := h.lastEvent()
		rest := w.resume(t, "a", sid, event) // while it runs
		if diff := cmp.Diff(followed(`"p"`)[1:], messages(t, rest.Body.String())); diff != "" {
			t.Errorf("the rest (-want +got):\n%s", diff)
		}
		<-h.done
		if diff := cmp.Diff(followed(`"p"`)[:1], messages(t, h.Body.String())); diff != "" {
			t.Errorf("what came before (-want +got):\n%s", diff)
		}
		again := w.resume(t, "a", sid, event) // when it is over
		if again.Body.String() != rest.Body.String() {
			t.Errorf("once more: %s", again.Body)
		}
		closed := 0
		for _, r := range w.taken() {
			if r.Phase == audit.Closed && r.Method == "tools/call" && r.Outcome == audit.OK {
				closed++
			}
		}
		if closed != 1 {
			t.Errorf("the call is on record %d times", closed)
		}
		elapse(t, 3*time.Minute)
		if late := w.resume(t, "a", sid, event); late.Code != http.StatusBadRequest || !strings.Contains(late.Body.String(), "mcp.event_unknown") {
			t.Errorf("much later: HTTP %d %s", late.Code, late.Body)
		}
	})
}

// What a client has not been told the name of it cannot come back for: then leaving is cancelling.
func TestResume_ACallThatHasNotBegunToSpeakEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		sid := w.session(t, "a")
		w.taken()
		ctx, leave := context.WithCancel(t.Context())
		h := w.ask(ctx, http.MethodPost, waiting("1", "waits", noMeta), "X-Test-Who", "a", "Mcp-Session-Id", sid)
		elapse(t, 500*time.Millisecond)
		leave()
		<-h.done
		if r := w.taken(); len(r) != 1 || r[0].Outcome != "canceled" {
			t.Errorf("on record: %+v", r)
		}
	})
}

func TestResume_IsForTheSessionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		sids := map[string]string{"a": w.session(t, "a"), "again": w.session(t, "a"), "b": w.session(t, "b")}
		h := w.ask(t.Context(), http.MethodPost, working(false, `"progressToken":"p"`), "X-Test-Who", "a", "Mcp-Session-Id", sids["a"])
		elapse(t, 1100*time.Millisecond)
		event := h.lastEvent()
		for name, c := range map[string]struct {
			who, sid, event string
			status          int
		}{
			"another principal":                       {"b", sids["b"], event, 400},
			"another principal in the session":        {"b", sids["a"], event, 404},
			"the same principal from another session": {"a", sids["again"], event, 400},
			"an event that is still to come":          {"a", sids["a"], strings.TrimSuffix(event, "1") + "5", 400},
		} {
			if got := w.resume(t, c.who, c.sid, c.event); got.Code != c.status {
				t.Errorf("%s: HTTP %d %s", name, got.Code, got.Body)
			}
		}
		<-h.done
		if diff := cmp.Diff(followed(`"p"`), messages(t, h.Body.String())); diff != "" {
			t.Errorf("the owner's stream (-want +got):\n%s", diff)
		}
	})
}

// What ends a call whose client has left.
func TestResume_ACallWithoutItsClientHasItsEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end func(t *testing.T, w *world, sid string, revoke context.CancelCauseFunc)
		is  string
	}{
		"a cancellation": {func(t *testing.T, w *world, sid string, _ context.CancelCauseFunc) {
			t.Helper()
			w.post(t, cancelled("1", noMeta), "X-Test-Who", "a", "Mcp-Session-Id", sid)
		}, "canceled"},
		"the end of the session": {func(t *testing.T, w *world, sid string, _ context.CancelCauseFunc) {
			t.Helper()
			<-w.ask(t.Context(), http.MethodDelete, "", "X-Test-Who", "a", "Mcp-Session-Id", sid).done
		}, "canceled"},
		"the end of the credential": {func(_ *testing.T, _ *world, _ string, revoke context.CancelCauseFunc) {
			revoke(fault.ErrCanceled)
		}, "canceled"},
		"its deadline": {func(t *testing.T, _ *world, _ string, _ context.CancelCauseFunc) {
			t.Helper()
			elapse(t, 2*time.Minute)
		}, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				sid := w.session(t, "a")
				ends, revoke := context.WithCancelCause(t.Context())
				defer revoke(nil)
				w.ends = ends
				ctx, leave := context.WithCancel(t.Context())
				h := w.ask(ctx, http.MethodPost, waiting("1", "waits", noMeta), "X-Test-Who", "a", "Mcp-Session-Id", sid)
				elapse(t, 2*time.Second)
				leave()
				elapse(t, time.Second)
				w.taken()
				c.end(t, w, sid, revoke)
				<-h.done
				found := ""
				for _, r := range w.taken() {
					if r.Method == "tools/call" {
						found += r.Outcome
					}
				}
				if found != c.is {
					t.Errorf("on record: %q", found)
				}
			})
		})
	}
}

// A tool lets go of its client, which comes back for the answer; where the client could not, the connection stays.
func TestDetach_LetsTheClientComeBack(t *testing.T) {
	detaches := bare("detaches", func(ctx context.Context) (tool.Result, error) {
		detached := tool.Detach(ctx)
		pause, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		<-pause.Done()
		if detached {
			return tool.Result{Text: "detached"}, nil
		}
		return tool.Result{Text: "stayed"}, nil
	})
	for name, c := range map[string]struct {
		revision, accept, says string
		resumes                bool
	}{
		"2025-11-25":            {"2025-11-25", bothTypes, "detached", true},
		"an older revision":     {"2025-06-18", bothTypes, "stayed", false},
		"one that wants a body": {"2025-11-25", "application/json", "stayed", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldWith(t, "", detaches)
				_, header, _ := w.post(t, strings.Replace(initialize, "2025-11-25", c.revision, 1), "X-Test-Who", "a")
				sid := header.Get("Mcp-Session-Id")
				h := w.ask(t.Context(), http.MethodPost, waiting("1", "detaches", noMeta), "X-Test-Who", "a", "Mcp-Session-Id", sid, "Accept", c.accept)
				<-h.done
				text := h.Body.String()
				if c.resumes {
					if len(messages(t, text)) != 0 {
						t.Errorf("the first stream says %s", text)
					}
					text = w.resume(t, "a", sid, h.lastEvent()).Body.String()
				}
				if !strings.Contains(text, c.says) || !strings.Contains(text, `"id":1`) {
					t.Errorf("answered %s", text)
				}
			})
		})
	}
}
