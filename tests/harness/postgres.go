package harness

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// PostgresServer is a PostgreSQL of a test's own: new and empty, on a loopback port of the system's choice, gone with
// its data when it is stopped. The zero value is not usable; see StartPostgres.
type PostgresServer struct {
	PostgresLogin // the superuser's, to PostgreSQL's first database

	dir     string
	owner   *syscall.Credential // whom the server runs as; nil is whoever runs the tests
	process *exec.Cmd
	exited  chan struct{} // closed when the process has ended and err is valid
	err     error

	mu  sync.Mutex
	log strings.Builder
}

// StartPostgres makes a PostgreSQL and returns when it answers, which takes about two seconds. scripts/postgres.sh
// finds the programs, and says what to install where there are none. Run as root, the server belongs to the user
// postgres or nobody, since PostgreSQL refuses to be root's. Every call makes another server.
func StartPostgres(ctx context.Context) (_ *PostgresServer, err error) {
	p := &PostgresServer{PostgresLogin: PostgresLogin{
		Host: "127.0.0.1", User: "postgres", Password: rand.Text(), Database: "postgres",
	}}
	if p.programs, err = postgresPrograms(ctx); err != nil {
		return nil, err
	}
	if p.owner, err = postgresOwner(); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp("", "steward-postgres-"); err != nil {
		return nil, err
	}
	if err = p.initialize(ctx); err == nil {
		err = p.serve(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	return p, nil
}

func postgresPrograms(ctx context.Context) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	var errText bytes.Buffer
	find := exec.CommandContext(ctx, filepath.Join(root, "scripts", "postgres.sh"))
	find.Stderr = io.MultiWriter(&errText, os.Stderr) // it may install something, and says so
	out, err := find.Output()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, errText.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// postgresOwner chooses whom the server runs as when root runs the tests.
func postgresOwner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // nobody else than who runs the tests
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUser := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGroup := strconv.ParseUint(u.Gid, 10, 32)
		if errUser == nil && errGroup == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL cannot run as root, and there is neither a user postgres nor nobody")
}

// command prepares one of PostgreSQL's server programs.
func (p *PostgresServer) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, filepath.Join(p.programs, program), args...)
	c.Dir, c.Env = p.dir, Environment()
	c.SysProcAttr = endsWithUs()
	c.SysProcAttr.Setpgid = true
	c.SysProcAttr.Credential = p.owner
	// An orderly end; postgres kills what does not heed it within seconds, and initdb removes what it has begun.
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGQUIT) }
	return c
}

func (p *PostgresServer) data() string { return filepath.Join(p.dir, "data") }

// initialize lays the cluster out: bytewise order, UTF-8, and a password for every connection.
func (p *PostgresServer) initialize(ctx context.Context) error {
	secret := filepath.Join(p.dir, "password")
	if err := os.WriteFile(secret, []byte(p.Password), 0o600); err != nil {
		return err
	}
	if p.owner != nil {
		for _, path := range []string{p.dir, secret} {
			if err := os.Chown(path, int(p.owner.Uid), int(p.owner.Gid)); err != nil {
				return err
			}
		}
	}
	c := p.command(ctx, "initdb", "--pgdata="+p.data(), "--username="+p.User, "--pwfile="+secret,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// serve starts the server on a free port. Somebody else may take the port in between; then it is another's turn.
func (p *PostgresServer) serve(ctx context.Context) error {
	const attempts = 3
	var err error
	for range attempts {
		if p.Port, err = freePort(p.Host); err != nil {
			return err
		}
		if err = p.start(ctx); err == nil || !strings.Contains(p.Log(), "could not bind") {
			return err
		}
	}
	return err
}

func freePort(host string) (int, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (p *PostgresServer) start(ctx context.Context) error {
	args := []string{"-D", p.data()}
	for _, setting := range []string{
		"listen_addresses=" + p.Host, "port=" + strconv.Itoa(p.Port), "unix_socket_directories=",
		"timezone=UTC", "log_timezone=UTC",
		"fsync=off", "full_page_writes=off", "synchronous_commit=off", // nothing of it is to outlive the test
	} {
		args = append(args, "-c", setting)
	}
	p.process = p.command(ctx, "postgres", args...)
	p.exited = make(chan struct{})
	stderr, err := p.process.StderrPipe()
	if err != nil {
		return err
	}
	if err := p.process.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	ready := make(chan struct{})
	go p.follow(bufio.NewScanner(stderr), ready)
	select {
	case <-ready:
		return nil
	case <-p.exited:
		return fmt.Errorf("postgres ended before it served (%w):\n%s", p.err, p.Log())
	case <-time.After(startTimeout):
		return errors.Join(fmt.Errorf("postgres did not serve within %s:\n%s", startTimeout, p.Log()), p.halt())
	}
}

// follow keeps the log, and finds in it when the server is ready.
func (p *PostgresServer) follow(lines *bufio.Scanner, ready chan<- struct{}) {
	const longest = 1 << 20
	lines.Buffer(nil, longest)
	serving := false
	for lines.Scan() {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if !serving && strings.Contains(lines.Text(), "ready to accept connections") {
			serving = true
			close(ready)
		}
	}
	p.err = p.process.Wait()
	close(p.exited)
}

// Log is what the server wrote so far.
func (p *PostgresServer) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Stop ends the server, with every connection to it, and removes its data. Stopping again does nothing.
func (p *PostgresServer) Stop() error {
	return errors.Join(p.halt(), os.RemoveAll(p.dir))
}

// halt asks for an end that waits for no client, and for a quicker one when that takes long.
func (p *PostgresServer) halt() error {
	const patience = 30 * time.Second
	_ = p.process.Process.Signal(syscall.SIGINT) // already gone is as good
	select {
	case <-p.exited:
		return p.err
	case <-time.After(patience):
		_ = p.process.Process.Signal(syscall.SIGQUIT)
		<-p.exited
		return fmt.Errorf("postgres did not end within %s", patience)
	}
}
