package aimock_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/tests/aimock"
)

func TestServer_AnswersFromItsFixturesAndKeepsAJournal(t *testing.T) {
	t.Parallel()
	s := aimock.Start(t)
	body := `{"model": "m", "max_tokens": 5, "system": "You are a pirate.", "messages": [{"role": "user", "content": "Greet me."}]}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v1/messages", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-api-key", aimock.Key)
	req.Header.Set("content-type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200", res.StatusCode)
	}
	got := s.Requests(t)
	if len(got) != 1 || len(got[0].Body.Messages) != 2 || got[0].Body.Messages[0].Content != "You are a pirate." {
		t.Errorf("the journal is %+v, want the one request with its system prompt", got)
	}
}
