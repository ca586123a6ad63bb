package component_test

import (
	"bufio"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/application/changes"
	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

// In a protocol session the revision is what initialize agreed on. Another one in a message makes no other session of the
// domain, in which a closing would not hold, and is not what the record says.
func TestSessions_ARevisionIsAgreedOnAndNotChosen(t *testing.T) {
	t.Parallel()
	w := serve(t, operators)
	operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
	agent := &named{w: w, key: w.key, name: "agent", era: harness.Legacy}
	if code := agent.call(t, "echo"); code != "ok" {
		t.Fatal(code)
	}
	chosen := func(revision string) string {
		_, code := agent.post(t, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"x"},`+
			`"_meta":{"io.modelcontextprotocol/protocolVersion":`+quote(revision)+`}}}`, "echo")
		return code
	}
	for _, revision := range []string{"2001-01-01", "2025-06-18", "1"} {
		before := len(w.requests(t))
		if code := chosen(revision); code != "ok" {
			t.Errorf("%s: %s", revision, code)
		}
		if r := w.newest(t, before); len(r) != 1 || r[0].Revision != string(harness.Legacy) {
			t.Errorf("on record of a message that names %s: %+v", revision, r)
		}
	}
	listed := w.sessionsOf(t, operator, "?client=agent")
	if len(listed) != 1 {
		t.Fatalf("one client is %d sessions: %+v", len(listed), listed)
	}
	if status, answer := w.act(t, operator, "POST", "/admin/v1/sessions/"+listed[0].ID+"/close", "{}"); status != http.StatusOK {
		t.Fatalf("HTTP %d %v", status, answer)
	}
	if code := chosen("2001-01-01"); code != "mcp.session" {
		t.Errorf("its protocol session, after the closing: %s", code)
	}
}

// What a message asks for ends with the credential that the message came with, although the stream that it would be answered
// on was opened with one that lasts longer.
func TestSSE_WhatRunsEndsWithTheCredentialOfItsMessage(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	w := serve(t, func(c *config.Config) {
		i.configure(c)
		c.Auth.ClockSkew, c.Server.LegacySSE = 0, true
	})
	base := strings.TrimSuffix(w.url, "/mcp")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/sse", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+i.token(t, nil, nil))
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines, messages := bufio.NewScanner(response.Body), ""
	for messages == "" && lines.Scan() {
		messages, _ = strings.CutPrefix(lines.Text(), "data: ")
		if !strings.HasPrefix(messages, "/messages") {
			messages = ""
		}
	}
	post := func(token, body string) {
		t.Helper()
		old := &named{w: &world{url: base + messages}, key: token}
		if status, _, text := send(t, old.request(t, body, "")); status != http.StatusAccepted {
			t.Fatalf("HTTP %d %s", status, text)
		}
	}
	post(i.token(t, nil, nil), `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}`)
	before := len(w.requests(t))
	post(i.token(t, nil, map[string]any{"exp": time.Now().Add(2 * time.Second).Unix()}),
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"fixture_waits","arguments":{}}}`)
	<-w.tools.began
	eventually(t, "the end of the call", func() bool {
		return slices.ContainsFunc(w.newest(t, before), func(r audit.Record) bool {
			return r.Phase == audit.Closed && r.Target == "tool:fixture_waits" && r.Outcome == "canceled"
		})
	})
}

// A stream tells what the credential may see that it was opened with, whatever another one of the same principal might that the
// session began under.
func TestListen_FollowsTheRightsOfTheCredentialThatOpensTheStream(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	var board *changes.Board
	w := serve(t, func(c *config.Config) {
		i.configure(c)
		reader(c)
		c.Personas["less"] = config.Persona{
			Allow: []config.Rule{{Action: config.Words{"resource.read"}, Target: config.Words{"resource:note://mine"}}, {Action: config.Words{"note.read"}, Target: config.Words{"note:mine"}}},
		}
		c.Auth.Issuers[0].Scopes["read:less"] = config.Words{"less"}
	}, fx.Populate(&board))
	wide, narrow := i.token(t, nil, nil), i.token(t, nil, map[string]any{"groups": nil, "scope": "read:less"})
	c := w.client(t, wide, harness.Legacy)
	if err := c.Do(t.Context(), "tools/list", nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{"fixture://open", "note://mine"} {
		if err := c.Do(t.Context(), "resources/subscribe", map[string]any{"uri": uri}, nil); err != nil {
			t.Fatal(err)
		}
	}
	next := listens(t, w.client(t, narrow, harness.Legacy), http.MethodGet, "", map[string]string{"Mcp-Session-Id": c.Session()})
	for _, uri := range []string{"fixture://open", "note://mine"} {
		board.Announce(changes.Change{Content: func(changed string) bool { return changed == uri }})
	}
	if told := next(); !strings.Contains(told, `"uri":"note://mine"`) {
		t.Errorf("a stream of fewer rights is told %s", told)
	}
}

// closingLog closes the session of a call while its intent is being written.
type closingLog struct {
	audit.Log
	sessions **sessionapp.Registry
	once     sync.Once
	t        *testing.T
}

func (l *closingLog) Append(ctx context.Context, r audit.Record) error {
	if r.Phase == audit.Intent && r.Target == "tool:fixture_lasts" {
		l.once.Do(func() {
			sid, err := id.Parse[id.SessionKind](r.Session)
			if err == nil {
				_, err = (*l.sessions).Close(ctx, sid, "key:operator", "now")
			}
			if err != nil {
				l.t.Error(err)
			}
		})
	}
	return l.Log.Append(ctx, r)
}

// A session that is closed at the very moment at which a call of it becomes a task does not leave the task behind.
func TestTasks_EndWithASessionThatIsClosedWhileTheyBegin(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	defer close(let)
	var kept task.Repository
	var sessions *sessionapp.Registry
	w := serve(t, soon, lasting(let), fx.Populate(&kept, &sessions),
		fx.Decorate(func(log audit.Log) audit.Log { return &closingLog{Log: log, sessions: &sessions, t: t} }))
	k, credential := w.issued(t, identity.Grant{Name: "leaver", Personas: []string{"caller"}})
	tid := w.lasts(t, credential.Reveal())
	if s := becomes(t, kept, "key:"+k.ID, tid); s.State != task.Failed || s.Failure.Code != task.ErrCredential.Code {
		t.Errorf("%+v", s)
	}
}

// Neither streams of old nor answers to tasks that cannot be read get a caller round its limits.
func TestLimits_HoldForStreamsAndForWhatIsAskedOfTasks(t *testing.T) {
	t.Parallel()
	const limit = 3
	w := serve(t, func(c *config.Config) {
		c.Server.LegacySSE = true
		c.Security.RateLimit.Enabled, c.Security.RateLimit.RequestsPerMinute, c.Security.RateLimit.BurstSize = true, 1, limit
	})
	base := strings.TrimSuffix(w.url, "/mcp")
	for name, try := range map[string]func(key string) *http.Request{
		"a stream": func(string) *http.Request {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/sse", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
		"answers": func(string) *http.Request {
			r := w.post(t, `{"jsonrpc":"2.0","id":1,"method":"tasks/update","params":{"taskId":"tsk_x","inputResponses":[1],"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
				`"io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}}}`)
			for header, value := range map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tasks/update", "Mcp-Name": "tsk_x"} {
				r.Header.Set(header, value)
			}
			return r
		},
	} {
		key := w.issue(t, identity.Grant{Name: "hasty", Personas: []string{"caller"}})
		limited := 0
		for range limit + 3 {
			r := try(key)
			r.Header.Set("Authorization", "Bearer "+key)
			response, err := client(t).Do(r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if response.StatusCode == http.StatusTooManyRequests {
				limited++
			}
			_ = response.Body.Close()
		}
		if limited != 3 {
			t.Errorf("%s: of %d tries %d were too many", name, limit+3, limited)
		}
	}
}
