package component_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/session"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

// named is a client over HTTP that says what it is called.
type named struct {
	w         *world
	key, name string
	era       harness.Era
	protocol  string // its Mcp-Session-Id, where it has one
}

// call calls a tool and gives the code of what came of it: ok, or that of the failure, in whatever form it came. A client
// of an era with sessions begins one if it has none.
func (n *named) call(t *testing.T, tool string) string {
	t.Helper()
	if n.era == harness.Legacy && n.protocol == "" {
		header, code := n.post(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":`+quote(n.name)+`,"version":"1"}}}`, "")
		if code != "ok" {
			return code
		}
		n.protocol = header.Get("Mcp-Session-Id")
	}
	meta := ""
	if n.era == harness.Modern {
		meta = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":` + quote(n.name) +
			`,"version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`
	}
	_, code := n.post(t, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":`+quote(tool)+`,"arguments":{"text":"hello"}`+meta+`}}`, tool)
	return code
}

// request is a message on its way.
func (n *named) request(t *testing.T, body, tool string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, n.w.url, strings.NewReader(body))
	r.RequestURI = "" // it is a client's
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer "+n.key)
	if n.era == harness.Modern {
		r.Header.Set("Mcp-Protocol-Version", string(harness.Modern))
		r.Header.Set("Mcp-Method", "tools/call")
		r.Header.Set("Mcp-Name", tool)
	} else if n.protocol != "" {
		r.Header.Set("Mcp-Session-Id", n.protocol)
	}
	return r
}

func (n *named) post(t *testing.T, body, tool string) (http.Header, string) {
	t.Helper()
	response, err := client(t).Do(n.request(t, body, tool))
	if err != nil {
		t.Error(err)
		return nil, ""
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(response.Body); err != nil {
		t.Error(err)
	}
	return response.Header, codeOf(t, text.Bytes())
}

// codeOf is what an answer came to.
func codeOf(t *testing.T, text []byte) string {
	t.Helper()
	type failure struct{ Code string }
	var answer struct {
		Result *harness.Result
		Error  *struct {
			Code json.RawMessage
			Data failure
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Errorf("%s: %v", text, err)
		return ""
	}
	switch {
	case answer.Result != nil && answer.Result.IsError:
		var f failure
		if err := json.Unmarshal([]byte(answer.Result.Text()), &f); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		return f.Code
	case answer.Result != nil:
		return "ok"
	case answer.Error != nil && answer.Error.Data.Code != "":
		return answer.Error.Data.Code
	case answer.Error != nil: // outside of the protocol
		return strings.Trim(string(answer.Error.Code), `"`)
	}
	return ""
}

// movedClock is a clock that tests move.
type movedClock struct {
	mu   sync.Mutex
	gone time.Duration
}

func (h *movedClock) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone += d
}

func (h *movedClock) option() fx.Option {
	return fx.Decorate(func(now func() time.Time) func() time.Time {
		return func() time.Time {
			h.mu.Lock()
			defer h.mu.Unlock()
			return now().Add(h.gone)
		}
	})
}

// sessionsOf asks, as an operator, which sessions there are.
func (w *world) sessionsOf(t *testing.T, operator, query string) []sessionapp.Session {
	t.Helper()
	status, answer := w.act(t, operator, "GET", "/admin/v1/sessions"+query, "")
	if status != http.StatusOK {
		t.Fatalf("HTTP %d %v", status, answer)
	}
	return as[sessionapp.Page](t, answer).Sessions
}

func as[T any](t *testing.T, answer map[string]any) (out T) {
	t.Helper()
	text, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An operator sees who speaks, and closes one of them: what runs ends, what comes is refused, for as long as it keeps
// coming, also by a server that was started anew. Whoever else the principal is goes on.
func TestSessions_AnOperatorListsShowsAndClosesThem(t *testing.T) {
	t.Parallel()
	for _, era := range []harness.Era{harness.Modern, harness.Legacy} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			clock := &movedClock{}
			c := configured(t, operators)
			w := serveConfigured(t, c, clock.option())
			operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
			agent, other := &named{w: w, key: w.key, name: "agent", era: era}, &named{w: w, key: w.key, name: "other", era: era}
			for _, n := range []*named{agent, other} {
				if code := n.call(t, "echo"); code != "ok" {
					t.Fatalf("%s: %s", n.name, code)
				}
			}
			listed := w.sessionsOf(t, operator, "?client=agent&state=open")
			if len(listed) != 1 || listed[0].Client != "agent/1" || listed[0].Revision != string(era) || listed[0].Transport != "http" ||
				listed[0].LastAddress != "127.0.0.1" || listed[0].Requests == 0 || len(w.sessionsOf(t, operator, "")) != 2 {
				t.Fatalf("listed: %+v", listed)
			}
			sid := listed[0].ID

			ended := make(chan string, 1)
			go func() { ended <- agent.call(t, "fixture_waits") }()
			select {
			case <-w.tools.began:
			case code := <-ended:
				t.Fatal(code)
			}
			status, answer := w.act(t, operator, "GET", "/admin/v1/sessions/"+sid, "")
			if shown := as[sessionapp.Session](t, answer); status != http.StatusOK || shown.Running != 1 || len(shown.Protocol) != map[harness.Era]int{harness.Modern: 0, harness.Legacy: 1}[era] {
				t.Errorf("shown: HTTP %d %v", status, answer)
			}
			if shown, _ := json.Marshal(answer); agent.protocol != "" && strings.Contains(string(shown), agent.protocol) {
				t.Errorf("the id of a protocol session is shown: %s", shown)
			}
			before := len(w.requests(t))
			status, answer = w.act(t, operator, "POST", "/admin/v1/sessions/"+sid+"/close", `{"reason":"it loops"}`)
			if closed := as[sessionapp.Session](t, answer); status != http.StatusOK || closed.State != session.Closed || closed.Reason != "it loops" || len(closed.Protocol) != 0 {
				t.Errorf("closed: HTTP %d %v", status, answer)
			}
			if code := <-ended; code != "session.closed" {
				t.Errorf("what ran ends with %s", code)
			}
			if intent := w.newest(t, before)[0]; intent.Phase != audit.Intent || intent.Action != "admin.sessions.close" || intent.Target != "session:"+sid || intent.Purpose != "it loops" {
				t.Errorf("on record of the closing: %+v", intent)
			}

			if era == harness.Legacy { // its protocol session has ended too
				if code := agent.call(t, "echo"); code != "mcp.session" {
					t.Errorf("in its protocol session: %s", code)
				}
				agent.protocol = ""
			}
			before = len(w.requests(t))
			if code := agent.call(t, "fixture_changes"); code != "session.closed" {
				t.Errorf("the next request: %s", code)
			}
			if times, _ := w.tools.changed(); times != 0 {
				t.Error("something ran in a closed session")
			}
			if r := w.newest(t, before); len(r) != 1 || r[0].Outcome != "session.closed" || r[0].DeniedBy != audit.BySession || r[0].Session != sid {
				t.Errorf("on record of the refusal: %+v", r)
			}
			if code := other.call(t, "echo"); code != "ok" {
				t.Errorf("another client of the principal: %s", code)
			}

			// It holds through a restart, and each attempt begins its time anew.
			w.stop()
			w = serveRestarted(t, c, clock.option())
			w.key = agent.key
			again := &named{w: w, key: agent.key, name: "agent", era: era}
			for range 2 {
				clock.pass(23 * time.Hour)
				if code := again.call(t, "echo"); code != "session.closed" {
					t.Errorf("after a restart: %s", code)
				}
			}
			clock.pass(24 * time.Hour)
			if code := again.call(t, "echo"); code != "ok" {
				t.Errorf("after it has been idle for its lifetime: %s", code)
			}
			shown := w.sessionsOf(t, operator, "?client=agent")
			if len(shown) != 1 || shown[0].ID != sid || shown[0].State != session.Opened || shown[0].Refused != 0 || !shown[0].Closed.IsZero() {
				t.Errorf("opened anew: %+v", shown)
			}
		})
	}
}

// What initialize settles later is known before: whatever revision a client asks for, its first request and those that
// follow are of one session.
func TestSessions_BeginWithInitializeInWhateverRevision(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	for asked, agreed := range map[string]string{
		"2025-11-25": "2025-11-25", "2025-03-26": "2025-03-26", "2024-11-05": "2024-11-05", "1999-01-01": "2025-11-25", "2026-07-28": "2025-11-25",
	} {
		n := &named{w: w, key: w.key, name: "asks for " + asked, era: harness.Legacy}
		before := len(w.requests(t))
		header, code := n.post(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":`+quote(asked)+`,"capabilities":{},"clientInfo":{"name":`+quote(n.name)+`,"version":"1"}}}`, "")
		if n.protocol = header.Get("Mcp-Session-Id"); code != "ok" || n.protocol == "" || n.call(t, "echo") != "ok" {
			t.Fatalf("%s: %s", asked, code)
		}
		want := session.NewPeer(w.requests(t)[before].Actor, n.name+"/1", agreed, "http").ID().String()
		for _, r := range w.newest(t, before) {
			if r.Session != want || r.Revision != agreed {
				t.Errorf("%s: %s is on record in %s of %s, want %s of %s", asked, r.Method, r.Session, r.Revision, want, agreed)
			}
		}
	}
}

// A stream that is open in a session ends with it.
func TestSessions_AClosingEndsOpenStreams(t *testing.T) {
	t.Parallel()
	w := serve(t, operators)
	operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
	r := w.post(t, following(way{era: harness.Modern}, "a"))
	r.Header.Set("Mcp-Name", "fixture_follows")
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var first [1]byte
	if _, err := response.Body.Read(first[:]); err != nil {
		t.Fatal(err)
	}
	listed := w.sessionsOf(t, operator, "?state=open")
	if len(listed) != 1 || listed[0].Running != 1 {
		t.Fatalf("listed: %+v", listed)
	}
	at := time.Now()
	if status, answer := w.act(t, operator, "POST", "/admin/v1/sessions/"+listed[0].ID+"/close", "{}"); status != http.StatusOK {
		t.Fatalf("HTTP %d %v", status, answer)
	}
	var rest bytes.Buffer
	if _, err := rest.ReadFrom(response.Body); err != nil || !strings.Contains(rest.String(), `"session.closed"`) {
		t.Errorf("the stream ends with %q, %v", rest.String(), err)
	}
	if took := time.Since(at); took > 5*time.Second {
		t.Errorf("the stream ended after %s", took)
	}
}

// So does the one stream of a client that speaks the transport of old.
func TestSessions_AClosingEndsTheStreamOfAnOldClient(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *config.Config) {
		operators(c)
		c.Server.LegacySSE = true
	})
	operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
	base := strings.TrimSuffix(w.url, "/mcp")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/sse", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.key)
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	data := func() string {
		t.Helper()
		for lines.Scan() {
			if said, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return said
			}
		}
		t.Fatalf("the stream has ended: %v", lines.Err())
		return ""
	}
	old := &named{w: &world{url: base + data()}, key: w.key}
	send(t, old.request(t, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}`, ""))
	if said := data(); !strings.Contains(said, `"2024-11-05"`) {
		t.Fatal(said)
	}
	listed := w.sessionsOf(t, operator, "?client=old")
	if len(listed) != 1 {
		t.Fatalf("listed: %+v", listed)
	}
	if status, answer := w.act(t, operator, "POST", "/admin/v1/sessions/"+listed[0].ID+"/close", "{}"); status != http.StatusOK {
		t.Fatalf("HTTP %d %v", status, answer)
	}
	for lines.Scan() { // until it ends; the client's patience has one, too
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
}

func TestSessions_ArePartOfWhatIsGoverned(t *testing.T) {
	t.Parallel()
	w := serve(t, operators)
	operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
	if status, _, body := send(t, w.post(t, echo("hello", ""))); status != http.StatusOK {
		t.Fatal(body)
	}
	sid := w.sessionsOf(t, operator, "")[0].ID
	never := session.NewPeer("key:never", "never", "2026-07-28", "http").ID().String()
	for _, c := range []struct {
		key, method, path, body string
		status                  int
		records                 []string // phase, action, outcome, denied_by
	}{
		{"", "GET", "", "", 401, []string{"closed  identity.unauthenticated authentication"}},
		{w.key, "GET", "", "", 403, []string{"closed admin.sessions.list access.denied policy"}},
		{w.key, "GET", "/" + sid, "", 403, []string{"closed admin.sessions.show access.denied policy"}},
		{w.key, "POST", "/" + sid + "/close", "{}", 403, []string{"closed admin.sessions.close access.denied policy"}},
		{operator, "GET", "?state=ajar", "", 400, []string{"closed admin.sessions.list session.state "}},
		{operator, "GET", "?limit=0", "", 400, []string{"closed  admin.sessions input"}},
		{operator, "GET", "?principle=a", "", 400, []string{"closed  admin.sessions input"}},
		{operator, "GET", "?state=open&state=closed", "", 400, []string{"closed  admin.sessions input"}},
		{operator, "GET", "?after=" + url.QueryEscape("*"), "", 400, []string{"closed admin.sessions.list session.page "}},
		{operator, "GET", "/ses_none", "", 400, []string{"closed admin.sessions.show id.malformed "}},
		{operator, "GET", "/" + never, "", 404, []string{"closed admin.sessions.show session.not_found "}},
		{operator, "GET", "/" + sid, "", 200, []string{"closed admin.sessions.show ok "}},
		{operator, "POST", "/ses_none/close", "{}", 400, []string{"closed admin.sessions.close id.malformed input"}},
		{operator, "POST", "/" + sid + "/close", `{"why":"so"}`, 400, []string{"closed  admin.body input"}},
		{operator, "POST", "/" + sid + "/close", `{"reason":"` + strings.Repeat("x", 1001) + `"}`, 400, []string{"closed admin.sessions.close session.reason input"}},
		{operator, "POST", "/" + sid + "/close", `{}`, 200, []string{"intent admin.sessions.close  ", "closed admin.sessions.close ok "}},
		{operator, "POST", "/" + sid + "/close", `{}`, 200, []string{"intent admin.sessions.close  ", "closed admin.sessions.close ok "}},
		{operator, "POST", "/" + never + "/close", `{}`, 200, []string{"intent admin.sessions.close  ", "closed admin.sessions.close ok "}},
		{operator, "DELETE", "/" + sid, "", 404, []string{"closed  admin.not_found input"}},
	} {
		before := len(w.requests(t))
		status, answer := w.act(t, c.key, c.method, "/admin/v1/sessions"+c.path, c.body)
		var got []string
		for _, r := range w.newest(t, before) {
			got = append(got, strings.Join([]string{string(r.Phase), r.Action, r.Outcome, r.DeniedBy}, " "))
		}
		if status != c.status || !slices.Equal(got, c.records) {
			t.Errorf("%s %s %.60s: HTTP %d %v\non record %q\nwant HTTP %d %q", c.method, c.path, c.body, status, answer, got, c.status, c.records)
		}
	}
}

// A client that changes its name is another session, and the same principal: it gains no call by that, and no place.
func TestSessions_OfOnePrincipalShareItsBudgets(t *testing.T) {
	t.Parallel()
	const names = 10
	t.Run("calls", func(t *testing.T) {
		t.Parallel()
		clock := &movedClock{}
		w := serve(t, func(c *config.Config) {
			operators(c)
			c.Security.RateLimit = config.Default().Security.RateLimit
			c.Security.RateLimit.RequestsPerMinute, c.Security.RateLimit.BurstSize = 1, 4
		}, clock.option())
		operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
		var codes []string
		for i := range names {
			codes = append(codes, (&named{w: w, key: w.key, name: "name-" + string(rune('a'+i)), era: harness.Modern}).call(t, "echo"))
		}
		want := slices.Concat(slices.Repeat([]string{"ok"}, 4), slices.Repeat([]string{"limit.rate"}, names-4))
		if !slices.Equal(codes, want) {
			t.Errorf("under %d names: %v", names, codes)
		}
		if got := len(w.sessionsOf(t, operator, "")); got != names {
			t.Errorf("%d sessions, want %d", got, names)
		}
	})
	t.Run("calls at a time", func(t *testing.T) {
		t.Parallel()
		w := serve(t, func(c *config.Config) {
			c.Security.RateLimit = config.Default().Security.RateLimit
			c.Security.RateLimit.MaxConcurrentPerPrincipal = 3
		})
		ctx, leave := context.WithCancel(t.Context())
		var open sync.WaitGroup
		for i := range 3 {
			r := w.post(t, strings.NewReplacer(`"echo"`, `"fixture_waits"`, `"name":"t"`, `"name":"name-`+string(rune('a'+i))+`"`).Replace(echo("", ""))).WithContext(ctx)
			r.Header.Set("Mcp-Name", "fixture_waits")
			open.Go(func() {
				if response, err := client(t).Do(r); err == nil {
					_ = response.Body.Close()
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			<-w.tools.began
		}
		if code := (&named{w: w, key: w.key, name: "another", era: harness.Modern}).call(t, "echo"); code != "limit.concurrent" {
			t.Errorf("under another name: %s", code)
		}
		leave()
		open.Wait()
	})
}

// Over stdio there is no listener for operators: the command acts on the state, and the process hears of it.
func TestSessions_OverStdioAreClosedToo(t *testing.T) {
	t.Parallel()
	for _, era := range []harness.Era{harness.Modern, harness.Legacy} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			w, p := pipe(t, nil, era)
			if c := call(t, p, "echo", map[string]string{"text": "hello"}); c.failure.Code != "" {
				t.Fatal(c.text)
			}
			all := w.requests(t)
			sid := all[len(all)-1].Session
			if parsed, err := id.Parse[id.SessionKind](sid); err != nil || parsed != session.NewPeer("local:tester", "t/1", string(era), "stdio").ID() {
				t.Fatalf("the record names the session %q, %v", sid, err)
			}
			ended := make(chan called, 1)
			go func() { ended <- call(t, p, "fixture_waits", map[string]any{}) }()
			select {
			case <-w.tools.began:
			case c := <-ended:
				t.Fatal(c.text)
			}
			err := app.Administer(t.Context(), app.Settings{Config: w.config, Version: "test"}, "sessions",
				func(ctx context.Context, acts app.Acts, by access.Principal) error {
					_, err := acts.Sessions.Close.Do(ctx, sessionapp.CloseSession{Change: cqrs.Change{By: by}, ID: sid})
					return err
				})
			if err != nil {
				t.Fatal(err)
			}
			select {
			case c := <-ended:
				if c.failure.Code != "session.closed" {
					t.Errorf("what ran ends with %s", c.text)
				}
			case <-time.After(patience):
				t.Fatal("what ran does not end")
			}
			if c := call(t, p, "echo", map[string]string{"text": "hello"}); c.failure.Code != "session.closed" {
				t.Errorf("the next request: %s", c.text)
			}
		})
	}
}

// The commands do on a running server what they do on a state that nobody holds.
func TestCommands_OnSessionsReachTheServerThatRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.configure(t, "  operator: {allow: [{action: \"admin.*\", target: \"*\"}]}\n")
	run := func(commands string) (string, error) {
		t.Helper()
		out, err := s.run(t, s.state, commands)
		return string(bytes.TrimSpace(out)), err
	}
	if out, err := run("steward keys create --name op --persona operator --quiet > op.key && steward keys create --name Ada --persona analyst --quiet > ada.key"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.start(t)
	key, err := run("cat ada.key")
	if err != nil {
		t.Fatal(err)
	}
	p := harness.NewClient(s.server.URL, key, harness.Modern)
	t.Cleanup(p.Close)
	echoes := func() string {
		t.Helper()
		return call(t, p, "echo", map[string]string{"text": "hello"}).failure.Code
	}
	if code := echoes(); code != "" {
		t.Fatal(code)
	}
	if out, err := run("steward sessions list"); err == nil || !strings.Contains(out, "--admin-key FILE") {
		t.Errorf("without a key: %v %s", err, out)
	}
	if out, err := run("steward sessions list --admin-key ada.key"); err == nil || !strings.Contains(out, "not permitted") {
		t.Errorf("by whoever is not permitted: %v %s", err, out)
	}
	out, err := run("steward sessions list --admin-key op.key --state open --limit 5")
	var listed sessionapp.Session
	if err != nil || json.Unmarshal([]byte(out), &listed) != nil || listed.Requests != 1 {
		t.Fatalf("list: %v %s", err, out)
	}
	if out, err := run("steward sessions list --table --admin-key op.key"); err != nil || !strings.HasPrefix(out, "ID ") || !strings.Contains(out, "\n"+listed.ID+"  open ") {
		t.Errorf("a table: %v %s", err, out)
	}
	if out, err := run("export STEWARD_ADMIN_KEY_FILE=op.key; steward sessions close --reason \"it loops\" " + listed.ID + " && steward sessions show " + listed.ID); err != nil ||
		!strings.Contains(out, `"reason": "it loops"`) || !strings.Contains(out, "is closed until") {
		t.Errorf("close and show: %v %s", err, out)
	}
	if code := echoes(); code != "session.closed" {
		t.Errorf("after the closing: %q", code)
	}
	s.stop(t)
	if out, err := run("steward sessions list --state closed"); err != nil || !strings.Contains(out, listed.ID) || !strings.Contains(out, "local:") && !strings.Contains(out, `"closed_by":"key:`) {
		t.Errorf("after the stop: %v %s", err, out)
	}
	never := session.NewPeer("key:never", "never", "2026-07-28", "http").ID().String()
	if out, err := run("steward sessions close " + never + " && steward sessions list --table"); err != nil || !strings.Contains(out, never+"  closed  -") {
		t.Errorf("one that nobody has heard of: %v %s", err, out)
	}
}
