package conversationapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steward-mcp/steward/internal/application/conversationapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/conversation/conversationtest"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/conversationstore"
	"github.com/steward-mcp/steward/internal/infrastructure/schema"
)

var (
	alice = access.Principal{Issuer: "key", Subject: "alice"}
	bob   = access.Principal{Issuer: "key", Subject: "bob"}
)

// scripted is a conversation.Model that answers what a test says and remembers what it was asked.
type scripted struct {
	mu     sync.Mutex
	asked  []conversation.Prompt
	answer func(ctx context.Context, p conversation.Prompt) (conversation.Reply, error)
}

func (s *scripted) Reply(ctx context.Context, p conversation.Prompt) (conversation.Reply, error) {
	s.mu.Lock()
	s.asked = append(s.asked, p)
	answer := s.answer
	s.mu.Unlock()
	return answer(ctx, p)
}

// parrot repeats the last message.
func parrot(_ context.Context, p conversation.Prompt) (conversation.Reply, error) {
	return conversation.Reply{
		Text: p.Turns[len(p.Turns)-1].Text + "!", Model: p.Model + "-1", StopReason: "end_turn",
		Usage: conversation.Usage{Input: 7, Output: 2},
	}, nil
}

// world is the tools on a memory store, a scripted model and a clock that stands still.
type world struct {
	tools map[string]tool.Tool
	repo  conversation.Repository
	model *scripted
	now   time.Time
}

func options() conversationapp.Options {
	return conversationapp.Options{
		Model: "default-model", Models: []string{"default-model", "small-model"}, MaxTokens: 100, MaxTokensCap: 500,
		Timeout: time.Minute, Limits: conversationtest.Limits(),
	}
}

func newWorld(t *testing.T, change func(*conversationapp.Options)) *world {
	t.Helper()
	o := options()
	if change != nil {
		change(&o)
	}
	w := &world{
		tools: map[string]tool.Tool{}, repo: conversationstore.NewMemory(), model: &scripted{answer: parrot},
		now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
	}
	tools, err := conversationapp.Tools(w.repo, w.model, o, func() time.Time { return w.now })
	if err != nil {
		t.Fatalf("Tools: %v", err)
	}
	for _, tl := range tools {
		w.tools[tl.Name] = tl
	}
	return w
}

// call binds and runs, and checks what was published about arguments and result on the way.
func (w *world) call(t *testing.T, name string, by access.Principal, args string) (map[string]any, error) {
	t.Helper()
	bound, err := w.tools[name].Bind(t.Context(), by, json.RawMessage(args))
	if err != nil {
		return nil, err
	}
	result, err := bound.Run(t.Context())
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(result.Structured)
	if err != nil {
		t.Fatal(err)
	}
	conforms(t, w.tools[name].OutputSchema, raw)
	var structured map[string]any
	if err := json.Unmarshal(raw, &structured); err != nil {
		t.Fatal(err)
	}
	if cid, ok := structured["conversation_id"].(string); !ok || !strings.Contains(result.Text, cid) {
		t.Errorf("the text does not name the conversation %s: %s", cid, result.Text)
	}
	return structured, nil
}

func conforms(t *testing.T, published json.RawMessage, value json.RawMessage) {
	t.Helper()
	check, err := schema.Compile("test", published)
	if err != nil {
		t.Fatalf("the schema does not compile: %v", err)
	}
	if err := check(value); err != nil {
		t.Errorf("%s does not fit its schema: %v", value, err)
	}
}

// say calls claude_conversation and gives the conversation's identifier.
func (w *world) say(t *testing.T, by access.Principal, args string) string {
	t.Helper()
	got, err := w.call(t, "claude_conversation", by, args)
	if err != nil {
		t.Fatalf("claude_conversation %s: %v", args, err)
	}
	cid, _ := got["conversation_id"].(string)
	return cid
}

func (w *world) kept(t *testing.T, by access.Principal, cid string) conversation.Snapshot {
	t.Helper()
	parsed, err := id.Parse[id.ConversationKind](cid)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.repo.Get(t.Context(), by.ID(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return c.Snapshot()
}

func texts(p conversation.Prompt) []string {
	var all []string
	for _, turn := range p.Turns {
		all = append(all, string(turn.Role)+": "+turn.Text)
	}
	return all
}

func TestConverse_AnswersOneQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	got, err := w.call(t, "claude_conversation", alice, `{"message": "Hello", "system_prompt": "Be brief.", "model": "small-model", "max_tokens": 9}`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"conversation_id": got["conversation_id"], "reply": "Hello!", "model": "small-model-1", "stop_reason": "end_turn",
		"usage": map[string]any{"input_tokens": 7.0, "output_tokens": 2.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	wantPrompt := conversation.Prompt{
		Model: "small-model", System: "Be brief.", MaxTokens: 9,
		Turns: []conversation.Turn{{Role: conversation.User, Text: "Hello", At: w.now}},
	}
	if diff := cmp.Diff(wantPrompt, w.model.asked[0], cmpopts.IgnoreFields(conversation.Prompt{}, "Conversation")); diff != "" {
		t.Errorf("prompt (-want +got):\n%s", diff)
	}
}

func TestConverse_KnowsNothingOfOtherQuestions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first, second := w.say(t, alice, `{"message": "one"}`), w.say(t, alice, `{"message": "two"}`)
	if first == second {
		t.Error("two questions share a conversation")
	}
	if diff := cmp.Diff([]string{"user: two"}, texts(w.model.asked[1])); diff != "" {
		t.Errorf("the second question's prompt (-want +got):\n%s", diff)
	}
}

func TestConverse_ContinuesWhereItsConversationStands(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cid := w.say(t, alice, `{"message": "one", "system_prompt": "Be brief.", "model": "small-model", "max_tokens": 9}`)
	w.say(t, alice, fmt.Sprintf(`{"message": "two", "conversation_id": %q, "model": "default-model", "max_tokens": 11}`, cid))
	again := w.say(t, alice, fmt.Sprintf(`{"message": "three", "conversation_id": %q, "system_prompt": "Be brief."}`, cid))
	if again != cid {
		t.Errorf("the continued conversation became %s, was %s", again, cid)
	}
	third := w.model.asked[2]
	want := []string{"user: one", "assistant: one!", "user: two", "assistant: two!", "user: three"}
	if diff := cmp.Diff(want, texts(third)); diff != "" {
		t.Errorf("the third prompt (-want +got):\n%s", diff)
	}
	if third.System != "Be brief." || third.Model != "small-model" || third.MaxTokens != 9 {
		t.Errorf("the third prompt's terms are %q, %s, %d; want those it began with", third.System, third.Model, third.MaxTokens)
	}
	if second := w.model.asked[1]; second.Model != "default-model" || second.MaxTokens != 11 {
		t.Errorf("the second prompt is for %s within %d tokens, want what the call asked for", second.Model, second.MaxTokens)
	}
	if got := w.kept(t, alice, cid).Usage; got != (conversation.Usage{Input: 21, Output: 6}) {
		t.Errorf("the conversation's usage is %+v, want the sum of three replies", got)
	}
}

func TestConverse_RefusesWhatCannotRunBeforeItRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *conversationapp.Options) {
		o.Limits.MessageChars, o.Limits.SystemChars, o.Limits.Messages = 10, 10, 2
	})
	full := w.say(t, alice, `{"message": "one"}`)
	asked := len(w.model.asked)
	cases := []struct {
		name string
		by   access.Principal
		args string
		want *fault.Fault
	}{
		{"no JSON", alice, `{`, conversationapp.ErrArguments},
		{"two values", alice, `{"message": "a"} {}`, conversationapp.ErrArguments},
		{"an unknown argument", alice, `{"message": "a", "temperature": 1}`, conversationapp.ErrArguments},
		{"a wrong type", alice, `{"message": 1}`, conversationapp.ErrArguments},
		{"no message", alice, `{}`, conversation.ErrBlank},
		{"a blank message", alice, `{"message": " \n\t "}`, conversation.ErrBlank},
		{"a long message", alice, `{"message": "eleven char"}`, conversation.ErrTooLong},
		{"a long system prompt", alice, `{"message": "a", "system_prompt": "eleven char"}`, conversation.ErrTooLong},
		{"a model that is not offered", alice, `{"message": "a", "model": "huge-model"}`, conversationapp.ErrModelNotOffered},
		{"no tokens", alice, `{"message": "a", "max_tokens": 0}`, conversation.ErrMaxTokens},
		{"too many tokens", alice, `{"message": "a", "max_tokens": 501}`, conversation.ErrMaxTokens},
		{"a malformed identifier", alice, `{"message": "a", "conversation_id": "cnv_x"}`, conversation.ErrNotFound},
		{"an absent conversation", alice, fmt.Sprintf(`{"message": "a", "conversation_id": %q}`, id.New[id.ConversationKind]()), conversation.ErrNotFound},
		{"another's conversation", bob, fmt.Sprintf(`{"message": "a", "conversation_id": %q}`, full), conversation.ErrNotFound},
		{"another system prompt", alice, fmt.Sprintf(`{"message": "a", "conversation_id": %q, "system_prompt": "New."}`, full), conversationapp.ErrSystemPrompt},
		{"a full conversation", alice, fmt.Sprintf(`{"message": "a", "conversation_id": %q}`, full), conversation.ErrFull},
	}
	for _, c := range cases {
		if _, err := w.tools["claude_conversation"].Bind(t.Context(), c.by, json.RawMessage(c.args)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if got := len(w.model.asked); got != asked {
		t.Errorf("the model was asked %d times by calls that cannot run", got-asked)
	}
}

func TestConverse_NamesTheModelsThatAreOffered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	_, err := w.call(t, "claude_conversation", alice, `{"message": "a", "model": "huge-model"}`)
	if diff := cmp.Diff(options().Models, fault.From(err).Suggestions); diff != "" {
		t.Errorf("suggestions (-want +got):\n%s", diff)
	}
}

func TestConverse_LeavesTheConversationUsableWhenTheModelFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cid := w.say(t, alice, `{"message": "one"}`)
	before := w.kept(t, alice, cid)
	failures := map[string]struct {
		answer func(context.Context, conversation.Prompt) (conversation.Reply, error)
		want   *fault.Fault
		spent  conversation.Usage
	}{
		"an overloaded provider": {func(context.Context, conversation.Prompt) (conversation.Reply, error) {
			return conversation.Reply{}, conversation.ErrModelOverloaded.After(time.Second)
		}, conversation.ErrModelOverloaded, conversation.Usage{}},
		"a reply without words": {func(context.Context, conversation.Prompt) (conversation.Reply, error) {
			return conversation.Reply{StopReason: "refusal", Usage: conversation.Usage{Input: 5, Output: 1}}, nil
		}, conversation.ErrNoReply, conversation.Usage{Input: 5, Output: 1}},
	}
	for name, failure := range failures {
		w.model.answer = failure.answer
		_, err := w.call(t, "claude_conversation", alice, fmt.Sprintf(`{"message": "two", "conversation_id": %q}`, cid))
		if !errors.Is(err, failure.want) || fault.From(err).Code != failure.want.Code {
			t.Errorf("%s: %v, want %v", name, err, failure.want)
		}
		after := w.kept(t, alice, cid)
		if len(after.Turns) != len(before.Turns) || after.Pending != nil {
			t.Errorf("%s left %d turns and the pending message %v", name, len(after.Turns), after.Pending)
		}
		if got := after.Usage; got != before.Usage.Add(failure.spent) {
			t.Errorf("%s: usage %+v after %+v, want what it cost added", name, got, before.Usage)
		}
		before = after
	}
	w.model.answer = parrot
	w.say(t, alice, fmt.Sprintf(`{"message": "three", "conversation_id": %q}`, cid))
	if diff := cmp.Diff([]string{"user: one", "assistant: one!", "user: three"}, texts(w.model.asked[len(w.model.asked)-1])); diff != "" {
		t.Errorf("the prompt after failures (-want +got):\n%s", diff)
	}
}

func TestConverse_SettlesWhenTheCallerLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cid := w.say(t, alice, `{"message": "one"}`)
	ctx, cancel := context.WithCancel(t.Context())
	w.model.answer = func(ctx context.Context, _ conversation.Prompt) (conversation.Reply, error) {
		cancel()
		return conversation.Reply{}, fault.From(ctx.Err())
	}
	bound, err := w.tools["claude_conversation"].Bind(ctx, alice, json.RawMessage(fmt.Sprintf(`{"message": "two", "conversation_id": %q}`, cid)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bound.Run(ctx); !errors.Is(err, fault.ErrCanceled) {
		t.Errorf("Run: %v, want %v", err, fault.ErrCanceled)
	}
	if got := w.kept(t, alice, cid).Pending; got != nil {
		t.Errorf("the conversation still awaits a reply to %q", got.Text)
	}
}

func TestConverse_TakesOneMessageAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cid := w.say(t, alice, `{"message": "one"}`)
	next := json.RawMessage(fmt.Sprintf(`{"message": "two", "conversation_id": %q}`, cid))
	first, err := w.tools["claude_conversation"].Bind(t.Context(), alice, next)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.tools["claude_conversation"].Bind(t.Context(), alice, next)
	if err != nil {
		t.Fatal(err)
	}
	w.model.answer = func(ctx context.Context, p conversation.Prompt) (conversation.Reply, error) {
		if _, err := second.Run(ctx); !errors.Is(err, conversation.ErrBusy) {
			t.Errorf("a second message meanwhile: %v, want %v", err, conversation.ErrBusy)
		}
		if _, err := w.tools["claude_conversation"].Bind(ctx, alice, next); !errors.Is(err, conversation.ErrBusy) {
			t.Errorf("a third message meanwhile: %v, want %v", err, conversation.ErrBusy)
		}
		return parrot(ctx, p)
	}
	if _, err := first.Run(t.Context()); err != nil {
		t.Errorf("the first message: %v", err)
	}
	if got := len(w.kept(t, alice, cid).Turns); got != 4 {
		t.Errorf("%d turns are kept, want 4", got)
	}
}

func TestConverse_RecoversFromAnAbandonedReservation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cid := w.say(t, alice, `{"message": "one"}`)
	next := fmt.Sprintf(`{"message": "two", "conversation_id": %q}`, cid)
	w.model.answer = func(context.Context, conversation.Prompt) (conversation.Reply, error) { panic("the process dies here") }
	func() {
		defer func() { _ = recover() }()
		_, _ = w.call(t, "claude_conversation", alice, next)
	}()
	w.model.answer = parrot
	if _, err := w.call(t, "claude_conversation", alice, next); !errors.Is(err, conversation.ErrBusy) {
		t.Errorf("right after: %v, want %v", err, conversation.ErrBusy)
	}
	w.now = w.now.Add(2 * options().Timeout)
	w.say(t, alice, next)
	if got := len(w.kept(t, alice, cid).Turns); got != 4 {
		t.Errorf("%d turns are kept, want 4", got)
	}
}

func TestConverse_KeepsNothingOfAFailedBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *conversationapp.Options) { o.Limits.PerOwner = 1 })
	w.model.answer = func(context.Context, conversation.Prompt) (conversation.Reply, error) {
		return conversation.Reply{}, conversation.ErrModelFailed
	}
	for range 3 {
		if _, err := w.call(t, "claude_conversation", alice, `{"message": "one"}`); !errors.Is(err, conversation.ErrModelFailed) {
			t.Fatalf("got %v, want %v: earlier failures must not use up the limit", err, conversation.ErrModelFailed)
		}
	}
}

func TestConverse_HoldsTheLimitPerPrincipal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *conversationapp.Options) { o.Limits.PerOwner = 2 })
	var once string
	for range 5 { // questions that nobody continues make room for each other
		once = w.say(t, alice, `{"message": "one"}`)
	}
	goesOn := func() string {
		cid := w.say(t, alice, `{"message": "one"}`)
		return w.say(t, alice, fmt.Sprintf(`{"message": "two", "conversation_id": %q}`, cid))
	}
	first := goesOn()
	goesOn()
	if _, err := w.call(t, "claude_conversation", alice, fmt.Sprintf(`{"message": "two", "conversation_id": %q}`, once)); !errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("the question that made room: %v, want %v", err, conversation.ErrNotFound)
	}
	asked := len(w.model.asked)
	_, err := w.call(t, "claude_conversation", alice, `{"message": "one"}`)
	if !errors.Is(err, conversation.ErrTooMany) || len(w.model.asked) != asked {
		t.Errorf("one too many: %v after %d prompts, want %v before any", err, len(w.model.asked)-asked, conversation.ErrTooMany)
	}
	w.say(t, bob, `{"message": "one"}`)
	if _, err := w.call(t, "close_conversation", alice, fmt.Sprintf(`{"conversation_id": %q}`, first)); err != nil {
		t.Fatal(err)
	}
	w.say(t, alice, `{"message": "one"}`)
}

// Tokens belong to the principal: no other conversation, and none that is forgotten, gives it more of them.
func TestConverse_HoldsTheTokensOfAPrincipalsDay(t *testing.T) {
	t.Parallel()
	ledger := conversationstore.NewMemory()
	w := newWorld(t, func(o *conversationapp.Options) { o.Limits.TokensPerDay, o.Ledger = 250, ledger })
	w.model.answer = func(context.Context, conversation.Prompt) (conversation.Reply, error) {
		return conversation.Reply{Text: "yes", Model: "default-model", StopReason: "end_turn", Usage: conversation.Usage{Input: 30, Output: 70}}, nil
	}
	spent := func(want int64) {
		t.Helper()
		if got, err := ledger.Spent(t.Context(), alice.ID(), w.now); err != nil || got != want {
			t.Errorf("%d tokens are spent, %v; want %d", got, err, want)
		}
	}
	cid := w.say(t, alice, `{"message": "one"}`)
	w.say(t, alice, fmt.Sprintf(`{"message": "two", "conversation_id": %q}`, cid))
	spent(200)
	asked := len(w.model.asked)
	for _, args := range []string{`{"message": "three"}`, fmt.Sprintf(`{"message": "three", "conversation_id": %q}`, cid)} {
		_, err := w.call(t, "claude_conversation", alice, args)
		if f := fault.From(err); !errors.Is(err, conversation.ErrBudget) || !strings.Contains(f.Message, "50 remain") || f.RetryAfter != 15*time.Hour {
			t.Errorf("%s: %v", args, err)
		}
	}
	if len(w.model.asked) != asked || len(w.kept(t, alice, cid).Turns) != 4 {
		t.Error("a refused message was asked, or kept")
	}
	w.say(t, alice, `{"message": "three", "max_tokens": 40}`) // what fits is answered
	spent(300)
	w.say(t, bob, `{"message": "one"}`)

	w.now = w.now.Add(15 * time.Hour)
	w.model.answer = func(context.Context, conversation.Prompt) (conversation.Reply, error) {
		return conversation.Reply{}, conversation.ErrModelFailed
	}
	if _, err := w.call(t, "claude_conversation", alice, `{"message": "four"}`); !errors.Is(err, conversation.ErrModelFailed) {
		t.Errorf("the next day: %v", err)
	}
	spent(0) // what failed is given back
}

func TestClose_EndsAConversationForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	cid := w.say(t, alice, `{"message": "one"}`)
	args := fmt.Sprintf(`{"conversation_id": %q}`, cid)
	if _, err := w.call(t, "close_conversation", bob, args); !errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("another's: %v, want %v", err, conversation.ErrNotFound)
	}
	for range 2 {
		got, err := w.call(t, "close_conversation", alice, args)
		if err != nil || got["state"] != "closed" {
			t.Errorf("close_conversation = %v, %v", got, err)
		}
	}
	_, err := w.call(t, "claude_conversation", alice, fmt.Sprintf(`{"message": "two", "conversation_id": %q}`, cid))
	if !errors.Is(err, conversation.ErrNotActive) {
		t.Errorf("a message after the end: %v, want %v", err, conversation.ErrNotActive)
	}
	for _, bad := range []string{`{}`, `{"conversation_id": "x"}`, `{"conversation_id": 1}`, `{"conversation_id": "x", "force": true}`} {
		if _, err := w.call(t, "close_conversation", alice, bad); err == nil {
			t.Errorf("close_conversation %s succeeded", bad)
		}
	}
}

func TestTools_PublishTheConfiguredBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *conversationapp.Options) {
		o.Models, o.Limits.MessageChars = []string{"small-model"}, 12
	})
	d := w.tools["claude_conversation"].Definition
	check, err := schema.Compile(d.Name, d.InputSchema)
	if err != nil {
		t.Fatal(err)
	}
	for args, fits := range map[string]bool{
		`{"message": "twelve chars"}`:                                                         true,
		`{"message": "thirteen char"}`:                                                        false,
		`{"message": "a", "model": "small-model"}`:                                            true,
		`{"message": "a", "model": "default-model"}`:                                          true,
		`{"message": "a", "model": "huge-model"}`:                                             false,
		`{"message": "a", "max_tokens": 500}`:                                                 true,
		`{"message": "a", "max_tokens": 501}`:                                                 false,
		`{"message": "a", "conversation_id": "cnv_x"}`:                                        false,
		`{"message": "a", "stream": true}`:                                                    false,
		fmt.Sprintf(`{"message": "a", "conversation_id": %q}`, id.New[id.ConversationKind]()): true,
	} {
		if err := check(json.RawMessage(args)); (err == nil) != fits {
			t.Errorf("%s: %v, want it to fit: %t", args, err, fits)
		}
	}
	if d.ReadOnly || !d.OpenWorld || d.Timeout <= options().Timeout {
		t.Errorf("read only %t, open world %t, deadline %v; want a change to the open world that outlasts the model", d.ReadOnly, d.OpenWorld, d.Timeout)
	}
}

func TestTools_RefuseOptionsThatBoundNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*conversationapp.Options){
		"no model":    func(o *conversationapp.Options) { o.Model = "" },
		"no tokens":   func(o *conversationapp.Options) { o.MaxTokens = 0 },
		"no deadline": func(o *conversationapp.Options) { o.Timeout = 0 },
		"no room":     func(o *conversationapp.Options) { o.Limits.PerOwner = 0 },
	} {
		o := options()
		change(&o)
		if _, err := conversationapp.Tools(conversationstore.NewMemory(), &scripted{}, o, time.Now); err == nil {
			t.Errorf("Tools with %s succeeded", name)
		}
	}
}
