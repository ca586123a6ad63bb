package mcpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
)

const bothTypes = "application/json, text/event-stream"

// working calls the tool that takes its time; meta is what params._meta holds beside the era.
func working(modern bool, meta string) string {
	if modern {
		meta = strings.TrimSuffix(modernMeta, "}") + strings.TrimSuffix(","+meta, ",") + "}"
	} else {
		meta = `"_meta":{` + meta + `}`
	}
	return `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"works",` + meta + `}}`
}

// posted sends body to w and gives the response.
func (w *world) posted(t *testing.T, to http.ResponseWriter, body, accept string, headers ...string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", accept)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w.ServeHTTP(to, r)
}

var modernHeaders = []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "works"}

// messages are the events of a stream, in short.
func messages(t *testing.T, stream string) (short []string) {
	t.Helper()
	for line := range strings.Lines(stream) {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok || strings.TrimSpace(data) == "" { // an event without data only names itself
			continue
		}
		var m struct {
			ID     any
			Method string
			Params struct {
				ProgressToken json.RawMessage
				Progress      int
				Message       string
			}
		}
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if m.Method == "" {
			short = append(short, fmt.Sprint("answer ", m.ID))
			continue
		}
		short = append(short, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", m.Method, m.Params.ProgressToken, m.Params.Progress, m.Params.Message)))
	}
	return short
}

// followed is what the client hears of the tool that takes its time.
func followed(token string) []string {
	told := "notifications/progress " + token
	return []string{told + " 1", told + " 2 in the middle", told + " 3 in the middle", "answer 5"}
}

func TestProgress_IsToldEverySecondToWhomAsks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meta, accept string
		want         []string // nil for one JSON body
	}{
		"asked":                         {`"progressToken":"p"`, bothTypes, followed(`"p"`)},
		"with a number":                 {`"progressToken":12345678901234567890`, bothTypes, followed("12345678901234567890")},
		"not asked":                     {``, bothTypes, nil},
		"without streams":               {`"progressToken":"p"`, "application/json", nil},
		"by something else":             {`"progressToken":"p"`, "*/*", nil},
		"but not streams":               {`"progressToken":"p"`, "application/json, text/event-stream;q=0", nil},
		"with a token that is no token": {`"progressToken":{"p":1}`, bothTypes, nil},
		"with a very long token":        {`"progressToken":"` + strings.Repeat("p", 300) + `"`, bothTypes, nil},
	} {
		for _, modern := range []bool{true, false} {
			c := c
			if !modern && c.accept == bothTypes && c.want == nil {
				c.want = []string{"answer 5"} // by a stream that its client can come back for
			}
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				headers := modernHeaders
				if !modern {
					headers = []string{"Mcp-Session-Id", w.session(t, "")}
				}
				rw := httptest.NewRecorder()
				w.posted(t, rw, working(modern, c.meta), c.accept, headers...)
				media := "application/json"
				if c.want != nil {
					media = "text/event-stream"
				}
				if got := rw.Header().Get("Content-Type"); got != media || !strings.Contains(rw.Body.String(), "done") {
					t.Errorf("%s, modern %t: %s: %s", name, modern, got, rw.Body)
				}
				if diff := cmp.Diff(c.want, messages(t, rw.Body.String())); diff != "" || rw.Flushed != (c.want != nil) {
					t.Errorf("%s, modern %t: flushed %t (-want +got):\n%s", name, modern, rw.Flushed, diff)
				}
			})
		}
	}
}

func TestProgress_OfAQuickCallIsNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rw := httptest.NewRecorder()
	body := strings.Replace(working(true, `"progressToken":"p"`), "works", `echo","arguments":{"text":"hi"},"x":"`, 1)
	w.posted(t, rw, body, bothTypes, append(modernHeaders[:5:5], "echo")...)
	if rw.Header().Get("Content-Type") != "application/json" || !strings.Contains(rw.Body.String(), "hi") {
		t.Errorf("%s: %s", rw.Header().Get("Content-Type"), rw.Body)
	}
}

func TestProgress_ComesOverStdioBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			var out bytes.Buffer
			in := initialize + "\n" + working(modern, `"progressToken":"p"`) + "\n" + strings.Replace(working(modern, ``), `"id":5`, `"id":6`, 1) + "\n"
			if err := w.server.Stdio(t.Context(), strings.NewReader(in), &out, access.Local("tester", "p"), 1<<20); err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(out.String()) {
				got = append(got, messages(t, "data: "+line)...)
			}
			want := append([]string{"answer 1"}, followed(`"p"`)[:3]...)
			if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" || len(got) != len(want)+2 {
				t.Errorf("modern %t: %q (-want +got):\n%s", modern, got, diff)
			}
		})
	}
}

// deaf is a client that does not take what is written.
type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestProgress_ACallWhoseClientDoesNotListenIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.posted(t, deaf{httptest.NewRecorder()}, strings.Replace(working(true, `"progressToken":"p"`), "works", "waits", 1),
			bothTypes, append(modernHeaders[:5:5], "waits")...)
		if r := w.taken(); len(r) != 1 || r[0].Outcome != "canceled" || r[0].DurationUS != 1_000_000 {
			t.Errorf("records: %+v", r)
		}
	})
}
