package hostile_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/tests/harness"
)

// exchange sends a message as it is, and gives status, session id and body.
func exchange(ctx context.Context, s *server, key string, headers map[string]string, body string) (status int, session, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader(body))
	if err != nil {
		return 0, "", "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+key)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer response.Body.Close()
	var all bytes.Buffer
	_, err = all.ReadFrom(response.Body)
	return response.StatusCode, response.Header.Get("Mcp-Session-Id"), all.String(), err
}

var toolHeaders = func(tool string) map[string]string {
	return map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool}
}

// Sixty-four clients of eight principals, in both eras, all with the same JSON-RPC ids at the same time: each hears what
// it said, and is taken for who it is.
func TestIsolation_EveryAnswerGoesToItsAsker(t *testing.T) {
	t.Parallel()
	const principals, clients, calls = 8, 64, 12
	at := newSite(t, built.race)
	keys := make([]string, principals)
	for i := range keys {
		keys[i] = at.key(t, fmt.Sprintf("principal-%d", i))
	}
	s := at.start(t)
	before := len(closed(s.records(t)))
	var everyone sync.WaitGroup
	for i := range clients {
		everyone.Go(func() {
			key, era := keys[i%principals], []harness.Era{harness.Legacy, harness.Modern}[i/principals%2]
			c := harness.NewClient(s.URL, key, era)
			defer c.Close()
			for j := range calls {
				var said struct{ Text string }
				canary := fmt.Sprintf("canary-%d-%d", i, j)
				if _, err := c.Tool(t.Context(), "echo", map[string]any{"text": canary}, &said); err != nil || said.Text != canary {
					t.Errorf("client %d said %s and heard %q, %v", i, canary, said.Text, err)
				}
			}
			var me struct{ Name string }
			if _, err := c.Tool(t.Context(), "whoami", map[string]any{}, &me); err != nil || me.Name != fmt.Sprintf("principal-%d", i%principals) {
				t.Errorf("client %d is taken for %q, %v", i, me.Name, err)
			}
		})
	}
	everyone.Wait()
	by := closed(s.records(t))
	if got, want := len(by)-before, clients*(calls+1)+clients/2; got != want { // and an initialize of each second client
		t.Errorf("%d requests are on record, want %d", got, want)
	}
	for request, of := range by {
		if len(of) != 1 || of[0].Outcome != audit.OK {
			t.Errorf("request %s: %+v", request, of)
		}
	}
}

// A session is good for the principal that began it, whatever the others do with its id; and no id can be chosen.
func TestIsolation_ASessionIsNobodyElses(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	owner, thief := at.key(t, "owner"), at.key(t, "thief")
	s := at.start(t)
	session := s.begin(t, owner)
	with := func(sid string) map[string]string { return map[string]string{"Mcp-Session-Id": sid} }
	for name, c := range map[string]struct {
		key, session string
		status       int
	}{
		"the owner": {owner, session, 200}, "another principal": {thief, session, 404}, "in capitals": {owner, strings.ToUpper(session), 404},
		"the name of stdio's": {owner, "stdio", 404}, "with a space": {owner, session + " x", 404}, "half of it": {owner, session[:len(session)/2], 404},
	} {
		status, _, text, err := exchange(t.Context(), s, c.key, with(c.session), list)
		if err != nil || status != c.status {
			t.Errorf("%s: HTTP %d, %v: %s", name, status, err, text)
		}
	}
	// Whoever begins with an id of their choice gets another one, and the chosen one is good for nothing.
	const chosen = "ses_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	status, given, text, err := exchange(t.Context(), s, thief, with(chosen), `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	if err != nil || status != 200 || given == chosen || given == session || given == "" {
		t.Errorf("a chosen session: HTTP %d, %q, %v: %s", status, given, err, text)
	}
	for _, key := range []string{owner, thief} {
		if status, _, _, err := exchange(t.Context(), s, key, with(chosen), list); err != nil || status != 404 {
			t.Errorf("the chosen session serves: HTTP %d, %v", status, err)
		}
	}
}

// Nobody ends another's request by its id, neither a stranger nor the same principal from elsewhere, and whoever asked
// can.
func TestIsolation_NobodyCancelsAnothersRequest(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	provider := at.thinks(t)
	victim, attacker := at.key(t, "victim"), at.key(t, "attacker")
	s := at.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sessions := map[string]string{"victim": s.begin(t, victim), "again": s.begin(t, victim), "attacker": s.begin(t, attacker)}
	question := call(`"claude_conversation"`, `{"message":"Think."}`)
	stop := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`
	answers := make(chan string, 2)
	ask := func(headers map[string]string, body string) {
		go func() {
			_, _, text, err := exchange(ctx, s, victim, headers, body)
			answers <- fmt.Sprint(text, err)
		}()
		<-provider.asked
	}
	ask(map[string]string{"Mcp-Session-Id": sessions["victim"]}, question)
	ask(toolHeaders("claude_conversation"), modernCall(`"claude_conversation"`, `{"message":"Think."}`))
	for name, c := range map[string]struct {
		key     string
		headers map[string]string
		body    string
		status  int
	}{
		"a stranger in the victim's session":  {attacker, map[string]string{"Mcp-Session-Id": sessions["victim"]}, stop, 404},
		"a stranger in a session of its own":  {attacker, map[string]string{"Mcp-Session-Id": sessions["attacker"]}, stop, 202},
		"a stranger without sessions":         {attacker, map[string]string{"Mcp-Protocol-Version": "2026-07-28"}, strings.Replace(stop, `"requestId":1`, `"requestId":1,`+modernMeta, 1), 202},
		"the victim from elsewhere":           {victim, map[string]string{"Mcp-Session-Id": sessions["again"]}, stop, 202},
		"the victim, elsewhere, with another": {victim, map[string]string{"Mcp-Session-Id": sessions["again"]}, call(`"echo"`, `{"text":"x"}`), 200},
		"the victim, by a text":               {victim, map[string]string{"Mcp-Session-Id": sessions["victim"]}, strings.Replace(stop, `:1}`, `:"1"}`, 1), 202},
		"the victim, by another number":       {victim, map[string]string{"Mcp-Session-Id": sessions["victim"]}, strings.Replace(stop, `:1}`, `:11}`, 1), 202},
		"the victim, by no id":                {victim, map[string]string{"Mcp-Session-Id": sessions["victim"]}, strings.Replace(stop, `:1}`, `:[1]}`, 1), 202},
		"the victim, by nothing":              {victim, map[string]string{"Mcp-Session-Id": sessions["victim"]}, strings.Replace(stop, `"requestId":1`, ``, 1), 202},
	} {
		if status, _, text, err := exchange(ctx, s, c.key, c.headers, c.body); err != nil || status != c.status {
			t.Errorf("%s: HTTP %d, %v: %s", name, status, err, text)
		}
	}
	select {
	case text := <-answers:
		t.Fatalf("a request was ended: %s", text)
	case <-provider.left:
		t.Fatal("a question was given up")
	case <-time.After(300 * time.Millisecond): // not proof, but such a cancellation takes effect within 10 ms
	}
	if status, _, _, err := exchange(ctx, s, victim, map[string]string{"Mcp-Session-Id": sessions["victim"]}, stop); err != nil || status != 202 {
		t.Errorf("the victim's own: HTTP %d, %v", status, err)
	}
	<-provider.left
	if text := <-answers; !strings.Contains(text, "canceled") {
		t.Errorf("whoever cancelled is answered %s", text)
	}
	provider.letGo()
	if text := <-answers; !strings.Contains(text, "done thinking") {
		t.Errorf("the other request is answered %s", text)
	}
	outcomes := map[string]int{}
	for _, of := range closed(s.records(t)) {
		if of[0].Target == "tool:claude_conversation" {
			outcomes[of[0].Outcome] += len(of)
		}
	}
	if outcomes[audit.OK] != 1 || len(outcomes) != 2 || outcomes["canceled"] != 1 {
		t.Errorf("on record: %v", outcomes)
	}
}

// Clients of several principals, in both eras, all with one JSON-RPC id, follow calls that run at the same time: each hears
// of its own call, by its own token, until its own answer, and whoever has not asked hears nothing.
func TestIsolation_NobodyHearsAnothersProgress(t *testing.T) {
	t.Parallel()
	const principals, clients = 4, 24
	at := newSite(t, built.race)
	provider := at.thinks(t)
	keys := make([]string, principals)
	for i := range keys {
		keys[i] = at.key(t, fmt.Sprintf("principal-%d", i))
	}
	s := at.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shared := make([]string, principals) // a session for each, which its older clients share
	for i := range shared {
		shared[i] = s.begin(t, keys[i])
	}
	var everyone, following sync.WaitGroup
	for i := range clients {
		key, modern, asks := keys[i%principals], i/principals%2 == 0, i%3 != 0
		f := &follower{token: fmt.Sprintf("canary-%d", i), asks: asks}
		headers := map[string]string{"Mcp-Session-Id": shared[i%principals]}
		if modern {
			headers = toolHeaders("claude_conversation")
		}
		if asks {
			following.Add(1)
		}
		everyone.Go(func() {
			if err := f.follow(ctx, s, key, headers, modern, following.Done); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	following.Wait() // each has heard of its call twice
	provider.letGo()
	everyone.Wait()
}

// follower is a client that reads what is streamed to it.
type follower struct {
	token string
	asks  bool
}

// follow makes one call, says when it has heard of it twice, and complains of whatever is not about it.
func (f *follower) follow(ctx context.Context, s *server, key string, headers map[string]string, modern bool, twice func()) error {
	said := sync.OnceFunc(twice)
	if f.asks {
		defer said() // also of a client that fails
	}
	body := call(`"claude_conversation"`, `{"message":"Think."}`)
	if modern {
		body = modernCall(`"claude_conversation"`, `{"message":"Think."}`)
	}
	token := `"progressToken":"` + f.token + `"`
	switch {
	case f.asks && modern:
		body = strings.Replace(body, `"_meta":{`, `"_meta":{`+token+`,`, 1)
	case f.asks:
		body = strings.Replace(body, `"params":{`, `"params":{"_meta":{`+token+`},`, 1)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	heard := 0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.Contains(line, "done thinking"):
			if f.asks != (heard >= 2) {
				return fmt.Errorf("asked %t, heard of it %d times", f.asks, heard)
			}
			return nil
		case strings.Contains(line, `"notifications/progress"`) && strings.Contains(line, token) && f.asks:
			if heard++; heard == 2 {
				said()
			}
		case line != "" && line != "event: message" && !strings.HasPrefix(line, "id: ") && line != "retry: 1000" && line != "data: " && line != ":":
			return fmt.Errorf("heard %s", line)
		}
	}
	return errors.New("no answer")
}

// Without a key every route and every method answers 401, but for what is there for everybody.
func TestAnonymous_NobodyIsLetIn(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	key := at.key(t, "somebody")
	s := at.start(t)
	methods := []string{
		"initialize", "ping", "server/discover", "subscriptions/listen", "tools/list", "tools/call", "resources/list", "resources/read",
		"resources/templates/list", "resources/subscribe", "prompts/list", "prompts/get", "completion/complete", "logging/setLevel",
		"tasks/get", "tasks/list", "tasks/cancel", "tasks/result", "tasks/update", "notifications/initialized", "notifications/cancelled", "nothing",
	}
	n := 0
	try := func(name, raw, verb string, status int) {
		n++
		a, err := s.say(t, fmt.Sprintf("127.0.1.%d", n), raw, verb) // each from an address of its own, so that none is only counted
		if err != nil || a.status != status {
			t.Errorf("%s: HTTP %d, %v, want %d: %s", name, a.status, err, status, a.body)
		}
		neutral(t, name, a.body)
		if status == http.StatusUnauthorized && verb != http.MethodHead && !strings.Contains(a.body, "identity.unauthenticated") {
			t.Errorf("%s: answered %s", name, a.body)
		}
	}
	before := len(closed(s.records(t)))
	unknown := strings.NewReplacer("Authorization: Bearer KEY\r\n", "")
	wrong := strings.NewReplacer("KEY", key[:len(key)-1]+map[bool]string{true: "0", false: "1"}[strings.HasSuffix(key, "1")])
	for _, m := range methods {
		message, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": m, "params": map[string]any{"name": "echo"}})
		try("nobody, "+m, unknown.Replace(post(string(message), jsonType)), "", http.StatusUnauthorized)
		try("nobody, "+m+", modern", unknown.Replace(modern(string(message), "Mcp-Method: "+m)), "", http.StatusUnauthorized)
		try("a wrong key, "+m, wrong.Replace(post(string(message), jsonType)), "", http.StatusUnauthorized)
	}
	for _, verb := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		try(verb+" /mcp", unknown.Replace(bare(verb, "")), verb, http.StatusUnauthorized)
		for _, path := range []string{"/", "/metrics", "/readyz", "/livez", "/mcp/x", "/sse", "/admin", "/debug/vars"} {
			try(verb+" "+path, verb+" "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n", verb, http.StatusNotFound)
		}
	}
	if got := len(closed(s.records(t))) - before; got != n {
		t.Errorf("%d refusals are on record, want %d", got, n)
	}
	try("GET /health", "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET", http.StatusOK)
}

// What tells about the server is for its own machine, and not for what a page in a browser of it makes the browser ask.
func TestAdmin_AnswersThisMachineOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t, built.race).start(t)
	for name, c := range map[string]struct {
		host, origin string
		status       int
	}{
		"as it should be":   {"localhost", "", 200},
		"by its address":    {"127.0.0.1:9", "", 200},
		"a page of its own": {"localhost", "http://localhost:3000", 200},
		"another host":      {"evil.example", "", 403},
		"a rebound name":    {"evil.example:7879", "", 403},
		"an address beyond": {"192.0.2.1", "", 403},
		"another page":      {"localhost", "https://evil.example", 403},
		"a file":            {"localhost", "null", 403},
	} {
		for _, path := range []string{"/metrics", "/livez", "/readyz"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Admin+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if r.Host = c.host; c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if _ = response.Body.Close(); response.StatusCode != c.status {
				t.Errorf("%s, %s: HTTP %d, want %d", name, path, response.StatusCode, c.status)
			}
		}
	}
}
