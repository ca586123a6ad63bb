package toolapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

func TestCall_AnswersThatCannotBeUsedAreRefusedBeforeAnythingRuns(t *testing.T) {
	refused := fault.New(fault.Invalid, "answers.bad", "Bad answers.")
	var s surroundings
	do := s.govern(t, scripted(nil, func(context.Context) (tool.Result, error) { panic("it ran") }))
	call := toolapp.Call{Change: cqrs.Change{By: alice}, Tool: "scripted"}
	ctx := tool.WithAnswers(t.Context(), tool.Answers{Refused: refused})
	if _, err := do.Do(ctx, call); !errors.Is(err, refused) {
		t.Error(err)
	}
	s.denied = map[string]bool{"tool:scripted": true}
	if _, err := do.Do(ctx, call); !errors.Is(err, toolapp.ErrUnknown) {
		t.Errorf("whoever may not call learns: %v", err)
	}
	if len(s.records) != 2 || s.records[0].Outcome != "answers.bad" || s.records[0].DeniedBy != audit.ByInput || s.records[1].DeniedBy != audit.ByPolicy {
		t.Errorf("on record: %+v", s.records)
	}
}

func TestCall_KeepsAnswersOutOfTheLog(t *testing.T) {
	var s surroundings
	do := s.govern(t, scripted(nil, func(ctx context.Context) (tool.Result, error) {
		e, _ := tool.AnswersOf(ctx).Elicited("name")
		var in struct{ Name string }
		_ = json.Unmarshal(e.Values, &in)
		return tool.Result{}, fmt.Errorf("look %q up", in.Name)
	}))
	ctx := tool.WithAnswers(t.Context(), tool.Answers{Given: map[string]tool.Answer{
		"name": tool.Elicited{Action: tool.Accepted, Values: json.RawMessage(`{"name":"Mallory"}`)},
	}})
	if _, err := do.Do(ctx, toolapp.Call{Change: cqrs.Change{By: alice}, Tool: "scripted"}); !errors.Is(err, fault.ErrInternal) {
		t.Error(err)
	}
	if log := s.logged(t); !strings.Contains(log, "[argument]") || strings.Contains(log, "Mallory") {
		t.Error(log)
	}
}

func TestCall_MayAskWhileItBindsAndWhileItRuns(t *testing.T) {
	ask := tool.Ask("s", map[string]tool.Question{"r": tool.Roots{}})
	for name, made := range map[string]tool.Tool{
		"runs": scripted(nil, func(context.Context) (tool.Result, error) { return tool.Result{}, ask }),
		"binds": scripted(func(d *tool.Tool) {
			d.Bind = func(context.Context, access.Principal, json.RawMessage) (tool.Bound, error) { return tool.Bound{}, ask }
		}, nil),
	} {
		var s surroundings
		do := s.govern(t, made)
		call := toolapp.Call{Change: cqrs.Change{By: alice}, Tool: "scripted"}
		if _, err := do.Do(tool.WithAbilities(t.Context(), tool.Abilities{Roots: true}), call); !errors.Is(err, tool.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := do.Do(t.Context(), call); !errors.Is(err, tool.ErrIncapable) {
			t.Errorf("%s, of a client that cannot answer: %v", name, err)
		}
		if len(s.records) != 2 || s.records[0].Outcome != tool.ErrInput.Code || s.records[1].Outcome != tool.ErrIncapable.Code {
			t.Errorf("%s: on record: %+v", name, s.records)
		}
	}
}
