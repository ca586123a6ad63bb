// Package harness drives the real steward binary from outside, as its users do: it starts it, waits until it serves,
// makes keys, speaks MCP to it and ends it. Tests, the acceptance run and the benchmarks share it.
package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTimeout is how long a server may take until it serves. Generous: a cold machine compiles and reads a lot.
const startTimeout = 60 * time.Second

// Server is a running steward.
type Server struct {
	URL   string // of the MCP endpoint
	Admin string // base URL of the admin listener

	process *exec.Cmd
	exited  chan struct{} // closed when the process has ended and err is valid
	err     error

	mu  sync.Mutex
	log strings.Builder
}

// Start runs `binary serve --config config` and returns when it serves. env is added to a minimal environment: a
// server under test sees nothing of the tester's.
func Start(ctx context.Context, binary, config string, env ...string) (*Server, error) {
	s := &Server{exited: make(chan struct{})}
	s.process = exec.CommandContext(ctx, binary, "serve", "--config", config)
	s.process.Env = append(Environment(), env...)
	s.process.Cancel = func() error { return s.process.Process.Kill() }
	stderr, err := s.process.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	serving := make(chan struct{})
	go s.follow(bufio.NewScanner(stderr), serving)
	select {
	case <-serving:
		return s, nil
	case <-s.exited:
		return nil, fmt.Errorf("steward ended before it served (%w):\n%s", s.err, s.Log())
	case <-time.After(startTimeout):
		s.Kill()
		return nil, fmt.Errorf("steward did not serve within %s:\n%s", startTimeout, s.Log())
	}
}

// follow keeps the log and finds in it where the server listens.
func (s *Server) follow(lines *bufio.Scanner, serving chan<- struct{}) {
	const longest = 1 << 20
	lines.Buffer(nil, longest)
	for lines.Scan() {
		s.mu.Lock()
		s.log.Write(lines.Bytes())
		s.log.WriteByte('\n')
		s.mu.Unlock()
		var entry struct{ Msg, MCP, Admin string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "serving" {
			s.URL, s.Admin = entry.MCP, entry.Admin
			close(serving)
		}
	}
	s.err = s.process.Wait()
	close(s.exited)
}

// Log is what the server wrote to stderr so far.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// PID identifies the process.
func (s *Server) PID() int { return s.process.Process.Pid }

// Signal sends the server a signal.
func (s *Server) Signal(sig syscall.Signal) error { return s.process.Process.Signal(sig) }

// Stop asks the server to end, as an operator would, and answers how it did.
func (s *Server) Stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return s.Wait()
}

// Wait waits until the server has ended, and answers how it did.
func (s *Server) Wait() error {
	<-s.exited
	return s.err
}

// Kill ends the server with SIGKILL and waits until it is gone.
func (s *Server) Kill() {
	_ = s.process.Process.Kill() // already gone is as good
	<-s.exited
}

// CreateKey makes an API key in the state that config names.
func CreateKey(ctx context.Context, binary, config, name string, personas ...string) (string, error) {
	var flags []string
	for _, p := range personas {
		flags = append(flags, "--persona", p)
	}
	return CreateKeyWith(ctx, binary, config, name, flags...)
}

// CreateKeyWith makes an API key with further flags of `keys create`.
func CreateKeyWith(ctx context.Context, binary, config, name string, flags ...string) (string, error) {
	args := append([]string{"keys", "create", "--config", config, "--name", name, "--quiet"}, flags...)
	c := exec.CommandContext(ctx, binary, args...)
	c.Env = Environment()
	var errText strings.Builder
	c.Stderr = &errText
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("keys create: %w: %s", err, errText.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// Environment is what every process of the product needs of its surroundings, and no more.
func Environment() []string {
	env := []string{"LANG=C.UTF-8"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOCOVERDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// Root is the top folder of the module.
func Root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// Build compiles steward into dir and returns the path of the binary, so that a test runs the code as it stands and
// not what was last built by hand. flags are those of go build, such as -race.
func Build(ctx context.Context, dir string, flags ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "steward")
	build := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-o", binary}, flags, []string{"./cmd/steward"})...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}
