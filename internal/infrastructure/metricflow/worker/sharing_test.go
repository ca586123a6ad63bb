package worker

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// allAnswer has every worker answer a question, so that each has the warehouse's file open.
func allAnswer(t *testing.T, s *Source) {
	t.Helper()
	allReady(t, s)
	var asked sync.WaitGroup
	for p := range s.State().Total {
		worker := s.pool.borrow(func(*process) bool { return true })
		if worker == nil {
			t.Fatalf("worker %d is busy", p)
		}
		asked.Go(func() {
			defer s.pool.giveBack(worker)
			if r, err := worker.ask(within(t, time.Minute), request{Op: opHealth}, nil); err != nil || !r.Warehouse {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	asked.Wait()
}

func TestSource_LetsDbtBuildBesideItAndAnswersFromWhatItBuilt(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.Workers, c.LockWait = 2, time.Minute })
	model := filepath.Join(dir, "models", "orders.sql")
	// The build marks that it holds the file, takes a while, and adds an order to the six there are.
	sql := "{{ config(materialized='table', pre_hook=\"copy (select 1) to 'started'\") }}\n" +
		"select order_id, customer_id, ordered_at, packed_at, channel, gift, items, tags, delivery, amount, weight from shop.orders_before\n" +
		"union all by name select 7 as order_id, timestamp '2024-03-12' as ordered_at from (select sum(hash(range)) as n from range(100000000)) where n > 0\n"
	if err := errors.Join(os.MkdirAll(filepath.Dir(model), 0o700), os.WriteFile(model, []byte(sql), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := writeSQL(mustPython(t), warehouseOf(dir), "CREATE TABLE shop.orders_before AS SELECT * FROM shop.orders"); err != nil {
		t.Fatal(err)
	}
	allAnswer(t, s)

	dbt := exec.CommandContext(within(t, time.Minute), filepath.Join(filepath.Dir(mustPython(t)), "dbt"), "build",
		"--project-dir", dir, "--profiles-dir", dir, "--target-path", t.TempDir(), "--log-path", t.TempDir())
	dbt.Dir = dir
	var built sync.WaitGroup
	built.Go(func() {
		if out, err := dbt.CombinedOutput(); err != nil {
			t.Errorf("dbt build beside workers that have just answered: %v\n%s", err, out)
		}
	})
	eventually(t, "dbt holds the file", func() bool {
		_, err := os.Stat(filepath.Join(dir, "started"))
		return err == nil || t.Failed()
	})
	got := make([]any, 3)
	var asked sync.WaitGroup
	for i := range got {
		asked.Go(func() { got[i] = ask(t, s, limited(1+i)).Rows[0][0] })
	}
	asked.Wait()
	built.Wait()
	if diff := cmp.Diff([]any{number("7"), number("7"), number("7")}, got); diff != "" {
		t.Errorf("who met the build was not answered from what it built: %s", diff)
	}
}
