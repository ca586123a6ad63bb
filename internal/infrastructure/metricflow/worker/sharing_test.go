package worker

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// holder opens a DuckDB file in a process of its own and keeps it open until release.
func holder(t *testing.T, file string, readOnly bool) (release func()) {
	t.Helper()
	mode := "False"
	if readOnly {
		mode = "True"
	}
	cmd := exec.Command(mustPython(t), "-I", "-u", "-c",
		"import duckdb, sys\nc = duckdb.connect(sys.argv[1], read_only="+mode+")\nprint('open')\nsys.stdin.read()", file)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	release = sync.OnceFunc(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	})
	t.Cleanup(release)
	if err != nil || line != "open\n" {
		t.Fatalf("the file cannot be held: %q, %v", line, err)
	}
	return release
}

func TestSource_ReadsBesideAnotherReader(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.IdleRelease = time.Hour })
	holder(t, warehouseOf(dir), true)
	ask(t, s, anOrder)
	holder(t, warehouseOf(dir), true) // and others may join while the worker has it open
	ask(t, s, anOrder)
}

func TestSource_LetsAWriterInWhenIdle(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.IdleRelease = 200 * time.Millisecond })
	ask(t, s, anOrder)
	eventually(t, "a writer gets the file", func() bool {
		return writeSQL(mustPython(t), warehouseOf(dir), "DELETE FROM shop.orders WHERE order_id = 1") == nil
	})
	if got := ask(t, s, anOrder).Rows[0][0]; got != number("5") {
		t.Errorf("got %v orders after one was deleted", got)
	}
}

func TestSource_KeepsAWriterOutWhileInUse(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.IdleRelease = time.Hour })
	ask(t, s, anOrder)
	err := writeSQL(mustPython(t), warehouseOf(dir), "DELETE FROM shop.orders")
	if err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("a writer beside a reader: %v", err)
	}
}

func TestSource_WaitsForAWriterButNotForEver(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.LockWait = 300 * time.Millisecond })
	s.Start(t.Context())
	release := holder(t, warehouseOf(dir), false)
	_, err := s.Answer(within(t, time.Minute), anOrder)
	if f := gotFault(t, err, metric.ErrWarehouseBusy); f.RetryAfter <= 0 {
		t.Errorf("%+v", f)
	}
	release()
	ask(t, s, anOrder)
}

func TestSource_AnswersOnceTheWriterIsDone(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.LockWait = time.Minute })
	release := holder(t, warehouseOf(dir), false)
	var done sync.WaitGroup
	done.Go(func() {
		eventually(t, "the question waits", func() bool { return s.State().Busy == 1 })
		release()
	})
	ask(t, s, anOrder)
	done.Wait()
}

func TestSource_SaysThatTheWarehouseIsNotBuilt(t *testing.T) {
	s, dir := ownShop(t, nil)
	if err := exec.Command("rm", warehouseOf(dir)).Run(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Answer(within(t, time.Minute), anOrder)
	if f := gotFault(t, err, metric.ErrWarehouse); !strings.Contains(f.Message, "dbt build") {
		t.Errorf("%+v", f)
	}
	if err := buildShop(dir, mustPython(t)); err != nil {
		t.Fatal(err)
	}
	ask(t, s, anOrder)
}
