package component_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// lasting offers a tool whose calls last until the test lets go of them.
func lasting(let <-chan struct{}) fx.Option {
	return fx.Provide(fx.Annotate(func() tool.Tool {
		t := fixtureTool("fixture_lasts", func(ctx context.Context, _ json.RawMessage) (tool.Result, error) {
			select {
			case <-let:
				return tool.Result{Text: "lasted"}, nil
			case <-ctx.Done():
				return tool.Result{}, ctx.Err()
			}
		})
		t.Task = tool.TaskOptional
		return t
	}, fx.ResultTags(`group:"tools"`)))
}

// tasking sends a request of a client that knows tasks and gives its result.
func (w *world) tasking(t *testing.T, key, method, name, params string) map[string]any {
	t.Helper()
	r := w.post(t, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",`+
		`"io.modelcontextprotocol/clientInfo":{"name":"agent","version":"1"},`+
		`"io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}}}`)
	for header, value := range map[string]string{
		"Authorization": "Bearer " + key, "Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": name,
	} {
		r.Header.Set(header, value)
	}
	status, _, body := send(t, r)
	var answer struct{ Result map[string]any }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || answer.Result == nil {
		t.Fatalf("%s: HTTP %d %s", method, status, body)
	}
	return answer.Result
}

// lasts calls the tool and gives its task.
func (w *world) lasts(t *testing.T, key string) id.Task {
	t.Helper()
	r := w.tasking(t, key, "tools/call", "fixture_lasts", `"name":"fixture_lasts","arguments":{}`)
	text, _ := r["taskId"].(string)
	tid, err := id.Parse[id.TaskKind](text)
	if err != nil || r["resultType"] != "task" {
		t.Fatalf("%v: %v", r, err)
	}
	return tid
}

// becomes waits until a task is in another state than working, and gives it.
func becomes(t *testing.T, kept task.Repository, owner string, tid id.Task) task.Snapshot {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		found, err := kept.Get(t.Context(), owner, tid)
		if err != nil {
			t.Fatal(err)
		}
		if found.State() != task.Working {
			return found.Snapshot()
		}
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatal("the task works and works")
		}
	}
}

func soon(c *config.Config) { c.Tasks.Grace = 0 }

// A call goes on after its request, is fetched by its owner, and is on record like any other call.
func TestTasks_AreGovernedCallsThatOutliveTheirRequest(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	var kept task.Repository
	w := serve(t, soon, lasting(let), fx.Populate(&kept))
	k, credential := w.issued(t, identity.Grant{Name: "asker", Personas: []string{"caller"}})
	before := len(w.requests(t))
	tid := w.lasts(t, credential.Reveal())
	if got := w.newest(t, before); len(got) != 1 || got[0].Phase != audit.Intent || got[0].Target != "tool:fixture_lasts" || got[0].Actor != "key:"+k.ID {
		t.Errorf("on record when the task is told of: %+v", got)
	}
	close(let)
	becomes(t, kept, "key:"+k.ID, tid)
	r := w.tasking(t, credential.Reveal(), "tasks/get", tid.String(), `"taskId":"`+tid.String()+`"`)
	if text, _ := json.Marshal(r["result"]); r["status"] != "completed" || !strings.Contains(string(text), `"lasted"`) {
		t.Errorf("%v", r)
	}
	var told []string
	for _, r := range w.newest(t, before) {
		told = append(told, strings.TrimSpace(string(r.Phase)+" "+r.Method+" "+r.Target+" "+r.Outcome))
	}
	if got := strings.Join(told, "; "); got != "intent tools/call tool:fixture_lasts; closed tools/call tool:fixture_lasts ok; closed tasks/get tool:fixture_lasts ok" {
		t.Errorf("on record: %s", got)
	}
}

func TestTasks_EndWithTheKeyAndTheSessionOfTheirOwner(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	defer close(let)
	var kept task.Repository
	w := serve(t, func(c *config.Config) { operators(c); soon(c) }, lasting(let), fx.Populate(&kept))
	operator := w.issue(t, identity.Grant{Name: "operator", Personas: []string{"operator"}})
	for how, end := range map[string]func(key string){
		"the key": func(key string) {
			if status, answer := w.act(t, operator, "POST", "/admin/v1/keys/"+key+"/revoke", ""); status != http.StatusOK {
				t.Fatalf("HTTP %d %v", status, answer)
			}
		},
		"the session": func(key string) {
			for _, s := range w.sessionsOf(t, operator, "?state=open") {
				if s.Principal != "key:"+key {
					continue
				}
				if s.Running != 1 {
					t.Errorf("a session with a task: %+v", s)
				}
				if status, answer := w.act(t, operator, "POST", "/admin/v1/sessions/"+s.ID+"/close", "{}"); status != http.StatusOK {
					t.Fatalf("HTTP %d %v", status, answer)
				}
			}
		},
	} {
		k, credential := w.issued(t, identity.Grant{Name: "leaver", Personas: []string{"caller"}})
		before := len(w.requests(t))
		tid := w.lasts(t, credential.Reveal())
		end(k.ID)
		if s := becomes(t, kept, "key:"+k.ID, tid); s.State != task.Failed || s.Failure.Code != task.ErrCredential.Code {
			t.Errorf("with %s: %+v", how, s)
		}
		var closed []string
		for _, r := range w.newest(t, before) {
			if r.Target == "tool:fixture_lasts" && r.Phase == audit.Closed {
				closed = append(closed, r.Outcome)
			}
		}
		if strings.Join(closed, " ") != "canceled" {
			t.Errorf("with %s, on record: %v", how, closed)
		}
	}
}

// What ends with the server says so when it is back; what had ended before is still there.
func TestTasks_OutliveTheServer(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	var kept task.Repository
	c := configured(t, func(c *config.Config) { soon(c); c.Server.DrainTimeout = 100 * time.Millisecond })
	w := serveConfigured(t, c, lasting(let), fx.Populate(&kept))
	k, credential := w.issued(t, identity.Grant{Name: "asker", Personas: []string{"caller"}})
	done := w.lasts(t, credential.Reveal())
	let <- struct{}{}
	becomes(t, kept, "key:"+k.ID, done)
	cut := w.lasts(t, credential.Reveal())
	w.stop()

	again := newWorld(c)
	again.listen(t, lasting(let), fx.Populate(&kept))
	for tid, want := range map[id.Task]string{done: "completed", cut: "failed"} {
		r := again.tasking(t, credential.Reveal(), "tasks/get", tid.String(), `"taskId":"`+tid.String()+`"`)
		text, _ := json.Marshal(r)
		if r["status"] != want || want == "failed" != strings.Contains(string(text), `"code":"task.interrupted"`) || want == "completed" != strings.Contains(string(text), "lasted") {
			t.Errorf("after the restart: %s", text)
		}
	}
}
