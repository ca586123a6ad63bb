package conversationstore_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/conversation/conversationtest"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/infrastructure/conversationstore"
	"github.com/steward-mcp/steward/internal/infrastructure/database/databasetest"
)

// Whatever a text looks like, to the database it is a value: it comes back byte for byte, as message, as system prompt and
// as owner, and nothing else is there afterwards.
func TestSQLite_TakesEveryTextForAValue(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "tests", "hostile", "testdata", "blns", "blns.json"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	if err := json.Unmarshal(raw, &texts); err != nil || len(texts) < 400 {
		t.Fatalf("%d texts, %v", len(texts), err)
	}
	texts = append(texts, "'; DROP TABLE conversations; --", "x' UNION SELECT text FROM turns --", "\x00", "%' OR 1=1 --", `\'; --`)
	db := databasetest.Open(t, filepath.Join(t.TempDir(), "state.db"))
	store := conversationstore.NewSQLite(db)
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	limits := conversationtest.Limits()
	for _, text := range texts {
		owner := "key:" + text
		c, err := conversation.Start(id.New[id.ConversationKind](), owner, conversation.Terms{Model: "m", System: text, MaxTokens: 1}, limits, now)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		blank := strings.TrimSpace(text) == "" // which nobody can ask
		if _, err := c.Ask(text, limits, now, now.Add(time.Minute)); (err != nil) != blank {
			t.Errorf("%q is asked: %v", text, err)
		}
		if err := store.Add(t.Context(), c, limits.PerOwner, now); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		again, err := store.Get(t.Context(), owner, c.Snapshot().ID)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		p := again.Prompt()
		if p.System != text || !blank && (len(p.Turns) != 1 || p.Turns[0].Text != text) {
			t.Errorf("%q came back as %q and %+v", text, p.System, p.Turns)
		}
	}
	if _, err := store.Get(t.Context(), "key:' OR '1'='1", id.New[id.ConversationKind]()); err == nil {
		t.Error("an owner who is none has a conversation")
	}
	var kept int
	if err := db.Read.QueryRowContext(t.Context(), "select count(*) from conversations").Scan(&kept); err != nil || kept != len(texts) {
		t.Errorf("%d conversations are there, want %d: %v", kept, len(texts), err)
	}
}
