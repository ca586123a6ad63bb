package conversationstore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/conversation/conversationtest"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/infrastructure/conversationstore"
	"github.com/steward-mcp/steward/internal/infrastructure/database/databasetest"
)

func TestMemory_KeepsTheContract(t *testing.T) {
	t.Parallel()
	conversationtest.RunRepository(t, func(*testing.T) conversation.Repository { return conversationstore.NewMemory() })
}

func TestSQLite_KeepsTheContract(t *testing.T) {
	t.Parallel()
	conversationtest.RunRepository(t, func(t *testing.T) conversation.Repository {
		t.Helper()
		return conversationstore.NewSQLite(databasetest.Open(t, filepath.Join(t.TempDir(), "state.db")))
	})
}

func TestLedgers_KeepTheContract(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func(*testing.T) conversation.Ledger{
		"memory": func(*testing.T) conversation.Ledger { return conversationstore.NewMemory() },
		"sqlite": func(t *testing.T) conversation.Ledger {
			t.Helper()
			return conversationstore.NewSQLite(databasetest.Open(t, filepath.Join(t.TempDir(), "state.db")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conversationtest.RunLedger(t, create)
		})
	}
}

func TestSQLite_OutlivesTheProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	limits := conversationtest.Limits()
	terms := conversation.Terms{Model: "some-model", MaxTokens: 100}
	c, err := conversation.Start(id.New[id.ConversationKind](), "key:alice", terms, limits, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ask("Still there?", limits, now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	first := databasetest.Open(t, path)
	if err := conversationstore.NewSQLite(first).Add(t.Context(), c, limits.PerOwner, now); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := conversationstore.NewSQLite(databasetest.Open(t, path)).Get(t.Context(), "key:alice", c.Snapshot().ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Prompt().Turns; len(got) != 1 || got[0].Text != "Still there?" {
		t.Errorf("after a restart the prompt is %+v", got)
	}
}
