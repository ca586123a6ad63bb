package database_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/steward-mcp/steward/internal/infrastructure/database"
)

// neighbour is the path of a state file for a process of this test's own, which commits to it until its input ends, a line
// a commit, and first says whether the index of the write-ahead log is locked by anybody else.
const neighbour = "DATABASE_TEST_NEIGHBOUR"

func beNeighbour(path string) error {
	index, err := os.Open(path + "-shm")
	if err != nil {
		return err
	}
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: 120, Len: 10} // the lock bytes, by SQLite's wal.c and os_unix.c
	if err := syscall.FcntlFlock(index.Fd(), syscall.F_GETLK, &lock); err != nil {
		return err
	}
	fmt.Println("locked:", lock.Type != syscall.F_UNLCK)
	db, err := database.Open(context.Background(), path)
	if err != nil {
		return err
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if _, err := db.Write.Exec("UPDATE counter SET n = n + 1"); err != nil {
			return err
		}
		fmt.Println("committed")
	}
	return db.Close()
}

// another starts a neighbour of the state file at path. next lets it commit once; the first line of its output is said.
func another(t *testing.T, path string) (said string, next func()) {
	t.Helper()
	c := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0]) // its end comes with that of its input
	c.Env, c.Stderr = append(os.Environ(), neighbour+"="+path), os.Stderr
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
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Scan()
	return lines.Text(), func() {
		t.Helper()
		if _, err := fmt.Fprintln(in); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || lines.Text() != "committed" {
			t.Fatalf("the neighbour said %q", lines.Text())
		}
	}
}

// counted is a state file with something to change in it.
func counted(t *testing.T) (*database.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	for _, statement := range []string{"CREATE TABLE counter (n INTEGER)", "INSERT INTO counter VALUES (0)"} {
		if _, err := db.Write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return db, path
}

func edition(t *testing.T, db *database.DB) [48]byte {
	t.Helper()
	e, known := db.Edition()
	if !known {
		t.Fatal("the edition is not known")
	}
	return e
}

func TestEdition_ChangesWithEveryCommitOfAnotherProcess(t *testing.T) {
	t.Parallel()
	db, path := counted(t)
	_, commit := another(t, path)
	seen := map[[48]byte]int{edition(t, db): 0}
	for i := 1; i <= 200; i++ {
		commit()
		e := edition(t, db)
		if before, ok := seen[e]; ok {
			t.Fatalf("after commit %d the edition is that after commit %d", i, before)
		}
		seen[e] = i
		if i%50 == 0 { // the log begins anew, and with it the numbers of its frames
			if _, err := db.Write.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestEdition_StaysWhileNobodyCommits(t *testing.T) {
	t.Parallel()
	db, _ := counted(t)
	before := edition(t, db)
	var n int
	if err := db.Read.QueryRowContext(t.Context(), "SELECT n FROM counter").Scan(&n); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "UPDATE counter SET n = 9"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if edition(t, db) != before {
		t.Error("reading, or a change that was taken back, is another edition")
	}
	if _, err := db.Write.ExecContext(t.Context(), "UPDATE counter SET n = 1"); err != nil {
		t.Fatal(err)
	}
	if edition(t, db) == before {
		t.Error("a commit of this process is no other edition")
	}
}

func TestEdition_IsUnknownOfAFileThatHasLostItsName(t *testing.T) {
	t.Parallel()
	db, path := counted(t)
	edition(t, db)
	if err := os.Remove(path + "-shm"); err != nil {
		t.Fatal(err)
	}
	if _, known := db.Edition(); known {
		t.Error("what nobody else can find is taken for the state")
	}
}

func TestClose_LeavesTheLocksOfOtherDatabasesOfTheProcess(t *testing.T) {
	t.Parallel()
	db, path := counted(t)
	second, err := database.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	edition(t, db)
	edition(t, second)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if said, _ := another(t, path); said != "locked: true" {
		t.Errorf("to another process the index is %q", said)
	}
}

func BenchmarkEdition(b *testing.B) {
	db, err := database.Open(b.Context(), filepath.Join(b.TempDir(), "state.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, known := db.Edition(); !known {
			b.Fatal("not known")
		}
	}
}
