package mcpapi_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

const guardedSecret = `warehouse "password" 4711`

// hiding is text with characters of every class that is taken out of texts.
const hiding = "a\u202e\u200b\U000e0041\x1b[2J\ufeffb"

func guarded() []tool.Tool {
	return []tool.Tool{
		bare("hides", func(context.Context) (tool.Result, error) {
			return tool.Result{Text: hiding + guardedSecret, Structured: map[string]any{"v": hiding + "\u200d" + guardedSecret, "url": "https://a:b@c/"}}, nil
		}),
		bare("quotes", func(context.Context) (tool.Result, error) {
			return tool.Result{}, fault.New(fault.Invalid, "word.wrong", "x").Saying("Not %s, %s or https://a:hunter2@c/.", hiding, guardedSecret).Suggesting(hiding)
		}),
		bare("large", func(context.Context) (tool.Result, error) {
			return tool.Result{Text: strings.Repeat("x", largestResult)}, nil
		}),
	}
}

// largestResult bounds the results of the worlds of this package, in bytes.
const largestResult = 100_000

func TestGuard_RemovesWhatNobodySeesAndSecretsFromResults(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", guarded()...)
	answer := w.call(t, "hides")
	if got, want := answer.text(), "a[2Jb[redacted]"; got != want {
		t.Errorf("text is %q, want %q", got, want)
	}
	// Of data, only what has no place in it: a value with a joiner or a mark can be sent back as it was read.
	if got, want := answer.Result.StructuredContent["v"], "a\u200b[2J\ufeffb\u200d[redacted]"; got != want {
		t.Errorf("structured content is %q, want %q", got, want)
	}
	if got := answer.Result.StructuredContent["url"]; got != "https://a:b@c/" {
		t.Errorf("data that looks like a secret became %q", got)
	}
}

func TestGuard_CleansFaults(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", guarded()...)
	var told struct {
		Message     string   `json:"message"`
		Suggestions []string `json:"suggestions"`
	}
	if err := json.Unmarshal([]byte(w.call(t, "quotes").text()), &told); err != nil {
		t.Fatal(err)
	}
	if want := "Not a[2Jb, [redacted] or https://[redacted]@c/."; told.Message != want || told.Suggestions[0] != "a[2Jb" {
		t.Errorf("%+v, want %q", told, want)
	}
}

func TestGuard_AnswersInPlaceOfTooMuchHowToAskForLess(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, "", guarded()...)
	answer := w.call(t, "large")
	if !answer.Result.IsError || !strings.Contains(answer.text(), `"code":"mcp.result_too_large"`) {
		t.Errorf("%.200s", answer.text())
	}
}

type guardedAnswer struct {
	Result struct {
		Content           []struct{ Text string } `json:"content"`
		StructuredContent map[string]any          `json:"structuredContent"`
		IsError           bool                    `json:"isError"`
	} `json:"result"`
}

func (a guardedAnswer) text() string {
	if len(a.Result.Content) == 0 {
		return ""
	}
	return a.Result.Content[0].Text
}

func (w *world) call(t *testing.T, name string) guardedAnswer {
	t.Helper()
	status, answered := w.modern(t, "tools/call", name, `"name":"`+name+`",`)
	body, err := json.Marshal(answered)
	if err != nil {
		t.Fatal(err)
	}
	var a guardedAnswer
	if err := json.Unmarshal(body, &a); err != nil || status != 200 {
		t.Fatalf("%d %.300s: %v", status, body, err)
	}
	return a
}
