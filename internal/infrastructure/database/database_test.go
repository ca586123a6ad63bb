package database_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

func open(t *testing.T, path string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

func migrated(t *testing.T) *database.DB {
	t.Helper()
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return db
}

func TestOpen_MakesAFileThatOnlyItsOwnerReads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "var", "state", "state #1?.db")
	db := open(t, path)
	if err := db.Migrate(t.Context()); err != nil { // a write, so that the write-ahead log exists
		t.Fatal(err)
	}
	modes := map[string]fs.FileMode{}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		modes[strings.TrimPrefix(name, path)] = info.Mode().Perm()
	}
	if diff := cmp.Diff(map[string]fs.FileMode{"": 0o600, "-wal": 0o600, "-shm": 0o600}, modes); diff != "" {
		t.Errorf("modes (-want +got):\n%s", diff)
	}
	for dir := filepath.Dir(path); filepath.Base(dir) != "var"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o700 {
			t.Errorf("directory %s has mode %04o, want 0700", filepath.Base(dir), info.Mode().Perm())
		}
	}
}

func TestOpen_RefusesWhatOthersCanReach(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file(t, filepath.Join(dir, "target"), 0o600), link); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(dir, "shared")
	if err := errors.Join(os.Mkdir(shared, 0o700), os.Chmod(shared, 0o777)); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		path string
		want *fault.Fault
	}{
		{"a file that the world reads", file(t, filepath.Join(dir, "world"), 0o604), database.ErrExposed},
		{"a file that the group reads", file(t, filepath.Join(dir, "group"), 0o640), database.ErrExposed},
		{"a link", link, database.ErrNotRegular},
		{"a directory in its place", dir, database.ErrNotRegular},
		{"a directory that others write", filepath.Join(shared, "state.db"), database.ErrExposed},
	}
	for _, c := range cases {
		if db, err := database.Open(t.Context(), c.path); db != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: Open = %v, %v; want %v", c.name, db, err, c.want)
		}
	}
}

func file(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, nil, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen_RefusesAFileThatIsNoDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database. ", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), path)
	if err == nil {
		err = errors.Join(db.Migrate(t.Context()), db.Close())
	}
	if !errors.Is(err, database.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, database.ErrUnavailable)
	}
}

func TestOpen_SetsUpBothPools(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	want := map[string]string{"journal_mode": "wal", "synchronous": "1", "foreign_keys": "1", "busy_timeout": "5000"}
	for name, pool := range map[string]*sql.DB{"write": db.Write, "read": db.Read} {
		got := map[string]string{}
		for pragma := range want {
			var value string
			if err := pool.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&value); err != nil {
				t.Fatal(err)
			}
			got[pragma] = value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s pool (-want +got):\n%s", name, diff)
		}
	}
	if _, err := db.Read.ExecContext(t.Context(), "CREATE TABLE t (a INTEGER) STRICT"); err == nil {
		t.Error("the read pool wrote")
	}
	if got := db.Write.Stats().MaxOpenConnections; got != 1 {
		t.Errorf("the write pool has %d connections, want 1", got)
	}
}

func TestMigrate_BringsANewFileUpToDateAndIsThenIdle(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	if err := db.Check(t.Context()); !errors.Is(err, database.ErrOlderSchema) {
		t.Fatalf("Check of a new file: %v, want %v", err, database.ErrOlderSchema)
	}
	for range 2 {
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate: %v", err)
		}
	}
	if err := db.Check(t.Context()); err != nil {
		t.Errorf("Check after Migrate: %v", err)
	}
	s, err := db.Schema(t.Context())
	if err != nil || s.Current != s.Known || s.Known < 1 {
		t.Errorf("Schema = %+v, %v", s, err)
	}
}

func TestMigrate_RefusesASchemaItDoesNotKnow(t *testing.T) {
	t.Parallel()
	db := migrated(t)
	s, err := db.Schema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Write.ExecContext(t.Context(),
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", s.Known+1); err != nil {
		t.Fatal(err)
	}
	if err := db.Check(t.Context()); !errors.Is(err, database.ErrNewerSchema) {
		t.Errorf("Check: %v, want %v", err, database.ErrNewerSchema)
	}
	if err := db.Migrate(t.Context()); !errors.Is(err, database.ErrNewerSchema) {
		t.Errorf("Migrate: %v, want %v", err, database.ErrNewerSchema)
	}
}

func TestMigrate_MayRunInSeveralProcessesAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	const processes = 4
	dbs := make([]*database.DB, processes)
	for i := range dbs {
		dbs[i] = open(t, path)
	}
	errs := make([]error, processes)
	var wg sync.WaitGroup
	for i, db := range dbs {
		wg.Go(func() { errs[i] = db.Migrate(t.Context()) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if err := dbs[0].Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestMigrations_MakeStrictTablesOnly(t *testing.T) {
	t.Parallel()
	db := migrated(t)
	rows, err := db.Read.QueryContext(t.Context(),
		"SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		t.Errorf("table %s is not STRICT", name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestInTx_KeepsAllOrNothing(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	if _, err := db.Write.ExecContext(t.Context(), "CREATE TABLE t (a INTEGER) STRICT"); err != nil {
		t.Fatal(err)
	}
	insert := func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "INSERT INTO t (a) VALUES (1)")
		return err
	}
	count := func() (n int) {
		t.Helper()
		if err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	refused := fault.New(fault.Conflict, "test.refused", "Refused.")
	err := database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error { return errors.Join(insert(tx), refused) })
	if !errors.Is(err, refused) || count() != 0 {
		t.Errorf("after an error: %v and %d rows, want the fault and none", err, count())
	}
	func() {
		defer func() { _ = recover() }()
		_ = database.InTx(t.Context(), db.Write, func(tx *sql.Tx) error {
			if err := insert(tx); err != nil {
				return err
			}
			panic("test")
		})
	}()
	if count() != 0 {
		t.Errorf("a panic left %d rows", count())
	}
	if err := database.InTx(t.Context(), db.Write, insert); err != nil || count() != 1 {
		t.Errorf("after success: %v and %d rows, want one", err, count())
	}
}

func TestInTx_AnswersTheEndOfTheContext(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	ctx, cancel := context.WithCancel(t.Context())
	err := database.InTx(ctx, db.Write, func(*sql.Tx) error {
		cancel()
		return nil
	})
	if got := fault.From(err); got == nil || got.Kind != fault.Canceled {
		t.Errorf("ended inside: %v, want a fault of kind canceled", err)
	}
	err = database.InTx(ctx, db.Write, func(*sql.Tx) error { return nil })
	if got := fault.From(err); got == nil || got.Kind != fault.Canceled {
		t.Errorf("ended before: %v, want a fault of kind canceled", err)
	}
}

func TestTranslate_TellsFaultsApart(t *testing.T) {
	t.Parallel()
	db := migrated(t)
	_, err := db.Read.ExecContext(t.Context(), "DELETE FROM conversations")
	if got := database.Translate(t.Context(), err); !errors.Is(got, database.ErrUnavailable) {
		t.Errorf("a write to what is read-only: %v, want %v", got, database.ErrUnavailable)
	}
	other := errors.New("other")
	if got := database.Translate(t.Context(), other); got != other { //nolint:errorlint // the very same error must come back
		t.Errorf("a foreign error: %v, want it unchanged", got)
	}
}
