package mcpapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/access"
)

// talk gives lines to a stdio server and returns what it answers, by id, once the input has ended.
func talk(t *testing.T, w *world, lines ...string) map[string]map[string]any {
	t.Helper()
	in := strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := w.server.Stdio(t.Context(), in, write, access.Local("tester", "p"), 1<<20)
		_ = write.Close()
		ended <- err
	}()
	answers := map[string]map[string]any{}
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 4<<20)
	for scanner.Scan() {
		var answer map[string]any
		if err := json.Unmarshal(scanner.Bytes(), &answer); err != nil {
			t.Errorf("not JSON on stdout: %q", scanner.Text())
		}
		id, _ := json.Marshal(answer["id"])
		answers[string(id)] = answer
	}
	if err := <-ended; err != nil {
		t.Errorf("Stdio ended with %v", err)
	}
	return answers
}

func TestStdio_AnswersEveryRequestBeforeItEnds(t *testing.T) {
	w := newWorld(t)
	lines := []string{initialize, `{"jsonrpc":"2.0","method":"notifications/initialized"}`}
	for i := range 200 {
		lines = append(lines, fmt.Sprintf(`{"jsonrpc":"2.0","id":"e%d","method":"tools/call","params":{"name":"echo","arguments":{"text":"%d"}}}`, i, i))
	}
	answers := talk(t, w, lines...)
	for i := range 200 {
		r, _ := answers[fmt.Sprintf(`"e%d"`, i)]["result"].(map[string]any)
		s, _ := r["structuredContent"].(map[string]any)
		if s["text"] != fmt.Sprint(i) {
			t.Fatalf("echo %d answered %v", i, r)
		}
	}
	if records := w.taken(); len(records) != 201 || records[0].Transport != "stdio" || records[0].Actor != "local:tester" {
		t.Errorf("%d records, the first %+v", len(records), records[0])
	}
}

func TestStdio_SurvivesWhatIsNotAMessage(t *testing.T) {
	w := newWorld(t)
	answers := talk(t, w, initialize, "garbage", strings.Repeat("x", 2<<20), "", "[]",
		`{"jsonrpc":"2.0","id":9,"method":"ping"}`, `{"jsonrpc":"2.0","id":10,"method":"tools/call","params":{"name":"panics"}}`)
	if answers["9"] == nil || code(answers["null"]) == 0 {
		t.Errorf("answers: %v", answers)
	}
	if r, _ := answers["10"]["result"].(map[string]any); r["isError"] != true {
		t.Errorf("a panic answered %v", answers["10"])
	}
	refused := 0
	for _, r := range w.taken() {
		if r.DeniedBy == "edge" {
			refused++
		}
	}
	if refused != 3 {
		t.Errorf("%d refusals on record, want 3", refused)
	}
}
