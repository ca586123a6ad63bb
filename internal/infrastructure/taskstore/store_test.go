package taskstore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/domain/task/tasktest"
	"github.com/steward-mcp/steward/internal/infrastructure/database/databasetest"
	"github.com/steward-mcp/steward/internal/infrastructure/taskstore"
)

func TestMemory_KeepsTheContract(t *testing.T) {
	t.Parallel()
	tasktest.RunStore(t, func(*testing.T) tasktest.Store { return taskstore.NewMemory(tasktest.Limits()) })
}

func TestSQLite_KeepsTheContract(t *testing.T) {
	t.Parallel()
	tasktest.RunStore(t, func(t *testing.T) tasktest.Store {
		t.Helper()
		return taskstore.NewSQLite(databasetest.Open(t, filepath.Join(t.TempDir(), "state.db")), tasktest.Limits())
	})
}

func TestSQLite_OutlivesTheProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	made := task.New(task.Call{Owner: "key:alice", Tool: "query", Request: id.New[id.RequestKind](), Runner: "server"},
		task.Terms{TTL: time.Hour, Poll: time.Second}, now)
	if err := made.Complete([]byte(`{"content":[]}`), now); err != nil {
		t.Fatal(err)
	}
	first := databasetest.Open(t, path)
	if err := taskstore.NewSQLite(first, tasktest.Limits()).Add(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := taskstore.NewSQLite(databasetest.Open(t, path), tasktest.Limits()).Get(t.Context(), "key:alice", made.ID())
	if err != nil {
		t.Fatal(err)
	}
	if s := again.Snapshot(); s.State != task.Completed || string(s.Result) != `{"content":[]}` {
		t.Errorf("after a restart: %+v", s)
	}
}
