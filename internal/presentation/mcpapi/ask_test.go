package mcpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

var nameForm = tool.Form{Message: "Name? " + guardedSecret, Schema: json.RawMessage(`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`)}

// asked gives the name that the client answered, or asks for it.
func asked(ctx context.Context) (string, error) {
	answer, ok := tool.AnswersOf(ctx).Elicited("name")
	if !ok {
		return "", tool.Ask("kept", map[string]tool.Question{"name": nameForm})
	}
	var in struct{ Name string }
	if answer.Action != tool.Accepted || json.Unmarshal(answer.Values, &in) != nil {
		return "", fault.New(fault.Invalid, "name.refused", "No name, no answer.")
	}
	return in.Name + " " + tool.AnswersOf(ctx).State, nil
}

// asks are tools that ask: for one thing, for everything, without end, and in a way that no tool may.
func asks() []tool.Tool {
	run := func(name string, ask func(ctx context.Context) (string, error)) tool.Tool {
		return bare(name, func(ctx context.Context) (tool.Result, error) {
			text, err := ask(ctx)
			return tool.Result{Text: text}, err
		})
	}
	return []tool.Tool{
		run("asks", asked),
		run("asks_all", func(ctx context.Context) (string, error) {
			a := tool.AnswersOf(ctx)
			if len(a.Given) == 0 {
				return "", tool.Ask("", map[string]tool.Question{
					"name": nameForm, "greeting": tool.Sample{Turns: []tool.Turn{{Text: "Greet"}}, MaxTokens: 5}, "roots": tool.Roots{},
				})
			}
			e, _ := a.Elicited("name")
			s, _ := a.Sampled("greeting")
			r, _ := a.Rooted("roots")
			return fmt.Sprintf("%s %s %s", e.Values, s.Text(), r), nil
		}),
		run("asks_on", func(ctx context.Context) (string, error) {
			return "", tool.Ask(tool.AnswersOf(ctx).State+"i", map[string]tool.Question{"name": nameForm})
		}),
		run("asks_nothing", func(context.Context) (string, error) { return "", tool.Ask("", nil) }),
	}
}

const (
	ableMeta  = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{},"sampling":{},"roots":{}}}`
	alice     = `"inputResponses":{"name":{"action":"accept","content":{"name":"Alice"}},"other":{"action":"cancel"}},`
	nameAsked = `{"name":{"method":"elicitation/create","params":{"message":"Name? [redacted]","requestedSchema":{"properties":{"name":{"type":"string"}},"required":["name"],"type":"object"}}}}`
)

// able posts a request of revision 2026-07-28 whose client can answer everything, as who.
func (w *world) able(t *testing.T, who, method, name, params string) (int, map[string]any) {
	t.Helper()
	status, _, answer := w.post(t, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+ableMeta+`}}`,
		"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method, "Mcp-Name", name, "X-Test-Who", who)
	return status, answer
}

func stateOf(t *testing.T, answer map[string]any) string {
	t.Helper()
	r := result(t, answer)
	state, _ := r["requestState"].(string)
	if r["resultType"] != "input_required" || state == "" {
		t.Fatalf("asks nothing: %v", answer)
	}
	return `"requestState":"` + state + `",`
}

func TestAsk_IsAnsweredByTheNextRoundOfTheSameRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, name, params, member, want string }{
		{"tools/call", "asks", `"name":"asks","arguments":{"a":1},`, "content", `[{"text":"Alice kept","type":"text"}]`},
		{"prompts/get", "explain", `"name":"explain","arguments":{"word":"ask"},`, "messages", `[{"content":{"text":"The word Alice kept","type":"text"},"role":"user"}]`},
		{"resources/read", "word://ask", `"uri":"word://ask",`, "contents", `[{"mimeType":"text/plain","text":"The word Alice kept","uri":"word://ask"}]`},
	} {
		w := newWorldWith(t, "", asks()...)
		status, first := w.able(t, "a", c.method, c.name, c.params)
		state := stateOf(t, first)
		requests, _ := json.Marshal(result(t, first)["inputRequests"])
		if diff := cmp.Diff(nameAsked, string(requests)); status != http.StatusOK || diff != "" || result(t, first)["_meta"] == nil {
			t.Errorf("%s: HTTP %d, %v (-want +got):\n%s", c.method, status, first, diff)
		}
		_, second := w.able(t, "a", c.method, c.name, c.params+alice+state)
		if text, _ := json.Marshal(result(t, second)[c.member]); string(text) != c.want {
			t.Errorf("%s: %s", c.method, text)
		}
		r := w.taken()
		if len(r) != 2 || r[0].Outcome != "tool.input_required" || r[1].Outcome != "ok" || r[1].Detail != "continues "+r[0].Request || r[0].DeniedBy != "" {
			t.Errorf("%s: on record: %+v", c.method, r)
		}
	}
}

func TestAsk_AnswersWithoutAStateAreNoMoreThanArguments(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", asks()...)
	_, answer := w.able(t, "a", "tools/call", "asks", `"name":"asks",`+alice)
	if text := fmt.Sprint(result(t, answer)["content"]); text != "[map[text:Alice  type:text]]" {
		t.Error(text)
	}
}

func TestAsk_RefusesAStateThatIsNotForThisRequest(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", asks()...)
	_, first := w.able(t, "a", "tools/call", "asks", `"name":"asks","arguments":{"a":1},`)
	state := stateOf(t, first)
	w.taken()
	for name, c := range map[string]struct{ who, method, target, params string }{
		"another principal's":          {"b", "tools/call", "asks", `"name":"asks","arguments":{"a":1},` + alice + state},
		"another tool's":               {"a", "tools/call", "asks_on", `"name":"asks_on","arguments":{"a":1},` + alice + state},
		"with new arguments":           {"a", "tools/call", "asks", `"name":"asks","arguments":{"a":2},` + alice + state},
		"of another method":            {"a", "prompts/get", "explain", `"name":"explain","arguments":{"word":"ask"},` + alice + state},
		"of a resource":                {"a", "resources/read", "word://ask", `"uri":"word://ask",` + alice + state},
		"tampered with":                {"a", "tools/call", "asks", `"name":"asks","arguments":{"a":1},` + alice + strings.Replace(state, `",`, `-TAMPERED",`, 1)},
		"for a tool that does not ask": {"a", "tools/call", "draws", `"name":"draws","arguments":{"a":1},` + alice + state},
	} {
		status, answer := w.able(t, c.who, c.method, c.target, c.params)
		if status != http.StatusBadRequest || code(answer) != -32602 || !strings.Contains(fmt.Sprint(answer), "mcp.request_state") {
			t.Errorf("%s: HTTP %d: %v", name, status, answer)
		}
		if r := w.taken(); len(r) != 1 || r[0].Outcome != "mcp.request_state" || r[0].DeniedBy != "input" {
			t.Errorf("%s: on record: %+v", name, r)
		}
	}
}

// Whoever may not use a tool learns nothing of it by answering what it might have asked.
func TestAsk_OfWhatIsHiddenIsLikeAskOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", asks()...)
	w.hidden["asks"] = true
	_, hidden := w.able(t, "a", "tools/call", "asks", `"name":"asks","requestState":"x",`)
	_, absent := w.able(t, "a", "tools/call", "gone", `"name":"gone","requestState":"x",`)
	if diff := cmp.Diff(masked(absent), masked(hidden)); diff != "" {
		t.Errorf("(-absent +hidden):\n%s", diff)
	}
}

func TestAsk_RefusesAnswersOfNoKnownShape(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", asks()...)
	for _, responses := range []string{`{"name":12345}`, `null`, `{"name":{"action":"agree"}}`} {
		status, answer := w.able(t, "a", "tools/call", "asks", `"name":"asks","inputResponses":`+responses+`,`)
		if status != http.StatusBadRequest || code(answer) != -32602 || !strings.Contains(fmt.Sprint(answer), "mcp.input_responses") {
			t.Errorf("%s: HTTP %d: %v", responses, status, answer)
		}
	}
}

func TestAsk_EndsAfterTenRounds(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", asks()...)
	state := ""
	for round := 1; ; round++ {
		_, answer := w.able(t, "a", "tools/call", "asks_on", `"name":"asks_on",`+state)
		if strings.Contains(fmt.Sprint(answer), "tool.rounds") {
			if round != 11 {
				t.Errorf("ended in round %d", round)
			}
			break
		}
		state = stateOf(t, answer)
	}
}

func TestAsk_OfAClientThatCannotAnswerSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", asks()...)
	status, answer := w.modern(t, "tools/call", "asks_all", `"name":"asks_all",`)
	e, _ := answer["error"].(map[string]any)
	data, _ := json.Marshal(e["data"].(map[string]any)["requiredCapabilities"])
	if status != http.StatusBadRequest || code(answer) != -32021 || string(data) != `{"elicitation":{"form":{}},"roots":{},"sampling":{}}` {
		t.Errorf("HTTP %d: %v", status, answer)
	}
	if r := w.taken(); len(r) != 1 || r[0].Outcome != "tool.capability_missing" {
		t.Errorf("on record: %+v", r)
	}
	sid := w.session(t, "a")
	_, _, answer = w.post(t, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"asks_all"}}`, "Mcp-Session-Id", sid, "X-Test-Who", "a", "Accept", bothTypes)
	if code(answer) != -32021 {
		t.Errorf("an older revision: %v", answer)
	}
	if _, answer = w.able(t, "a", "tools/call", "asks_nothing", `"name":"asks_nothing",`); !strings.Contains(fmt.Sprint(result(t, answer)), "internal") {
		t.Errorf("a tool that asks nothing: %v", answer)
	}
}

// conversation is the response to a POST whose client answers what it is asked on it.
type conversation struct {
	*httptest.ResponseRecorder
	mu     sync.Mutex
	answer func(method string, id json.RawMessage)
	asked  []string
}

func (c *conversation) Write(event []byte) (int, error) {
	for line := range strings.Lines(string(event)) {
		data, ok := strings.CutPrefix(line, "data: ")
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if ok && json.Unmarshal([]byte(data), &m) == nil && m.Method != "" && m.ID != nil {
			c.mu.Lock()
			c.asked = append(c.asked, m.Method)
			c.mu.Unlock()
			c.answer(m.Method, m.ID)
		}
	}
	return c.ResponseRecorder.Write(event)
}

const initializeAble = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{},"sampling":{},"roots":{}},"clientInfo":{"name":"t","version":"1"}}}`

func (w *world) ableSession(t *testing.T, who string) string {
	t.Helper()
	_, header, _ := w.post(t, initializeAble, "X-Test-Who", who)
	return header.Get("Mcp-Session-Id")
}

var said1 = map[string]string{
	"elicitation/create":     `{"action":"accept","content":{"name":"Alice"}}`,
	"sampling/createMessage": `{"role":"assistant","model":"m","content":{"type":"text","text":"Hi"}}`,
	"roots/list":             `{"roots":[{"uri":"file:///a"}]}`,
}

func TestAsk_IsARequestOfOursInOlderRevisions(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"asks": `Alice kept`, "asks_all": `{\"name\":\"Alice\"} Hi [{file:///a }]`,
	} {
		w := newWorldWith(t, "", asks()...)
		sid := w.ableSession(t, "a")
		w.taken()
		c := &conversation{ResponseRecorder: httptest.NewRecorder()}
		c.answer = func(method string, id json.RawMessage) {
			status, _, _ := w.post(t, `{"jsonrpc":"2.0","id":`+string(id)+`,"result":`+said1[method]+`}`, "Mcp-Session-Id", sid, "X-Test-Who", "a")
			if status != http.StatusAccepted {
				t.Errorf("the answer was answered HTTP %d", status)
			}
		}
		w.posted(t, c, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"`+name+`"}}`, bothTypes, "Mcp-Session-Id", sid, "X-Test-Who", "a")
		if body := c.Body.String(); !strings.Contains(body, want) || strings.Contains(body, guardedSecret) {
			t.Errorf("%s: %s", name, body)
		}
		r := w.taken()
		if len(r) != 2 || r[0].Outcome != "tool.input_required" || r[1].Outcome != "ok" || r[1].Detail != "continues "+r[0].Request ||
			r[1].Actor != r[0].Actor || r[1].Method != "tools/call" || r[1].Revision != "2025-11-25" || r[1].Transport != "http" {
			t.Errorf("%s: on record: %+v", name, r)
		}
	}
}

func TestAsk_IsAnsweredByItsOwnSessionAlone(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", asks()...)
	mine, mineToo, other := w.ableSession(t, "a"), w.ableSession(t, "a"), w.ableSession(t, "b")
	c := &conversation{ResponseRecorder: httptest.NewRecorder()}
	c.answer = func(_ string, id json.RawMessage) {
		answer := func(name string, status int, headers ...string) {
			body := `{"jsonrpc":"2.0","id":` + string(id) + `,"result":{"action":"accept","content":{"name":"` + name + `"}}}`
			if got, _, _ := w.post(t, body, headers...); got != status {
				t.Errorf("%s in %v: HTTP %d", name, headers, got)
			}
		}
		answer("Mallory", http.StatusAccepted, "X-Test-Who", "b", "Mcp-Session-Id", other)
		answer("Mallory", http.StatusAccepted, "X-Test-Who", "a", "Mcp-Session-Id", mineToo)
		answer("Mallory", http.StatusNotFound, "X-Test-Who", "b", "Mcp-Session-Id", mine)
		answer("Mallory", http.StatusBadRequest, "X-Test-Who", "a")
		answer("Alice", http.StatusAccepted, "X-Test-Who", "a", "Mcp-Session-Id", mine)
		answer("Mallory", http.StatusAccepted, "X-Test-Who", "a", "Mcp-Session-Id", mine)
	}
	w.posted(t, c, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"asks"}}`, bothTypes, "Mcp-Session-Id", mine, "X-Test-Who", "a")
	if body := c.Body.String(); strings.Contains(body, "Mallory") || !strings.Contains(body, "Alice kept") || len(c.asked) != 1 {
		t.Errorf("asked %v: %s", c.asked, body)
	}
}

// A session that ends takes with it what it was asked.
func TestAsk_EndsWithItsSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, "", asks()...)
		sid, begun := w.ableSession(t, "a"), time.Now()
		c := &conversation{ResponseRecorder: httptest.NewRecorder()}
		c.answer = func(string, json.RawMessage) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/mcp", nil)
			r.Header.Set("Mcp-Session-Id", sid)
			r.Header.Set("X-Test-Who", "a")
			w.ServeHTTP(httptest.NewRecorder(), r)
		}
		w.posted(t, c, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"asks"}}`, bothTypes, "Mcp-Session-Id", sid, "X-Test-Who", "a")
		if body := c.Body.String(); strings.Contains(body, `"id":2`) || len(c.asked) != 1 || time.Since(begun) != 0 {
			t.Errorf("asked %v, %v: %s", c.asked, time.Since(begun), body)
		}
	})
}

func TestAsk_EndsAfterTenRoundsInOlderRevisionsToo(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", asks()...)
	sid := w.ableSession(t, "a")
	w.taken()
	c := &conversation{ResponseRecorder: httptest.NewRecorder()}
	c.answer = func(method string, id json.RawMessage) {
		w.post(t, `{"jsonrpc":"2.0","id":`+string(id)+`,"result":`+said1[method]+`}`, "Mcp-Session-Id", sid, "X-Test-Who", "a")
	}
	w.posted(t, c, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"asks_on"}}`, bothTypes, "Mcp-Session-Id", sid, "X-Test-Who", "a")
	if !strings.Contains(c.Body.String(), "tool.rounds") || len(c.asked) != 10 {
		t.Errorf("asked %d times: %s", len(c.asked), c.Body)
	}
}

// speaking is the peer of a stdio server that answers what it is asked.
type speaking struct {
	lines chan string
	mu    sync.Mutex
	heard []string
}

func (s *speaking) Read(into []byte) (int, error) {
	line, ok := <-s.lines
	if !ok {
		return 0, context.Canceled
	}
	return copy(into, line+"\n"), nil
}

func (s *speaking) Write(line []byte) (int, error) {
	var m struct {
		ID     json.RawMessage
		Method string
	}
	if json.Unmarshal(line, &m) == nil && m.Method != "" && m.ID != nil {
		s.lines <- `{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + said1[m.Method] + `}`
	} else {
		s.mu.Lock()
		s.heard = append(s.heard, string(line))
		s.mu.Unlock()
		if strings.Contains(string(line), `"id":2`) {
			close(s.lines)
		}
	}
	return len(line), nil
}

func TestAsk_IsAskedOverStdioToo(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", asks()...)
	s := &speaking{lines: make(chan string, 8)}
	s.lines <- initializeAble
	s.lines <- `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"asks"}}`
	if err := w.server.Stdio(t.Context(), s, s, access.Local("tester", "p"), 1<<20); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(s.heard, func(line string) bool { return strings.Contains(line, "Alice kept") }) {
		t.Errorf("%q", s.heard)
	}
}
