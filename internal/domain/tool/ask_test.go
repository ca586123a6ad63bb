package tool_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

func TestAsked_LetsPassOnlyWhatTheClientCanAnswer(t *testing.T) {
	questions := map[string]tool.Question{"f": tool.Form{}, "v": tool.Visit{}, "s": tool.Sample{}, "r": tool.Roots{}}
	all := tool.Abilities{Forms: true, Visits: true, Samples: true, Roots: true}
	for have, want := range map[tool.Abilities]tool.Abilities{
		all: {}, {}: all, {Forms: true, Roots: true}: {Visits: true, Samples: true}, {Visits: true, Samples: true}: {Forms: true, Roots: true},
	} {
		err := tool.Asked(tool.WithAbilities(t.Context(), have), fmt.Errorf("asking: %w", tool.Ask("s", questions)))
		lacking, lacks := errors.AsType[tool.Lacking](err)
		if lacks != (want != tool.Abilities{}) || lacking.Abilities != want {
			t.Errorf("%+v: %v, %+v", have, err, lacking)
		}
		if lacks && !errors.Is(err, tool.ErrIncapable) || !lacks && !errors.Is(err, tool.ErrInput) {
			t.Errorf("%+v: %v", have, err)
		}
		if _, asks := tool.AskedBy(err); asks == lacks {
			t.Errorf("%+v: asks %t", have, asks)
		}
	}
	broken := errors.New("broken")
	if got := tool.Asked(t.Context(), broken); !errors.Is(got, broken) || tool.Asked(t.Context(), nil) != nil {
		t.Errorf("another error became %v", got)
	}
}

func TestAsked_RefusesAToolThatAsksWrongly(t *testing.T) {
	many := map[string]tool.Question{}
	for i := range 17 {
		many[fmt.Sprint(i)] = tool.Roots{}
	}
	one := map[string]tool.Question{"r": tool.Roots{}}
	for name, err := range map[string]error{
		"nothing": tool.Ask("", nil), "too much": tool.Ask("", many), "a long state": tool.Ask(strings.Repeat("x", 8<<10+1), one),
		"without a key": tool.Ask("", map[string]tool.Question{"": tool.Roots{}}), "nil": tool.Ask("", map[string]tool.Question{"a": nil}),
		"a long key": tool.Ask("", map[string]tool.Question{strings.Repeat("k", 65): tool.Roots{}}),
	} {
		if got := tool.Asked(tool.WithAbilities(t.Context(), tool.Abilities{Roots: true}), err); !errors.Is(got, fault.ErrInternal) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAnswers_AreGivenByKeyAndKind(t *testing.T) {
	ctx := tool.WithAnswers(context.WithoutCancel(t.Context()), tool.Answers{State: "s", Given: map[string]tool.Answer{
		"f": tool.Elicited{Action: tool.Accepted}, "s": tool.Sampled{Blocks: []tool.Block{tool.Text("a"), tool.Image{}, tool.Text("b")}}, "r": tool.Rooted{{URI: "file:///"}},
	}})
	a := tool.AnswersOf(ctx)
	e, okE := a.Elicited("f")
	s, okS := a.Sampled("s")
	r, okR := a.Rooted("r")
	if !okE || !okS || !okR || e.Action != tool.Accepted || s.Text() != "ab" || len(r) != 1 || a.State != "s" {
		t.Errorf("%+v", a)
	}
	if _, ok := a.Elicited("s"); ok {
		t.Error("a sampled message is no elicitation")
	}
	if none := tool.AnswersOf(t.Context()); len(none.Given) != 0 || none.State != "" {
		t.Errorf("%+v", none)
	}
}
