package crash_test

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/tests/harness"
)

// patience bounds every wait of these tests. Nothing waits for it unless something is wrong.
const patience = 2 * time.Minute

var lab harness.Lab

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(harness.Tests(m, func(_ context.Context, l harness.Lab) (func() error, error) {
		lab = l
		return func() error { return nil }, nil
	}))
}

// site is a configuration with a state of its own.
type site struct {
	config string
}

// newSite has one worker and no spare, unless changes say otherwise: most tests want to know whom they stop.
func newSite(t *testing.T, changes map[string]any) site {
	t.Helper()
	all := map[string]any{"metrics.workers": 1, "metrics.spare_workers": 0}
	maps.Copy(all, changes)
	file, err := lab.Demo.Configure(filepath.Join(t.TempDir(), "server"), all)
	if err != nil {
		t.Fatal(err)
	}
	return site{config: file}
}

func (s site) journal() string { return filepath.Join(filepath.Dir(s.config), "state", "audit") }

func (s site) key(t *testing.T, persona string) string {
	t.Helper()
	key, err := harness.CreateKey(t.Context(), lab.Binary, s.config, persona, persona)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// start runs the server. Whoever starts it ends it, or the test's end kills it.
func (s site) start(t *testing.T, env ...string) *harness.Server {
	t.Helper()
	// Not the test's own context: it ends before clean-ups run.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	server, err := harness.Start(ctx, lab.Binary, s.config, env...)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = server.Wait()
	})
	return server
}

// stop ends the server as an operator would.
func stop(t *testing.T, server *harness.Server) {
	t.Helper()
	if err := server.Stop(); err != nil {
		t.Errorf("the server ended badly: %v\n%s", err, server.Log())
	}
}

// records reads the journal, each request's closed records together.
func (s site) records(t *testing.T) map[string][]harness.Record {
	t.Helper()
	records, err := harness.Journal(s.journal())
	if err != nil {
		t.Fatal(err)
	}
	return harness.ByRequest(records, "closed")
}

// verify runs `steward audit verify`.
func (s site) verify(t *testing.T) harness.Output {
	t.Helper()
	out, err := harness.Command(t.Context(), t.TempDir(), nil, lab.Binary, "audit", "verify", "--config", s.config)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s site) verifies(t *testing.T) {
	t.Helper()
	if out := s.verify(t); out.Code != 0 || !strings.Contains(out.Stdout, "Every record holds.") {
		t.Errorf("audit verify ended with %d:\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
}

func connect(t *testing.T, url, key string, era harness.Era) *harness.Client {
	t.Helper()
	c := harness.NewClient(url, key, era)
	t.Cleanup(c.Close)
	return c
}

// until asks again and again until the answer is yes.
func until(t *testing.T, what string, ask func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !ask() {
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("in vain waited until %s", what)
		}
	}
}

// worker waits for the engine's process and finds it.
func worker(t *testing.T, server *harness.Server) harness.Process {
	t.Helper()
	until(t, "the engine is ready", func() bool { return strings.Contains(server.Log(), "metrics engine ready") })
	children, err := harness.Children(server.PID())
	if err != nil || len(children) != 1 {
		t.Fatalf("the server has the children %+v (%v), want the engine's worker", children, err)
	}
	return children[0]
}

// failure is the refusal that an error holds.
func failure(t *testing.T, err error) *harness.Failure {
	t.Helper()
	f, ok := errors.AsType[*harness.Failure](err)
	if !ok {
		t.Fatalf("%v, want a refusal", err)
	}
	return f
}

// neutral looks for what no answer may tell.
func neutral(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{
		lab.Demo.Root, lab.Dir, filepath.Dir(lab.Dir) + "/", "Traceback", "goroutine ", ".go:", "SELECT ", "select ", "runtime error", "panic", "stw_",
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the answer tells of %q: %s", secret, text)
		}
	}
}
