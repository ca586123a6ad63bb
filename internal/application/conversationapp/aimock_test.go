package conversationapp_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/conversationapp"
	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/claude"
	"github.com/steward-mcp/steward/internal/infrastructure/conversationstore"
	"github.com/steward-mcp/steward/internal/infrastructure/database/databasetest"
	"github.com/steward-mcp/steward/tests/aimock"
)

// overTheWire is the tools on SQLite and the real client.
func overTheWire(t *testing.T, endpoint string) *world {
	t.Helper()
	db := databasetest.Open(t, filepath.Join(t.TempDir(), "state.db"))
	client, err := claude.New(claude.Config{Endpoint: endpoint}, func() string { return aimock.Key }, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	o := options()
	o.Model, o.Models, o.Timeout = "claude-sonnet-5-5", nil, client.Timeout()
	w := &world{tools: map[string]tool.Tool{}, repo: conversationstore.NewSQLite(db)}
	tools, err := conversationapp.Tools(w.repo, client, o, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, tl := range tools {
		w.tools[tl.Name] = tl
	}
	return w
}

func TestConverse_SendsWhatWasSaidBeforeAndNothingOfFailures(t *testing.T) {
	t.Parallel()
	server := aimock.Start(t)
	w := overTheWire(t, server.URL)
	cid := w.say(t, alice, `{"message": "What is the capital of France?", "system_prompt": "Answer in one word."}`)
	_, err := w.call(t, "claude_conversation", alice, fmt.Sprintf(`{"message": "Invalid.", "conversation_id": %q}`, cid))
	if !errors.Is(err, conversation.ErrModelRequest) {
		t.Errorf("a refused message: %v, want %v", err, conversation.ErrModelRequest)
	}
	_, err = w.call(t, "claude_conversation", alice, fmt.Sprintf(`{"message": "Say nothing.", "conversation_id": %q}`, cid))
	if !errors.Is(err, conversation.ErrNoReply) {
		t.Errorf("a reply without words: %v, want %v", err, conversation.ErrNoReply)
	}
	got, err := w.call(t, "claude_conversation", alice, fmt.Sprintf(`{"message": "And of Italy?", "conversation_id": %q}`, cid))
	if err != nil || got["reply"] != "Rome." {
		t.Fatalf("the continued conversation: %v, %v", got, err)
	}
	sent := server.Requests(t)
	want := []aimock.Message{
		{Role: "system", Content: "Answer in one word."},
		{Role: "user", Content: "What is the capital of France?"},
		{Role: "assistant", Content: "Paris."},
		{Role: "user", Content: "And of Italy?"},
	}
	if diff := cmp.Diff(want, sent[len(sent)-1].Body.Messages); diff != "" {
		t.Errorf("the last request's messages (-want +got):\n%s", diff)
	}
	if got := w.kept(t, alice, cid).Usage; got != (conversation.Usage{Input: 14 + 7 + 29, Output: 3 + 1 + 4}) {
		t.Errorf("the conversation's usage is %+v, want the sum of what was answered", got)
	}
}
