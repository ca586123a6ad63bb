package worker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/tests/harness"
)

// shopOnPostgres is as much of the shop as these tests ask, with a role that the profile takes on.
const shopOnPostgres = `
CREATE ROLE reader;
CREATE SCHEMA shop;
CREATE TABLE shop.days AS SELECT d::timestamp AS day FROM generate_series(timestamp '2023-01-01', timestamp '2024-12-31', interval '1 day') d;
CREATE TABLE shop.orders (order_id bigint, customer_id int, ordered_at timestamp, amount numeric, weight float8);
INSERT INTO shop.orders VALUES (1, 1, '2024-01-01', 10, 1), (2, 2, '2024-01-02', 20.5, 2);
CREATE VIEW shop.endless AS
  SELECT (a::bigint * b) % 7 AS n, timestamp '2024-01-01' AS at FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b;
GRANT USAGE ON SCHEMA shop TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader;
`

// postgresShop is a shop on a server of the test's own, and a way past Steward into its database.
func postgresShop(t *testing.T) (*Source, harness.PostgresLogin) {
	t.Helper()
	interpreter := mustPython(t)
	server, err := harness.StartPostgres(context.WithoutCancel(t.Context())) // it ends after the test's workers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	login, err := server.Create(t.Context(), "warehouse")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := login.Run(t.Context(), shopOnPostgres); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := buildShop(dir, interpreter); err != nil {
		t.Fatal(err)
	}
	profile := fmt.Sprintf("shop:\n  target: pg\n  outputs:\n    pg: {type: postgres, host: %s, port: %d, user: %s, password: %q, dbname: %s, schema: shop, role: reader, threads: 1}\n",
		login.Host, login.Port, login.User, login.Password, login.Database)
	if err := os.WriteFile(filepath.Join(dir, "profiles.yml"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	return newSource(t, shopConfig(dir, interpreter), nil), login
}

// active counts the statements that the server runs for the workers.
func active(t *testing.T, login harness.PostgresLogin) string {
	t.Helper()
	got, err := login.Run(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%endless%' AND pid <> pg_backend_pid()")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSource_KeepsItsPromisesOnPostgres(t *testing.T) {
	s, login := postgresShop(t)
	ask(t, s, anOrder)
	t.Run("it stops the statement", func(t *testing.T) { stopsOnPostgres(t, s, login) })
	t.Run("it only reads, in the role of the profile", func(t *testing.T) { readsOnPostgres(t, s, login) })
	t.Run("it validates", func(t *testing.T) { validatesOnPostgres(t, s) })
	t.Run("nothing goes on when a worker is killed", func(t *testing.T) { leavesNothingOnPostgres(t, s, login) })
}

func stopsOnPostgres(t *testing.T, s *Source, login harness.PostgresLogin) {
	t.Helper()
	pid := pidOf(t, s)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		var asked sync.WaitGroup
		asked.Go(func() {
			_, err := s.Answer(ctx, endless)
			wantFault(t, err, fault.ErrCanceled)
		})
		eventually(t, "the server works", func() bool { return active(t, login) == "1" })
		cancel()
		asked.Wait()
		eventually(t, "the server has stopped", func() bool { return active(t, login) == "0" })
		eventually(t, "the worker is free", func() bool { return s.State().Busy == 0 })
		if got := ask(t, s, metric.Question{Metrics: []string{"revenue"}}).Rows; cmp.Diff([][]any{{number("30.5")}}, got) != "" {
			t.Errorf("got %v", got)
		}
	}
	if pidOf(t, s) != pid {
		t.Error("the worker was replaced")
	}
}

func leavesNothingOnPostgres(t *testing.T, s *Source, login harness.PostgresLogin) {
	t.Helper()
	pid := pidOf(t, s)
	var asked sync.WaitGroup
	asked.Go(func() {
		_, err := s.Answer(within(t, time.Minute), endless)
		wantFault(t, err, metric.ErrEngineUnavailable)
	})
	eventually(t, "the server works", func() bool { return active(t, login) == "1" })
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	asked.Wait()
	eventually(t, "the server has noticed", func() bool { return active(t, login) == "0" })
}

func readsOnPostgres(t *testing.T, s *Source, login harness.PostgresLogin) {
	t.Helper()
	if _, err := login.Run(t.Context(), "GRANT CREATE ON SCHEMA shop TO reader"); err != nil {
		t.Fatal(err)
	}
	w := s.pool.borrow(func(*process) bool { return true })
	defer s.pool.giveBack(w)
	for range 2 {
		who := request{Op: opRun, SQL: "SELECT current_user AS who", Columns: []metric.Column{{Name: "who"}}, Limit: 1}
		r, err := w.ask(within(t, time.Minute), who, nil)
		if err != nil || fmt.Sprint(r.Rows) != "[[reader]]" {
			t.Errorf("%+v, %v", r, err)
		}
		_, err = w.ask(within(t, time.Minute), request{Op: opRun, SQL: "CREATE TABLE shop.made (n int)", Columns: who.Columns, Limit: 1}, nil)
		wantFault(t, err, metric.ErrWarehouse)
	}
	if got, err := login.Run(t.Context(), "SELECT count(*) FROM pg_tables WHERE tablename = 'made'"); err != nil || strings.TrimSpace(got) != "0" {
		t.Errorf("%q, %v", got, err)
	}
}

func validatesOnPostgres(t *testing.T, s *Source) {
	t.Helper()
	issues := validated(t, s, metric.ValidationOptions{})
	lost, endlessly := false, false
	for _, issue := range issues {
		lost = lost || issue.Name == "lost" && strings.Contains(issue.Message, "does not exist")
		endlessly = endlessly || strings.Contains(issue.Name, "endless")
	}
	if !lost || endlessly {
		t.Errorf("%+v", issues)
	}
	ask(t, s, anOrder)
}
