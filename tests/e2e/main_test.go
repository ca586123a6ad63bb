package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/tests/harness"
)

// patience bounds every step of these tests. Nothing waits for it unless something is wrong.
const patience = 2 * time.Minute

// lab is one server on the demo with the default settings, and a key of the analyst.
var lab struct {
	harness.Lab
	config string
	server *harness.Server
	key    string
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(harness.Tests(m, serve)) }

func serve(ctx context.Context, l harness.Lab) (func() error, error) {
	lab.Lab = l
	if _, err := os.Stat(inspector()); err != nil {
		return nil, fmt.Errorf("the tests need MCP Inspector; install it with `make clients`: %w", err)
	}
	var err error
	if lab.config, err = l.Demo.Configure(filepath.Join(l.Dir, "server"), nil); err != nil {
		return nil, err
	}
	if lab.key, err = harness.CreateKey(ctx, l.Binary, lab.config, "Inspector", "analyst"); err != nil {
		return nil, err
	}
	if lab.server, err = harness.Start(ctx, l.Binary, lab.config); err != nil {
		return nil, err
	}
	return lab.server.Stop, nil
}

// folder is where this package's npm packages are.
func folder() string { return filepath.Join(lab.Demo.Root, "tests", "e2e") }

func nodeFolder() string {
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return filepath.Join(folder(), "node_modules", "node-"+runtime.GOOS+"-"+arch, "bin")
}

func inspector() string { return filepath.Join(folder(), "node_modules", ".bin", "mcp-inspector") }

// nodeEnvironment has the pinned Node before any other, and a home of its own: Inspector keeps things there.
func nodeEnvironment(t *testing.T) []string {
	t.Helper()
	return []string{
		"PATH=" + nodeFolder() + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"npm_config_update_notifier=false",
	}
}

// configure writes a configuration of a test's own.
func configure(t *testing.T, changes map[string]any) string {
	t.Helper()
	file, err := lab.Demo.Configure(filepath.Join(t.TempDir(), "server"), changes)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// run runs the binary under test to its end.
func run(t *testing.T, args ...string) harness.Output {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := harness.Command(ctx, t.TempDir(), nil, lab.Binary, args...)
	if err != nil {
		t.Fatalf("steward %v: %v\n%s", args, err, out.Stderr)
	}
	return out
}

func start(t *testing.T, config string) *harness.Server {
	t.Helper()
	// Not the test's context: it ends before the clean-up, and would kill what is to be stopped.
	s, err := harness.Start(context.WithoutCancel(t.Context()), lab.Binary, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("the server ended badly: %v\n%s", err, s.Log())
		}
	})
	return s
}

func createKey(t *testing.T, config, persona string) string {
	t.Helper()
	key, err := harness.CreateKey(t.Context(), lab.Binary, config, persona, persona)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func connect(t *testing.T, url, key string) *harness.Client {
	t.Helper()
	c := harness.NewClient(url, key, harness.Modern)
	t.Cleanup(c.Close)
	return c
}

// The question that everything here asks, and its answer by hand.
const byMonthAndRegion = `select date_trunc('month', ordered_at), region_name, sum(quantity * unit_price - discount_amount)
from raw.order_items join raw.orders using (order_id) join raw.stores using (store_id) join raw.regions using (region_id)
where status <> 'cancelled' and ordered_at >= timestamp '2025-10-01' and ordered_at < timestamp '2026-01-01' group by 1, 2`

func revenueByMonthAndRegion() map[string]any {
	return map[string]any{
		"metrics": []string{"revenue"}, "group_by": []string{"metric_time__month", "region__name"},
		"start_time": "2025-10-01", "end_time": "2025-12-31",
	}
}

// checkRevenue compares a structured result of that question with the warehouse.
func checkRevenue(t *testing.T, structured json.RawMessage) {
	t.Helper()
	var got struct {
		Columns []struct{ Name string }
		Rows    [][]any
	}
	if err := harness.Decode(structured, &got); err != nil {
		t.Fatalf("%v: %s", err, structured)
	}
	want, err := lab.Demo.SQL(t.Context(), lab.Demo.Warehouse, byMonthAndRegion)
	if err != nil {
		t.Fatal(err)
	}
	if len(want[0]) < 12 {
		t.Fatalf("the demo has %d rows of revenue by month and region, want 12", len(want[0]))
	}
	if err := harness.SameRows(want[0], got.Rows, false); err != nil {
		t.Error(err)
	}
	if sum(t, got.Rows) != sum(t, want[0]) {
		t.Errorf("all in all %s, want %s", sum(t, got.Rows), sum(t, want[0]))
	}
}

// sum adds up the last column of rows, in cents.
func sum(t *testing.T, rows [][]any) string {
	t.Helper()
	var total float64
	for _, row := range rows {
		f, err := row[len(row)-1].(json.Number).Float64()
		if err != nil {
			t.Fatal(err)
		}
		total += f
	}
	return fmt.Sprintf("%.2f", total)
}

// toolNames are the tools of a server without a key for Claude.
var toolNames = []string{
	"compare_periods", "describe_metric", "echo", "health_checks", "list_dimension_values", "list_dimensions", "list_entities",
	"list_metrics", "list_saved_queries", "query", "system_info", "time_range", "validate_configs", "whoami",
}

// namesIn reads the names of a tools/list result.
func namesIn(t *testing.T, result json.RawMessage) []string {
	t.Helper()
	var list struct{ Tools []struct{ Name string } }
	if err := json.Unmarshal(result, &list); err != nil {
		t.Fatalf("%v: %s", err, result)
	}
	names := make([]string, len(list.Tools))
	for i, tool := range list.Tools {
		names[i] = tool.Name
	}
	return names
}

// strictly decodes JSON that may hold nothing unknown.
func strictly(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
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

// leaks looks for what no answer may tell.
func leaks(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{lab.Demo.Root, lab.Dir, filepath.Dir(lab.Dir) + "/", "Traceback", "goroutine ", ".go:", "worker.py"} {
		if strings.Contains(text, secret) {
			t.Errorf("the answer tells of %q: %s", secret, text)
		}
	}
}
