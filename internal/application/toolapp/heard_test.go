package toolapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

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

// reading makes the query over a document and a family of things, which bind as it says.
func (s *surroundings) reading(t *testing.T, bind func(context.Context) (tool.Use[tool.Content], error)) cqrs.Governed[toolapp.ReadResource, tool.Content] {
	t.Helper()
	core, log := observer.New(zapcore.DebugLevel)
	s.log = log
	catalog, err := tool.NewCatalog()
	if err != nil {
		t.Fatal(err)
	}
	resources, err := tool.NewResources(catalog, []tool.Resource{{
		Name: "document", URI: "doc://a",
		Bind: func(ctx context.Context, _ access.Principal) (tool.Use[tool.Content], error) { return bind(ctx) },
	}}, []tool.ResourceTemplate{{
		Name: "thing", URI: "thing://{name}",
		Bind: func(ctx context.Context, _ access.Principal, _ map[string]string) (tool.Use[tool.Content], error) {
			return bind(ctx)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return toolapp.NewRead(cqrs.NewGate(s, s, cqrs.NewRecorder(s, time.Now), zap.New(core), time.Minute), resources)
}

func TestRead_KeepsAnswersOutOfTheLog(t *testing.T) {
	lookUp := func(ctx context.Context) error {
		e, _ := tool.AnswersOf(ctx).Elicited("name")
		var in struct{ Name string }
		_ = json.Unmarshal(e.Values, &in)
		return fmt.Errorf("look %q up", in.Name)
	}
	for name, bind := range map[string]func(context.Context) (tool.Use[tool.Content], error){
		"binds": func(ctx context.Context) (tool.Use[tool.Content], error) {
			return tool.Use[tool.Content]{}, lookUp(ctx)
		},
		"runs": func(context.Context) (tool.Use[tool.Content], error) {
			return tool.Use[tool.Content]{Run: func(ctx context.Context) (tool.Content, error) { return tool.Content{}, lookUp(ctx) }}, nil
		},
	} {
		for _, uri := range []string{"doc://a", "thing://t1"} {
			var s surroundings
			do := s.reading(t, bind)
			ctx := tool.WithAnswers(t.Context(), tool.Answers{Given: map[string]tool.Answer{
				"name": tool.Elicited{Action: tool.Accepted, Values: json.RawMessage(`{"name":"Mallory"}`)},
			}})
			if _, err := do.Do(ctx, toolapp.ReadResource{Read: cqrs.Read{By: alice}, URI: uri}); !errors.Is(err, fault.ErrInternal) {
				t.Errorf("%s, %s: %v", name, uri, err)
			}
			if log := s.logged(t); !strings.Contains(log, "[argument]") || strings.Contains(log, "Mallory") {
				t.Errorf("%s, %s: %s", name, uri, log)
			}
		}
	}
}

func TestRead_AnswersThatCannotBeUsedAreRefusedBeforeItBinds(t *testing.T) {
	refused := fault.New(fault.Invalid, "answers.bad", "Bad answers.")
	var s surroundings
	do := s.reading(t, func(context.Context) (tool.Use[tool.Content], error) { panic("it was bound") })
	ctx := tool.WithAnswers(t.Context(), tool.Answers{Refused: refused})
	for uri, want := range map[string]error{"doc://a": refused, "thing://t1": refused, "doc://none": toolapp.ErrNoResource} {
		if _, err := do.Do(ctx, toolapp.ReadResource{Read: cqrs.Read{By: alice}, URI: uri}); !errors.Is(err, want) {
			t.Errorf("%s: %v", uri, err)
		}
	}
	for _, r := range s.records {
		if r.DeniedBy != audit.ByInput || strings.Contains(r.Target, "thing") && r.Redacted != "name=string(2)" {
			t.Errorf("on record: %+v", r)
		}
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
