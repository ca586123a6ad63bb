package component_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

func operators(c *config.Config) {
	c.Personas["operator"] = config.Persona{Allow: []config.Rule{{Action: config.Words{"admin.*"}, Target: config.Words{"*"}}}}
	c.Personas["clerk"] = config.Persona{Allow: []config.Rule{{Action: config.Words{"admin.keys.create"}, Target: config.Words{"key:*", "persona:caller"}}}}
}

// act sends what an operator does, and gives the status and the answer.
func (w *world) act(t *testing.T, key, method, path, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.admin+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	status, _, text := send(t, r)
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("HTTP %d %s: %v", status, text, err)
	}
	return status, answer
}

func TestOperators_ActThroughTheGateAndNoOtherWay(t *testing.T) {
	t.Parallel()
	w := serve(t, operators)
	operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
	clerk := w.issue(t, identity.Grant{Name: "clerk", Personas: []string{"clerk"}})
	for _, c := range []struct {
		key, method, path, body string
		status                  int
		records                 []string // phase, action, outcome, denied_by
	}{
		{"", "GET", "/admin/v1/keys", "", 401, []string{"closed  identity.unauthenticated authentication"}},
		{w.key, "GET", "/admin/v1/keys", "", 403, []string{"closed admin.keys.list access.denied policy"}},
		{operator, "GET", "/admin/v1/keys", "", 200, []string{"closed admin.keys.list ok "}},
		{operator, "GET", "/admin/v1/keys?unused=720h", "", 200, []string{"closed admin.keys.list ok "}},
		{operator, "GET", "/admin/v1/keys?unused=soon", "", 400, []string{"closed  admin.unused input"}},
		{operator, "GET", "/admin/v1/keys?unused=", "", 400, []string{"closed  admin.unused input"}},
		{operator, "GET", "/admin/v1/keys?stale=720h", "", 400, []string{"closed  admin.unused input"}},
		{operator, "GET", "/admin/v1/keys?unused=720h&unused=1h", "", 400, []string{"closed  admin.unused input"}},
		{operator, "GET", "/admin/v1/keys?unused=%zz", "", 400, []string{"closed  admin.unused input"}},
		{operator, "GET", "/admin/v1/sessions?state=open", "", 200, []string{"closed admin.sessions.list ok "}},
		{operator, "GET", "/admin/v1/sessions?principal=a;state=open", "", 400, []string{"closed  admin.sessions input"}},
		{operator, "GET", "/admin/v1/sessions?state=open&limit=0", "", 400, []string{"closed  admin.sessions input"}},
		{operator, "POST", "/admin/v1/keys", `{"name":"a","personas":["caller"]}`, 200, []string{"intent admin.keys.create  ", "closed admin.keys.create ok "}},
		{operator, "POST", "/admin/v1/keys", `{"name":"a","personas":["caller"],"attributes":{"Level":["3"],"region":["x"],"Region":["y"]}}`, 200, []string{"intent admin.keys.create  ", "closed admin.keys.create ok "}},
		{operator, "POST", "/admin/v1/keys", `{"name":"a","personas":["absent"]}`, 400, []string{"intent admin.keys.create  ", "closed admin.keys.create identity.unknown_persona "}},
		{operator, "POST", "/admin/v1/keys", `{"name":"a","name":"b","personas":["caller"]}`, 400, []string{"closed  admin.body input"}},
		{operator, "POST", "/admin/v1/keys", `{"name":"a","personas":["caller"],"forever":true}`, 400, []string{"closed  admin.body input"}},
		{clerk, "POST", "/admin/v1/keys", `{"name":"a","personas":["caller"]}`, 200, []string{"intent admin.keys.create  ", "closed admin.keys.create ok "}},
		{clerk, "POST", "/admin/v1/keys", `{"name":"a","personas":["caller","operator"]}`, 403, []string{"closed admin.keys.create access.denied policy"}},
		{clerk, "POST", "/admin/v1/keys/aaaaaaaaaaaaaaaa/revoke", "", 403, []string{"closed admin.keys.revoke access.denied policy"}},
		{operator, "POST", "/admin/v1/keys/aaaaaaaaaaaaaaaa/revoke", "", 404, []string{"intent admin.keys.revoke  ", "closed admin.keys.revoke identity.not_found "}},
		{operator, "DELETE", "/admin/v1/keys", "", 404, []string{"closed  admin.not_found input"}},
	} {
		before := len(w.requests(t))
		status, answer := w.act(t, c.key, c.method, c.path, c.body)
		var got []string
		for _, r := range w.newest(t, before) {
			got = append(got, strings.Join([]string{string(r.Phase), r.Action, r.Outcome, r.DeniedBy}, " "))
		}
		if status != c.status || !slices.Equal(got, c.records) {
			t.Errorf("%s %s %s: HTTP %d %v\non record %q\nwant HTTP %d %q", c.method, c.path, c.body, status, answer, got, c.status, c.records)
		}
	}
}

// The old secret goes on until its overlap is over, the new one holds at once; whose the key is does not change.
func TestOperators_RotateAKeyWithoutAnOutage(t *testing.T) {
	t.Parallel()
	w := serve(t, operators)
	operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
	k, credential := w.issued(t, identity.Grant{Name: "Ada", Personas: []string{"caller"}})
	works := func(key string) bool {
		t.Helper()
		r := w.post(t, echo("hello", ""))
		r.Header.Set("Authorization", "Bearer "+key)
		status, _, _ := send(t, r)
		return status == http.StatusOK
	}
	rotate := func(overlap string) string {
		t.Helper()
		status, answer := w.act(t, operator, "POST", "/admin/v1/keys/"+k.ID+"/rotate", `{"overlap":"`+overlap+`"}`)
		secret, _ := answer["credential"].(string)
		if status != http.StatusOK || secret == "" {
			t.Fatalf("HTTP %d %v", status, answer)
		}
		return secret
	}
	second := rotate("1h")
	if !works(credential.Reveal()) || !works(second) {
		t.Error("within the overlap not both secrets hold")
	}
	third := rotate("0s")
	if works(credential.Reveal()) || works(second) || !works(third) {
		t.Error("without an overlap not the new secret alone holds")
	}
	for _, r := range w.records(t) {
		for _, secret := range []string{second, third} {
			if strings.Contains(string(r.AppendJSON(nil)), strings.Split(secret, "_")[3]) {
				t.Errorf("a record holds a secret: %+v", r)
			}
		}
	}
}

// A stream that is open under a key ends soon after the key, whoever ended it.
func TestKeys_ARevocationEndsOpenStreams(t *testing.T) {
	t.Parallel()
	w := serve(t, operators)
	operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
	for _, how := range []string{"by the server", "by another process"} {
		k, credential := w.issued(t, identity.Grant{Name: "leaver", Personas: []string{"caller"}})
		r := w.post(t, following(way{era: harness.Modern}, "a"))
		r.Header.Set("Authorization", "Bearer "+credential.Reveal())
		r.Header.Set("Mcp-Name", "fixture_follows")
		before := len(w.requests(t))
		response, err := client(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(response.Body)
		if !lines.Scan() {
			t.Fatalf("%s: nothing is streamed: %v", how, lines.Err())
		}
		if how == "by the server" {
			if status, answer := w.act(t, operator, "POST", "/admin/v1/keys/"+k.ID+"/revoke", ""); status != http.StatusOK {
				t.Fatalf("HTTP %d %v", status, answer)
			}
		} else if _, err := identityapp.Revoke(t.Context(), w.keys, k.ID, time.Now()); err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		for lines.Scan() { // until it ends
		}
		if took := time.Since(at); took > 5*time.Second {
			t.Errorf("%s: the stream ended after %s", how, took)
		}
		_ = response.Body.Close()
		if !slices.ContainsFunc(w.newest(t, before), func(r audit.Record) bool {
			return r.Actor == "key:"+k.ID && r.Phase == audit.Closed && r.Outcome == "canceled"
		}) {
			t.Errorf("%s: on record: %+v", how, w.newest(t, before))
		}
	}
}

func TestKeys_HoldOnlyInTheirNetworksAndForTheirScope(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	elsewhere := w.issue(t, identity.Grant{Name: "elsewhere", Personas: []string{"caller"}, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	before := len(w.requests(t))
	if refused := w.refused(t, elsewhere); refused.Status != http.StatusUnauthorized {
		t.Errorf("from elsewhere: %+v", refused)
	}
	if r := w.newest(t, before); len(r) != 1 || r[0].Outcome != "identity.unauthenticated" || !strings.Contains(r[0].Detail, "address") {
		t.Errorf("on record: %+v", r)
	}
	narrow := w.issue(t, identity.Grant{
		Name: "narrow", Personas: []string{"caller"}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Scope: []access.Rule{{Actions: []string{"tool.call"}, Targets: []string{"tool:echo"}}},
	})
	for _, era := range []harness.Era{harness.Modern, harness.Legacy} {
		p := harness.NewClient(w.url, narrow, era)
		if names := listed(t, p); !slices.Equal(names, []string{"echo"}) {
			t.Errorf("%s: lists %v", era, names)
		}
		if c := call(t, p, "whoami", nil); c.failure.Code == "" {
			t.Errorf("%s: calls whoami: %s", era, c.text)
		}
		p.Close()
	}
}

func TestKeys_ThatEndSoonSaySo(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	k, credential := w.issued(t, identity.Grant{Name: "short", Personas: []string{"caller"}, Lifetime: time.Hour})
	err := w.keys.Update(t.Context(), keyID(t, k.ID), func(k *identity.Key) error {
		s := k.Snapshot()
		s.Issued = s.Issued.Add(-100 * time.Hour)
		*k = *identity.Restore(s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	said := func(key string) string {
		t.Helper()
		r := w.post(t, echo("hello", ""))
		r.Header.Set("Authorization", "Bearer "+key)
		_, headers, _ := send(t, r)
		return headers.Get("Steward-Key-Expires")
	}
	if got := said(credential.Reveal()); got != k.Expires.Format(time.RFC3339) {
		t.Errorf("the answer says %q, want %s", got, k.Expires)
	}
	if got := said(w.key); got != "" {
		t.Errorf("of a key that holds for long: %q", got)
	}
}

func keyID(t *testing.T, text string) identity.KeyID {
	t.Helper()
	id, err := identity.ParseKeyID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// When a key was last used is known after the server has stopped, though no request wrote it.
func TestKeys_TheLastUseOutlivesTheServer(t *testing.T) {
	t.Parallel()
	c := configured(t, nil)
	w := serveConfigured(t, c)
	if status, _, body := send(t, w.post(t, echo("hello", ""))); status != http.StatusOK {
		t.Fatalf("HTTP %d %s", status, body)
	}
	w.stop()
	w = serveRestarted(t, c)
	all, err := identityapp.List(t.Context(), w.keys, 0, time.Now())
	if err != nil || len(all) != 1 || all[0].LastUsed.IsZero() || all[0].LastAddress != "127.0.0.1" {
		t.Errorf("%+v, %v", all, err)
	}
}

// The commands do on a running server what they do on a state that nobody holds, for those who are permitted it.
func TestCommands_ReachTheServerThatRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.configure(t, "  operator: {allow: [{action: \"admin.*\", target: \"*\"}]}\n")
	run := func(commands string) (string, error) {
		t.Helper()
		out, err := s.run(t, s.state, commands)
		return string(bytes.TrimSpace(out)), err
	}
	if out, err := run("steward keys create --name op --persona operator --quiet > op.key"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.start(t)
	if out, err := run("steward keys list"); err == nil || !strings.Contains(out, "--admin-key FILE") {
		t.Errorf("without a key: %v %s", err, out)
	}
	if out, err := run("steward keys create --name Ada --persona analyst --quiet --admin-key op.key > ada.key && " +
		"steward keys rotate --admin-key op.key --overlap 2d --quiet \"$(cut -d_ -f3 ada.key)\" > new.key"); err != nil {
		t.Errorf("create and rotate: %v %s", err, out)
	}
	if out, err := run("steward keys list --admin-key ada.key"); err == nil || !strings.Contains(out, "not permitted") {
		t.Errorf("by whoever is not permitted: %v %s", err, out)
	}
	out, err := run("export STEWARD_ADMIN_KEY_FILE=op.key; steward keys revoke \"$(cut -d_ -f3 new.key)\" && steward keys list")
	if err != nil || strings.Count(out, `"state":"revoked"`) != 1 || strings.Count(out, `"state":"active"`) != 1 {
		t.Errorf("revoke and list: %v %s", err, out)
	}
	s.stop(t)
	if out, err := run("steward keys list"); err != nil || strings.Count(out, "\n") != 1 {
		t.Errorf("after the stop: %v %s", err, out)
	}
}

// An operator's key is sent to this machine only, and only where the server that holds the state said.
func TestRunning_TrustsNoFileThatAServerDidNotWrite(t *testing.T) {
	t.Parallel()
	c := configured(t, nil)
	file := filepath.Join(c.StateDir, "admin.address")
	for name, f := range map[string]struct {
		text string
		mode os.FileMode
	}{
		"another machine": {"192.0.2.7:80\n", 0o600}, "a name": {"localhost:80\n", 0o600}, "nothing": {"", 0o600}, "a file of all": {"127.0.0.1:80\n", 0o666},
	} {
		if err := os.WriteFile(file, []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, f.mode); err != nil {
			t.Fatal(err)
		}
		if address, err := app.Running(c); err == nil {
			t.Errorf("%s: %s", name, address)
		}
	}
}
