package e2e_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

func pipe(t *testing.T, config string) *harness.Pipe {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel) // ends a server that the test has not
	p, err := harness.StartPipe(ctx, nil, lab.Binary, "stdio", "--config", config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// endsWell takes what ended a server, which must have been a normal end with nothing but messages on standard output.
func endsWell(t *testing.T, p *harness.Pipe, code int, stderr string, err error) {
	t.Helper()
	if err != nil || code != 0 {
		t.Errorf("the server ended with %d (%v):\n%s", code, err, stderr)
	}
	for _, line := range p.Lines() {
		var message struct{ JSONRPC string }
		if err := json.Unmarshal([]byte(line), &message); err != nil || message.JSONRPC != "2.0" || !strings.HasSuffix(line, "\n") {
			t.Errorf("on standard output there is %q (%v)", line, err)
		}
	}
	if stderr == "" || strings.Contains(stderr, `"level":"error"`) {
		t.Errorf("the log reads %q", stderr)
	}
}

func call(name string, args map[string]any) map[string]any {
	return map[string]any{"name": name, "arguments": args}
}

func TestStdio_AnswersConcurrentlyAndFinishesWhatItTook(t *testing.T) {
	t.Parallel()
	for _, era := range []harness.Era{harness.Legacy, harness.Modern} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			p := pipe(t, configure(t, nil))
			if era == harness.Legacy {
				if err := p.Initialize(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			// The engine has yet to start, so this takes a while.
			slow, err := p.Begin(era, "tools/call", call("query", revenueByMonthAndRegion()))
			if err != nil {
				t.Fatal(err)
			}
			echoAll(t, p, era)
			if era == harness.Legacy { // the later revision has no ping
				if err := p.Do(t.Context(), era, "ping", nil, nil); err != nil {
					t.Error(err)
				}
			}
			select {
			case <-slow:
				t.Error("a cold engine answered before two hundred calls that need none; nothing is proved")
			default:
			}
			code, stderr, err := p.Close() // while the question runs
			endsWell(t, p, code, stderr, err)
			var r harness.Result
			if err := p.Await(t.Context(), slow, &r); err != nil || r.IsError {
				t.Fatalf("the question that ran when the input ended: %v %s", err, r.Text())
			}
			checkRevenue(t, r.Structured)
		})
	}
}

// echoAll has 200 calls in flight at once. Each must be answered with its own text within a second, which is some hundred
// times what it takes: nothing waits for what runs longer.
func echoAll(t *testing.T, p *harness.Pipe, era harness.Era) {
	t.Helper()
	const calls, most = 200, time.Second
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			var r harness.Result
			began := time.Now()
			err := p.Do(t.Context(), era, "tools/call", call("echo", map[string]any{"text": strconv.Itoa(i)}), &r)
			if took := time.Since(began); err != nil || r.Text() != strconv.Itoa(i) || took > most {
				t.Errorf("echo %d: %v %q after %s", i, err, r.Text(), took)
			}
		})
	}
	all.Wait()
}

func TestStdio_AnswersLinesThatAreNoMessages(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	config := configure(t, map[string]any{"server.max_body_bytes": most})
	p := pipe(t, config)
	long := `{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"echo","arguments":{"text":"` + strings.Repeat("x", most) + `"}}}`
	for _, line := range []string{
		long, "{", "not JSON at all", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, `{"jsonrpc":"1.0","id":2,"method":"ping"}`,
		`{"jsonrpc":"2.0","id":3,"id":4,"method":"ping"}`, "", "   ",
	} {
		if err := p.Send(line); err != nil {
			t.Fatal(err)
		}
	}
	var r harness.Result
	if err := p.Do(t.Context(), harness.Modern, "tools/call", call("echo", map[string]any{"text": "still here"}), &r); err != nil || r.Text() != "still here" {
		t.Fatalf("%v %s", err, r.Text())
	}
	code, stderr, err := p.Close()
	endsWell(t, p, code, stderr, err)

	var got []string
	for _, line := range p.Lines() {
		var reply struct{ Error *harness.RPCError }
		if err := json.Unmarshal([]byte(line), &reply); err != nil {
			t.Fatal(err)
		}
		if reply.Error == nil {
			continue
		}
		var data struct{ Code string }
		if err := json.Unmarshal(reply.Error.Data, &data); err != nil {
			t.Fatalf("%v: %s", err, reply.Error.Data)
		}
		got = append(got, strconv.Itoa(reply.Error.Code)+" "+data.Code)
		leaks(t, line)
	}
	slices.Sort(got)
	want := []string{
		"-32600 http.body_too_large", "-32600 mcp.message", "-32600 mcp.message",
		"-32700 mcp.message", "-32700 mcp.message", "-32700 mcp.message",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	records, err := harness.Journal(filepath.Join(filepath.Dir(config), "state", "audit", "stdio-1"))
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]int{}
	for _, of := range harness.ByRequest(records, "closed") {
		outcomes[of[0].Outcome] += len(of)
	}
	if diff := cmp.Diff(map[string]int{"ok": 1, "mcp.message": 5, "http.body_too_large": 1}, outcomes); diff != "" {
		t.Errorf("outcomes on record (-want +got):\n%s", diff)
	}
}

func TestStdio_EndsOnSIGTERMThoughItsInputIsOpen(t *testing.T) {
	t.Parallel()
	p := pipe(t, configure(t, nil))
	slow, err := p.Begin(harness.Modern, "tools/call", call("query", revenueByMonthAndRegion()))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Do(t.Context(), harness.Modern, "tools/call", call("echo", map[string]any{"text": "x"}), nil); err != nil {
		t.Fatal(err)
	}
	var children []harness.Process
	for deadline := time.Now().Add(patience); len(children) == 0; <-time.After(20 * time.Millisecond) {
		if children, err = harness.Children(p.PID()); err != nil || time.Now().After(deadline) {
			t.Fatalf("the question starts no engine: %v", err)
		}
	}
	code, stderr, err := p.Terminate()
	endsWell(t, p, code, stderr, err)
	if err := p.Await(t.Context(), slow, nil); err != nil {
		t.Errorf("the question that ran was not answered: %v", err)
	}
	for _, c := range children {
		if _, alive := harness.FindProcess(c.PID); alive {
			t.Errorf("process %d of the server has outlived it", c.PID)
		}
	}
}

func TestStdio_TwoProcessesShareOneState(t *testing.T) {
	t.Parallel()
	config := configure(t, nil)
	first, second := pipe(t, config), pipe(t, config)
	questions := make([]<-chan harness.Reply, 0, 2)
	for _, p := range []*harness.Pipe{first, second} {
		q, err := p.Begin(harness.Modern, "tools/call", call("query", revenueByMonthAndRegion()))
		if err != nil {
			t.Fatal(err)
		}
		questions = append(questions, q)
	}
	const calls = 20
	for range calls {
		for _, p := range []*harness.Pipe{first, second} {
			if err := p.Do(t.Context(), harness.Modern, "tools/call", call("whoami", map[string]any{}), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, p := range []*harness.Pipe{first, second} {
		var r harness.Result
		if err := p.Await(t.Context(), questions[i], &r); err != nil || r.IsError {
			t.Fatalf("%v %s", err, r.Text())
		}
		checkRevenue(t, r.Structured)
	}
	for _, p := range []*harness.Pipe{first, second} {
		code, stderr, err := p.Close()
		endsWell(t, p, code, stderr, err)
	}
	out := run(t, "audit", "verify", "--config", config)
	if out.Code != 0 || strings.Count(out.Stdout, "Every record holds.") != 2 {
		t.Errorf("audit verify ended with %d:\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
	for _, chain := range []string{"stdio-1", "stdio-2"} {
		records, err := harness.Journal(filepath.Join(filepath.Dir(config), "state", "audit", chain))
		if closed := harness.ByRequest(records, "closed"); err != nil || len(closed) != calls+1 {
			t.Errorf("%s holds %d requests (%v), want %d", chain, len(closed), err, calls+1)
		}
	}
}

// TestStdio_ServesBesideAServer uses the state that a running server holds, as the line for Claude Desktop does.
func TestStdio_ServesBesideAServer(t *testing.T) {
	t.Parallel()
	p := pipe(t, lab.config)
	var r harness.Result
	if err := p.Do(t.Context(), harness.Modern, "tools/call", call("list_metrics", map[string]any{}), &r); err != nil || r.IsError {
		t.Errorf("%v %s", err, r.Text())
	}
	code, stderr, err := p.Close()
	endsWell(t, p, code, stderr, err)
}
