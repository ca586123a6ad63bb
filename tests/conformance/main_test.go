package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/tests/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The suite brings no credentials, so nobody is asked for any; all else is decided, limited and recorded as ever.
const configuration = `state_dir: %s
server: {listen: "127.0.0.1:0", admin_listen: "127.0.0.1:0", unsafe_no_auth: true, drain_timeout: 1s}
security: {rate_limit: {enabled: false}}
tasks: {grace: 200ms, poll_interval: 100ms}
compat: {persona: suite}
personas: {suite: {allow: [{action: "*", target: "*"}], deny: [%s]}}
`

// server is Steward with the fixture, built with the race detector.
type server struct {
	*harness.Server
	journal string
	wire    *wire
}

// start serves whoever asks, but for what deny forbids: rules of a persona.
func start(t *testing.T, deny string) *server {
	t.Helper()
	dir := t.TempDir()
	binary, state, config := filepath.Join(dir, "server"), filepath.Join(dir, "state"), filepath.Join(dir, "steward.yaml")
	build := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", binary, "./server") // the second time is quick
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, configuration, state, deny), 0o600); err != nil {
		t.Fatal(err)
	}
	// Not the test's context: it ends before the clean-up, and would kill what is to be stopped.
	s, err := harness.Start(context.WithoutCancel(t.Context()), binary, config)
	if err != nil {
		t.Fatal(err)
	}
	return &server{Server: s, journal: filepath.Join(state, "audit"), wire: tap(t, s.URL)}
}

// stop ends the server, which must have been well all the time: a binary with the race detector that has found a race ends
// with an exit code of its own.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.wire.close()
	if err := s.Stop(); err != nil {
		t.Errorf("the server ended badly: %v\n%s", err, s.Log())
	}
	for line := range strings.Lines(s.Log()) {
		if strings.Contains(line, "DATA RACE") || strings.Contains(line, "panic") || strings.Contains(line, `"level":"error"`) {
			t.Errorf("the server's log: %s", line)
		}
	}
}

// node gives the pinned Node, or that of the machine where npm has none for it.
func node(t *testing.T) string {
	t.Helper()
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	pinned, err := filepath.Abs(filepath.Join("node_modules", "node-"+runtime.GOOS+"-"+arch, "bin", "node"))
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
