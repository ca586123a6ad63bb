package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// sharedShop serves the tests that only ask; starting an engine takes seconds.
var sharedShop struct {
	once   sync.Once
	source *Source
	dir    string
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if s := sharedShop.source; s != nil {
		s.Close()
	}
	_ = os.RemoveAll(sharedShop.dir)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// python is an interpreter with the real engine. Without one these tests fail: nothing stands in for the engine.
func python() (string, error) {
	if path := os.Getenv("STEWARD_TEST_PYTHON"); path != "" {
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the tests")
		}
	}
	path := filepath.Join(dir, "var", "python", "bin", "python")
	if _, err := os.Stat(path); err != nil {
		return "", errors.New("the metrics engine is not installed: run `make engine`, or set STEWARD_TEST_PYTHON to a Python that has dbt-metricflow and dbt-duckdb")
	}
	return path, nil
}

func mustPython(tb testing.TB) string {
	tb.Helper()
	path, err := python()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// buildShop makes a project of its own in dir, with its warehouse.
func buildShop(dir, interpreter string) error {
	for from, to := range map[string]string{
		"dbt_project.yml": "dbt_project.yml", "profiles.yml": "profiles.yml",
		"semantic_manifest.json": "target/semantic_manifest.json",
	} {
		data, err := os.ReadFile(filepath.Join("testdata", "shop", from))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, to), data, 0o600); err != nil {
			return err
		}
	}
	data, err := builtWarehouse(interpreter)
	if err != nil {
		return err
	}
	return os.WriteFile(warehouseOf(dir), data, 0o600)
}

var built struct {
	once sync.Once
	data []byte
	err  error
}

// builtWarehouse is the content of the shop's DuckDB file, built once with the engine's own Python.
func builtWarehouse(interpreter string) ([]byte, error) {
	built.once.Do(func() {
		var dir string
		if dir, built.err = os.MkdirTemp("", "warehouse"); built.err != nil {
			return
		}
		defer func() { _ = os.RemoveAll(dir) }()
		var sql []byte
		if sql, built.err = os.ReadFile(filepath.Join("testdata", "shop", "warehouse.sql")); built.err != nil {
			return
		}
		if built.err = writeSQL(interpreter, warehouseOf(dir), string(sql)); built.err == nil {
			built.data, built.err = os.ReadFile(warehouseOf(dir))
		}
	})
	return built.data, built.err
}

func warehouseOf(dir string) string { return filepath.Join(dir, "warehouse.duckdb") }

// writeSQL opens a DuckDB file for writing, as dbt does, in a process of its own.
func writeSQL(interpreter, file, sql string) error {
	cmd := exec.Command(interpreter, "-I", "-c", "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.stdin.read())", file)
	cmd.Stdin = strings.NewReader(sql)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("write to the warehouse: %w: %s", err, out)
	}
	return nil
}

// shopConfig is that of a source on the project in dir. The profile finds its file relative to the project. One worker
// is enough where the test is not about several: each takes seconds to start.
func shopConfig(dir, interpreter string) Config {
	return Config{ProjectDir: dir, Python: interpreter, Workers: 1, Spare: -1, MaxMemory: wideMemory, grace: wideGrace}
}

// wideGrace is enough for a statement to stop on a machine that does much else.
const wideGrace = 20 * time.Second

// wideMemory is more than a statement takes that runs on for a while before it is stopped.
const wideMemory = 1 << 40

// shop is the shared source: read-only use.
func shop(tb testing.TB) *Source {
	tb.Helper()
	interpreter := mustPython(tb)
	sharedShop.once.Do(func() {
		//nolint:usetesting // it outlives the test that happens to come first
		if sharedShop.dir, sharedShop.err = os.MkdirTemp("", "shop"); sharedShop.err != nil {
			return
		}
		if sharedShop.err = buildShop(sharedShop.dir, interpreter); sharedShop.err != nil {
			return
		}
		cfg := shopConfig(sharedShop.dir, interpreter)
		cfg.Workers = 2
		sharedShop.source, sharedShop.err = New(cfg, time.Now, zap.NewNop())
	})
	if sharedShop.err != nil {
		tb.Fatal(sharedShop.err)
	}
	return sharedShop.source
}

// ownShop is a project and a source of the test's own.
func ownShop(t *testing.T, change func(*Config)) (*Source, string) {
	t.Helper()
	interpreter := mustPython(t)
	dir := t.TempDir()
	if err := buildShop(dir, interpreter); err != nil {
		t.Fatal(err)
	}
	cfg := shopConfig(dir, interpreter)
	if change != nil {
		change(&cfg)
	}
	return newSource(t, cfg, nil), dir
}

// newSource makes a source that is closed with the test. source, when given, is run in place of the worker's
// program: how Steward deals with a worker gone wrong needs one that does.
func newSource(t *testing.T, cfg Config, source []byte, options ...Option) *Source {
	t.Helper()
	s, err := New(cfg, time.Now, zap.NewNop(), options...)
	if err != nil {
		t.Fatal(err)
	}
	if source != nil {
		s.source = source
	}
	t.Cleanup(s.Close)
	return s
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// ask is a question with a generous limit and deadline.
func ask(t *testing.T, s *Source, q metric.Question) metric.Table {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	table, err := s.Answer(within(t, time.Minute), q)
	if err != nil {
		t.Fatalf("Answer(%+v): %v", q, explain(err))
	}
	return table
}

func explain(err error) string {
	f := fault.From(err)
	return fmt.Sprintf("%v (because %v)", f, f.Unwrap())
}

// wantFault is gotFault for whoever needs no more of it.
func wantFault(t *testing.T, err error, want *fault.Fault) {
	t.Helper()
	if f := gotFault(t, err, want); f == nil {
		t.Fatal("no fault")
	}
}

// gotFault is err as the fault that it must be, of which no word may show what callers have no business with.
func gotFault(t *testing.T, err error, want *fault.Fault) *fault.Fault {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %s", err, want.Code)
	}
	f := fault.From(err)
	for _, secret := range []string{"/", "Traceback", "SELECT", ".py"} {
		if strings.Contains(f.Message, secret) && !strings.Contains(f.Message, "pip install") {
			t.Errorf("the message shows %q: %s", secret, f.Message)
		}
	}
	return f
}

// eventually polls until done says so, for at most half a minute.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx := within(t, 30*time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); !done(); {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}
