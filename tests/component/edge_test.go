package component_test

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

// errorBody is what the edge answers, and what a JSON-RPC error holds in its data.
type errorBody struct {
	Error struct {
		Code    any    `json:"code"` // a text of ours, or a number of JSON-RPC's
		Message string `json:"message"`
		Request string `json:"request_id"`
		Data    struct {
			Code    string `json:"code"`
			Request string `json:"request_id"`
		} `json:"data"`
	} `json:"error"`
}

// What is refused before any tool: one closed record each, with the code that the caller is told.
func TestHTTP_RefusesAtTheEdge(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *config.Config) {
		c.Server.MaxBodyBytes = 2048
		c.Server.AllowedHosts = []string{"Steward.Example.com"}
		c.Server.AllowedOrigins = []string{"https://inspector.example.com"}
	})
	for name, c := range map[string]struct {
		spoil  func(*http.Request)
		body   string // instead of a good one
		status int
		code   string
		by     string
	}{
		"nothing wrong":            {status: http.StatusOK},
		"a listed host":            {spoil: func(r *http.Request) { r.Host = "steward.example.com:443" }, status: http.StatusOK},
		"a listed origin":          {spoil: header("Origin", "https://inspector.example.com"), status: http.StatusOK},
		"a page of this machine":   {spoil: header("Origin", "http://localhost:6274"), status: http.StatusOK},
		"another host":             {spoil: func(r *http.Request) { r.Host = "attacker.example.com" }, status: http.StatusForbidden, code: "http.host", by: audit.ByEdge},
		"a host that looks listed": {spoil: func(r *http.Request) { r.Host = "steward.example.com.attacker.net" }, status: http.StatusForbidden, code: "http.host", by: audit.ByEdge},
		"another origin":           {spoil: header("Origin", "https://attacker.example.com"), status: http.StatusForbidden, code: "http.origin", by: audit.ByEdge},
		"an origin without a name": {spoil: header("Origin", "null"), status: http.StatusForbidden, code: "http.origin", by: audit.ByEdge},
		"another scheme":           {spoil: header("Origin", "http://inspector.example.com"), status: http.StatusForbidden, code: "http.origin", by: audit.ByEdge},
		"a key in the URL":         {spoil: func(r *http.Request) { r.URL.RawQuery = "api_key=stw_x" }, status: http.StatusBadRequest, code: "http.credential_in_url", by: audit.ByEdge},
		"a token in the URL":       {spoil: func(r *http.Request) { r.URL.RawQuery = "a=b&access_token=" }, status: http.StatusBadRequest, code: "http.credential_in_url", by: audit.ByEdge},
		"a key in capitals":        {spoil: func(r *http.Request) { r.URL.RawQuery = "API_KEY=stw_x" }, status: http.StatusBadRequest, code: "http.credential_in_url", by: audit.ByEdge},
		"no key":                   {spoil: func(r *http.Request) { r.Header.Del("Authorization") }, status: http.StatusUnauthorized, code: "identity.unauthenticated", by: audit.ByAuthentication},
		"another scheme of keys":   {spoil: header("Authorization", "Basic "+w.key), status: http.StatusUnauthorized, code: "identity.unauthenticated", by: audit.ByAuthentication},
		"a body that is too large": {body: echo(strings.Repeat("x", 4096), ""), status: http.StatusRequestEntityTooLarge, code: "http.body_too_large", by: audit.ByEdge},
		"no JSON":                  {body: "{", status: http.StatusBadRequest, code: "mcp.message", by: audit.ByEdge},
		"one member twice":         {body: `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, status: http.StatusBadRequest, code: "mcp.message", by: audit.ByEdge},
		"another media type":       {spoil: header("Content-Type", "text/plain"), status: http.StatusUnsupportedMediaType, code: "http.media_type", by: audit.ByEdge},
		"a header that disagrees":  {spoil: header("Mcp-Name", "whoami"), status: http.StatusBadRequest, code: "mcp.headers", by: audit.ByEdge},
		"another path":             {spoil: func(r *http.Request) { r.URL.Path = "/canary" }, status: http.StatusNotFound, code: "http.not_found", by: audit.ByEdge},
		"another method":           {spoil: func(r *http.Request) { r.Method = http.MethodPut }, status: http.StatusMethodNotAllowed, code: "http.method", by: audit.ByEdge},
	} {
		if c.body == "" {
			c.body = echo("hello", "")
		}
		before := len(w.requests(t))
		r := w.post(t, c.body)
		if c.spoil != nil {
			c.spoil(r)
		}
		status, headers, body := send(t, r)
		if status != c.status {
			t.Errorf("%s: HTTP %d, want %d: %s", name, status, c.status, body)
		}
		var answer errorBody
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%s: %v: %s", name, err, body)
		}
		code, request := answer.Error.Data.Code, answer.Error.Data.Request
		if text, ok := answer.Error.Code.(string); ok {
			code, request = text, answer.Error.Request
		}
		outcome := code
		if c.code == "" {
			outcome, request = audit.OK, headers.Get("X-Request-Id")
		}
		records := w.newest(t, before)
		if code != c.code || len(records) != 1 || records[0].Outcome != outcome || records[0].DeniedBy != c.by ||
			records[0].Phase != audit.Closed || records[0].Request != request || headers.Get("X-Request-Id") != request {
			t.Errorf("%s: answered %s; records: %+v", name, body, records)
		}
		if strings.Contains(records[0].Method, "canary") {
			t.Errorf("%s: the record repeats the path: %+v", name, records[0])
		}
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// A client that leaves in the middle of its message has left a record, too.
func TestHTTP_RecordsAMessageThatBreaksOff(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	before := len(w.requests(t))
	var d net.Dialer
	connection, err := d.DialContext(t.Context(), "tcp", strings.TrimSuffix(strings.TrimPrefix(w.url, "http://"), "/mcp"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = connection.Write([]byte("POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + w.key +
		"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"jsonrpc\""))
	if err != nil {
		t.Fatal(err)
	}
	if err := connection.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the record", func() bool { return len(w.newest(t, before)) > 0 })
	if r := w.newest(t, before); len(r) != 1 || r[0].Outcome != "http.body_unread" || !strings.HasPrefix(r[0].Actor, "key:") {
		t.Errorf("records: %+v", r)
	}
}

// What has been answered stays answered while the connection is kept, and a refusal does not end it.
func TestHTTP_KeepsAConnectionOverARefusal(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	var d net.Dialer
	connection, err := d.DialContext(t.Context(), "tcp", strings.TrimSuffix(strings.TrimPrefix(w.url, "http://"), "/mcp"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(connection)
	for _, spoiled := range []bool{true, false} {
		r := w.post(t, echo("hello", ""))
		want := http.StatusOK
		if spoiled {
			r.Header.Set("Origin", "https://attacker.example.com")
			want = http.StatusForbidden
		}
		if err := r.Write(connection); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(answers, r)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want {
			t.Errorf("HTTP %d, want %d", response.StatusCode, want)
		}
		var body json.RawMessage
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
}

func TestStdio_SurvivesALineThatIsTooLong(t *testing.T) {
	t.Parallel()
	w, p := pipe(t, func(c *config.Config) { c.Server.MaxBodyBytes = 2048 }, harness.Modern)
	refusal := p.expect("null")
	p.say(t, strings.Repeat("x", 100_000))
	var answer errorBody
	if err := json.Unmarshal(<-refusal, &answer); err != nil || answer.Error.Data.Code != "http.body_too_large" {
		t.Errorf("answered %+v, %v", answer, err)
	}
	if c := call(t, p, "echo", map[string]any{"text": "still here"}); c.result.Text() != "still here" {
		t.Errorf("answered %s", c.text)
	}
	var outcomes []string
	for _, r := range w.requests(t) {
		outcomes = append(outcomes, r.Outcome)
	}
	if diff := cmp.Diff([]string{"http.body_too_large", audit.OK}, outcomes); diff != "" {
		t.Errorf("on record (-want +got):\n%s", diff)
	}
}

// Whoever has no persona, one that permits nothing, or one that is gone, may do nothing and sees nothing.
func TestAccess_IsClosedUnlessTold(t *testing.T) {
	t.Parallel()
	c := configured(t, nil)
	w := serveConfigured(t, c)
	gone := w.key
	nobody := w.issue(t, identity.Grant{Name: "nobody", Personas: []string{"nobody"}})
	w.stop()
	delete(c.Personas, "caller")
	w = serveRestarted(t, c)
	stdio, p := pipe(t, func(c *config.Config) { c.Stdio.Personas = nil }, harness.Modern)
	for name, x := range map[string]struct {
		w *world
		p peer
	}{
		"a persona that is gone":           {w, w.client(t, gone, harness.Modern)},
		"a persona that permits nothing":   {w, w.client(t, nobody, harness.Legacy)},
		"nothing at all, at a stdio pipe ": {stdio, p},
	} {
		if names := listed(t, x.p); len(names) != 0 {
			t.Errorf("%s: sees %v", name, names)
		}
		before := len(x.w.requests(t))
		for _, tool := range []string{"echo", "whoami", "fixture_changes", "absent"} {
			if got := call(t, x.p, tool, map[string]any{}); got.failure.Code != "tool.unknown" {
				t.Errorf("%s: %s answered %s", name, tool, got.text)
			}
		}
		records := x.w.newest(t, before)
		if len(records) != 4 {
			t.Errorf("%s: %d records", name, len(records))
		}
		for _, r := range records {
			if r.DeniedBy != audit.ByPolicy || r.Rule != "default" {
				t.Errorf("%s: on record as %+v", name, r)
			}
		}
	}
}

// serveRestarted starts Steward on a state that has been served before, with the keys that it has.
func serveRestarted(t *testing.T, c config.Config, more ...fx.Option) *world {
	t.Helper()
	w := newWorld(c)
	w.listen(t, more...)
	return w
}
