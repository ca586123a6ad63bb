// Package conversationtest is the contract of conversation.Repository as a test suite; every store runs it.
package conversationtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
)

const (
	alice    = "key:alice"
	bob      = "key:bob"
	perOwner = 10
)

// begin is the moment at which the suite's stories start, in the precision that every store keeps.
var begin = time.Date(2026, 3, 1, 9, 0, 0, 123_456_000, time.UTC)

// Limits are bounds that no story of a test meets by accident.
func Limits() conversation.Limits {
	return conversation.Limits{
		Messages: 1000, PerOwner: perOwner, MessageChars: 100_000, SystemChars: 100_000, ConversationChars: 600_000,
	}
}

// RunRepository proves that what create makes keeps the contract of conversation.Repository. create is called once a
// subtest and gives an empty store; run it with -race.
func RunRepository(t *testing.T, create func(t *testing.T) conversation.Repository) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, conversation.Repository){
		"gives back what was added":                        givesBack,
		"gives back what was updated":                      givesUpdated,
		"hands out copies":                                 handsOutCopies,
		"does not find what is absent":                     absent,
		"shows an owner's conversations to nobody else":    isolated,
		"refuses an identifier twice":                      twice,
		"keeps nothing of a failed change":                 failedChange,
		"lets a change run again on a fresh copy":          rerun,
		"keeps every one of fifty concurrent changes":      concurrentChanges,
		"lets one of fifty concurrent messages in":         concurrentMessages,
		"holds the limit of an owner under fifty starters": concurrentStarters,
		"makes room by the rule":                           makesRoom,
		"forgets the turns of what made room":              forgetsTurns,
		"honours an ended context":                         endedContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, create(t))
		})
	}
}

func start(t *testing.T, owner string) *conversation.Conversation {
	t.Helper()
	terms := conversation.Terms{Model: "some-model", System: "Be brief.", MaxTokens: 100}
	c, err := conversation.Start(id.New[id.ConversationKind](), owner, terms, Limits(), begin)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	return c
}

func converse(t *testing.T, c *conversation.Conversation, exchanges int, now time.Time) *conversation.Conversation {
	t.Helper()
	for i := range exchanges {
		r := ask(t, c, fmt.Sprintf("question %d", i), now)
		reply := conversation.Reply{Text: fmt.Sprintf("answer %d", i), Usage: conversation.Usage{Input: 3, Output: 2}}
		if err := c.Answer(r, reply, now); err != nil {
			t.Fatalf("Answer: %v", err)
		}
	}
	return c
}

func ask(t *testing.T, c *conversation.Conversation, text string, now time.Time) conversation.Reservation {
	t.Helper()
	r, err := c.Ask(text, Limits(), now, now.Add(time.Minute))
	if err != nil {
		t.Fatalf("Ask: %v", err)
	}
	return r
}

func add(t *testing.T, repo conversation.Repository, c *conversation.Conversation) id.Conversation {
	t.Helper()
	if err := repo.Add(t.Context(), c, perOwner, begin); err != nil {
		t.Fatalf("Add: %v", err)
	}
	return c.Snapshot().ID
}

func get(t *testing.T, repo conversation.Repository, owner string, cid id.Conversation) conversation.Snapshot {
	t.Helper()
	c, err := repo.Get(t.Context(), owner, cid)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	return c.Snapshot()
}

func expect(t *testing.T, want, got conversation.Snapshot) {
	t.Helper()
	opaque := cmp.Comparer(func(a, b id.Conversation) bool { return a == b })
	if diff := cmp.Diff(want, got, opaque, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

func givesBack(t *testing.T, repo conversation.Repository) {
	c := converse(t, start(t, alice), 3, begin)
	ask(t, c, "awaited ☂ 'quoted'\x00", begin.Add(time.Second))
	want := c.Snapshot()
	expect(t, want, get(t, repo, alice, add(t, repo, c)))
}

func givesUpdated(t *testing.T, repo conversation.Repository) {
	c := converse(t, start(t, alice), 1, begin)
	cid := add(t, repo, c)
	change := func(c *conversation.Conversation) error {
		later := begin.Add(time.Hour)
		r, err := c.Ask("more", Limits(), later, later.Add(time.Minute))
		if err != nil {
			return err
		}
		if err := c.Answer(r, conversation.Reply{Text: "of it", Usage: conversation.Usage{Input: 9, Output: 1}}, later); err != nil {
			return err
		}
		return c.Pause(later)
	}
	if err := repo.Update(t.Context(), alice, cid, change); err != nil {
		t.Fatalf("Update: %v", err)
	}
	if err := change(c); err != nil {
		t.Fatal(err)
	}
	expect(t, c.Snapshot(), get(t, repo, alice, cid))
}

func handsOutCopies(t *testing.T, repo conversation.Repository) {
	c := start(t, alice)
	cid := add(t, repo, c)
	want := get(t, repo, alice, cid)
	converse(t, c, 1, begin)
	got, err := repo.Get(t.Context(), alice, cid)
	if err != nil {
		t.Fatal(err)
	}
	converse(t, got, 1, begin)
	expect(t, want, get(t, repo, alice, cid))
}

func absent(t *testing.T, repo conversation.Repository) {
	cid := id.New[id.ConversationKind]()
	if _, err := repo.Get(t.Context(), alice, cid); !errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("Get: %v, want %v", err, conversation.ErrNotFound)
	}
	err := repo.Update(t.Context(), alice, cid, func(*conversation.Conversation) error {
		t.Error("the change of an absent conversation ran")
		return nil
	})
	if !errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("Update: %v, want %v", err, conversation.ErrNotFound)
	}
}

func isolated(t *testing.T, repo conversation.Repository) {
	cid := add(t, repo, start(t, alice))
	_, foreign := repo.Get(t.Context(), bob, cid)
	_, missing := repo.Get(t.Context(), bob, id.New[id.ConversationKind]())
	if foreign == nil || missing == nil || foreign.Error() != missing.Error() {
		t.Errorf("another's conversation: %v; an absent one: %v; want the same words", foreign, missing)
	}
	err := repo.Update(t.Context(), bob, cid, func(c *conversation.Conversation) error { return c.Close(begin) })
	if !errors.Is(err, conversation.ErrNotFound) {
		t.Errorf("Update: %v, want %v", err, conversation.ErrNotFound)
	}
	if got := get(t, repo, alice, cid).State; got != conversation.Active {
		t.Errorf("another owner made the conversation %s", got)
	}
}

func twice(t *testing.T, repo conversation.Repository) {
	c := start(t, alice)
	cid := add(t, repo, c)
	want := get(t, repo, alice, cid)
	converse(t, c, 1, begin)
	if err := repo.Add(t.Context(), c, perOwner, begin); !errors.Is(err, conversation.ErrExists) {
		t.Errorf("second Add: %v, want %v", err, conversation.ErrExists)
	}
	expect(t, want, get(t, repo, alice, cid))
}

func failedChange(t *testing.T, repo conversation.Repository) {
	cid := add(t, repo, converse(t, start(t, alice), 1, begin))
	want := get(t, repo, alice, cid)
	refused := fault.New(fault.Conflict, "test.refused", "Refused.")
	err := repo.Update(t.Context(), alice, cid, func(c *conversation.Conversation) error {
		converse(t, c, 2, begin.Add(time.Hour))
		return errors.Join(c.Close(begin), refused)
	})
	if !errors.Is(err, refused) {
		t.Errorf("Update: %v, want the error of the change", err)
	}
	expect(t, want, get(t, repo, alice, cid))
}

func rerun(t *testing.T, repo conversation.Repository) {
	cid := add(t, repo, start(t, alice))
	var seen []int
	change := func(c *conversation.Conversation) error {
		seen = append(seen, len(c.Snapshot().Turns))
		converse(t, c, 1, begin)
		return nil
	}
	refuse := func(c *conversation.Conversation) error {
		return errors.Join(change(c), conversation.ErrBusy)
	}
	if err := repo.Update(t.Context(), alice, cid, refuse); !errors.Is(err, conversation.ErrBusy) {
		t.Fatalf("Update: %v, want %v", err, conversation.ErrBusy)
	}
	if err := repo.Update(t.Context(), alice, cid, change); err != nil {
		t.Fatalf("Update: %v", err)
	}
	for i, turns := range seen {
		if turns != 0 {
			t.Errorf("run %d of the change saw %d turns of an earlier run", i, turns)
		}
	}
	if got := len(get(t, repo, alice, cid).Turns); got != 2 {
		t.Errorf("%d turns are kept, want the 2 of the run that succeeded", got)
	}
}

const crowd = 50

// together runs do in a crowd of goroutines and gives back their errors.
func together(do func(i int) error) []error {
	errs := make([]error, crowd)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	return errs
}

func concurrentChanges(t *testing.T, repo conversation.Repository) {
	cid := add(t, repo, start(t, alice))
	errs := together(func(i int) error {
		return repo.Update(t.Context(), alice, cid, func(c *conversation.Conversation) error {
			r, err := c.Ask(fmt.Sprintf("from %d", i), Limits(), begin, begin.Add(time.Minute))
			if err != nil {
				return err
			}
			return c.Answer(r, conversation.Reply{Text: "yes", Usage: conversation.Usage{Input: 1, Output: 1}}, begin)
		})
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	got := get(t, repo, alice, cid)
	if len(got.Turns) != 2*crowd || got.Usage != (conversation.Usage{Input: crowd, Output: crowd}) {
		t.Errorf("%d turns and %+v are kept, want %d and %d tokens each way", len(got.Turns), got.Usage, 2*crowd, crowd)
	}
}

func concurrentMessages(t *testing.T, repo conversation.Repository) {
	cid := add(t, repo, start(t, alice))
	errs := together(func(int) error {
		return repo.Update(t.Context(), alice, cid, func(c *conversation.Conversation) error {
			_, err := c.Ask("me first", Limits(), begin, begin.Add(time.Minute))
			return err
		})
	})
	tally(t, errs, 1, conversation.ErrBusy)
}

func concurrentStarters(t *testing.T, repo conversation.Repository) {
	starters := make([]*conversation.Conversation, crowd)
	for i := range starters {
		starters[i] = start(t, alice)
		ask(t, starters[i], "awaited, so that none makes room", begin)
	}
	add(t, repo, start(t, bob)) // counts for another
	errs := together(func(i int) error { return repo.Add(t.Context(), starters[i], perOwner, begin) })
	tally(t, errs, perOwner, conversation.ErrTooMany)
}

// tally checks that exactly some goroutines succeeded and every other one met the refusal.
func tally(t *testing.T, errs []error, succeed int, refusal *fault.Fault) {
	t.Helper()
	succeeded := 0
	for _, err := range errs {
		switch {
		case err == nil:
			succeeded++
		case !errors.Is(err, refusal):
			t.Errorf("got %v, want %v", err, refusal)
		}
	}
	if succeeded != succeed {
		t.Errorf("%d of %d succeeded, want %d", succeeded, len(errs), succeed)
	}
}

func makesRoom(t *testing.T, repo conversation.Repository) {
	husk := add(t, repo, start(t, alice))
	once := add(t, repo, converse(t, start(t, alice), 1, begin)) // forgets the husk
	ended := converse(t, start(t, alice), 2, begin.Add(time.Hour))
	if err := ended.Close(begin.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	closed := add(t, repo, ended)
	for range perOwner - 2 {
		add(t, repo, converse(t, start(t, alice), 2, begin))
	}
	gone := func(cid id.Conversation) bool {
		_, err := repo.Get(t.Context(), alice, cid)
		return errors.Is(err, conversation.ErrNotFound)
	}
	if !gone(husk) || gone(closed) || gone(once) {
		t.Errorf("with room for all: forgotten are the husk %t, the closed %t, the idle %t; want the husk alone", gone(husk), gone(closed), gone(once))
	}
	add(t, repo, converse(t, start(t, alice), 2, begin))
	if !gone(closed) || gone(once) {
		t.Errorf("with one too many: forgotten are the closed %t, the idle %t; want the closed alone", gone(closed), gone(once))
	}
	last := add(t, repo, converse(t, start(t, alice), 2, begin))
	if !gone(once) {
		t.Error("with two too many: the idle one is not forgotten")
	}
	if err := repo.Add(t.Context(), start(t, alice), perOwner, begin); !errors.Is(err, conversation.ErrTooMany) {
		t.Errorf("Add beyond what goes on: %v, want %v", err, conversation.ErrTooMany)
	}
	get(t, repo, alice, last)
}

func forgetsTurns(t *testing.T, repo conversation.Repository) {
	c := converse(t, start(t, alice), 1, begin)
	cid := add(t, repo, c)
	for range perOwner {
		add(t, repo, converse(t, start(t, alice), 2, begin))
	}
	if _, err := repo.Get(t.Context(), alice, cid); !errors.Is(err, conversation.ErrNotFound) {
		t.Fatalf("Get: %v, want %v", err, conversation.ErrNotFound)
	}
	// The same identifier again: turns that stayed behind would show, or stand in the way.
	again, err := conversation.Restore(conversation.Snapshot{
		ID: cid, Owner: bob, State: conversation.Active, Terms: c.Snapshot().Terms, Started: begin, Used: begin,
	})
	if err != nil {
		t.Fatal(err)
	}
	add(t, repo, again)
	expect(t, again.Snapshot(), get(t, repo, bob, cid))
}

func endedContext(t *testing.T, repo conversation.Repository) {
	cid := add(t, repo, start(t, alice))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := repo.Get(ctx, alice, cid)
	wantCanceled(t, "Get", err)
	wantCanceled(t, "Add", repo.Add(ctx, start(t, alice), perOwner, begin))
	wantCanceled(t, "Update", repo.Update(ctx, alice, cid, func(c *conversation.Conversation) error { return c.Close(begin) }))
	if got := get(t, repo, alice, cid).State; got != conversation.Active {
		t.Errorf("a change under an ended context was kept: %s", got)
	}
}

func wantCanceled(t *testing.T, what string, err error) {
	t.Helper()
	if f := fault.From(err); f == nil || f.Kind != fault.Canceled {
		t.Errorf("%s under an ended context: %v, want a fault of kind canceled", what, err)
	}
}
