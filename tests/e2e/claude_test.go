package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/tests/aimock"
	"github.com/steward-mcp/steward/tests/harness"
)

// claudeCode is Claude Code in a home and a folder of its own. What it takes for the model is a stand-in that answers one
// question with a call of query, and another with list_metrics.
type claudeCode struct {
	folder string
	env    []string
}

func newClaudeCode(t *testing.T) claudeCode {
	t.Helper()
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	binaries := filepath.Join(folder(), "node_modules", "@anthropic-ai", "claude-code-"+runtime.GOOS+"-"+arch)
	if _, err := os.Stat(filepath.Join(binaries, "claude")); err != nil {
		t.Fatalf("the tests need Claude Code; install it with `make clients`: %v", err)
	}
	model := aimock.StartWith(t, filepath.Join(folder(), "fixtures"))
	home, project := t.TempDir(), t.TempDir()
	return claudeCode{folder: project, env: []string{
		"PATH=" + binaries + string(os.PathListSeparator) + nodeFolder() + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + home, "CLAUDE_CONFIG_DIR=" + filepath.Join(home, ".claude"),
		"ANTHROPIC_BASE_URL=" + model.URL, "ANTHROPIC_API_KEY=" + aimock.Key,
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1", "DISABLE_TELEMETRY=1", "NO_PROXY=127.0.0.1",
	}}
}

// shell runs a line as somebody would who has copied it.
func (c claudeCode) shell(t *testing.T, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := harness.Command(ctx, c.folder, c.env, "bash", "-c", line)
	if err != nil || out.Code != 0 {
		t.Fatalf("%v, exit code %d: %s\n%s%s", err, out.Code, line, out.Stdout, out.Stderr)
	}
	return out.Stdout
}

// ask puts one question, lets Claude Code use Steward's tools, and gives what the tool answered.
func (c claudeCode) ask(t *testing.T, question string) (toolResult string) {
	t.Helper()
	printed := c.shell(t, `claude -p "`+question+`" --allowedTools "mcp__steward__*" --output-format stream-json --verbose </dev/null`)
	var answer string
	for line := range strings.Lines(printed) {
		var event struct {
			Type, Subtype, Result string
			Message               struct {
				Content json.RawMessage
			}
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		var blocks []struct {
			Type    string
			Content json.RawMessage
			IsError bool `json:"is_error"`
		}
		_ = json.Unmarshal(event.Message.Content, &blocks) // a plain text has none
		for _, b := range blocks {
			if b.Type == "tool_result" {
				if toolResult = string(b.Content); b.IsError {
					t.Errorf("the tool failed: %s", toolResult)
				}
			}
		}
		if event.Type == "result" {
			answer = event.Result
		}
	}
	if answer != "That is what Steward answered." || toolResult == "" {
		t.Fatalf("the answer is %q after %q:\n%s", answer, toolResult, printed)
	}
	return toolResult
}

// listsAndQueries is what an analyst does with Claude Code.
func (c claudeCode) listsAndQueries(t *testing.T) {
	t.Helper()
	if list := c.ask(t, "Tell me which metrics there are."); !strings.Contains(list, "average_order_value") || !strings.Contains(list, "revenue_trailing_28d") {
		t.Errorf("list_metrics gave %s", list)
	}
	if rows := c.ask(t, "Show me revenue by month and region."); !strings.Contains(rows, "2025-12-01") || !strings.Contains(rows, "North") {
		t.Errorf("query gave %s", rows)
	}
}

func TestClaudeCode_ListsAndQueriesOverStdio(t *testing.T) {
	t.Parallel()
	c := newClaudeCode(t)
	c.shell(t, `claude mcp add steward -- `+lab.Binary+` stdio --config `+lab.config)
	c.listsAndQueries(t)
}
