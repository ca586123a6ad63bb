package conversation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/conversation/conversationtest"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
)

var begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

const lifetime = time.Minute

// harness is what testing.T and rapid.T share.
type harness interface {
	Helper()
	Fatalf(format string, args ...any)
}

func start(t harness) *conversation.Conversation {
	t.Helper()
	terms := conversation.Terms{Model: "some-model", System: "Be brief.", MaxTokens: 100}
	c, err := conversation.Start(id.New[id.ConversationKind](), "key:alice", terms, conversationtest.Limits(), begin)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	return c
}

func ask(t harness, c *conversation.Conversation, text string, now time.Time) conversation.Reservation {
	t.Helper()
	r, err := c.Ask(text, conversationtest.Limits(), now, now.Add(lifetime))
	if err != nil {
		t.Fatalf("Ask: %v", err)
	}
	return r
}

func answer(t harness, c *conversation.Conversation, r conversation.Reservation, text string, now time.Time) {
	t.Helper()
	if err := c.Answer(r, conversation.Reply{Text: text, Usage: conversation.Usage{Input: 3, Output: 2}}, now); err != nil {
		t.Fatalf("Answer: %v", err)
	}
}

func restore(t harness, s conversation.Snapshot) *conversation.Conversation {
	t.Helper()
	c, err := conversation.Restore(s)
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	return c
}

func inState(t harness, state conversation.State) *conversation.Conversation {
	t.Helper()
	s := start(t).Snapshot()
	s.State = state
	return restore(t, s)
}

func same(a, b id.Conversation) bool { return a == b }

func TestState_ChangesOnlyByTheTable(t *testing.T) {
	t.Parallel()
	allowed := map[[2]conversation.State]bool{
		{conversation.Active, conversation.Paused}:   true,
		{conversation.Active, conversation.Closed}:   true,
		{conversation.Paused, conversation.Active}:   true,
		{conversation.Paused, conversation.Closed}:   true,
		{conversation.Closed, conversation.Archived}: true,
	}
	moves := map[conversation.State]func(*conversation.Conversation) error{
		conversation.Active:   func(c *conversation.Conversation) error { return c.Resume(begin) },
		conversation.Paused:   func(c *conversation.Conversation) error { return c.Pause(begin) },
		conversation.Closed:   func(c *conversation.Conversation) error { return c.Close(begin) },
		conversation.Archived: func(c *conversation.Conversation) error { return c.Archive(begin) },
	}
	if len(moves) != len(conversation.States()) {
		t.Fatalf("%d moves for %d states", len(moves), len(conversation.States()))
	}
	for _, from := range conversation.States() {
		for _, to := range conversation.States() {
			c := inState(t, from)
			err := moves[to](c)
			after := c.Snapshot().State
			if allowed[[2]conversation.State{from, to}] {
				if err != nil || after != to {
					t.Errorf("%s to %s: %v, now %s", from, to, err, after)
				}
				continue
			}
			if !errors.Is(err, conversation.ErrTransition) || fault.From(err).Kind != fault.Precondition || after != from {
				t.Errorf("%s to %s: %v, now %s; want %v and no change", from, to, err, after, conversation.ErrTransition)
			}
		}
	}
}

func TestConversation_TakesMessagesOnlyWhileActive(t *testing.T) {
	t.Parallel()
	for _, state := range conversation.States() {
		_, err := inState(t, state).Ask("Hello", conversationtest.Limits(), begin, begin.Add(lifetime))
		if state == conversation.Active && err != nil {
			t.Errorf("%s: %v", state, err)
		}
		if state != conversation.Active && !errors.Is(err, conversation.ErrNotActive) {
			t.Errorf("%s: %v, want %v", state, err, conversation.ErrNotActive)
		}
	}
}

func TestStart_ChecksTheTerms(t *testing.T) {
	t.Parallel()
	limits := conversationtest.Limits()
	limits.SystemChars = 3
	begun := func(terms conversation.Terms) error {
		_, err := conversation.Start(id.New[id.ConversationKind](), "key:alice", terms, limits, begin)
		return err
	}
	if err := begun(conversation.Terms{System: "äöü", MaxTokens: 1}); err != nil {
		t.Errorf("three characters in six bytes: %v", err)
	}
	if err := begun(conversation.Terms{System: "four", MaxTokens: 1}); !errors.Is(err, conversation.ErrTooLong) {
		t.Errorf("a long system prompt: %v, want %v", err, conversation.ErrTooLong)
	}
	if err := begun(conversation.Terms{}); !errors.Is(err, conversation.ErrMaxTokens) {
		t.Errorf("no tokens: %v, want %v", err, conversation.ErrMaxTokens)
	}
}

func TestConversation_TakesItsTitleFromTheFirstMessage(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"\n  Why so few?  \nBecause.": "Why so few?",
		strings.Repeat("ä", 200):      strings.Repeat("ä", 79) + "…",
	} {
		c := start(t)
		answer(t, c, ask(t, c, message, begin), "So.", begin)
		ask(t, c, "Another", begin)
		if got := c.Snapshot().Terms.Title; got != want {
			t.Errorf("title %q, want %q", got, want)
		}
	}
}

func TestConversation_HoldsItsLimits(t *testing.T) {
	t.Parallel()
	limits := conversation.Limits{Messages: 4, MessageChars: 5, ConversationChars: 12}
	c := start(t)
	try := func(text string) error { return c.Admits(text, limits, begin) }
	if err := try("ääääää"); !errors.Is(err, conversation.ErrTooLong) {
		t.Errorf("six characters: %v, want %v", err, conversation.ErrTooLong)
	}
	for _, blank := range []string{"", " \n\t", "\u00a0"} {
		if err := try(blank); !errors.Is(err, conversation.ErrBlank) {
			t.Errorf("%q: %v, want %v", blank, err, conversation.ErrBlank)
		}
	}
	answer(t, c, ask(t, c, "abcde", begin), "abc", begin)
	if err := try("abcde"); !errors.Is(err, conversation.ErrFull) {
		t.Errorf("thirteen characters in all: %v, want %v", err, conversation.ErrFull)
	}
	if err := try("abcd"); err != nil {
		t.Errorf("twelve characters in all: %v", err)
	}
	answer(t, c, ask(t, c, "a", begin), "b", begin)
	if err := try("a"); !errors.Is(err, conversation.ErrFull) {
		t.Errorf("a fifth turn: %v, want %v", err, conversation.ErrFull)
	}
}

func TestConversation_AwaitsOneReplyAtATimeAndNotForEver(t *testing.T) {
	t.Parallel()
	c := start(t)
	abandoned := ask(t, c, "one", begin)
	for _, now := range []time.Time{begin, begin.Add(lifetime - 1)} {
		if _, err := c.Ask("two", conversationtest.Limits(), now, now.Add(lifetime)); !errors.Is(err, conversation.ErrBusy) {
			t.Errorf("a second message after %v: %v, want %v", now.Sub(begin), err, conversation.ErrBusy)
		}
	}
	later := begin.Add(lifetime)
	second := ask(t, c, "two", later)
	if err := c.Answer(abandoned, conversation.Reply{Text: "late"}, later); !errors.Is(err, conversation.ErrNotAwaited) {
		t.Errorf("the reply to the abandoned message: %v, want %v", err, conversation.ErrNotAwaited)
	}
	c.Withdraw(abandoned, conversation.Usage{Input: 1}, later)
	answer(t, c, second, "answered", later)
	if err := c.Answer(second, conversation.Reply{Text: "again"}, later); !errors.Is(err, conversation.ErrNotAwaited) {
		t.Errorf("a second reply: %v, want %v", err, conversation.ErrNotAwaited)
	}
	want := []conversation.Turn{
		{Role: conversation.User, Text: "two", At: later}, {Role: conversation.Assistant, Text: "answered", At: later},
	}
	if diff := cmp.Diff(want, c.Snapshot().Turns); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
	if got := c.Snapshot().Usage; got != (conversation.Usage{Input: 3, Output: 2}) {
		t.Errorf("usage %+v, want that of the one reply", got)
	}
}

func TestConversation_KeepsAnOverdueReplyThatNothingReplaced(t *testing.T) {
	t.Parallel()
	c := start(t)
	r := ask(t, c, "one", begin)
	answer(t, c, r, "better late", begin.Add(2*lifetime))
	if got := len(c.Snapshot().Turns); got != 2 {
		t.Errorf("%d turns, want 2", got)
	}
}

func TestConversation_KeepsAReplyThatCameAfterItsEnd(t *testing.T) {
	t.Parallel()
	c := start(t)
	r := ask(t, c, "one", begin)
	if err := c.Close(begin); err != nil {
		t.Fatal(err)
	}
	answer(t, c, r, "paid for", begin)
	if s := c.Snapshot(); len(s.Turns) != 2 || s.State != conversation.Closed {
		t.Errorf("%d turns and %s, want 2 and closed", len(s.Turns), s.State)
	}
}

func TestConversation_RefusesAReplyWithoutWords(t *testing.T) {
	t.Parallel()
	c := start(t)
	r := ask(t, c, "one", begin)
	before := c.Snapshot()
	if err := c.Answer(r, conversation.Reply{Text: " \n", Usage: conversation.Usage{Input: 1}}, begin); !errors.Is(err, conversation.ErrNoReply) {
		t.Errorf("Answer: %v, want %v", err, conversation.ErrNoReply)
	}
	if diff := cmp.Diff(before, c.Snapshot(), cmp.Comparer(same)); diff != "" {
		t.Errorf("the refused reply changed (-before +after):\n%s", diff)
	}
}

func TestConversation_PromptEndsWithTheAwaitedMessage(t *testing.T) {
	t.Parallel()
	c := start(t)
	answer(t, c, ask(t, c, "one", begin), "1", begin)
	ask(t, c, "two", begin)
	got := c.Prompt()
	want := conversation.Prompt{
		Conversation: c.Snapshot().ID, Model: "some-model", System: "Be brief.", MaxTokens: 100,
		Turns: []conversation.Turn{
			{Role: conversation.User, Text: "one", At: begin},
			{Role: conversation.Assistant, Text: "1", At: begin},
			{Role: conversation.User, Text: "two", At: begin},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(same)); diff != "" {
		t.Errorf("prompt (-want +got):\n%s", diff)
	}
	got.Turns[0].Text = "changed"
	if c.Snapshot().Turns[0].Text != "one" {
		t.Error("a change to the prompt shows in the conversation")
	}
}

func TestRestore_RefusesWhatNoConversationCanBecome(t *testing.T) {
	t.Parallel()
	said := func(roles ...conversation.Role) (turns []conversation.Turn) {
		for _, role := range roles {
			turns = append(turns, conversation.Turn{Role: role, Text: "…"})
		}
		return turns
	}
	cases := map[string]func(*conversation.Snapshot){
		"an unknown state":          func(s *conversation.Snapshot) { s.State = "asleep" },
		"no state":                  func(s *conversation.Snapshot) { s.State = "" },
		"a message without a reply": func(s *conversation.Snapshot) { s.Turns = said(conversation.User) },
		"two messages in a row":     func(s *conversation.Snapshot) { s.Turns = said(conversation.User, conversation.User) },
		"the model first":           func(s *conversation.Snapshot) { s.Turns = said(conversation.Assistant, conversation.User) },
		"an unknown role":           func(s *conversation.Snapshot) { s.Turns = said(conversation.User, "system") },
	}
	for name, spoil := range cases {
		s := start(t).Snapshot()
		spoil(&s)
		if c, err := conversation.Restore(s); err == nil || c != nil {
			t.Errorf("%s: restored", name)
		}
	}
}

// TestConversation_HoldsItsRulesWhateverHappens plays random stories and checks what must always be true.
func TestConversation_HoldsItsRulesWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limits := conversation.Limits{Messages: 8, MessageChars: 20, ConversationChars: 60}
		c, now := start(t), begin
		var given []conversation.Reservation
		var billed conversation.Usage
		some := func() conversation.Reservation {
			if len(given) == 0 {
				return 0
			}
			return rapid.SampledFrom(given).Draw(t, "reservation")
		}
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
			},
			"ask": func(t *rapid.T) {
				awaited := c.Snapshot().Pending
				r, err := c.Ask(rapid.StringN(0, 25, -1).Draw(t, "message"), limits, now, now.Add(lifetime))
				if err == nil {
					if awaited != nil && now.Before(awaited.Until) {
						t.Fatalf("a second message was taken while %q is awaited", awaited.Text)
					}
					given = append(given, r)
				}
			},
			"answer": func(t *rapid.T) {
				spent := conversation.Usage{Input: 1, Output: 1}
				if c.Answer(some(), conversation.Reply{Text: rapid.StringN(0, 10, -1).Draw(t, "reply"), Usage: spent}, now) == nil {
					billed = billed.Add(spent)
				}
			},
			"withdraw": func(*rapid.T) { c.Withdraw(some(), conversation.Usage{}, now) },
			"change state": func(t *rapid.T) {
				moves := []func(time.Time) error{c.Pause, c.Resume}
				_ = rapid.SampledFrom(moves).Draw(t, "move")(now)
			},
			"store": func(t *rapid.T) {
				before := c.Snapshot()
				c = restore(t, before)
				if diff := cmp.Diff(before, c.Snapshot(), cmp.Comparer(same)); diff != "" {
					t.Fatalf("storage changed the conversation (-before +after):\n%s", diff)
				}
			},
			"": func(t *rapid.T) {
				s := c.Snapshot()
				if _, err := conversation.Restore(s); err != nil {
					t.Fatalf("the turns do not alternate: %v", err)
				}
				if len(s.Turns) > limits.Messages {
					t.Fatalf("%d turns, at most %d are allowed", len(s.Turns), limits.Messages)
				}
				if s.Usage != billed {
					t.Fatalf("usage %+v, billed %+v", s.Usage, billed)
				}
			},
		})
	})
}
