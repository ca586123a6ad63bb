package hostile_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/tests/harness"
)

// pipe is a steward at the other end of a pipe, read from or not as the test likes.
type pipe struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     io.ReadCloser
	lines   *bufio.Reader
	log     bytes.Buffer // valid after end
}

func (s *site) pipe(t *testing.T) *pipe {
	t.Helper()
	p := &pipe{process: exec.CommandContext(context.WithoutCancel(t.Context()), s.binary, "stdio", "--config", s.config)}
	p.process.Env = append(harness.Environment(), s.env...)
	p.process.Stderr = &p.log
	var err error
	if p.in, err = p.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if p.out, err = p.process.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewReader(p.out)
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.process.Process.Kill() // it has ended, unless the test failed
		_ = p.process.Wait()
	})
	return p
}

func (p *pipe) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// hear reads one answer.
func (p *pipe) hear(t *testing.T) harness.Reply {
	t.Helper()
	var r harness.Reply
	line, err := p.lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		t.Fatalf("standard output: %v: %.300q", err, line)
	}
	if r.Error != nil {
		neutral(t, "stdio", string(line))
	}
	return r
}

// end waits for the process and checks how it ended.
func (p *pipe) end(t *testing.T, within time.Duration) {
	t.Helper()
	begun := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- p.process.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the process ended with %v:\n%s", err, p.log.String())
		}
	case <-time.After(within):
		t.Errorf("the process is there after %s", time.Since(begun))
		_ = p.process.Process.Kill()
		if err := <-ended; err == nil {
			t.Error("and was about to end")
		}
	}
	orderly(t, p.log.String())
}

// What no peer should send is answered, in turn, and the peer is served on.
func TestStdio_SurvivesWhatComesIn(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.plain)
	p := at.pipe(t)
	before := int64(0)
	for i, c := range []struct {
		line, id string
		code     int
	}{
		{"", "", 0}, // a line to begin with, so that the process is up
		{"garbage", "null", -32700},
		{"[" + list + "]", "null", -32600},
		{"[]", "null", -32600},
		{`{"jsonrpc":"2.0","id":null,"method":"tools/list"}`, "null", -32600},
		{strings.Repeat(`{"a":`, 100_000), "null", -32700},
		{"\xff\xfe", "null", -32700},
		{strings.Repeat("x", 64*mib), "null", -32600},
		{`{"jsonrpc":"2.0","id":9007199254740993,"method":"nothing"}`, "9007199254740993", -32601},
		{`{"jsonrpc":"2.0","id":1e400,"method":"tools/list"}`, "1e400", -32700},
		{`{"jsonrpc":"2.0","id":-0.0,"method":"ping"}`, "-0.0", 0},
		{`{"jsonrpc":"2.0","id":"\u0000\r\n","method":"ping"}`, `"\u0000\r\n"`, 0},
	} {
		if c.line == "" {
			p.say(t, ping)
			p.hear(t)
			before = resident(t, p.process.Process.Pid)
			continue
		}
		p.say(t, c.line)
		r := p.hear(t)
		id := string(r.ID)
		code := 0
		if r.Error != nil {
			code = r.Error.Code
		}
		if id != c.id || code != c.code {
			t.Errorf("line %d: answered id %s, code %d, want %s, %d", i, id, code, c.id, c.code)
		}
	}
	if grown := resident(t, p.process.Process.Pid) - before; grown > 64*mib {
		t.Errorf("the process grew by %d MiB", grown/mib)
	}
	p.say(t, call(`"echo"`, `{"text":"still here"}`))
	if r := p.hear(t); !bytes.Contains(r.Result, []byte("still here")) {
		t.Errorf("answered %s", r.Result)
	}
	if err := p.in.Close(); err != nil {
		t.Error(err)
	}
	p.end(t, patience)
	outcomes := map[string]int{}
	for request, of := range closed(at.records(t)) {
		if len(of) != 1 {
			t.Errorf("request %s: %+v", request, of)
		}
		outcomes[of[0].Outcome]++
	}
	if outcomes["mcp.message"] != 6 || outcomes["http.body_too_large"] != 1 || outcomes["mcp.request"] != 2 || outcomes[audit.OK] != 1 || len(outcomes) != 4 {
		t.Errorf("on record: %v", outcomes)
	}
}

// A peer that writes and does not read is not read from either, and takes no memory; when it reads after all, every
// answer is there.
func TestStdio_WaitsForAPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	const calls = 1000
	at := newSite(t, built.race)
	p := at.pipe(t)
	said := make(chan error, 1)
	go func() { said <- writeCalls(p.in, calls) }()
	select {
	case err := <-said:
		t.Errorf("everything was taken, %v: nothing holds the peer back", err)
	case <-time.After(2 * time.Second): // a pipe holds some 64 KiB in each direction; the calls are 30 times that
	}
	heard := map[string]bool{}
	for range calls {
		r := p.hear(t)
		if !bytes.Contains(r.Result, []byte("call-"+strings.Trim(string(r.ID), `"`)+"-")) {
			t.Fatalf("call %s is answered %.200s", r.ID, r.Result)
		}
		heard[string(r.ID)] = true
	}
	if err := <-said; err != nil || len(heard) != calls {
		t.Errorf("%d calls of %d are answered, %v", len(heard), calls, err)
	}
	if err := p.in.Close(); err != nil {
		t.Error(err)
	}
	p.end(t, patience)
	if by := closed(at.records(t)); len(by) != calls {
		t.Errorf("%d requests are on record, want %d", len(by), calls)
	}
}

func writeCalls(to io.Writer, n int) error {
	filler := strings.Repeat("x", 2000)
	for i := range n {
		line := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"call-%d-%s"}}}`+"\n", i, i, filler)
		if _, err := io.WriteString(to, line); err != nil {
			return err
		}
	}
	return nil
}

// Told to end, the process ends in time even when its peer does not read, and leaves no request without its record.
func TestStdio_EndsAlthoughNobodyReads(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	p := at.pipe(t)
	said := make(chan error, 1)
	go func() { said <- writeCalls(p.in, 1000) }()
	select {
	case err := <-said:
		t.Errorf("everything was taken from a peer that does not read, %v", err)
	case <-time.After(2 * time.Second):
	}
	if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	p.end(t, 15*time.Second)
	if err := <-said; err == nil {
		t.Error("everything was taken from a peer that does not read")
	}
	by := closed(at.records(t))
	if len(by) == 0 {
		t.Error("nothing is on record")
	}
	for request, of := range by {
		if len(of) != 1 || of[0].Outcome != audit.OK {
			t.Errorf("request %s: %+v", request, of)
		}
	}
}

// A peer that goes away in the middle of changes leaves each of them on record to its end, and no process behind.
func TestStdio_FinishesTheRecordsOfAPeerThatIsGone(t *testing.T) {
	t.Parallel()
	const changes = 5
	for name, leave := range map[string]func(*pipe) error{
		"nobody reads": func(p *pipe) error {
			_, err := io.WriteString(p.in, ping+"\n")
			return err
		},
		"a signal": func(p *pipe) error { return p.process.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newSite(t, built.race)
			provider := at.thinks(t)
			p := at.pipe(t)
			for i := range changes {
				p.say(t, strings.Replace(call(`"claude_conversation"`, `{"message":"Think."}`), `"id":1`, fmt.Sprintf(`"id":%d`, i), 1))
				<-provider.asked
			}
			if err := errors.Join(p.out.Close(), leave(p)); err != nil {
				t.Error(err)
			}
			// Where writing failed the exit code says so; what matters is that it ends by itself.
			ended := make(chan error, 1)
			go func() { ended <- p.process.Wait() }()
			select {
			case err := <-ended:
				if err != nil && name == "a signal" {
					t.Errorf("the process ended with %v", err)
				}
			case <-time.After(time.Minute):
				t.Fatal("the process is still there")
			}
			log, last, _ := strings.Cut(p.log.String(), "steward: ")
			if orderly(t, log); last != "" && !strings.HasSuffix(last, "broken pipe\n") {
				t.Errorf("the process ended with %s", last)
			}
			intents, outcomes := 0, map[string]int{}
			for _, r := range at.records(t) {
				if r.Phase == audit.Intent {
					intents++
				}
			}
			for _, of := range closed(at.records(t)) {
				outcomes[of[0].Outcome] += len(of)
			}
			if intents != changes || outcomes["canceled"] != changes || len(outcomes) != 1 {
				t.Errorf("%d intents, and outcomes %v", intents, outcomes)
			}
		})
	}
}
