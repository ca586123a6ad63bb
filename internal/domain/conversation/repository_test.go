package conversation_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/conversation"
	"github.com/steward-mcp/steward/internal/domain/id"
)

func held(state conversation.State, turns int, used time.Duration) conversation.Held {
	return conversation.Held{ID: id.New[id.ConversationKind](), State: state, Turns: turns, Used: begin.Add(used)}
}

func awaiting(h conversation.Held, until time.Duration) conversation.Held {
	h.Until = begin.Add(until)
	return h
}

func TestMakeRoom_ForgetsTheLeastFirst(t *testing.T) {
	t.Parallel()
	goesOn := held(conversation.Active, 4, 0)
	paused := held(conversation.Paused, 4, 0)
	older, newer := held(conversation.Active, 2, 1), held(conversation.Active, 2, 2)
	closed, archived := held(conversation.Closed, 8, 9), held(conversation.Archived, 2, 8)
	husk := held(conversation.Active, 0, 3)
	asking := awaiting(held(conversation.Active, 0, 4), time.Second)
	continuing := awaiting(held(conversation.Active, 2, 0), time.Second)
	expired := awaiting(held(conversation.Active, 0, 4), 0)
	cases := []struct {
		name     string
		held     []conversation.Held
		perOwner int
		want     []conversation.Held
	}{
		{"nothing held", nil, 1, nil},
		{"room enough", []conversation.Held{goesOn, older}, 3, nil},
		{"husks go always", []conversation.Held{husk, goesOn, expired}, 10, []conversation.Held{husk, expired}},
		{"husks may be room enough", []conversation.Held{husk, goesOn, older}, 3, []conversation.Held{husk}},
		{"ended ones before idle ones", []conversation.Held{older, closed, goesOn}, 3, []conversation.Held{closed}},
		{"of the ended the least recently used", []conversation.Held{closed, archived}, 2, []conversation.Held{archived}},
		{"of the idle the least recently used", []conversation.Held{newer, older, goesOn}, 3, []conversation.Held{older}},
		{"several at once", []conversation.Held{newer, older, closed, goesOn}, 2, []conversation.Held{closed, older, newer}},
		{"not one that awaits its reply", []conversation.Held{asking, continuing, older}, 3, []conversation.Held{older}},
	}
	for _, c := range cases {
		got, err := conversation.MakeRoom(c.held, c.perOwner, begin)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		var want []id.Conversation
		for _, h := range c.want {
			want = append(want, h.ID)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(same)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	for name, full := range map[string][]conversation.Held{
		"one goes on": {goesOn}, "one is paused": {paused}, "one awaits its first reply": {asking}, "one is being continued": {continuing},
	} {
		if _, err := conversation.MakeRoom(full, 1, begin); !errors.Is(err, conversation.ErrTooMany) {
			t.Errorf("%s: %v, want %v", name, err, conversation.ErrTooMany)
		}
	}
}

func TestMakeRoom_HoldsTheLimitAndLosesNothingThatGoesOn(t *testing.T) {
	t.Parallel()
	one := rapid.Custom(func(t *rapid.T) conversation.Held {
		return awaiting(
			held(rapid.SampledFrom(conversation.States()).Draw(t, "state"), 2*rapid.IntRange(0, 3).Draw(t, "exchanges"),
				time.Duration(rapid.IntRange(0, 5).Draw(t, "used"))),
			time.Duration(rapid.IntRange(-1, 1).Draw(t, "until")))
	})
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(one, 0, 12).Draw(t, "held")
		perOwner := rapid.IntRange(1, 12).Draw(t, "limit")
		drop, err := conversation.MakeRoom(all, perOwner, begin)
		kept := 0
		for _, h := range all {
			dropped := slices.Contains(drop, h.ID)
			goesOn := h.Turns > 2 && (h.State == conversation.Active || h.State == conversation.Paused)
			if dropped && (goesOn || begin.Before(h.Until)) {
				t.Fatalf("forgotten: %+v", h)
			}
			if !dropped {
				kept++
			}
		}
		if err == nil && kept >= perOwner {
			t.Fatalf("%d remain beside the new one, the limit is %d", kept, perOwner)
		}
	})
}
