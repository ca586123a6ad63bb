package echo

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"

	"github.com/steward-mcp/steward/tests/harness"
)

// contender is a program that is measured.
type contender interface {
	// listen starts it on a port.
	listen(ctx context.Context) (address, error)
	// pipe starts it for one client on its standard input and output.
	pipe(ctx context.Context, era harness.Era, many int) (*pipe, error)
	// stop ends what listen has started.
	stop() error
}

// address is where a process serves.
type address struct {
	url, key string
	pid      int
}

// bare is the server of the library.
type bare struct {
	binary  string
	process *exec.Cmd
}

func (b *bare) listen(ctx context.Context) (address, error) {
	b.process = exec.CommandContext(ctx, b.binary)
	b.process.Env, b.process.Stderr = environment(), os.Stderr
	out, err := b.process.StdoutPipe()
	if err != nil {
		return address{}, err
	}
	if err := b.process.Start(); err != nil {
		return address{}, err
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	return address{url: strings.TrimSpace(url), pid: b.process.Process.Pid}, err
}

func (b *bare) pipe(ctx context.Context, era harness.Era, many int) (*pipe, error) {
	return open(ctx, environment(), era, many, b.binary, "-stdio")
}

func (b *bare) stop() error {
	err := b.process.Process.Kill() // it keeps nothing
	_ = b.process.Wait()
	return err
}

// steward is the real binary with a state of its own.
type steward struct {
	binary, dir, config, key string
	profiles                 string // address
	env                      []string
	server                   *harness.Server
}

func (s *steward) listen(ctx context.Context) (address, error) {
	var err error
	if s.server, err = harness.Start(ctx, s.binary, s.config, environment(s.env...)...); err != nil {
		return address{}, err
	}
	return address{url: s.server.URL, key: s.key, pid: s.server.PID()}, nil
}

func (s *steward) pipe(ctx context.Context, era harness.Era, many int) (*pipe, error) {
	return open(ctx, environment(s.env...), era, many, s.binary, "stdio", "--config", s.config)
}

func (s *steward) stop() error {
	if err := s.server.Stop(); err != nil {
		return errors.Join(err, errors.New(s.server.Log()))
	}
	return nil
}
