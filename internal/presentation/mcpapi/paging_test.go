package mcpapi_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

var lists = map[string]string{
	"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources", "resources/templates/list": "resourceTemplates",
}

// turn gives one page of a list, in the era that is asked for, and the cursor of the next.
func (w *world) turn(t *testing.T, modern bool, sid, method, cursor string) (map[string]any, string) {
	t.Helper()
	if cursor != "" {
		cursor = `"cursor":"` + cursor + `",`
	}
	var answer map[string]any
	if modern {
		_, answer = w.modern(t, method, "", cursor)
	} else {
		_, _, answer = w.post(t, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+strings.TrimSuffix(cursor, ",")+`}}`, "Mcp-Session-Id", sid)
	}
	if answer["error"] != nil {
		return answer, ""
	}
	next, _ := result(t, answer)["nextCursor"].(string)
	return answer, next
}

func TestPaging_LosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "_x", asks()...)
	sid := w.session(t, "")
	rapid.Check(t, func(rt *rapid.T) {
		for name := range w.hidden {
			delete(w.hidden, name)
		}
		for _, name := range rapid.SliceOf(rapid.SampledFrom([]string{"asks", "echo", "works", "explain", "doc://logo", "doc://guide", "hidden_prompt", "word://{word}"})).Draw(rt, "hidden") {
			w.hidden[name] = true
		}
		size, modern := rapid.IntRange(1, 5).Draw(rt, "size"), rapid.Bool().Draw(rt, "modern")
		for method, list := range lists {
			w.server.Page(1000)
			whole, next := w.turn(t, modern, sid, method, "")
			if next != "" {
				rt.Fatalf("%s: more than everything", method)
			}
			w.server.Page(size)
			var got []string
			for cursor, first := "", true; first || cursor != ""; first = false {
				var answer map[string]any
				answer, cursor = w.turn(t, modern, sid, method, cursor)
				page := names(t, answer, list)
				if len(page) > size || cursor != "" && len(page) != size {
					rt.Fatalf("%s: a page of %d, cursor %q", method, len(page), cursor)
				}
				if modern && result(t, answer)["cacheScope"] != "private" {
					rt.Fatalf("%s may be shared", method)
				}
				got = append(got, page...)
			}
			if diff := cmp.Diff(names(t, whole, list), got); diff != "" {
				rt.Fatalf("%s (-whole +pages):\n%s", method, diff)
			}
		}
	})
}

func TestPaging_GoesOnAlthoughTheListChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server.Page(2)
	first, cursor := w.turn(t, true, "", "tools/list", "")
	if diff := cmp.Diff([]string{"draws", "echo"}, names(t, first, "tools")); diff != "" {
		t.Fatal(diff)
	}
	w.hidden["echo"], w.hidden["ignores"] = true, true // the last that was seen, and the next
	second, _ := w.turn(t, true, "", "tools/list", cursor)
	if diff := cmp.Diff([]string{"leaks", "panics"}, names(t, second, "tools")); diff != "" {
		t.Error(diff)
	}
}

func TestPaging_RefusesACursorThatIsNotOfThisList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server.Page(1)
	sid := w.session(t, "")
	_, foreign := w.turn(t, true, "", "resources/list", "")
	plain := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, cursor := range []string{foreign, "!canary!", "echo", plain("echo"), plain("tools/list "), plain("tools/list"), foreign + "A", " "} {
		for _, modern := range []bool{true, false} {
			w.taken()
			answer, _ := w.turn(t, modern, sid, "tools/list", cursor)
			if code(answer) != -32602 || !strings.Contains(fmt.Sprint(answer), "mcp.cursor") || strings.Contains(fmt.Sprint(answer), "canary") {
				t.Errorf("%q, modern %t: %v", cursor, modern, answer)
			}
			if r := w.taken(); len(r) != 1 || r[0].Outcome != "mcp.cursor" || r[0].DeniedBy != "edge" {
				t.Errorf("%q: on record: %+v", cursor, r)
			}
		}
	}
}

// Two processes that were wired in another order list the same bytes.
func TestPaging_ListsTheSameBytesInEveryProcess(t *testing.T) {
	t.Parallel()
	more := asks()
	one, other := newWorldWith(t, "", more...), newWorldWith(t, "", []tool.Tool{more[2], more[0], more[3], more[1]}...)
	one.server.Page(3)
	other.server.Page(3)
	for method := range lists {
		for cursor := ""; ; {
			a, next := one.turn(t, true, "", method, cursor)
			b, same := other.turn(t, true, "", method, cursor)
			if diff := cmp.Diff(a, b); diff != "" || next != same {
				t.Errorf("%s after %q (-one +other):\n%s", method, cursor, diff)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
	}
}
