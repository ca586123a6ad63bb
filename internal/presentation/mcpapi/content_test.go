package mcpapi_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

func speaks(name string, run func(ctx context.Context)) tool.Tool {
	return bare(name, func(ctx context.Context) (tool.Result, error) {
		run(ctx)
		return tool.Result{Text: "done"}, nil
	})
}

func TestContent_KeepsTheOrderOfBlocksAndTheGuard(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", bare("mixed", func(context.Context) (tool.Result, error) {
		return tool.Result{Text: "first", Images: []tool.Image{{MIME: "image/png", Data: []byte{1}}}, Blocks: []tool.Block{
			tool.Audio{MIME: "audio/wav", Data: []byte{2}},
			tool.Text("the " + guardedSecret + hiding),
			tool.Embedded{URI: "doc://a", Content: tool.Content{MIME: "text/plain", Text: guardedSecret}},
			tool.Embedded{URI: "doc://b", Content: tool.Content{MIME: "image/png", Data: []byte{3}}},
			tool.Link{URI: "doc://c", Name: "c", Title: "C", Description: "of " + guardedSecret, MIME: "text/plain", Size: 7},
			tool.Image{MIME: "image/gif", Data: []byte{4}},
		}}, nil
	}))
	_, answer := w.modern(t, "tools/call", "mixed", `"name":"mixed",`)
	text, _ := json.Marshal(result(t, answer)["content"])
	want := `[{"text":"first","type":"text"},{"data":"AQ==","mimeType":"image/png","type":"image"},{"data":"Ag==","mimeType":"audio/wav","type":"audio"},` +
		`{"text":"the [redacted]a[2Jb","type":"text"},{"resource":{"mimeType":"text/plain","text":"[redacted]","uri":"doc://a"},"type":"resource"},` +
		`{"resource":{"blob":"Aw==","mimeType":"image/png","uri":"doc://b"},"type":"resource"},` +
		`{"description":"of [redacted]","mimeType":"text/plain","name":"c","size":7,"title":"C","type":"resource_link","uri":"doc://c"},` +
		`{"data":"BA==","mimeType":"image/gif","type":"image"}]`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestContent_OfBlocksIsBoundedToo(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]tool.Block{
		"audio":    tool.Audio{Data: make([]byte, largestResult)},
		"embedded": tool.Embedded{Content: tool.Content{Text: strings.Repeat("x", largestResult)}},
	} {
		w := newWorldWith(t, "", bare("big", func(context.Context) (tool.Result, error) { return tool.Result{Blocks: []tool.Block{b}}, nil }))
		_, answer := w.modern(t, "tools/call", "big", `"name":"big",`)
		text, _ := json.Marshal(result(t, answer))
		if !strings.Contains(string(text), "mcp.result_too_large") || !strings.Contains(string(text), `"resultType":"complete"`) ||
			!strings.Contains(string(text), `"io.modelcontextprotocol/serverInfo":{`) {
			t.Errorf("%s: %.300s", name, text)
		}
	}
}

func TestContent_AToolMayFailInPlainWords(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", bare("fails", func(context.Context) (tool.Result, error) {
		return tool.Result{}, tool.Failed("No, " + guardedSecret + ".")
	}))
	_, answer := w.modern(t, "tools/call", "fails", `"name":"fails",`)
	r := result(t, answer)
	if text, _ := json.Marshal(r["content"]); r["isError"] != true || string(text) != `[{"text":"No, [redacted].","type":"text"}]` {
		t.Errorf("%v", r)
	}
	if on := w.taken(); len(on) != 1 || on[0].Outcome != "tool.failed" {
		t.Errorf("on record: %+v", on)
	}
}

// logs are the texts of the log messages of a stream, with their levels.
func logs(stream string) (said []string) {
	for line := range strings.Lines(stream) {
		data, _ := strings.CutPrefix(line, "data: ")
		var m struct {
			Method string
			Params struct {
				Level, Logger string
				Data          json.RawMessage
			}
		}
		if json.Unmarshal([]byte(data), &m) == nil && m.Method == "notifications/message" {
			said = append(said, m.Params.Level+" "+m.Params.Logger+" "+string(m.Params.Data))
		}
	}
	return said
}

func TestLog_GoesToTheClientThatWantsItAheadOfTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", speaks("logs", func(ctx context.Context) {
		tool.Log(ctx, tool.Debug, "fine")
		tool.Log(ctx, tool.Info, "the "+guardedSecret+hiding)
		tool.Log(ctx, tool.Error, map[string]any{"s": guardedSecret, "n": 1})
	}))
	info, grave := `info logs "the [redacted]a[2Jb"`, `error logs {"n":1,"s":"[redacted]"}`
	for level, want := range map[string][]string{
		"": nil, "debug": {`debug logs "fine"`, info, grave}, "info": {info, grave}, "error": {grave}, "emergency": nil, "loud": nil,
	} {
		rw := httptest.NewRecorder()
		meta := strings.TrimSuffix(modernMeta, "}") + `,"io.modelcontextprotocol/logLevel":"` + level + `"}`
		w.posted(t, rw, `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"logs",`+meta+`}}`, bothTypes, append(modernHeaders[:5:5], "logs")...)
		if diff := cmp.Diff(want, logs(rw.Body.String())); diff != "" || !strings.Contains(rw.Body.String(), "done") {
			t.Errorf("2026-07-28, %q: %s (-want +got):\n%s", level, rw.Body, diff)
		}
	}
	quiet := w.session(t, "b")
	for level, want := range map[string][]string{"": {info, grave}, "debug": {`debug logs "fine"`, info, grave}, "error": {grave}, "emergency": nil} {
		sid := w.session(t, "a")
		if level != "" {
			w.post(t, `{"jsonrpc":"2.0","id":4,"method":"logging/setLevel","params":{"level":"`+level+`"}}`, "Mcp-Session-Id", sid, "X-Test-Who", "a")
		}
		for session, c := range map[string]struct {
			who  string
			want []string
		}{sid: {"a", want}, quiet: {"b", []string{info, grave}}} { // what one session sets is not another's
			rw := httptest.NewRecorder()
			w.posted(t, rw, `{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"logs"}}`, bothTypes, "Mcp-Session-Id", session, "X-Test-Who", c.who)
			if diff := cmp.Diff(c.want, logs(rw.Body.String())); diff != "" {
				t.Errorf("2025-11-25, %q as %s (-want +got):\n%s", level, c.who, diff)
			}
		}
	}
}

func TestProgress_ThatAToolTellsIsToldExactlyAndInOrder(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", speaks("advances", func(ctx context.Context) {
		for done := range 3 {
			tool.Advance(ctx, float64(done*50), 100, "")
		}
	}))
	rw := httptest.NewRecorder()
	w.posted(t, rw, strings.Replace(working(true, `"progressToken":"p"`), "works", "advances", 1), bothTypes, append(modernHeaders[:5:5], "advances")...)
	told := `notifications/progress "p" `
	if diff := cmp.Diff([]string{told + "0", told + "50", told + "100", "answer 5"}, messages(t, rw.Body.String())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
