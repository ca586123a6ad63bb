package crash_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

var revenue = map[string]any{"metrics": []string{"revenue"}}

// answer is what became of the question about revenue of all time.
type answer struct {
	number  json.Number
	request string
	err     error
}

func ask(ctx context.Context, c *harness.Client) answer { return askFor(ctx, c, revenue) }

func askFor(ctx context.Context, c *harness.Client, question map[string]any) answer {
	var got struct{ Rows [][]json.Number }
	r, err := c.Tool(ctx, "query", question, &got)
	if err == nil && len(got.Rows) != 1 {
		err = fmt.Errorf("%d rows", len(got.Rows))
	}
	if err != nil {
		return answer{request: r.Request, err: err}
	}
	return answer{number: got.Rows[0][0], request: r.Request}
}

// begin asks in the background, and returns when the question has reached the worker, which is frozen.
func begin(ctx context.Context, t *testing.T, c *harness.Client, w harness.Process) <-chan answer {
	t.Helper()
	comes := make(chan answer, 1)
	go func() { comes <- ask(ctx, c) }()
	until(t, "the question waits in the worker's input", func() bool { return unread(t, w) > 0 })
	return comes
}

// unread is how many bytes wait in the pipes that a process reads from.
func unread(t *testing.T, w harness.Process) int {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", w.PID))
	if err != nil {
		t.Fatal(err)
	}
	waiting := 0
	for _, file := range files {
		info, err := os.ReadFile(strings.Replace(file, "/fd/", "/fdinfo/", 1))
		to, errLink := os.Readlink(file)
		if err = errors.Join(err, errLink); err != nil {
			t.Fatal(err)
		}
		if reads := readOnly.Match(info); reads && strings.HasPrefix(to, "pipe:") {
			waiting += inPipe(t, file)
		}
	}
	return waiting
}

// readOnly are the flags of a file that is open for reading only.
var readOnly = regexp.MustCompile(`(?m)^flags:\s+[0-7]*0$`)

func inPipe(t *testing.T, file string) int {
	t.Helper()
	pipe, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	raw, err := pipe.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const bytesToRead = 0x541b // FIONREAD of Linux
	var n int32
	var wrong syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, wrong = syscall.Syscall(syscall.SYS_IOCTL, fd, bytesToRead, uintptr(unsafe.Pointer(&n)))
	})
	if err != nil || wrong != 0 {
		t.Fatal(err, wrong)
	}
	return int(n)
}

// freeze stops the worker where it stands, so that whatever it is asked takes for ever.
func freeze(t *testing.T, w harness.Process) {
	t.Helper()
	if err := syscall.Kill(w.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "the worker stands still", func() bool { p, alive := harness.FindProcess(w.PID); return alive && p.State == "T" })
}

func groupIsGone(t *testing.T, w harness.Process) {
	t.Helper()
	until(t, "nothing is left of the worker's group", func() bool { return errors.Is(syscall.Kill(-w.Group, 0), syscall.ESRCH) })
}

// closedAs checks that a request has one closed record, with that outcome.
func closedAs(t *testing.T, s site, request, outcome, deniedBy string) harness.Record {
	t.Helper()
	of := s.records(t)[request]
	if request == "" || len(of) != 1 || of[0].Outcome != outcome || of[0].DeniedBy != deniedBy {
		t.Errorf("request %q has the closed records %+v, want one of outcome %q, denied by %q", request, of, outcome, deniedBy)
		return harness.Record{}
	}
	return of[0]
}

// theQuery finds the one record of a question whose caller has heard no answer.
func theQuery(t *testing.T, s site) harness.Record {
	t.Helper()
	var found []harness.Record
	for _, of := range s.records(t) {
		if of[0].Target == "tool:query" {
			found = append(found, of...)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d closed records tell of the question, want 1: %+v", len(found), found)
	}
	return found[0]
}

func TestQuery_PastItsDeadlineEndsTheWorkersGroupAndTheNextWorks(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"metrics.timeout": "5s"})
	key := s.key(t, "analyst")
	server := s.start(t)
	w := worker(t, server)
	if w.Group != w.PID {
		t.Fatalf("the worker %+v has no process group of its own", w)
	}
	c := connect(t, server.URL, key, harness.Modern)
	freeze(t, w)
	late := ask(t.Context(), c)
	f := failure(t, late.err)
	if f.Code != "timeout" {
		t.Errorf("refused with %v", f)
	}
	neutral(t, f.Error())
	groupIsGone(t, w)
	until(t, "there is another worker", func() bool { return strings.Count(server.Log(), "metrics engine ready") == 2 })
	next := ask(t.Context(), c)
	if next.err != nil {
		t.Errorf("the next question: %v", next.err)
	}
	stop(t, server)
	closedAs(t, s, late.request, "timeout", "")
	closedAs(t, s, next.request, "ok", "")
	s.verifies(t)
}

func TestQuery_LeftByItsCallerEndsAndIsOnRecord(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	key := s.key(t, "analyst")
	server := s.start(t)
	w := worker(t, server)
	freeze(t, w)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	comes := begin(ctx, t, connect(t, server.URL, key, harness.Modern), w)
	leave()
	if a := <-comes; !errors.Is(a.err, context.Canceled) {
		t.Fatal(a.err)
	}
	groupIsGone(t, w)
	stop(t, server)
	if r := theQuery(t, s); r.Outcome != "canceled" {
		t.Errorf("the question that was left is on record as %+v", r)
	}
	s.verifies(t)
}

func TestServer_StoppedAnswersWhatRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	key := s.key(t, "analyst")
	server := s.start(t)
	w := worker(t, server)
	freeze(t, w)
	comes := begin(t.Context(), t, connect(t, server.URL, key, harness.Modern), w)
	if err := server.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "nobody can connect any more", func() bool { return !accepts(t, server) })
	if err := syscall.Kill(w.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	a := <-comes
	if a.err != nil || a.number == "" {
		t.Errorf("the question that ran when the server was told to stop: %+v", a)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server ended badly: %v\n%s", err, server.Log())
	}
	closedAs(t, s, a.request, "ok", "")
	s.verifies(t)
}

// TestServer_StoppedCutsOffWhatDoesNotEndAndRecordsIt leaves the server less time than the questions take: one that
// runs, and as many as may wait for their turn.
func TestServer_StoppedCutsOffWhatDoesNotEndAndRecordsIt(t *testing.T) {
	t.Parallel()
	const queue, tooMany = 16, 3
	s := newSite(t, map[string]any{"server.drain_timeout": "1s", "metrics.queue_depth": queue})
	key := s.key(t, "analyst")
	server := s.start(t)
	w := worker(t, server)
	freeze(t, w)
	c := connect(t, server.URL, key, harness.Modern)
	comes := make(chan answer, 1+queue+tooMany)
	for i := range cap(comes) { // another limit makes another question: the same one would be asked once for all
		go func() {
			comes <- askFor(t.Context(), c, map[string]any{"metrics": []string{"revenue"}, "limit": i + 1})
		}()
	}
	for range tooMany { // the refusal of these says that the others are in
		if f := failure(t, (<-comes).err); f.Code != "metric.busy" {
			t.Fatalf("refused with %v", f)
		}
	}
	stop(t, server)
	for range 1 + queue {
		if a := <-comes; a.err == nil {
			t.Error("a frozen worker has answered")
		}
	}
	groupIsGone(t, w)
	outcomes := map[string]int{}
	for request, of := range s.records(t) {
		if of[0].Target == "tool:query" {
			outcomes[of[0].Outcome]++
		}
		if len(of) != 1 {
			t.Errorf("request %s is closed %d times", request, len(of))
		}
	}
	if diff := cmp.Diff(map[string]int{"metric.busy": tooMany, "canceled": 1 + queue}, outcomes); diff != "" {
		t.Errorf("outcomes on record (-want +got):\n%s\n%s", diff, server.Log())
	}
	s.verifies(t)
}

func accepts(t *testing.T, server *harness.Server) bool {
	t.Helper()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		return false
	}
	connection.Close()
	return true
}

// ownShop copies the project and its database, so that the test can write to it.
func ownShop(t *testing.T) (project, warehouse string) {
	t.Helper()
	dir := t.TempDir()
	project, warehouse = filepath.Join(dir, "project"), filepath.Join(dir, "shop.duckdb")
	data, err := os.ReadFile(lab.Demo.Warehouse)
	profile := "shop: {target: demo, outputs: {demo: {type: duckdb, schema: main, path: " + warehouse + "}}}\n"
	err = errors.Join(
		err, os.CopyFS(project, os.DirFS(lab.Demo.Project)),
		os.WriteFile(warehouse, data, 0o600),
		os.WriteFile(filepath.Join(project, "profiles.yml"), []byte(profile), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	return project, warehouse
}

// builder does to the database what `dbt build` does: it opens the file for writing, as soon as it can, replaces a
// table, and lets go of it when its input ends.
const builder = `import sys, time
import duckdb
for attempt in range(600):
    try:
        con = duckdb.connect(sys.argv[1])
        break
    except duckdb.IOException:
        time.sleep(0.1)
else:
    sys.exit("the file never became free")
con.execute("create or replace table marts.order_items as select * replace (2 * net_amount as net_amount) from marts.order_items")
print("built", flush=True)
sys.stdin.read()
con.close()
`

func TestServer_LetsDbtBuildBetweenQuestions(t *testing.T) {
	t.Parallel()
	project, warehouse := ownShop(t)
	s := newSite(t, map[string]any{
		"metrics.project_dir": project, "metrics.profiles_dir": project, "metrics.idle_release": "1s", "metrics.lock_wait": "1s",
	})
	key := s.key(t, "analyst")
	server := s.start(t)
	c := connect(t, server.URL, key, harness.Modern)
	before := ask(t.Context(), c)
	if before.err != nil {
		t.Fatal(before.err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	build := exec.CommandContext(ctx, lab.Demo.Python, "-I", "-c", builder, warehouse)
	build.Env, build.Stderr = harness.Environment(), os.Stderr
	in, err := build.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := build.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := build.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "built\n" {
		t.Fatalf("the builder said %q: %v", line, err)
	}
	during := ask(t.Context(), c)
	if f := failure(t, during.err); f.Code != "metric.warehouse_busy" || f.RetryAfter <= 0 {
		t.Errorf("while the database is written to, a question is refused with %v", f)
	} else {
		neutral(t, f.Error())
	}
	if _, err := c.Tool(t.Context(), "list_metrics", map[string]any{}, nil); err != nil {
		t.Errorf("while the database is written to, a listing says %v", err)
	}
	if err := errors.Join(in.Close(), build.Wait()); err != nil {
		t.Fatal(err)
	}

	after := ask(t.Context(), c)
	want, err := lab.Demo.SQL(t.Context(), lab.Demo.Warehouse, `select 2 * sum(net_amount) from marts.order_items`)
	if err != nil {
		t.Fatal(err)
	}
	if after.err != nil || after.number != want[0][0][0] || after.number == before.number {
		t.Errorf("after the build the question is answered %v (%v), before it %v; want %v", after.number, after.err, before.number, want[0][0][0])
	}
	stop(t, server)
}

// TestStdio_StoppedCutsOffWhatDoesNotEndAndRecordsIt is the same over standard input and output.
func TestStdio_StoppedCutsOffWhatDoesNotEndAndRecordsIt(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]any{"server.drain_timeout": "1s"})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	p, err := harness.StartPipe(ctx, nil, lab.Binary, "stdio", "--config", s.config)
	if err != nil {
		t.Fatal(err)
	}
	call := map[string]any{"name": "query", "arguments": revenue}
	if err := p.Do(ctx, harness.Modern, "tools/call", call, nil); err != nil { // the engine is warm now
		t.Fatal(err)
	}
	children, err := harness.Children(p.PID())
	if err != nil || len(children) != 1 {
		t.Fatalf("%+v %v", children, err)
	}
	freeze(t, children[0])
	if _, err := p.Begin(harness.Modern, "tools/call", call); err != nil {
		t.Fatal(err)
	}
	until(t, "the question waits in the worker's input", func() bool { return unread(t, children[0]) > 0 })
	code, stderr, err := p.Terminate()
	if err != nil || code != 0 {
		t.Errorf("ended with %d (%v):\n%s", code, err, stderr)
	}
	groupIsGone(t, children[0])
	records, err := harness.Journal(filepath.Join(s.journal(), "stdio-1"))
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]int{}
	for _, of := range harness.ByRequest(records, "closed") {
		outcomes[of[0].Outcome] += len(of)
	}
	if diff := cmp.Diff(map[string]int{"ok": 1, "canceled": 1}, outcomes); diff != "" {
		t.Errorf("outcomes on record (-want +got):\n%s", diff)
	}
	s.verifies(t)
}
