package sessionstore_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/session"
	"github.com/steward-mcp/steward/internal/domain/session/sessiontest"
	"github.com/steward-mcp/steward/internal/infrastructure/database/databasetest"
	"github.com/steward-mcp/steward/internal/infrastructure/sessionstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory_KeepsTheContract(t *testing.T) {
	t.Parallel()
	sessiontest.RunRepository(t, func(*testing.T) session.Repository { return &sessionstore.Memory{} })
}

func TestSQLite_KeepsTheContract(t *testing.T) {
	t.Parallel()
	sessiontest.RunRepository(t, func(t *testing.T) session.Repository {
		t.Helper()
		return sessionstore.NewSQLite(databasetest.Open(t, filepath.Join(t.TempDir(), "state.db")))
	})
}

// An operator's command works on the state beside processes that serve a peer over stdio.
func TestSQLite_SeesAClosingByAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	one, other := sessionstore.NewSQLite(databasetest.Open(t, path)), sessionstore.NewSQLite(databasetest.Open(t, path))
	s := sessiontest.Closed(t, "a")
	if err := one.Keep(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	all, err := other.Closed(t.Context())
	if err != nil || len(all) != 1 || all[0].ID() != s.ID() || all[0].State() != session.Closed {
		t.Errorf("%v, %v", all, err)
	}
}
