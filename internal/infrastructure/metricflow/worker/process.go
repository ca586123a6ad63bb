package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// process is one running worker. It serves one ask at a time; kill may come at any moment, from anywhere.
type process struct {
	cmd     *exec.Cmd
	in      *os.File // to its stdin
	out     *os.File // from its stdout
	limit   int
	ready   ready
	asked   uint64
	served  atomic.Bool   // it answered at least once
	stopped atomic.Bool   // it was ended because whoever asked would not wait
	done    chan struct{} // closed when the process is reaped and its stderr read to the end

	talk sync.Mutex // held by an exchange, so that a worker's last words are read before their pipe is closed

	mu     sync.Mutex
	ended  bool // kill was called
	reaped bool // its process number may be another's by now
}

// launch starts the interpreter with ends of pipes. ctx is the keeper's: when it ends, the process group does.
func launch(ctx context.Context, cfg Config, env []string, source []byte, log *zap.Logger, redact *strings.Replacer) (*process, error) {
	if _, err := os.Stat(cfg.ProjectDir); err != nil {
		return nil, errors.Join(errNoProject, err)
	}
	pipes, err := openPipes()
	if err != nil {
		return nil, err
	}
	p := &process{in: pipes.toWorker, out: pipes.fromWorker, limit: cfg.MaxAnswer, done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, cfg.Python, "-I", "-u", "-X", "utf8", "-c", bootstrap) //nolint:gosec // the operator configures the interpreter
	p.cmd.Env, p.cmd.Dir = env, cfg.ProjectDir
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = pipes.stdin, pipes.stdout, pipes.stderr
	p.cmd.SysProcAttr = ownGroup()
	p.cmd.Cancel = func() error { p.kill(); return nil }
	err = p.cmd.Start()
	pipes.closeChildEnds()
	if err != nil {
		pipes.closeOurEnds()
		return nil, err
	}
	var stderr sync.WaitGroup
	stderr.Go(func() { logLines(pipes.fromStderr, log, redact) })
	go p.reap(&stderr, pipes.fromStderr)
	if err := writeFrame(p.in, source); err != nil {
		p.kill()
		<-p.done
		return nil, err
	}
	return p, nil
}

// reap waits for the process and for all that it started. It is the one goroutine that every process has, and
// whoever launched waits for it on done.
func (p *process) reap(stderr *sync.WaitGroup, fromStderr *os.File) {
	_ = p.cmd.Wait()
	p.kill() // a worker that ended by itself may have left children in its group
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	stderr.Wait()
	_ = p.in.Close()
	// What the worker wrote is in the pipe by now. Only a process that left the group could keep a reader waiting.
	_ = p.out.SetReadDeadline(time.Now().Add(lastWords)) //nolint:forbidigo // the operating system compares it with its own clock
	p.talk.Lock()
	_ = p.out.Close()
	p.talk.Unlock()
	_ = fromStderr.Close()
	close(p.done)
}

// lastWords is how long the pipe of a worker that has ended may be read.
const lastWords = time.Second

// kill ends the process group. Calling it again, or late, does nothing.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if !p.reaped {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}

func (p *process) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.ended
}

// greet says hello and waits for the ready frame, until ctx ends.
func (p *process) greet(ctx context.Context, h hello) error {
	err := p.exchange(ctx, h, &p.ready)
	if err == nil && (p.ready.Protocol != protocolVersion) {
		p.kill()
		err = errGarbage
	}
	return err
}

// ask sends one request and reads its answer. When ctx ends first, or the worker breaks the protocol, the process
// group is ended: there is no other way to be sure that the work has stopped.
func (p *process) ask(ctx context.Context, r request) (*result, error) {
	p.asked++
	r.ID = p.asked
	var a answer
	if err := p.exchange(ctx, r, &a); err != nil {
		return nil, err
	}
	if a.ID != r.ID || (a.Result == nil) == (a.Error == nil) {
		p.kill()
		return nil, errGarbage
	}
	p.served.Store(true)
	if a.Error != nil {
		return nil, a.Error.fault()
	}
	return a.Result, nil
}

func (p *process) exchange(ctx context.Context, send, receive any) error {
	body, err := json.Marshal(send)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	p.talk.Lock()
	defer p.talk.Unlock()
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	err = writeFrame(p.in, body)
	if err == nil {
		err = readFrame(p.out, p.limit, receive)
	}
	if err == nil {
		return nil
	}
	p.kill()
	if ctx.Err() != nil {
		p.stopped.Store(true)
		return fault.From(ctx.Err())
	}
	return err
}

type pipes struct {
	stdin, stdout, stderr            *os.File // the child's
	toWorker, fromWorker, fromStderr *os.File // ours
}

func openPipes() (*pipes, error) {
	var p pipes
	var errs [3]error
	p.stdin, p.toWorker, errs[0] = os.Pipe()
	p.fromWorker, p.stdout, errs[1] = os.Pipe()
	p.fromStderr, p.stderr, errs[2] = os.Pipe()
	if err := errors.Join(errs[:]...); err != nil {
		p.closeChildEnds()
		p.closeOurEnds()
		return nil, fmt.Errorf("open pipes for the worker: %w", err)
	}
	return &p, nil
}

func (p *pipes) closeChildEnds() { closeAll(p.stdin, p.stdout, p.stderr) }
func (p *pipes) closeOurEnds()   { closeAll(p.toWorker, p.fromWorker, p.fromStderr) }

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// longestLine bounds what one line of the worker's stderr may add to the log; the rest of the line is dropped.
const longestLine = 2000

func logLines(from *os.File, log *zap.Logger, redact *strings.Replacer) {
	lines := bufio.NewReaderSize(from, longestLine)
	for {
		line, more, err := lines.ReadLine()
		if len(line) > 0 {
			log.Debug("metrics worker", zap.String("line", redact.Replace(printable(string(line)))))
		}
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		if err != nil {
			return
		}
	}
}

// printable drops what would colour or move a terminal's cursor.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, ansi.ReplaceAllString(line, ""))
}

var ansi = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)
