package mcpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
)

// progressTime is long enough for one notification.
const progressTime = 1500 * time.Millisecond

func waiting(id, tool, meta string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `",` + meta + `}}`
}

func cancelled(id, meta string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `,"reason":"enough",` + meta + `}}`
}

const noMeta = `"_meta":{}`

// ends says for each id that a cancellation may name whether it ends the call of the id 1.
var ends = map[string]bool{
	`1`: true, `1.0`: true, `10e-1`: true, `0.1E1`: true,
	`"1"`: false, `-1`: false, `10`: false, `1e1`: false, `null`: false, `[1]`: false, `true`: false, `1e99999999999`: false,
}

func TestStdio_ACancellationEndsItsCallWithoutAnswer(t *testing.T) {
	t.Parallel()
	for id, hits := range ends {
		for name, meta := range map[string]string{"2025-11-25": noMeta, "2026-07-28": modernMeta} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				ctx, stop := context.WithCancel(t.Context())
				var out bytes.Buffer
				in, ended := w.serving(ctx, t, &out)
				for _, line := range []string{waiting("1", "waits", meta), cancelled(id, meta)} {
					if _, err := io.WriteString(in, line+"\n"); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				if r := w.taken(); hits && (len(r) != 1 || r[0].Outcome != "canceled") || !hits && len(r) != 0 {
					t.Errorf("%s, %s: records %+v", id, name, r)
				}
				if out.Len() != 0 {
					t.Errorf("%s, %s: answered %s", id, name, &out)
				}
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Two requests of one text, one a number and one a string; and what was cancelled too late.
func TestStdio_ACancellationEndsNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var out bytes.Buffer
		in := strings.Join([]string{
			initialize, waiting(`7`, "works", noMeta), waiting(`"7"`, "waits", noMeta), waiting(`8`, "ignores", noMeta),
			cancelled(`1`, noMeta), cancelled(`"7"`, noMeta), cancelled(`8`, noMeta), cancelled(`9`, noMeta),
		}, "\n")
		if err := w.server.Stdio(t.Context(), strings.NewReader(in), &out, access.Local("tester", "p"), 1<<20); err != nil {
			t.Fatal(err)
		}
		var answered []string
		for line := range strings.Lines(out.String()) {
			answered = append(answered, messages(t, "data: "+line)...)
		}
		if diff := cmp.Diff([]string{"answer 1", "answer 8", "answer 7"}, answered); diff != "" {
			t.Errorf("answers (-want +got):\n%s\n%s", diff, &out)
		}
		outcomes := map[string]int{}
		for _, r := range w.taken() {
			outcomes[r.Outcome]++
		}
		if outcomes["canceled"] != 1 || outcomes[audit.OK] != 3 {
			t.Errorf("on record: %v", outcomes)
		}
	})
}

// answering posts a call that waits, lets the test do something, and gives the response.
func (w *world) answering(ctx context.Context, t *testing.T, body, accept string, headers []string, meanwhile func()) *httptest.ResponseRecorder {
	t.Helper()
	rw := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/mcp", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", accept)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w.ServeHTTP(rw, r)
	}()
	synctest.Wait()
	meanwhile()
	<-done
	return rw
}

func TestHTTP_ACancellationEndsItsCallOnly(t *testing.T) {
	t.Parallel()
	for id, hits := range ends {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			sid := w.session(t, "a")
			w.taken()
			ctx, leave := context.WithCancel(t.Context())
			w.answering(ctx, t, waiting("1", "waits", noMeta), bothTypes, []string{"X-Test-Who", "a", "Mcp-Session-Id", sid}, func() {
				if status, _, _ := w.post(t, cancelled(id, noMeta), "X-Test-Who", "a", "Mcp-Session-Id", sid); status != http.StatusAccepted {
					t.Errorf("%s: the cancellation is answered %d", id, status)
				}
				synctest.Wait()
				if got := len(w.taken()); (got == 1) != hits {
					t.Errorf("%s: %d calls have ended", id, got)
				}
				leave()
			})
		})
	}
}

func TestHTTP_ACancelledCallHasNoResponse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ tool, accept, meta, media, text string }{
		"a client that takes streams":  {"waits", bothTypes, noMeta, "text/event-stream", "data: \n\n"},
		"one that takes none":          {"waits", "application/json", noMeta, "application/json", "canceled"},
		"after it has been told of it": {"waits", bothTypes, `"_meta":{"progressToken":1}`, "text/event-stream", "notifications/progress"},
		"when it was done anyway":      {"ignores", "application/json", noMeta, "application/json", "done"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			sid := w.session(t, "a")
			rw := w.answering(t.Context(), t, waiting("1", c.tool, c.meta), c.accept, []string{"X-Test-Who", "a", "Mcp-Session-Id", sid}, func() {
				pause, stop := context.WithTimeout(t.Context(), progressTime)
				defer stop()
				<-pause.Done()
				w.post(t, cancelled("1", noMeta), "X-Test-Who", "a", "Mcp-Session-Id", sid)
			})
			text := rw.Body.String()
			if rw.Code != http.StatusOK || rw.Header().Get("Content-Type") != c.media || !strings.Contains(text, c.text) || c.text == "" && text != "" ||
				strings.Contains(text, `"id"`) && c.media == "text/event-stream" {
				t.Errorf("%s: HTTP %d, %s: %q", name, rw.Code, rw.Header().Get("Content-Type"), text)
			}
		})
	}
}

// Whoever goes away has cancelled, in every revision.
func TestHTTP_ALeavingClientEndsItsCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meta    string
		headers []string
	}{
		"2025-11-25": {noMeta, nil},
		"2026-07-28": {modernMeta, append(modernHeaders[:5:5], "waits")},
	} {
		w := newWorld(t)
		server := httptest.NewServer(w)
		if c.headers == nil {
			c.headers = []string{"Mcp-Session-Id", w.session(t, "")}
		}
		w.taken()
		ctx, leave := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, strings.NewReader(waiting("1", "waits", c.meta)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		left := make(chan error, 1)
		go func() {
			response, err := server.Client().Do(r)
			if err == nil {
				_ = response.Body.Close()
				err = fmt.Errorf("answered %d", response.StatusCode)
			}
			left <- err
		}()
		<-w.began
		leave()
		if err := <-left; ctx.Err() == nil || !strings.Contains(fmt.Sprint(err), "canceled") {
			t.Errorf("%s: %v", name, err)
		}
		server.Close() // waits for the handler
		if r := w.taken(); len(r) != 1 || r[0].Outcome != "canceled" {
			t.Errorf("%s: records %+v", name, r)
		}
	}
}
