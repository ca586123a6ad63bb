package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/steward-mcp/steward/tests/harness"
)

// tasked is what a server says of a task.
type tasked struct {
	TaskID string          `json:"taskId"`
	Status string          `json:"status"`
	Result json.RawMessage `json:"result"`
	Error  struct {
		Code int             `json:"code"`
		Data harness.Failure `json:"data"`
	} `json:"error"`
}

// tasking sends a request of a client that knows tasks.
func tasking(t *testing.T, c *harness.Client, method, name string, params map[string]any) (tasked, string) {
	t.Helper()
	told, request, err := post(t.Context(), c, method, name, params)
	if err != nil {
		t.Fatal(err)
	}
	return told, request
}

// post is tasking without a test, for goroutines that outlive the server.
func post(ctx context.Context, c *harness.Client, method, name string, params map[string]any) (told tasked, request string, err error) {
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion":    string(harness.Modern),
		"io.modelcontextprotocol/clientInfo":         map[string]string{"name": "harness", "version": "1"},
		"io.modelcontextprotocol/clientCapabilities": map[string]any{"extensions": map[string]any{"io.modelcontextprotocol/tasks": map[string]any{}}},
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return told, "", err
	}
	text, status, header, err := c.Post(ctx, body, map[string]string{"Mcp-Method": method, "Mcp-Name": name})
	if err != nil {
		return told, "", err
	}
	var answer struct{ Result *tasked }
	if err := json.Unmarshal(text, &answer); err != nil || status != http.StatusOK || answer.Result == nil {
		return told, "", fmt.Errorf("%s: HTTP %d %s", method, status, text)
	}
	return *answer.Result, header.Get("X-Request-Id"), nil
}

func begun(t *testing.T, c *harness.Client) (tid, request string) {
	t.Helper()
	told, request := tasking(t, c, "tools/call", "query", map[string]any{"name": "query", "arguments": revenue})
	if told.TaskID == "" || told.Status != "working" {
		t.Fatalf("the question became no task: %+v", told)
	}
	return told.TaskID, request
}

func fetch(t *testing.T, c *harness.Client, tid string) tasked {
	t.Helper()
	told, _ := tasking(t, c, "tasks/get", tid, map[string]any{"taskId": tid})
	return told
}

// Whatever becomes of the server, a task that it has told of is there afterwards: with its result if it had one, and otherwise
// failed, with the reason. It is on record in any case.
func TestTask_IsThereAfterTheServerWasKilledOrStopped(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"tasks.grace": "0s", "server.drain_timeout": "1s"})
	key := s.key(t, "analyst")
	server := s.start(t)
	w := worker(t, server)
	c := connect(t, server.URL, key, harness.Modern)
	done, _ := begun(t, c)
	until(t, "the task is completed", func() bool { return fetch(t, c, done).Status == "completed" })

	freeze(t, w)
	killed, question := begun(t, c)
	server.Kill()

	server = s.start(t)
	c = connect(t, server.URL, key, harness.Modern)
	w = worker(t, server)
	freeze(t, w)
	stopped, second := begun(t, c)
	stop(t, server)
	_ = syscall.Kill(w.PID, syscall.SIGCONT) // if it is still there, for a process group that is stopped cannot end itself

	server = s.start(t)
	c = connect(t, server.URL, key, harness.Modern)
	if got := fetch(t, c, done); got.Status != "completed" || !strings.Contains(string(got.Result), "structuredContent") {
		t.Errorf("what had a result: %+v", got)
	}
	for _, tid := range []string{killed, stopped} {
		got := fetch(t, c, tid)
		if got.Status != "failed" || got.Error.Data.Code != "task.interrupted" || got.Error.Data.Message == "" {
			t.Errorf("what had none: %+v", got)
		}
		neutral(t, got.Error.Data.Message)
	}
	stop(t, server)

	records, err := harness.Journal(s.journal())
	if err != nil {
		t.Fatal(err)
	}
	intents, closed := harness.ByRequest(records, "intent"), harness.ByRequest(records, "closed")
	if of := intents[question]; len(of) != 1 || of[0].Target != "tool:query" || len(closed[question]) != 0 {
		t.Errorf("of the question that the kill cut off: %+v, %+v", of, closed[question])
	}
	if of := intents[second]; len(of) != 1 || len(closed[second]) != 1 || closed[second][0].Outcome != "canceled" {
		t.Errorf("of the question that the stop cut off: %+v, %+v", of, closed[second])
	}
	s.verifies(t)
}

// The server is killed while clients begin tasks: every one that a client was told of is there afterwards, and on record.
func TestTask_NoneThatAClientWasToldOfIsLostInAKill(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"tasks.grace": "0s", "tasks.max_running_per_principal": 256, "metrics.queue_depth": 1000})
	key := s.key(t, "analyst")
	server := s.start(t)
	freeze(t, worker(t, server))
	var mu sync.Mutex
	told := map[string]string{} // requests by task
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			c := harness.NewClient(server.URL, key, harness.Modern)
			defer c.Close()
			for {
				got, request, err := post(t.Context(), c, "tools/call", "query", map[string]any{"name": "query", "arguments": revenue})
				if err != nil { // the server is gone
					return
				}
				if got.TaskID == "" {
					continue // there was no room for another
				}
				mu.Lock()
				told[got.TaskID] = request
				mu.Unlock()
			}
		})
	}
	until(t, "tasks are begun", func() bool { mu.Lock(); defer mu.Unlock(); return len(told) >= 50 })
	server.Kill()
	all.Wait()

	server = s.start(t)
	c := connect(t, server.URL, key, harness.Modern)
	for tid := range told {
		if got := fetch(t, c, tid); got.Status != "failed" || got.Error.Data.Code != "task.interrupted" {
			t.Errorf("%+v", got)
		}
	}
	stop(t, server)
	records, err := harness.Journal(s.journal())
	if err != nil {
		t.Fatal(err)
	}
	intents := harness.ByRequest(records, "intent")
	for tid, request := range told {
		if len(intents[request]) != 1 {
			t.Errorf("of %s, request %s, is on record: %+v", tid, request, intents[request])
		}
	}
	s.verifies(t)
	t.Logf("%d tasks were told of", len(told))
}
