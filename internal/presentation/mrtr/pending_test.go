package mrtr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/mrtr"
)

func asking(questions map[string]tool.Question) *tool.Asking {
	a, _ := tool.AskedBy(tool.Ask("", questions))
	return a
}

var twoQuestions = asking(map[string]tool.Question{"a": tool.Form{Message: "?"}, "b": tool.Roots{}})

func plain(text string) string { return text }

// peer is a client: what was sent to it, by method.
type peer struct {
	mrtr.Pending
	mu  sync.Mutex
	ids map[string][]json.RawMessage
}

func (p *peer) send(line any) error {
	raw, err := json.Marshal(line)
	var m struct {
		JSONRPC, Method string
		ID              json.RawMessage
	}
	if err = errors.Join(err, json.Unmarshal(raw, &m)); err != nil || m.JSONRPC != "2.0" {
		return fmt.Errorf("%w: %s", err, raw)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = map[string][]json.RawMessage{}
	}
	p.ids[m.Method] = append(p.ids[m.Method], m.ID)
	return nil
}

const accepted, noRoots = `{"action":"accept","content":{}}`, `{"roots":[]}`

func TestPending_GivesEachQuestionItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p peer
		var got map[string]tool.Answer
		var err error
		go func() { got, err = p.Ask(t.Context(), twoQuestions, plain, p.send) }()
		synctest.Wait()
		form, roots := p.ids["elicitation/create"][0], p.ids["roots/list"][0]
		if !p.Answer(roots, json.RawMessage(noRoots), nil) || !p.Answer(form, json.RawMessage(accepted), nil) {
			t.Fatal("nobody waits")
		}
		synctest.Wait()
		want := map[string]tool.Answer{"a": tool.Elicited{Action: tool.Accepted, Values: json.RawMessage(`{}`)}, "b": tool.Rooted{}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if p.Answer(form, json.RawMessage(accepted), nil) {
			t.Error("answered a second time")
		}
	})
}

func TestPending_TakesNoAnswerToWhatItDidNotAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mine, other peer
		ctx, stop := context.WithCancel(t.Context())
		go func() { _, _ = mine.Ask(ctx, twoQuestions, plain, mine.send) }()
		synctest.Wait()
		id := mine.ids["roots/list"][0]
		if other.Answer(id, json.RawMessage(noRoots), nil) {
			t.Error("another peer's answer was taken")
		}
		for _, foreign := range []string{`1`, `"1"`, `null`, `{}`, `"steward-"`, ``} {
			if mine.Answer(json.RawMessage(foreign), json.RawMessage(noRoots), nil) {
				t.Errorf("%s was taken", foreign)
			}
		}
		stop()
		synctest.Wait()
		if mine.Answer(id, json.RawMessage(noRoots), nil) {
			t.Error("an answer was taken for a call that has ended")
		}
	})
}

func TestPending_EndsWithoutAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		result, failure string
		waits           time.Duration
	}{
		"an error":                     {failure: `{"code":-1,"message":"User rejected"}`},
		"another question's answer":    {result: noRoots},
		"what is no answer":            {result: `{"x":1}`},
		"nothing, for as long as that": {waits: 5 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			var p peer
			begun, ended := time.Now(), make(chan error, 1)
			go func() {
				_, err := p.Ask(t.Context(), asking(map[string]tool.Question{"a": tool.Form{}}), plain, p.send)
				ended <- err
			}()
			synctest.Wait()
			if c.waits == 0 && !p.Answer(p.ids["elicitation/create"][0], raw(c.result), raw(c.failure)) {
				t.Errorf("%s: nobody waits", name)
			}
			if err := <-ended; !errors.Is(err, mrtr.ErrUnanswered) || time.Since(begun) != c.waits {
				t.Errorf("%s: %v after %v", name, err, time.Since(begun))
			}
		})
	}
}

// Nobody need answer the other question any more.
func TestPending_EndsWithTheFirstRefusal(t *testing.T) {
	for _, method := range []string{"elicitation/create", "roots/list"} {
		synctest.Test(t, func(t *testing.T) {
			var p peer
			begun, ended := time.Now(), make(chan error, 1)
			go func() {
				_, err := p.Ask(t.Context(), twoQuestions, plain, p.send)
				ended <- err
			}()
			synctest.Wait()
			if !p.Answer(p.ids[method][0], nil, raw(`{"code":-1,"message":"User rejected"}`)) {
				t.Errorf("%s: nobody waits", method)
			}
			if err := <-ended; !errors.Is(err, mrtr.ErrUnanswered) || time.Since(begun) != 0 {
				t.Errorf("%s: %v after %v", method, err, time.Since(begun))
			}
		})
	}
}

func raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

func TestPending_IsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p peer
		ctx, stop := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		const all = 10_000
		for range all {
			calls.Go(func() {
				if _, err := p.Ask(ctx, asking(map[string]tool.Question{"a": tool.Roots{}}), plain, p.send); errors.Is(err, mrtr.ErrTooMany) {
					mu.Lock()
					defer mu.Unlock()
					refused++
				}
			})
		}
		synctest.Wait()
		if open := len(p.ids["roots/list"]); open != 32 || refused != all-32 {
			t.Errorf("%d open, %d refused", open, refused)
		}
		stop()
		calls.Wait()
		go func() { _, _ = p.Ask(t.Context(), twoQuestions, plain, p.send) }()
		synctest.Wait()
		if !p.Answer(p.ids["elicitation/create"][0], nil, raw(`{}`)) {
			t.Error("what was left open takes room")
		}
		synctest.Wait()
	})
}

func TestPending_StopsAskingAPeerThatTakesNothing(t *testing.T) {
	var p mrtr.Pending
	broken := errors.New("gone")
	if _, err := p.Ask(t.Context(), twoQuestions, plain, func(any) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}
