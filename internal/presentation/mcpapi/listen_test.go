package mcpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/changes"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/session"
)

// heard is a response that a test reads while it is written.
type heard struct {
	*httptest.ResponseRecorder
	mu   sync.Mutex
	done chan struct{} // closed when the handler has returned
}

func (h *heard) Write(data []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ResponseRecorder.Write(data)
}

// lines are the messages so far, the tags and the requests' own ids left out.
func (h *heard) lines() (lines []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for line := range strings.Lines(h.Body.String()) {
		if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok {
			lines = append(lines, data)
		}
	}
	return lines
}

// methods are the notifications so far, with their URIs.
func (h *heard) methods(t *testing.T) (methods []string) {
	t.Helper()
	for _, line := range h.lines() {
		var m struct {
			Method string
			Params struct{ URI string }
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if m.Method != "" {
			methods = append(methods, strings.TrimSpace(strings.TrimPrefix(m.Method, "notifications/")+" "+m.Params.URI))
		}
	}
	return methods
}

// ask sends a request and goes on.
func (w *world) ask(ctx context.Context, method, body string, headers ...string) *heard {
	h := &heard{ResponseRecorder: httptest.NewRecorder(), done: make(chan struct{})}
	r := httptest.NewRequestWithContext(ctx, method, "/mcp", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", bothTypes)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	go func() {
		defer close(h.done)
		w.ServeHTTP(h, r)
	}()
	synctest.Wait()
	return h
}

// listens opens a stream of who, in either era, that wants to know everything, and of the given resources.
func (w *world) listens(ctx context.Context, t *testing.T, modern bool, who string, uris ...string) *heard {
	t.Helper()
	if modern {
		filter, _ := json.Marshal(map[string]any{
			"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": uris,
		})
		body := `{"jsonrpc":"2.0","id":9007199254740993,"method":"subscriptions/listen","params":{"notifications":` + string(filter) + `,` + modernMeta + `}}`
		return w.ask(ctx, http.MethodPost, body, "X-Test-Who", who, "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen")
	}
	sid := w.session(t, who)
	for _, uri := range uris {
		w.post(t, `{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"`+uri+`"}}`, "X-Test-Who", who, "Mcp-Session-Id", sid)
	}
	return w.ask(ctx, http.MethodGet, "", "X-Test-Who", who, "Mcp-Session-Id", sid)
}

func (w *world) hide(name string, hidden bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hidden[name] = hidden
}

var guideChanged = changes.Change{Content: func(uri string) bool { return strings.HasPrefix(uri, "doc://") || strings.HasPrefix(uri, "word://") }}

// eras runs a test in both eras.
func eras(t *testing.T, test func(t *testing.T, modern bool)) {
	t.Helper()
	for _, modern := range []bool{false, true} {
		t.Run(map[bool]string{false: "2025-11-25", true: "2026-07-28"}[modern], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, modern) })
		})
	}
}

// elapse lets time pass.
func elapse(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-ctx.Done()
	synctest.Wait()
}

func told(t *testing.T, h *heard, modern bool, want ...string) {
	t.Helper()
	synctest.Wait()
	if modern {
		want = append([]string{"subscriptions/acknowledged"}, want...)
	}
	if diff := cmp.Diff(want, h.methods(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestListen_TellsOfChanges(t *testing.T) {
	eras(t, func(t *testing.T, modern bool) { //nolint:thelper // it is the test
		w := newWorld(t)
		ctx, leave := context.WithCancel(t.Context())
		h := w.listens(ctx, t, modern, "a", "doc://guide", "word://x")
		w.changes.Announce(changes.Change{Tools: true})
		synctest.Wait()
		w.changes.Announce(changes.Change{Prompts: true, Resources: true})
		synctest.Wait()
		w.changes.Announce(changes.Change{Content: func(uri string) bool { return uri == "word://x" }})
		told(t, h, modern, "tools/list_changed", "prompts/list_changed", "resources/list_changed", "resources/updated word://x")
		for _, line := range h.lines() {
			if strings.Contains(line, `"_meta":{"io.modelcontextprotocol/subscriptionId":9007199254740993}`) != modern {
				t.Errorf("a message is tagged wrongly: %s", line)
			}
		}
		leave()
		<-h.done
	})
}

// What the client did not ask for, and what is not there or not its own to read, is told of by nobody; the two look the same.
func TestListen_TellsNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.hide("doc://secret", true)
		w.hide("dark", true)
		ctx, leave := context.WithCancel(t.Context())
		body := `{"jsonrpc":"2.0","id":"l","method":"subscriptions/listen","params":{"notifications":{"promptsListChanged":true,
			"resourceSubscriptions":["doc://guide","doc://gone","doc://secret","word://dark","word://none","doc://broken"]},` + modernMeta + `}}`
		h := w.ask(ctx, http.MethodPost, body, "X-Test-Who", "a", "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "subscriptions/listen")
		want := `"params":{"notifications":{"promptsListChanged":true,"resourceSubscriptions":["doc://guide"]},"_meta":{"io.modelcontextprotocol/subscriptionId":"l"}}`
		if lines := h.lines(); len(lines) != 1 || !strings.Contains(lines[0], want) {
			t.Errorf("acknowledged %v", lines)
		}
		w.changes.Announce(changes.Change{Tools: true, Resources: true, Content: func(string) bool { return true }})
		told(t, h, true, "resources/updated doc://guide")
		leave()
		<-h.done
	})
}

func TestSubscribe_LooksAsReadingDoes(t *testing.T) {
	w := newWorld(t)
	w.hide("doc://secret", true)
	w.hide("dark", true)
	sid := w.session(t, "a")
	w.taken()
	ask := func(method, uri string) map[string]any {
		_, _, answer := w.post(t, `{"jsonrpc":"2.0","id":2,"method":"`+method+`","params":{"uri":"`+uri+`"}}`, "X-Test-Who", "a", "Mcp-Session-Id", sid)
		return answer
	}
	for _, uri := range []string{"doc://gone", "doc://secret", "word://dark", "word://none"} {
		read, subscribed := ask("resources/read", uri), ask("resources/subscribe", uri)
		if code(subscribed) != -32002 || masked(read) != masked(subscribed) {
			t.Errorf("%s: read %v, subscribed %v", uri, read, subscribed)
		}
	}
	for _, method := range []string{"resources/subscribe", "resources/subscribe", "resources/unsubscribe", "resources/unsubscribe"} {
		if answer := ask(method, "doc://guide"); len(result(t, answer)) != 0 {
			t.Errorf("%s: %v", method, answer)
		}
	}
	records := w.taken()
	if len(records) != 12 {
		t.Errorf("%d records", len(records))
	}
	for _, r := range records[8:10] {
		if r.Action != "resource.read" || r.Target != "resource:doc://guide" || r.Outcome != audit.OK || r.Method != "resources/subscribe" {
			t.Errorf("on record: %+v", r)
		}
	}
	for i := range 300 {
		answer := ask("resources/subscribe", fmt.Sprint("word://w", i))
		if refused := strings.Contains(fmt.Sprint(answer), "mcp.subscriptions"); refused != (i >= 256) {
			t.Fatalf("subscription %d: %v", i, answer)
		}
	}
}

// A notification goes only to whom the thing is visible at that moment.
func TestListen_FollowsWhatItsClientMaySee(t *testing.T) {
	eras(t, func(t *testing.T, modern bool) { //nolint:thelper // it is the test
		w := newWorld(t)
		ctx, leave := context.WithCancel(t.Context())
		h := w.listens(ctx, t, modern, "a", "doc://guide")
		w.hide("doc://guide", true)
		w.changes.Announce(guideChanged)
		told(t, h, modern)
		w.changes.Announce(changes.Change{Rights: true})
		told(t, h, modern, "resources/list_changed")
		w.hide("nothing of this name", true)
		w.changes.Announce(changes.Change{Rights: true})
		told(t, h, modern, "resources/list_changed")
		w.hide("doc://guide", false)
		w.hide("echo", true)
		w.hide("explain", true)
		w.changes.Announce(changes.Change{Rights: true})
		synctest.Wait()
		w.changes.Announce(guideChanged)
		told(t, h, modern, "resources/list_changed", "tools/list_changed", "prompts/list_changed", "resources/list_changed", "resources/updated doc://guide")
		leave()
		<-h.done
	})
}

func TestListen_IsOnRecordWhenItBeginsAndEnds(t *testing.T) {
	revoked := fault.New(fault.Unauthenticated, "identity.unauthenticated", "No.").Because(identity.Reason("revoked"))
	eras(t, func(t *testing.T, modern bool) { //nolint:thelper // it is the test
		for name, c := range map[string]struct {
			end     func(w *world, leave func(), revoke context.CancelCauseFunc)
			outcome string
			by      string
		}{
			"its client":  {func(_ *world, leave func(), _ context.CancelCauseFunc) { leave() }, audit.OK, ""},
			"the server":  {func(w *world, _ func(), _ context.CancelCauseFunc) { w.server.HangUp() }, audit.OK, ""},
			"revocation":  {func(_ *world, _ func(), revoke context.CancelCauseFunc) { revoke(revoked) }, "identity.unauthenticated", audit.ByAuthentication},
			"an operator": {func(_ *world, _ func(), end context.CancelCauseFunc) { end(session.ErrClosed) }, "session.closed", audit.BySession},
			"its own age": {func(*world, func(), context.CancelCauseFunc) { elapse(t, 61*time.Minute) }, audit.OK, ""},
		} {
			w := newWorld(t)
			ctx, revoke := context.WithCancelCause(t.Context())
			ctx, leave := context.WithCancel(ctx)
			h := w.listens(ctx, t, modern, "a")
			begun := w.taken()
			if last := begun[len(begun)-1]; last.Phase != audit.Intent || last.Actor != "key:a" {
				t.Errorf("%s: at its beginning %+v", name, begun)
			}
			c.end(w, leave, revoke)
			<-h.done
			ended := w.taken()
			if len(ended) != 1 || ended[0].Phase != audit.Closed || ended[0].Outcome != c.outcome || ended[0].DeniedBy != c.by ||
				ended[0].Request != begun[len(begun)-1].Request {
				t.Errorf("%s: at its end %+v", name, ended)
			}
			if w.yields.Load() != 1 {
				t.Errorf("%s: it has yielded its place %d times", name, w.yields.Load())
			}
			leave()
			revoke(nil)
		}
	})
}

// A stream that is beyond the bounds is refused, and takes nobody else's place.
func TestListen_IsBoundedForEachPrincipal(t *testing.T) {
	eras(t, func(t *testing.T, modern bool) { //nolint:thelper // it is the test
		w := newWorld(t)
		ctx, leave := context.WithCancel(t.Context())
		var open []*heard
		for range 16 {
			open = append(open, w.listens(ctx, t, modern, "a"))
		}
		refused := w.listens(ctx, t, modern, "a")
		<-refused.done
		if !strings.Contains(refused.Body.String(), "http.streams") {
			t.Errorf("the seventeenth: HTTP %d %s", refused.Code, refused.Body)
		}
		if records := w.taken(); records[len(records)-1].Outcome != "http.streams" || records[len(records)-1].DeniedBy != audit.ByLimit {
			t.Errorf("on record: %+v", records[len(records)-1])
		}
		other := w.listens(ctx, t, modern, "b")
		w.changes.Announce(changes.Change{Tools: true})
		told(t, other, modern, "tools/list_changed")
		leave()
		for _, h := range append(open, other) {
			<-h.done
		}
	})
}

func TestGet_IsForTheOwnerOfTheSession(t *testing.T) {
	w := newWorld(t)
	sid := w.session(t, "a")
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"another principal":     {[]string{"X-Test-Who", "b", "Mcp-Session-Id", sid}, 404},
		"no session":            {[]string{"X-Test-Who", "a"}, 400},
		"an unknown one":        {[]string{"X-Test-Who", "a", "Mcp-Session-Id", "x"}, 404},
		"an unknown revision":   {[]string{"X-Test-Who", "a", "Mcp-Session-Id", sid, "Mcp-Protocol-Version", "2020-01-01"}, 400},
		"one without sessions":  {[]string{"X-Test-Who", "a", "Mcp-Session-Id", sid, "Mcp-Protocol-Version", "2026-07-28"}, 405},
		"no stream":             {[]string{"X-Test-Who", "a", "Mcp-Session-Id", sid, "Accept", "application/json"}, 406},
		"an event of nobody's":  {[]string{"X-Test-Who", "a", "Mcp-Session-Id", sid, "Last-Event-ID", "x-1"}, 400},
		"an event that is none": {[]string{"X-Test-Who", "a", "Mcp-Session-Id", sid, "Last-Event-ID", "\x00"}, 400},
	} {
		w.taken()
		rw := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/mcp", http.NoBody)
		r.Header.Set("Accept", "text/event-stream")
		for i := 0; i+1 < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		w.ServeHTTP(rw, r)
		if records := w.taken(); rw.Code != c.status || len(records) != 1 || records[0].Outcome == audit.OK {
			t.Errorf("%s: HTTP %d %s, records %+v", name, rw.Code, rw.Body, records)
		}
	}
}

// A message goes to one of the session's streams; what none has told the next one does.
func TestGet_TellsEachThingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		sid := w.session(t, "a")
		get := func(ctx context.Context) *heard {
			return w.ask(ctx, http.MethodGet, "", "X-Test-Who", "a", "Mcp-Session-Id", sid)
		}
		ctx, leave := context.WithCancel(t.Context())
		both := []*heard{get(ctx), get(ctx)}
		w.changes.Announce(changes.Change{Tools: true})
		synctest.Wait()
		if n := len(both[0].lines()) + len(both[1].lines()); n != 1 {
			t.Errorf("it was told %d times", n)
		}
		leave()
		<-both[0].done
		<-both[1].done
		w.changes.Announce(changes.Change{Prompts: true})
		ctx, leave = context.WithCancel(t.Context())
		again := get(ctx)
		told(t, again, false, "prompts/list_changed")
		leave()
		<-again.done
	})
}

func TestGet_EndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		sid := w.session(t, "a")
		h := w.ask(t.Context(), http.MethodGet, "", "X-Test-Who", "a", "Mcp-Session-Id", sid)
		end := w.ask(t.Context(), http.MethodDelete, "", "X-Test-Who", "a", "Mcp-Session-Id", sid)
		<-end.done
		<-h.done
		if end.Code != http.StatusNoContent {
			t.Errorf("DELETE: HTTP %d", end.Code)
		}
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			again := w.ask(t.Context(), method, listTools, "X-Test-Who", "a", "Mcp-Session-Id", sid)
			if <-again.done; again.Code != http.StatusNotFound {
				t.Errorf("%s afterwards: HTTP %d", method, again.Code)
			}
		}
	})
}

// One peer over stdio hears, in either era, what it asked for, and in no other way.
func TestStdio_TellsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		out, write := io.Pipe()
		in, ended := w.serving(t.Context(), t, write)
		lines := make(chan string, 100)
		go func() {
			defer close(lines)
			for scanner := bufio.NewScanner(out); scanner.Scan(); {
				lines <- scanner.Text()
			}
		}()
		expect := func(say string, want ...string) {
			t.Helper()
			if say != "" {
				if _, err := io.WriteString(in, say+"\n"); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			if len(lines) != len(want) {
				t.Errorf("after %s: %d lines, want %d", say, len(lines), len(want))
			}
			for _, part := range want {
				if got := <-lines; !strings.Contains(got, part) {
					t.Errorf("after %s: %s, want %s", say, got, part)
				}
			}
		}
		w.changes.Announce(changes.Change{Tools: true})
		expect("") // to a peer that has said nothing
		listen := `{"jsonrpc":"2.0","id":7,"method":"subscriptions/listen","params":{"notifications":{"promptsListChanged":true,"resourceSubscriptions":["doc://guide"]},` + modernMeta + `}}`
		expect(listen, "subscriptions/acknowledged")
		w.changes.Announce(changes.Change{Tools: true, Prompts: true})
		expect("", `"method":"notifications/prompts/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}`)
		w.changes.Announce(guideChanged)
		expect("", `"uri":"doc://guide"`)
		expect(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7,` + modernMeta + `}}`)
		w.changes.Announce(changes.Change{Prompts: true})
		expect("")
		expect(initialize, `"protocolVersion":"2025-11-25"`)
		expect(`{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"doc://guide"}}`, `"result":{}`)
		w.changes.Announce(guideChanged)
		expect("", `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"doc://guide"}}`)
		expect(listen, "subscriptions/acknowledged")
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expect("", `"io.modelcontextprotocol/subscriptionId":7`) // the end of the subscription
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = write.Close()
	})
}
