package component_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

// account is what must be on record of one kind of request, beside what must be of all.
type account struct {
	outcome, by string
	known       bool   // who asked, and so under which policy it would have been decided
	spoke       bool   // which method, by which client and in which revision
	demand      string // action and target; then the rule that decided it
	arguments   bool   // their digest
	redacted    string
	definition  bool // the digest of what was published of the tool
	intended    bool // an intent stands before it
}

// holds compares the records of one request with the account.
func (a account) holds(t *testing.T, name string, y way, records []audit.Record) {
	t.Helper()
	phases := 1
	if a.intended {
		phases = 2
	}
	if len(records) != phases || a.intended && records[0].Phase != audit.Intent {
		t.Errorf("%s: on record %+v", name, records)
		return
	}
	closed := records[len(records)-1]
	if closed.Phase != audit.Closed || closed.Outcome != a.outcome || closed.DeniedBy != a.by || closed.DurationUS <= 0 {
		t.Errorf("%s: the end is on record as %s %q, denied by %q, after %d µs", name, closed.Phase, closed.Outcome, closed.DeniedBy, closed.DurationUS)
	}
	for _, r := range records {
		a.check(t, name, y, r)
	}
}

func (a account) check(t *testing.T, name string, y way, r audit.Record) {
	t.Helper()
	action, target, decided := strings.Cut(a.demand, " ")
	for field, ok := range map[string]bool{
		"time":        time.Since(r.Time).Abs() < time.Hour,
		"request":     strings.HasPrefix(r.Request, "req_"),
		"transport":   r.Transport == y.transport(),
		"address":     (r.Address == "127.0.0.1") == !y.stdio,
		"method":      r.Method != "",
		"trace":       len(r.Trace) == 32 && strings.Trim(r.Trace, "0") != "",
		"actor":       a.known == strings.HasPrefix(r.Actor, y.actor()) && a.known == (r.Actor != ""),
		"personas":    a.known == (len(r.Personas) == 1),
		"policy":      a.known == (len(r.Policy) == 64),
		"client":      !a.spoke || strings.HasSuffix(r.Client, "/1"),
		"session":     !a.spoke || a.by == audit.ByEdge || strings.HasPrefix(r.Session, "ses_"),
		"revision":    !a.spoke || r.Revision == string(y.era),
		"action":      !decided || r.Action == action,
		"target":      !decided || r.Target == target,
		"rule":        decided == (r.Rule != ""),
		"arguments":   a.arguments == (len(r.Arguments) == 64),
		"redacted":    r.Redacted == a.redacted,
		"definition":  a.definition == (len(r.Definition) == 64),
		"no detail":   a.by == audit.ByAuthentication || r.Detail == "",
		"no purpose":  r.Purpose == "",
		"no count":    r.Count == 0,
		"short lines": len(r.AppendJSON(nil)) < 4096,
	} {
		if !ok {
			t.Errorf("%s: the %s of the record is not what it must be: %s", name, field, r.AppendJSON(nil))
		}
	}
}

// bounded is a server whose answers are short.
func bounded(c *config.Config) {
	reader(c)
	c.Server.MaxResultBytes = 64 << 10
}

// Of whatever is asked, and whatever comes of it, everything is on record that can be known of it.
func TestRecord_SaysAllThatIsKnownOfEveryKindOfRequest(t *testing.T) {
	t.Parallel()
	tool := func(name string, args map[string]any) (string, map[string]any) {
		return "tools/call", map[string]any{"name": name, "arguments": args}
	}
	none := map[string]any{}
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			w, p := y.open(t, bounded)
			listed(t, p) // a session, where the way has them
			called := func(a account, target string) account {
				a.known, a.spoke, a.demand = true, true, "tool.call tool:"+target
				return a
			}
			for name, c := range map[string]struct {
				ask  func() (string, map[string]any)
				want account
			}{
				"ok": {
					func() (string, map[string]any) { return tool("echo", map[string]any{"text": "hello"}) },
					called(account{outcome: "ok", arguments: true, redacted: "text=string(5)", definition: true}, "echo"),
				},
				"a change": {
					func() (string, map[string]any) { return tool("fixture_changes", none) },
					called(account{outcome: "ok", arguments: true, definition: true, intended: true}, "fixture_changes"),
				},
				"denied": {
					func() (string, map[string]any) { return tool("fixture_hidden", none) },
					called(account{outcome: "tool.unknown", by: audit.ByPolicy}, "fixture_hidden"),
				},
				"an unknown tool": {
					func() (string, map[string]any) { return tool("absent", none) },
					called(account{outcome: "tool.unknown", by: audit.ByInput}, "absent"),
				},
				"bad input": {
					func() (string, map[string]any) { return tool("fixture_picky", map[string]any{"count": 77, "zzz": 1}) },
					called(account{outcome: "tool.arguments", by: audit.ByInput, arguments: true, redacted: "count=number(2) unknown(1)", definition: true}, "fixture_picky"),
				},
				"a deadline": {
					func() (string, map[string]any) { return tool("fixture_expires", none) },
					called(account{outcome: "timeout", arguments: true, definition: true}, "fixture_expires"),
				},
				"a panic": {
					func() (string, map[string]any) { return tool("fixture_panics", none) },
					called(account{outcome: "internal", arguments: true, definition: true}, "fixture_panics"),
				},
				"a panic in a change": {
					func() (string, map[string]any) { return tool("fixture_collapses", none) },
					called(account{outcome: "internal", arguments: true, definition: true, intended: true}, "fixture_collapses"),
				},
				"a result that is too large": {
					func() (string, map[string]any) { return tool("fixture_large", none) },
					called(account{outcome: "mcp.result_too_large", arguments: true, definition: true}, "fixture_large"),
				},
				"a resource": {
					func() (string, map[string]any) { return "resources/read", map[string]any{"uri": "note://mine"} },
					account{outcome: "ok", known: true, spoke: true, demand: "resource.read resource:note://mine", arguments: true, redacted: "name=mine"},
				},
				"a resource that is too large": {
					func() (string, map[string]any) { return "resources/read", map[string]any{"uri": "note://large"} },
					account{
						outcome: "mcp.result_too_large", known: true, spoke: true, demand: "resource.read resource:note://large", arguments: true,
						redacted: "name=large",
					},
				},
				"a hidden resource": {
					func() (string, map[string]any) { return "resources/read", map[string]any{"uri": "fixture://closed"} },
					account{
						outcome: "tool.resource_unknown", by: audit.ByPolicy, known: true, spoke: true, demand: "resource.read resource:fixture://closed",
					},
				},
				"a prompt": {
					func() (string, map[string]any) {
						return "prompts/get", map[string]any{"name": "begin", "arguments": map[string]string{"word": "four"}}
					},
					account{outcome: "ok", known: true, spoke: true, demand: "prompt.get prompt:begin", arguments: true, redacted: "word=string(4)"},
				},
				"a completion": {
					func() (string, map[string]any) {
						return "completion/complete", map[string]any{
							"ref":      map[string]string{"type": "ref/resource", "uri": "note://{name}"},
							"argument": map[string]string{"name": "name", "value": "mi"},
						}
					},
					account{
						outcome: "ok", known: true, spoke: true, demand: "resource.read resource:note://{name}", arguments: true,
						redacted: "completes=name name=string(2)",
					},
				},
				"a listing": {
					func() (string, map[string]any) { return "tools/list", nil },
					account{outcome: "ok", known: true, spoke: true},
				},
				"no method": {
					func() (string, map[string]any) { return "tools/absent", nil },
					account{outcome: "mcp.request", by: audit.ByEdge, known: true, spoke: true},
				},
			} {
				before := len(w.requests(t))
				method, params := c.ask()
				_, _ = said(t, p, method, params)
				c.want.holds(t, name, y, w.newest(t, before))
			}
		})
	}
}

// What nobody reads to its end, or lets in, is told apart too.
func TestRecord_SaysWhatIsKnownOfWhatTheEdgeRefuses(t *testing.T) {
	t.Parallel()
	http2026 := ways[1]
	clock := newHand()
	w := serve(t, func(c *config.Config) {
		bounded(c)
		operators(c)
		c.Security.RateLimit = config.RateLimit{Enabled: true, RequestsPerMinute: 1, BurstSize: 1}
	}, clock.option())
	operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
	ask := func(change func(*http.Request), body string) {
		r := w.post(t, body)
		change(r)
		send(t, r)
	}
	as := func(*http.Request) {}
	for name, c := range map[string]struct {
		ask  func()
		want account
	}{
		"nobody": {
			func() { ask(func(r *http.Request) { r.Header.Del("Authorization") }, echo("x", "")) },
			account{outcome: "identity.unauthenticated", by: audit.ByAuthentication},
		},
		"no JSON": {func() { ask(as, "{") }, account{outcome: "mcp.message", by: audit.ByEdge, known: true}},
		"a page":  {func() { ask(header("Origin", "https://a.example"), echo("x", "")) }, account{outcome: "http.origin", by: audit.ByEdge}},
		"a key in the address": {
			func() { ask(func(r *http.Request) { r.URL.RawQuery = "token=x" }, echo("x", "")) },
			account{outcome: "http.credential_in_url", by: audit.ByEdge},
		},
		"headers that do not agree": {
			func() { ask(header("Mcp-Name", "other"), echo("x", "")) },
			account{outcome: "mcp.headers", by: audit.ByEdge, known: true, spoke: true},
		},
		"nothing there": {func() { get(t, strings.TrimSuffix(w.url, "/mcp")+"/absent") }, account{outcome: "http.not_found", by: audit.ByEdge}},
		"a rate": {
			func() { ask(as, echo("x", "")) },
			account{
				outcome: "limit.rate", by: audit.ByLimit, known: true, spoke: true, demand: "tool.call tool:echo", arguments: true,
				redacted: "text=string(1)", definition: true,
			},
		},
		"an operator's act": {
			func() { w.act(t, operator, "POST", "/admin/v1/keys", `{"name":"a","personas":["caller"]}`) },
			account{outcome: "ok", known: true, demand: "admin.keys.create key:a", intended: true},
		},
		"an operator's act that is refused": {
			func() { w.act(t, w.key, "GET", "/admin/v1/keys", "") },
			account{outcome: "access.denied", by: audit.ByPolicy, known: true, demand: "admin.keys.list key:all"},
		},
		"an operator whom nobody knows": {
			func() { w.act(t, "", "GET", "/admin/v1/keys", "") },
			account{outcome: "identity.unauthenticated", by: audit.ByAuthentication},
		},
	} {
		clock.advance(time.Hour)
		if name == "a rate" {
			c.ask() // which is let in
		}
		before := len(w.requests(t))
		c.ask()
		records := w.newest(t, before)
		for i := range records {
			records[i].Time, records[i].DurationUS = time.Now(), records[i].DurationUS+1 // by the test's clock
		}
		c.want.holds(t, name, http2026, records)
	}
}

// Who leaves before the end is told by what had been asked.
func TestRecord_SaysWhatACancelledRequestWas(t *testing.T) {
	t.Parallel()
	for _, y := range ways[:2] {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			w, p := y.open(t, nil)
			listed(t, p)
			before := len(w.requests(t))
			ctx, leave := context.WithCancel(t.Context())
			left := make(chan error, 1)
			go func() {
				left <- p.Do(ctx, "tools/call", map[string]any{"name": "fixture_waits", "arguments": map[string]any{}}, nil)
			}()
			<-w.tools.began
			leave()
			if err := <-left; !errors.Is(err, context.Canceled) {
				t.Errorf("the client saw %v", err)
			}
			eventually(t, "the record", func() bool { return len(w.newest(t, before)) > 0 })
			account{outcome: "canceled", known: true, spoke: true, demand: "tool.call tool:fixture_waits", arguments: true, definition: true}.
				holds(t, "canceled", y, w.newest(t, before))
		})
	}
}

// A line that is no message, or too long, is on record over stdio as it is over HTTP.
func TestRecord_SaysWhatIsKnownOfABadLine(t *testing.T) {
	t.Parallel()
	y := way{"stdio", harness.Modern, true}
	w, p := pipe(t, func(c *config.Config) { c.Server.MaxBodyBytes = 4096 }, y.era)
	for line, outcome := range map[string]string{"{": "mcp.message", strings.Repeat("x", 5000): "http.body_too_large"} {
		before := len(w.requests(t))
		p.say(t, line)
		eventually(t, "the record", func() bool { return len(w.newest(t, before)) > 0 })
		account{outcome: outcome, by: audit.ByEdge, known: true}.holds(t, outcome, y, w.newest(t, before))
	}
}
