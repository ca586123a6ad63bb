package hostile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/tests/harness"
)

// A said is one line of a peer's, and the answer that it is owed.
type said struct {
	line string
	id   string // as it must come back, byte for byte; empty when nothing may come back
	text string // what the answer says back, or the code of what is wrong
}

var (
	numberIDs = rapid.OneOf(
		rapid.Map(rapid.Int64(), func(i int64) string { return fmt.Sprint(i) }),
		rapid.Map(rapid.Uint64Min(1<<53), func(i uint64) string { return fmt.Sprint(i) }), // what no double holds
	)
	textIDs = rapid.Map(rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 \"\\/é漢😀\t\u2028")), 0, 20, -1), func(s string) string {
		quoted, err := json.Marshal(s)
		if err != nil {
			panic(err) // a text can be quoted
		}
		return string(quoted)
	})
	metas = map[bool]string{
		false: ``,
		true: `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"p","version":"1"},` +
			`"io.modelcontextprotocol/clientCapabilities":{}},`,
	}
)

// aLine draws something that a peer may say, in either revision, or may not say at all.
func aLine(t *rapid.T) said {
	id := rapid.OneOf(numberIDs, textIDs).Draw(t, "id")
	meta := metas[rapid.Bool().Draw(t, "modern")]
	text := rapid.StringOfN(rapid.RuneFrom([]rune("abc xyz")), 1, 10, -1).Draw(t, "text")
	call := `"method":"tools/call","params":{` + meta + `"name":"echo","arguments":{"text":"` + text + `"}}`
	switch rapid.IntRange(0, 7).Draw(t, "kind") {
	case 0:
		return said{line: `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{` + meta + `"requestId":"of nothing"}}`}
	case 1:
		return said{line: `{"jsonrpc":"2.0",` + call + `}`} // a request without an id is a notification
	case 2:
		return said{line: `{"jsonrpc":"2.0","method":"nothing/of/the/kind"}`}
	case 3:
		return said{line: `[{"jsonrpc":"2.0","id":` + id + `,` + call + `}]`, id: "null", text: "mcp.message"}
	case 4:
		return said{line: `{"jsonrpc":"2.0","id":null,` + call + `}`, id: "null", text: "mcp.message"}
	case 5:
		return said{line: `{"jsonrpc":"2.0","id":` + id + `,"id":` + id + `,` + call + `}`, id: "null", text: "mcp.message"}
	default:
		return said{line: `{"jsonrpc":"2.0","id":` + id + `,` + call + `}`, id: id, text: text}
	}
}

// Whatever a peer says in one go: what is a request is answered once, under the id that it came with, byte for byte;
// notifications are never answered; batches, null ids and members named twice are refused one by one.
func TestStdio_OwesEveryRequestOneAnswerAndNotificationsNone(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.plain)
	p := at.pipe(t)
	p.say(t, `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"p","version":"1"}}}`)
	p.hear(t)
	p.say(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	rapid.Check(t, func(r *rapid.T) {
		all := rapid.SliceOfNDistinct(rapid.Custom(aLine), 1, 20, func(s said) string { return s.line }).Draw(r, "lines")
		owed, lines := map[string]int{}, make([]string, 0, len(all))
		for _, s := range all {
			lines = append(lines, s.line)
			if s.id != "" {
				owed[s.id+" "+s.text]++
			}
		}
		// The last is answered at once and alone: when its answer is there, and all others, nothing more is to come.
		p.say(t, strings.Join(lines, "\n"))
		got := map[string]int{}
		for range sumOf(owed) {
			reply := p.hear(t)
			got[string(reply.ID)+" "+told(t, reply)]++
		}
		p.say(t, `{"jsonrpc":"2.0","id":"the last","method":"ping"}`)
		if last := p.hear(t); string(last.ID) != `"the last"` {
			r.Fatalf("more came than was owed: %s %s", last.ID, last.Result)
		}
		if diff := cmp.Diff(owed, got); diff != "" {
			r.Fatalf("answers (-owed +got):\n%s", diff)
		}
	})
	if err := p.in.Close(); err != nil {
		t.Error(err)
	}
	p.end(t, patience)
}

func sumOf(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// told is what an answer says back, or the code of what it says is wrong.
func told(t *testing.T, r harness.Reply) string {
	t.Helper()
	var in struct {
		StructuredContent struct{ Text string }
		Code              string
	}
	body := r.Result
	if r.Error != nil {
		body = r.Error.Data
	}
	if err := json.Unmarshal(body, &in); err != nil {
		t.Errorf("%v: %s", err, body)
	}
	return in.StructuredContent.Text + in.Code
}
