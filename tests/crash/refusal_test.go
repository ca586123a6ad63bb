package crash_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

// attempt is a request as its bytes, and what must come of it.
type attempt struct {
	method  string // POST unless said
	path    string // /mcp unless said
	headers map[string]string
	body    string

	status   int
	code     string // of the refusal, and the outcome on record
	deniedBy string
	actor    string // the persona on record, or none
}

func modernBody(method string, params map[string]any) string {
	if params == nil {
		params = map[string]any{}
	}
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion":    string(harness.Modern),
		"io.modelcontextprotocol/clientCapabilities": map[string]any{},
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func bearer(key string) map[string]string { return map[string]string{"Authorization": "Bearer " + key} }

// toolCall is a well-formed call in the modern era.
func toolCall(key, tool string, args any) attempt {
	return attempt{
		headers: with(bearer(key), "Mcp-Method", "tools/call", "Mcp-Name", tool),
		body:    modernBody("tools/call", map[string]any{"name": tool, "arguments": args}),
	}
}

func (a attempt) refused(status int, code, deniedBy, actor string) attempt {
	a.status, a.code, a.deniedBy, a.actor = status, code, deniedBy, actor
	return a
}

func with(headers map[string]string, more ...string) map[string]string {
	all := maps.Clone(headers)
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// send makes the request and gives the answer.
func (a attempt) send(t *testing.T, url string) (status int, header http.Header, text string) {
	t.Helper()
	method, path := a.method, a.path
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = "/mcp"
	}
	request, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(url, "/mcp")+path, bytes.NewReader([]byte(a.body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("Mcp-Protocol-Version", string(harness.Modern))
	for name, value := range a.headers {
		switch {
		case name == "Host":
			request.Host = value
		case value == "":
			request.Header.Del(name)
		default:
			request.Header.Set(name, value)
		}
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request) // a client would follow redirects
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// codeIn finds the code of a refusal: of the edge, of the protocol, or of a tool.
func codeIn(t *testing.T, text string) (code, request string) {
	t.Helper()
	type words struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Request string `json:"request_id"`
	}
	var rpc struct {
		Error  *struct{ Data words }
		Result *harness.Result
	}
	var edge struct{ Error words }
	var w words
	switch {
	case json.Unmarshal([]byte(text), &edge) == nil && edge.Error.Code != "":
		w = edge.Error
	case json.Unmarshal([]byte(text), &rpc) == nil && rpc.Error != nil:
		w = rpc.Error.Data
	case rpc.Result != nil && rpc.Result.IsError:
		if err := json.Unmarshal([]byte(rpc.Result.Text()), &w); err != nil {
			t.Errorf("%v: %s", err, text)
		}
	}
	return w.Code, w.Request
}

func TestServer_RecordsEveryRefusalOnceAndTellsNothing(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	s := newSite(t, map[string]any{
		"server.max_body_bytes": most,
		"personas.listener":     map[string]any{"allow": []any{map[string]any{"action": "tool.call", "target": "tool:echo"}}},
	})
	analyst, regional, listener := s.key(t, "analyst"), s.key(t, "regional"), s.key(t, "listener")
	revoked := s.key(t, "analyst")
	if out, err := harness.Command(t.Context(), t.TempDir(), nil, lab.Binary, "keys", "revoke", strings.Split(revoked, "_")[2], "--config", s.config); err != nil || out.Code != 0 {
		t.Fatalf("%v %s", err, out.Stderr)
	}
	server := s.start(t)
	legacy := connect(t, server.URL, analyst, harness.Legacy)
	session := beginSession(t, legacy)

	echo := func(key string) attempt { return toolCall(key, "echo", map[string]any{"text": "x"}) }
	change := func(a attempt, more ...string) attempt { a.headers = with(a.headers, more...); return a }
	body := func(text string) attempt {
		return attempt{headers: with(bearer(analyst), "Mcp-Protocol-Version", ""), body: text}
	}
	attempts := map[string]attempt{
		"a tool that policy keeps away":    toolCall(listener, "query", revenue).refused(400, "tool.unknown", "policy", "listener"),
		"a tool that is not there":         toolCall(analyst, "no_such_tool", revenue).refused(400, "tool.unknown", "input", "analyst"),
		"neither there nor permitted":      toolCall(listener, "no_such_tool", revenue).refused(400, "tool.unknown", "policy", "listener"),
		"a metric that policy keeps away":  toolCall(regional, "query", map[string]any{"metrics": []string{"gross_margin"}}).refused(200, "metric.unknown_metric", "policy", "regional"),
		"a metric that is not there":       toolCall(regional, "query", map[string]any{"metrics": []string{"no_margin"}}).refused(200, "metric.unknown_metric", "input", "regional"),
		"an argument of a wrong type":      toolCall(analyst, "echo", map[string]any{"text": 5}).refused(200, "tool.arguments", "input", "analyst"),
		"arguments that are no object":     toolCall(analyst, "echo", []int{1}).refused(200, "tool.arguments", "input", "analyst"),
		"no arguments where there must be": toolCall(analyst, "echo", map[string]any{}).refused(200, "tool.arguments", "input", "analyst"),
		"a question that cannot run":       toolCall(analyst, "query", map[string]any{"metrics": []string{"revenue"}, "where": "1=1"}).refused(200, "metric.where", "input", "analyst"),
		"too large a body": toolCall(analyst, "echo", map[string]any{"text": strings.Repeat("x", most)}).
			refused(413, "http.body_too_large", "edge", "analyst"),

		"no key":                        change(echo(analyst), "Authorization", "").refused(401, "identity.unauthenticated", "authentication", ""),
		"a key that is none":            echo("stw_dev_abc_def").refused(401, "identity.unauthenticated", "authentication", ""),
		"a key with one letter changed": echo(otherLetter(analyst)).refused(401, "identity.unauthenticated", "authentication", ""),
		"a revoked key":                 echo(revoked).refused(401, "identity.unauthenticated", "authentication", ""),
		"another scheme":                change(echo(analyst), "Authorization", "Basic "+analyst).refused(401, "identity.unauthenticated", "authentication", ""),
		"a key in the URL":              attempt{path: "/mcp?api_key=" + analyst, body: echo("").body}.refused(400, "http.credential_in_url", "edge", ""),
		"another host":                  change(echo(analyst), "Host", "attacker.example").refused(403, "http.host", "edge", ""),
		"another host and port":         change(echo(analyst), "Host", "attacker.example:7878").refused(403, "http.host", "edge", ""),
		"a page of another origin":      change(echo(analyst), "Origin", "https://attacker.example").refused(403, "http.origin", "edge", ""),
		"a page without origin":         change(echo(analyst), "Origin", "null").refused(403, "http.origin", "edge", ""),

		"no JSON":                         body("{").refused(400, "mcp.message", "edge", "analyst"),
		"nothing":                         body("").refused(400, "mcp.message", "edge", "analyst"),
		"a batch":                         body(`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`).refused(400, "mcp.message", "edge", "analyst"),
		"a member twice":                  body(`{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}`).refused(400, "mcp.message", "edge", "analyst"),
		"no UTF-8":                        body("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}").refused(400, "mcp.message", "edge", "analyst"),
		"too deep":                        body(strings.Repeat("[", 100)+strings.Repeat("]", 100)).refused(400, "mcp.message", "edge", "analyst"),
		"another media type":              change(echo(analyst), "Content-Type", "text/plain").refused(415, "http.media_type", "edge", "analyst"),
		"another method":                  attempt{method: http.MethodGet, headers: bearer(analyst)}.refused(405, "http.method", "edge", "analyst"),
		"another address":                 attempt{method: http.MethodGet, path: "/../etc/passwd"}.refused(404, "http.not_found", "edge", ""),
		"almost the address":              attempt{path: "//mcp", headers: bearer(analyst), body: echo("").body}.refused(404, "http.not_found", "edge", ""),
		"below the address":               attempt{path: "/mcp/x", headers: bearer(analyst), body: echo("").body}.refused(404, "http.not_found", "edge", ""),
		"headers that say something else": change(echo(analyst), "Mcp-Name", "whoami").refused(400, "mcp.headers", "edge", "analyst"),
		"another revision in the header":  change(echo(analyst), "Mcp-Protocol-Version", "2025-11-25").refused(400, "mcp.headers", "edge", "analyst"),

		"a method that is not there": attempt{headers: with(bearer(analyst), "Mcp-Method", "no/such"), body: modernBody("no/such", nil)}.
			refused(404, "", "edge", "analyst"),
		"no session":              legacyCall(analyst, "").refused(400, "mcp.session_required", "edge", "analyst"),
		"a session that is none":  legacyCall(analyst, "ses_none").refused(404, "mcp.session", "edge", "analyst"),
		"somebody else's session": legacyCall(regional, session).refused(404, "mcp.session", "edge", "regional"),
	}
	requests := map[string]string{}
	for name, a := range attempts {
		status, header, text := a.send(t, server.URL)
		requests[name] = header.Get("X-Request-Id")
		code, told := codeIn(t, text)
		if status != a.status || code != a.code {
			t.Errorf("%s: HTTP %d %q, want %d %q: %s", name, status, code, a.status, a.code, text)
		}
		if requests[name] == "" || told != "" && told != requests[name] {
			t.Errorf("%s: the answer is of request %q, and says %q", name, requests[name], told)
		}
		if challenge := header.Get("WWW-Authenticate"); (status == http.StatusUnauthorized) != (challenge != "") {
			t.Errorf("%s: HTTP %d with WWW-Authenticate %q", name, status, challenge)
		}
		neutral(t, text)
	}
	if a, b := text(t, attempts["a tool that policy keeps away"], server), text(t, toolCall(listener, "no_such_tool", revenue), server); a != b {
		t.Errorf("a hidden tool is answered %s, one that is not there %s", a, b)
	}
	stop(t, server)

	for name, a := range attempts {
		outcome := a.code
		if outcome == "" {
			outcome = "mcp.request"
		}
		r := closedAs(t, s, requests[name], outcome, a.deniedBy)
		if known := r.Actor != ""; known != (a.actor != "") {
			t.Errorf("%s: the record names %q as the actor, want the %s", name, r.Actor, a.actor)
		}
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{analyst, strings.Split(analyst, "_")[3], "xxxxxxxx", "1=1", "attacker"} {
			if bytes.Contains(line, []byte(secret)) {
				t.Errorf("%s: the record holds %q: %s", name, secret, line)
			}
		}
	}
	for request, of := range s.records(t) {
		if len(of) != 1 {
			t.Errorf("request %s is closed %d times", request, len(of))
		}
	}
	s.verifies(t)
}

// text is an answer without what tells one request from another.
func text(t *testing.T, a attempt, server *harness.Server) string {
	t.Helper()
	_, header, text := a.send(t, server.URL)
	return strings.ReplaceAll(text, header.Get("X-Request-Id"), "…")
}

// otherLetter is a key with a letter of its secret changed for another.
func otherLetter(key string) string {
	at := len(key) - 20
	other := byte('a')
	if key[at] == other {
		other = 'b'
	}
	return key[:at] + string(other) + key[at+1:]
}

// beginSession initializes, and gives the session's id.
func beginSession(t *testing.T, c *harness.Client) string {
	t.Helper()
	if _, err := c.Tool(t.Context(), "echo", map[string]any{"text": "x"}, nil); err != nil {
		t.Fatal(err)
	}
	return c.Session()
}

func legacyCall(key, session string) attempt {
	return attempt{
		headers: with(bearer(key), "Mcp-Protocol-Version", string(harness.Legacy), "Mcp-Session-Id", session),
		body:    `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}`,
	}
}

func TestServer_RecordsWhoIsTooFast(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"security.rate_limit": map[string]any{"requests_per_minute": 1, "burst_size": 3}})
	key, other := s.key(t, "analyst"), s.key(t, "analyst")
	server := s.start(t)
	c := connect(t, server.URL, key, harness.Modern)
	outcomes := map[string]string{}
	for i := range 5 {
		r, err := c.Tool(t.Context(), "echo", map[string]any{"text": "x"}, nil)
		if i < 3 {
			if outcomes[r.Request] = "ok"; err != nil {
				t.Error(err)
			}
			continue
		}
		f := failure(t, err)
		outcomes[r.Request] = f.Code
		if f.RetryAfter <= 0 || !strings.Contains(f.Message, "3") {
			t.Errorf("refused with %v, retry after %v", f, f.RetryAfter)
		}
		neutral(t, f.Error())
	}
	if _, err := connect(t, server.URL, other, harness.Modern).Tool(t.Context(), "echo", map[string]any{"text": "x"}, nil); err != nil {
		t.Errorf("somebody else is refused too: %v", err)
	}
	stop(t, server)
	limited := 0
	for request, outcome := range outcomes {
		deniedBy := ""
		if outcome != "ok" {
			deniedBy = "limit"
			limited++
		}
		closedAs(t, s, request, outcome, deniedBy)
	}
	if diff := cmp.Diff(2, limited); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}
