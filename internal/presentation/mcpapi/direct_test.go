package mcpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// outcome is everything that a client gets, and the journal, without what is another each time.
type outcome struct {
	status int
	body   string
	record string
}

var requestID = regexp.MustCompile(`req_[0-9A-Za-z]+`)

func (w *world) outcome(tb testing.TB, message string, headers ...string) outcome {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/mcp", strings.NewReader(message))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Test-Who", "a")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rw := httptest.NewRecorder()
	w.ServeHTTP(rw, r)
	t := outcome{status: rw.Code, body: requestID.ReplaceAllString(rw.Body.String(), "req")}
	for _, rec := range w.taken() {
		rec.Time, rec.DurationUS, rec.Request, rec.Trace = time.Time{}, 0, "", ""
		line, _ := json.Marshal(rec)
		t.record += string(line)
	}
	return t
}

// says are tools of every kind of answer.
func says() []tool.Tool {
	answer := func(name string, r tool.Result, err error) tool.Tool {
		return bare(name, func(context.Context) (tool.Result, error) { return r, err })
	}
	return []tool.Tool{
		answer("says_nothing", tool.Result{}, nil),
		answer("says_html", tool.Result{Text: `<b>&"\` + "\u2028\u00fc\U0001f600\xff\x07\u200b</b>", Structured: json.RawMessage(` {"a" : "<b>\u0007" }`)}, nil),
		answer("says_null", tool.Result{Text: "x", Structured: json.RawMessage(nil)}, nil),
		answer("says_secret", tool.Result{Text: "it is " + guardedSecret, Structured: map[string]any{"s": guardedSecret, "n": 1e30}}, nil),
		answer("says_much", tool.Result{Text: strings.Repeat("much ", largestResult)}, nil),
		answer("says_blocks", tool.Result{Blocks: []tool.Block{tool.Text("b")}}, nil),
		answer("says_no_json", tool.Result{Structured: func() {}}, nil),
		answer("says_no", tool.Result{}, fault.New(fault.Invalid, "x.y", "No <such> thing.")),
		answer("fails", tool.Result{}, tool.Failed("It <is> broken.")),
	}
}

// Whatever a call is, going straight to the tool comes to what going through mcp-go comes to, byte by byte.
func TestSeam_ADirectCallIsAnsweredAsThroughTheLibrary(t *testing.T) {
	w := newWorldWith(t, "", says()...)
	w.hidden["draws"] = true
	sid := w.session(t, "a")
	w.taken()
	names := []string{`"echo"`, `"draws"`, `"panics"`, `"leaks"`, `"gone"`, `7`, `""`, `"e\u0063ho"`}
	for _, s := range says() {
		names = append(names, `"`+s.Name+`"`)
	}
	legacy := []string{
		``, `"_meta":{}`, `"_meta":null`, `"_meta":7`, `"_meta":{"progressToken":"t"}`, `"_meta":{"progressToken":true}`, `"_meta":{"steward/purpose":"p"}`,
		`"_meta":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}`, `"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-06-18"}`,
		`"task":{}`, `"task":7`, `"ta\u0073k":7`, `"_m\u0065ta":7`, `"requestState":"s"`, `"inputResponses":{}`, `"more":1`,
	}
	const version = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"`
	const can = `,"io.modelcontextprotocol/clientCapabilities":`
	modern := []string{
		modernMeta, version + `}`, version + can + `null}`, version + can + `7}`, version + can + `{"roots":7}}`, version + can + `{"roots":{"listChanged":true},"elicitation":{}}}`,
		version + can + `{},"io.modelcontextprotocol/clientInfo":7}`, version + can + `{},"io.modelcontextprotocol/logLevel":"debug"}`, modernMeta + `,"task":7`,
	}
	arguments := []string{
		``, `"arguments":{}`, `"arguments":null`, `"arguments":7`, `"arguments":[]`, `"arguments":{"text":"some text"}`, `"arguments":{"text":"refuse me"}`,
		`"arguments":{"text":"<&>\u2028\u200b\u0007\"\\"}`, `"arguments":{"text":7,"more":{"task":1}}`, `"arguments":{"text":"` + guardedSecret + `"}`,
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "name")
		params := []string{`"name":` + name}
		headers := []string{"Mcp-Session-Id", sid}
		metas := legacy
		if rapid.Bool().Draw(rt, "modern") {
			headers, metas = []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", strings.ReplaceAll(strings.Trim(name, `"`), `\u0063`, "c")}, modern
		}
		for _, more := range []string{rapid.SampledFrom(arguments).Draw(rt, "arguments"), rapid.SampledFrom(metas).Draw(rt, "meta")} {
			if more != "" {
				params = append(params, more)
			}
		}
		message := `{"jsonrpc":"2.0"` + rapid.SampledFrom([]string{`,"id":1`, `,"id":"one"`, `,"id":1.50`, ``}).Draw(rt, "id") + `,"method":"tools/call","params":{` + strings.Join(params, ",") + `}}`
		w.server.Roundabout(true)
		through := w.outcome(t, message, headers...)
		w.server.Roundabout(false)
		if direct := w.outcome(t, message, headers...); direct != through {
			rt.Errorf("%s\ndirect:  %+v\nthrough: %+v", message, direct, through)
		}
	})
}
