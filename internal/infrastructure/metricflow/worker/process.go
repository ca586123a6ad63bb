package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// process is one running worker. It serves one ask at a time; kill may come at any moment, from anywhere. What has no
// lock of its own belongs to whoever the pool has given the process to.
type process struct {
	cmd     *exec.Cmd
	in      *os.File // to its stdin
	out     *os.File // from its stdout
	stops   *os.File // to its descriptor for requests that nobody waits for any more
	limit   int
	grace   time.Duration
	ready   ready
	lease   lease
	served  atomic.Bool   // it answered at least one question
	stopped atomic.Bool   // it was ended because whoever asked would not wait, or because its lease was up
	retired chan struct{} // closed when it is to be replaced
	done    chan struct{} // closed when the process is reaped and its stderr read to the end

	requests  int
	rss       int64    // bytes that it held when it last answered
	manifests []string // hashes of the manifests whose engines it has, the newest last
	unfit     string   // hash of the last manifest that it could not read

	talk sync.Mutex // held by an exchange, so that a worker's last words are read before their pipe is closed

	mu     sync.Mutex
	ended  bool // kill or retire was called
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
	p := &process{
		in: pipes.toWorker, out: pipes.fromWorker, stops: pipes.toStops, limit: cfg.MaxAnswer, grace: cfg.grace,
		retired: make(chan struct{}), done: make(chan struct{}),
	}
	p.cmd = exec.CommandContext(ctx, cfg.Python, "-I", "-u", "-X", "utf8", "-c", bootstrap) //nolint:gosec // the operator configures the interpreter
	p.cmd.Env, p.cmd.Dir = env, cfg.ProjectDir
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = pipes.stdin, pipes.stdout, pipes.stderr
	p.cmd.ExtraFiles = []*os.File{pipes.stops} // the first of these is descriptor 3
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
	p.closeInput()
	_ = p.stops.Close()
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

// retire has the keeper replace p, which nobody uses at the moment. p ends by itself, after it has closed its session.
func (p *process) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.ended = true
		p.stopped.Store(true)
		close(p.retired)
	}
}

// closeInput tells p that there is nothing more to do. Closing again does nothing.
func (p *process) closeInput() { _ = p.in.Close() }

// has reports whether p has the engine of the manifest with this hash.
func (p *process) has(hash string) bool { return slices.Contains(p.manifests, hash) }

// knows reports whether p has that engine or has found that it cannot have it.
func (p *process) knows(hash string) bool { return p.unfit == hash || p.has(hash) }

type pipes struct {
	stdin, stdout, stderr, stops              *os.File // the child's
	toWorker, fromWorker, fromStderr, toStops *os.File // ours
}

func openPipes() (*pipes, error) {
	var p pipes
	var errs [4]error
	p.stdin, p.toWorker, errs[0] = os.Pipe()
	p.fromWorker, p.stdout, errs[1] = os.Pipe()
	p.fromStderr, p.stderr, errs[2] = os.Pipe()
	p.stops, p.toStops, errs[3] = os.Pipe()
	if err := errors.Join(errs[:]...); err != nil {
		p.closeChildEnds()
		p.closeOurEnds()
		return nil, fmt.Errorf("open pipes for the worker: %w", err)
	}
	return &p, nil
}

func (p *pipes) closeChildEnds() { closeAll(p.stdin, p.stdout, p.stderr, p.stops) }
func (p *pipes) closeOurEnds()   { closeAll(p.toWorker, p.fromWorker, p.fromStderr, p.toStops) }

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
