package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// Pipe is a client of a server that speaks MCP on its standard input and output. Safe for concurrent use.
type Pipe struct {
	process *exec.Cmd
	in      io.WriteCloser
	writing sync.Mutex
	read    chan struct{} // closed when standard output has been read to its end
	stderr  bytes.Buffer  // valid after read is closed

	mu      sync.Mutex
	lines   []string                // all of standard output
	waiting map[string]chan<- Reply // by id
	next    int
}

// Reply is a JSON-RPC response.
type Reply struct {
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *RPCError       `json:"error"`
}

// StartPipe runs a command that serves stdio. env is added to Environment.
func StartPipe(ctx context.Context, env []string, program string, args ...string) (*Pipe, error) {
	p := &Pipe{read: make(chan struct{}), waiting: map[string]chan<- Reply{}}
	p.process = exec.CommandContext(ctx, program, args...)
	p.process.Env = append(Environment(), env...)
	p.process.Stderr = &p.stderr
	var err error
	if p.in, err = p.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.process.Start(); err != nil {
		return nil, err
	}
	go p.follow(bufio.NewReader(out))
	return p, nil
}

func (p *Pipe) follow(out *bufio.Reader) {
	defer close(p.read)
	for {
		line, err := out.ReadString('\n')
		if line != "" {
			p.take(line)
		}
		if err != nil {
			return
		}
	}
}

func (p *Pipe) take(line string) {
	var r Reply
	bad := json.Unmarshal([]byte(line), &r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
	if to, ok := p.waiting[string(r.ID)]; ok && bad == nil {
		delete(p.waiting, string(r.ID))
		to <- r // has room for its one answer
	}
}

// Send writes one line.
func (p *Pipe) Send(line string) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	_, err := io.WriteString(p.in, line+"\n")
	return err
}

// Do makes a request of the given era and waits for its answer. A JSON-RPC error is a *RPCError.
func (p *Pipe) Do(ctx context.Context, era Era, method string, params map[string]any, out any) error {
	answer, err := p.Begin(era, method, params)
	if err != nil {
		return err
	}
	return p.Await(ctx, answer, out)
}

// Begin sends a request and gives where its answer will come.
func (p *Pipe) Begin(era Era, method string, params map[string]any) (<-chan Reply, error) {
	if params == nil {
		params = map[string]any{}
	}
	if era == Modern {
		params["_meta"] = modernMeta()
	}
	answer := make(chan Reply, 1)
	p.mu.Lock()
	p.next++
	id := p.next
	p.waiting[fmt.Sprint(id)] = answer
	p.mu.Unlock()
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	return answer, p.Send(string(line))
}

// Await waits for an answer that Begin promised.
func (p *Pipe) Await(ctx context.Context, answer <-chan Reply, out any) error {
	var r Reply
	select {
	case r = <-answer:
	case <-p.read:
		select {
		case r = <-answer:
		default:
			return fmt.Errorf("standard output ended before the answer came")
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.Error != nil {
		return r.Error
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(r.Result, out)
}

// Initialize is the handshake of the legacy era.
func (p *Pipe) Initialize(ctx context.Context) error {
	if err := p.Do(ctx, Legacy, "initialize", legacyHello(), nil); err != nil {
		return err
	}
	return p.Send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

// Lines is everything that came on standard output so far.
func (p *Pipe) Lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.lines...)
}

// PID identifies the process.
func (p *Pipe) PID() int { return p.process.Process.Pid }

// Close ends the server's input and waits for its end, whose exit code and standard error it gives.
func (p *Pipe) Close() (code int, stderr string, err error) {
	p.writing.Lock()
	err = p.in.Close()
	p.writing.Unlock()
	if err != nil {
		return 0, "", err
	}
	return p.wait()
}

// Terminate sends SIGTERM, leaves the input open, and waits as Close does.
func (p *Pipe) Terminate() (code int, stderr string, err error) {
	if err := p.process.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, "", err
	}
	return p.wait()
}

func (p *Pipe) wait() (int, string, error) {
	<-p.read
	err := p.process.Wait()
	code := p.process.ProcessState.ExitCode()
	if code > 0 {
		err = nil
	}
	return code, p.stderr.String(), err
}
