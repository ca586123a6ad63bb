package mcpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/taskapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/taskstore"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
)

// tasked gives the server tasks, if it has tools that can be one. A call becomes one after a tenth of a second.
func (w *world) tasked(tb testing.TB, p *mcpapi.Parts, gate *cqrs.Gate) {
	tb.Helper()
	if !slices.ContainsFunc(p.Catalog.All(), func(t tool.Tool) bool { return t.Task != tool.TaskNone }) {
		return
	}
	store := taskstore.NewMemory(task.Limits{PerOwner: 100, All: 1000, BytesPerOwner: 1 << 20, BytesAll: 1 << 24})
	runner := taskapp.NewRunner("server", store, taskapp.Bounds{
		Grace: 100 * time.Millisecond, Terms: task.Terms{TTL: time.Hour, Poll: 10 * time.Millisecond}, Running: 500, RunningPerOwner: 20,
	}, time.Now, zap.NewNop())
	tb.Cleanup(func() {
		over, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), time.Second)
		defer cancel()
		runner.Stop(over)
	})
	p.Tasks = taskapp.NewDesk(gate, w, store, runner, time.Now)
}

// job is a tool that can be a task.
func job(name string, support tool.TaskSupport, run func(context.Context) (tool.Result, error)) tool.Tool {
	t := bare(name, run)
	t.Task = support
	return t
}

const (
	tasksDeclared = `{"extensions":{"io.modelcontextprotocol/tasks":{}},"elicitation":{"form":{}}}`
	taskMeta      = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},"io.modelcontextprotocol/clientCapabilities":` + tasksDeclared + `}`
)

// tasking sends a request of a client that declares tasks.
func (w *world) tasking(t *testing.T, who, method, name, params string) (int, map[string]any) {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"` + method + `","params":{` + params + taskMeta + `}}`
	status, _, answer := w.post(t, body, "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method, "Mcp-Name", name, "X-Test-Who", who)
	return status, answer
}

// start calls a tool and wants a task.
func (w *world) start(t *testing.T, who, name string) string {
	t.Helper()
	status, answer := w.tasking(t, who, "tools/call", name, `"name":"`+name+`",`)
	r := result(t, answer)
	tid, _ := r["taskId"].(string)
	if status != http.StatusOK || r["resultType"] != "task" || tid == "" {
		t.Fatalf("%s answered %d %v", name, status, answer)
	}
	return tid
}

func (w *world) about(t *testing.T, who, method, tid, more string) (int, map[string]any) {
	t.Helper()
	return w.tasking(t, who, method, tid, `"taskId":"`+tid+`",`+more)
}

// until asks about a task until it is in one of those states.
func (w *world) until(t *testing.T, who, tid string, states ...string) map[string]any {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		_, answer := w.about(t, who, "tasks/get", tid, "")
		r := result(t, answer)
		if status, _ := r["status"].(string); slices.Contains(states, status) {
			return r
		}
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("in vain waited until the task is %v: %v", states, answer)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	wait, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-wait.Done()
	return ctx.Err()
}

func slow(d time.Duration) func(context.Context) (tool.Result, error) {
	return func(ctx context.Context) (tool.Result, error) {
		return tool.Result{Text: "slow", Structured: map[string]any{"n": 1}}, pause(ctx, d)
	}
}

func TestTasks_AreForClientsThatDeclareThem(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", job("slow", tool.TaskOptional, slow(300*time.Millisecond)), job("quick", tool.TaskOptional, slow(0)),
		job("must", tool.TaskRequired, slow(0)))
	_, discovered := w.modern(t, "server/discover", "", "")
	capabilities := result(t, discovered)["capabilities"].(map[string]any)
	if extensions := capabilities["extensions"].(map[string]any); extensions["io.modelcontextprotocol/tasks"] == nil || capabilities["tasks"] != nil {
		t.Errorf("advertises %v", capabilities)
	}
	for _, name := range []string{"slow", "quick"} {
		if _, answer := w.modern(t, "tools/call", name, `"name":"`+name+`",`); result(t, answer)["content"] == nil || result(t, answer)["resultType"] != "complete" {
			t.Errorf("to a client without tasks %s answers %v", name, answer)
		}
	}
	if _, answer := w.tasking(t, "a", "tools/call", "quick", `"name":"quick",`); result(t, answer)["content"] == nil {
		t.Errorf("what is soon over answers %v", answer)
	}
	w.taken()
	for _, method := range []string{"tasks/get", "tasks/update", "tasks/cancel"} {
		status, _, answer := w.post(t, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{"taskId":"x",`+modernMeta+`}}`,
			"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method, "Mcp-Name", "x")
		if status != http.StatusBadRequest || code(answer) != -32021 {
			t.Errorf("%s without the extension: %d %v", method, status, answer)
		}
	}
	status, answer := w.modern(t, "tools/call", "must", `"name":"must",`)
	text, _ := json.Marshal(answer)
	if status != http.StatusBadRequest || code(answer) != -32021 || !strings.Contains(string(text), `"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}`) {
		t.Errorf("what must be a task: %d %s", status, text)
	}
	w.hidden["must"] = true
	if _, answer = w.modern(t, "tools/call", "must", `"name":"must",`); code(answer) != -32602 {
		t.Errorf("to whom may not call it: %v", answer)
	}
	records := w.taken()
	if len(records) != 5 {
		t.Fatalf("%d records of 5 refusals", len(records))
	}
	for _, r := range records[:4] {
		if r.Outcome != "mcp.tasks_required" || r.DeniedBy != audit.ByEdge {
			t.Errorf("on record: %+v", r)
		}
	}
}

// A call of a tool that is never a task is decided as often as where there are no tasks.
func TestTasks_CostOtherCallsNoDecision(t *testing.T) {
	t.Parallel()
	without, with := newWorld(t), newWorldWith(t, "", job("must", tool.TaskRequired, slow(0)))
	for _, w := range []*world{without, with} {
		if _, answer := w.modern(t, "tools/call", "echo", `"name":"echo","arguments":{"text":"x"},`); result(t, answer)["content"] == nil {
			t.Error(answer)
		}
	}
	if with.decided == 0 || with.decided != without.decided {
		t.Errorf("%d decisions with tasks, %d without", with.decided, without.decided)
	}
}

func TestTasks_OlderRevisionsKnowNone(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", job("slow", tool.TaskOptional, slow(300*time.Millisecond)), job("must", tool.TaskRequired, slow(0)))
	sid := w.session(t, "a")
	call := func(method, params string) map[string]any {
		_, _, answer := w.post(t, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+`}}`, "Mcp-Session-Id", sid, "X-Test-Who", "a")
		return answer
	}
	if r := result(t, call("tools/call", `"name":"slow"`)); r["content"] == nil {
		t.Errorf("slow answers %v", r)
	}
	for method, params := range map[string]string{"tasks/get": `"taskId":"x"`, "tasks/cancel": `"taskId":"x"`, "tasks/list": "", "tasks/result": `"taskId":"x"`} {
		if answer := call(method, params); code(answer) != -32601 {
			t.Errorf("%s: %v", method, answer)
		}
	}
	if answer := call("tools/call", `"name":"must"`); code(answer) != -32021 {
		t.Errorf("must answers %v", answer)
	}
}

func TestTasks_HaveTheWireFormatOfTheExtension(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", job("slow", tool.TaskOptional, slow(300*time.Millisecond)),
		job("fails", tool.TaskRequired, func(context.Context) (tool.Result, error) {
			return tool.Result{}, fault.New(fault.Invalid, "x.y", "No.")
		}),
		job("breaks", tool.TaskRequired, func(context.Context) (tool.Result, error) { panic("boom") }))
	status, answer := w.tasking(t, "a", "tools/call", "slow", `"name":"slow",`)
	r := result(t, answer)
	if status != http.StatusOK || r["resultType"] != "task" || r["status"] != "working" || r["ttlMs"] != 3_600_000.0 || r["pollIntervalMs"] != 10.0 {
		t.Errorf("created: %v", r)
	}
	for _, member := range []string{"task", "result", "error", "inputRequests", "requestState", "ttl", "pollInterval"} {
		if _, ok := r[member]; ok {
			t.Errorf("created with %s", member)
		}
	}
	created, err := time.Parse(time.RFC3339, r["createdAt"].(string))
	if err != nil || time.Since(created) > time.Minute {
		t.Errorf("created at %v: %v", r["createdAt"], err)
	}
	tid := r["taskId"].(string)
	_, direct := w.modern(t, "tools/call", "slow", `"name":"slow",`)
	done := w.until(t, "a", tid, "completed")
	want, _ := json.Marshal(result(t, direct))
	if got, _ := json.Marshal(done["result"]); string(got) != string(want) || done["resultType"] != "complete" || done["taskId"] != tid {
		t.Errorf("the task holds %s, and the call answers %s", got, want)
	}
	failed := w.until(t, "a", w.start(t, "a", "fails"), "completed", "failed")
	if inner, _ := failed["result"].(map[string]any); failed["status"] != "completed" || inner["isError"] != true || failed["error"] != nil {
		t.Errorf("a tool that failed: %v", failed)
	}
	broken := w.until(t, "a", w.start(t, "a", "breaks"), "completed", "failed")
	if e, _ := broken["error"].(map[string]any); broken["status"] != "failed" || e["code"] != -32603.0 || e["message"] == "" || broken["result"] != nil {
		t.Errorf("a call that broke: %v", broken)
	}
	for _, method := range []string{"tasks/result", "tasks/list"} {
		if status, answer := w.about(t, "a", method, tid, ""); status != http.StatusNotFound || code(answer) != -32601 {
			t.Errorf("%s: %d %v", method, status, answer)
		}
	}
}

func TestTasks_HeadersMustNameTheTask(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", job("slow", tool.TaskRequired, slow(0)))
	tid := w.start(t, "a", "slow")
	for _, name := range []string{"", "other", tid + "x"} {
		for _, method := range []string{"tasks/get", "tasks/update", "tasks/cancel"} {
			if status, answer := w.tasking(t, "a", method, name, `"taskId":"`+tid+`",`); status != http.StatusBadRequest || code(answer) != -32020 {
				t.Errorf("%s named %q: %d %v", method, name, status, answer)
			}
		}
	}
	// The headers come first: a client without the extension hears of them too.
	status, _, answer := w.post(t, `{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"x",`+modernMeta+`}}`,
		"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tasks/get", "Mcp-Name", "y")
	if status != http.StatusBadRequest || code(answer) != -32020 {
		t.Errorf("%d %v", status, answer)
	}
}

func TestTasks_CancelIsAcknowledgedAndHolds(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", job("slow", tool.TaskOptional, slow(time.Minute)))
	tid := w.start(t, "a", "slow")
	for range 2 {
		if _, answer := w.about(t, "a", "tasks/cancel", tid, ""); result(t, answer)["resultType"] != "complete" || result(t, answer)["taskId"] != nil {
			t.Errorf("answers %v", answer)
		}
		if got := w.until(t, "a", tid, "cancelled"); got["result"] != nil || got["error"] != nil {
			t.Errorf("%v", got)
		}
	}
}

// confirm asks for two words.
func confirm() tool.Tool {
	return job("confirm", tool.TaskRequired, func(ctx context.Context) (tool.Result, error) {
		one, first := tool.AnswersOf(ctx).Elicited("one")
		two, second := tool.AnswersOf(ctx).Elicited("two")
		if !first || !second {
			form := tool.Form{Message: "A word?", Schema: json.RawMessage(`{"type":"object","properties":{"word":{"type":"string"}}}`)}
			return tool.Result{}, tool.Ask("", map[string]tool.Question{"one": form, "two": form})
		}
		return tool.Result{Text: string(one.Values) + string(two.Values)}, nil
	})
}

func TestTasks_AskTheirOwnersAndGoOn(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", confirm())
	tid := w.start(t, "a", "confirm")
	update := func(responses string) {
		t.Helper()
		_, answer := w.about(t, "a", "tasks/update", tid, `"inputResponses":`+responses+`,`)
		if r := result(t, answer); r["resultType"] != "complete" || r["taskId"] != nil {
			t.Errorf("%s: %v", responses, answer)
		}
	}
	asked := func(want ...string) {
		t.Helper()
		got := w.until(t, "a", tid, "input_required")
		questions, _ := got["inputRequests"].(map[string]any)
		if len(questions) != len(want) {
			t.Errorf("asks %v, want %v", questions, want)
		}
		for _, key := range want {
			if q, _ := questions[key].(map[string]any); q["method"] != "elicitation/create" {
				t.Errorf("asks %v", questions)
			}
		}
	}
	asked("one", "two")
	for _, useless := range []string{`{}`, `{"unknown":{"ignored":true}}`, `{"one":12345}`, `{"one":{"action":"explode"}}`} {
		update(useless)
		asked("one", "two")
	}
	update(`{"one":{"action":"accept","content":{"word":"x"}}}`)
	asked("two")
	update(`{"two":{"action":"accept","content":{"word":"y"}}}`)
	done := w.until(t, "a", tid, "completed", "failed")
	if text, _ := json.Marshal(done["result"]); !strings.Contains(string(text), `{\"word\":\"x\"}{\"word\":\"y\"}`) {
		t.Errorf("%v", done)
	}
	for _, responses := range []string{`"x"`, `null`, `[]`} {
		if _, answer := w.about(t, "a", "tasks/update", tid, `"inputResponses":`+responses+`,`); code(answer) != -32602 {
			t.Errorf("%s: %v", responses, answer)
		}
	}
}

// What the answers of a call pass, its result passes as a task too.
func TestTasks_ResultsPassTheGuard(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", job("tells", tool.TaskRequired, func(context.Context) (tool.Result, error) {
		return tool.Result{Text: "It is " + guardedSecret, Structured: map[string]any{"it": guardedSecret}}, nil
	}))
	done := w.until(t, "a", w.start(t, "a", "tells"), "completed")
	if text, _ := json.Marshal(done); strings.Contains(string(text), "4711") || !strings.Contains(string(text), "It is") {
		t.Errorf("answers %s", text)
	}
}

// Sixty-four principals with tasks of their own under the same request ids try everything on one another's.
func TestIsolation_NobodyReachesAnothersTask(t *testing.T) {
	t.Parallel()
	const clients = 64
	whispers := tool.Tool{
		Definition: tool.Definition{Name: "whispers", Description: "w", InputSchema: json.RawMessage(`{"type":"object"}`), ReadOnly: true, Task: tool.TaskRequired},
		Bind: func(_ context.Context, by access.Principal, _ json.RawMessage) (tool.Bound, error) {
			return tool.Bound{Run: func(ctx context.Context) (tool.Result, error) {
				return tool.Result{Text: "canary of " + by.Subject + "."}, pause(ctx, 50*time.Millisecond)
			}}, nil
		},
	}
	w := newWorldWith(t, "", whispers, confirm())
	ids, asking := make([]string, clients), make([]string, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { ids[i], asking[i] = w.start(t, name(i), "whispers"), w.start(t, name(i), "confirm") })
	}
	all.Wait()
	for i := range clients {
		all.Go(func() {
			other := (i + 1) % clients
			for _, tid := range []string{ids[other], asking[other], id.New[id.TaskKind]().String(), "x"} {
				for method, more := range map[string]string{"tasks/get": "", "tasks/cancel": "", "tasks/update": `"inputResponses":{"one":{"action":"accept","content":{"word":"stolen"}}},`} {
					status, answer := w.about(t, name(i), method, tid, more)
					e, _ := answer["error"].(map[string]any)
					data, _ := e["data"].(map[string]any)
					if status != http.StatusBadRequest || code(answer) != -32602 || data["code"] != "task.unknown" {
						t.Errorf("%s of %s's task by %s: %d %v", method, name(other), name(i), status, answer)
					}
				}
			}
			done := w.until(t, name(i), ids[i], "completed", "failed", "cancelled")
			if text, _ := json.Marshal(done); !strings.Contains(string(text), "canary of "+name(i)+".") {
				t.Errorf("%s gets %s", name(i), text)
			}
			own := w.until(t, name(i), asking[i], "input_required")
			if questions, _ := own["inputRequests"].(map[string]any); len(questions) != 2 {
				t.Errorf("%s is asked %v", name(i), questions)
			}
		})
	}
	all.Wait()
}

func name(i int) string { return fmt.Sprintf("client-%d", i) }

// A call that has become a task says nothing more on the stream that it was called on, which is gone.
func TestTasks_SayNothingOnTheStreamOfTheirCall(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", job("talks", tool.TaskOptional, func(ctx context.Context) (tool.Result, error) {
		for i := range 30 {
			tool.Advance(ctx, float64(i+1), 30, "")
			tool.Log(ctx, tool.Error, "still there")
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return tool.Result{}, err
			}
		}
		return tool.Result{Text: "done"}, nil
	}))
	server := httptest.NewServer(w)
	defer server.Close()
	meta := strings.Replace(taskMeta, `"_meta":{`, `"_meta":{"progressToken":"p","io.modelcontextprotocol/logLevel":"debug",`, 1)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"talks",`+meta+`}}`))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": "2026-07-28",
		"Mcp-Method": "tools/call", "Mcp-Name": "talks", "X-Test-Who": "a",
	} {
		r.Header.Set(k, v)
	}
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var last string
	scanner := bufio.NewScanner(response.Body)
	for scanner.Scan() {
		line := scanner.Text()
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			last = data
		}
	}
	var answer map[string]any
	if err := json.Unmarshal([]byte(last), &answer); err != nil || result(t, answer)["resultType"] != "task" {
		t.Fatalf("the last event is %s", last)
	}
	w.until(t, "a", result(t, answer)["taskId"].(string), "completed")
}

func TestStdio_KnowsTasks(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", job("must", tool.TaskRequired, slow(0)))
	answers := talk(t, w, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"must",`+taskMeta+`}}`,
		`{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{"taskId":"tsk_x",`+taskMeta+`}}`)
	if r := result(t, answers["1"]); r["resultType"] != "task" {
		t.Errorf("%v", answers["1"])
	}
	if code(answers["2"]) != -32602 {
		t.Errorf("%v", answers["2"])
	}
}
