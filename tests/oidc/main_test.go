package oidc_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/tests/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds a step that takes milliseconds.
const patience = time.Minute

// provider is provider.mjs, running.
type provider struct {
	issuer string
	ask    io.Writer
	lines  chan string
	stderr *transcript
}

// transcript is what the provider complains of. Safe for concurrent use.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// startProvider runs the provider with the pinned Node, or with that of the machine where none is pinned, until the test
// ends.
func startProvider(t *testing.T, resource string) *provider {
	t.Helper()
	if _, err := os.Stat(filepath.Join("node_modules", "oidc-provider")); err != nil {
		t.Fatalf("the tests need npm packages; install them with `make clients`: %v", err)
	}
	c := exec.CommandContext(context.WithoutCancel(t.Context()), node(t), "provider.mjs")
	c.Env = append(harness.Environment(), "RESOURCE="+resource)
	p := &provider{lines: make(chan string), stderr: &transcript{}}
	c.Stderr = p.stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p.ask = in
	go p.read(out)
	t.Cleanup(func() {
		_ = in.Close() // the provider ends with its input
		kill := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
		defer kill.Stop()
		for range p.lines { // until its output ends
		}
		if err := c.Wait(); err != nil {
			t.Errorf("the provider ended with %v\n%s", err, p.stderr)
		}
	})
	var hello struct{ Issuer string }
	p.next(t, &hello)
	p.issuer = hello.Issuer
	return p
}

func node(t *testing.T) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	pinned, err := filepath.Abs(filepath.Join("..", "e2e", "node_modules", "node-"+runtime.GOOS+"-"+arch, "bin", "node"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(pinned); errors.Is(err, fs.ErrNotExist) {
		return "node"
	} else if err != nil {
		t.Fatal(err)
	}
	return pinned
}

// read passes on the lines that are answers: the provider has advice to give, too.
func (p *provider) read(out io.Reader) {
	defer close(p.lines)
	lines := bufio.NewScanner(out)
	const longest = 1 << 20
	lines.Buffer(nil, longest)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "{") {
			p.lines <- lines.Text()
		}
	}
}

func (p *provider) next(t *testing.T, out any) {
	t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			t.Fatalf("the provider has ended:\n%s", p.stderr)
		}
		if err := json.Unmarshal([]byte(line), out); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	case <-time.After(patience):
		t.Fatalf("the provider does not answer:\n%s", p.stderr)
	}
}

// tokens is what a flow has come to.
type tokens struct {
	Access, ID, Refresh, Renewed string
	Error                        string

	// Of the MCP client.
	Whoami               *principal
	Scope, Asked, Origin string
}

// flow runs one of the provider's.
func (p *provider) flow(t *testing.T, words ...string) tokens {
	t.Helper()
	if _, err := fmt.Fprintln(p.ask, strings.Join(words, " ")); err != nil {
		t.Fatal(err)
	}
	var got tokens
	p.next(t, &got)
	if got.Error != "" {
		t.Fatalf("%v: %s\n%s", words, got.Error, p.stderr)
	}
	return got
}

// principal is whom Steward takes a caller for.
type principal struct {
	ID       string   `json:"id"`
	Personas []string `json:"personas"`
}

// freeAddress is one that nobody listened on a moment ago. Steward's own is asked for before it runs, because tokens are
// made out to it.
func freeAddress(t *testing.T) string {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
