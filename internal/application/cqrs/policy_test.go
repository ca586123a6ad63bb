package cqrs_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
)

// call is a tool call with arguments.
type call struct {
	cqrs.Change
	arguments string
}

func (c call) Demand() access.Demand {
	return access.On(access.ActionCall, "tool", "query").With(json.RawMessage(c.arguments))
}

func policyOf(t *testing.T, p access.Persona) *access.RuleSet {
	t.Helper()
	set, err := access.Compile([]access.Persona{p})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func limited() access.Persona {
	return access.Persona{Name: "p", Allow: []access.Rule{{
		Actions: []string{access.ActionCall}, Targets: []string{"tool:query"},
		When: map[string]access.Condition{"limit": {Max: new(int64(100))}},
	}}}
}

type binds[M cqrs.Message] func() (cqrs.Bound[string], error)

func (b binds[M]) Bind(context.Context, M) (cqrs.Bound[string], error) { return b() }

// A call that its arguments alone forbid is told so, after they were understood; whoever may not call at all hears what
// everybody hears.
func TestGate_DecidesTheArgumentsOfACall(t *testing.T) {
	for arguments, want := range map[string]error{`{"limit":5}`: nil, `{"limit":500}`: cqrs.ErrArguments, `{}`: cqrs.ErrArguments} {
		f := &fixture{}
		gate := cqrs.NewGate(policyOf(t, limited()), f, cqrs.NewRecorder(f, time.Now), zap.NewNop(), time.Minute)
		bound := 0
		h := binds[call](func() (cqrs.Bound[string], error) { bound++; return cqrs.Bound[string]{Run: done}, nil })
		_, err := cqrs.GovernCommand(gate, h).Do(t.Context(), call{cqrs.Change{By: somebody}, arguments})
		if !errors.Is(err, want) || bound != 1 {
			t.Errorf("%s: %v, bound %d times", arguments, err, bound)
		}
		stranger := access.Principal{Issuer: "key", Subject: "k2", Personas: []string{"other"}}
		if _, err := cqrs.GovernCommand(gate, h).Do(t.Context(), call{cqrs.Change{By: stranger}, arguments}); !errors.Is(err, cqrs.ErrDenied) || bound != 1 {
			t.Errorf("%s by a stranger: %v, bound %d times", arguments, err, bound)
		}
	}
}

// What a handler conceals looks like what is not there, whatever the arguments are: what is not there is refused sooner.
func TestGate_TellsOfArgumentsOnlyWhenNothingIsConcealed(t *testing.T) {
	f := &fixture{}
	gate := cqrs.NewGate(policyOf(t, limited()), f, cqrs.NewRecorder(f, time.Now), zap.NewNop(), time.Minute)
	h := binds[call](func() (cqrs.Bound[string], error) {
		return cqrs.Bound[string]{Demands: []access.Demand{access.On("metric.query", "metric", "hidden")}, Refusal: errThing, Run: done}, nil
	})
	for _, arguments := range []string{`{"limit":5}`, `{"limit":500}`} {
		if _, err := cqrs.GovernCommand(gate, h).Do(t.Context(), call{cqrs.Change{By: somebody}, arguments}); !errors.Is(err, errThing) {
			t.Errorf("%s: %v", arguments, err)
		}
	}
}

// The policy is replaced while a call is understood: it goes on under the one that it began with, and is on record so.
func TestGate_DecidesARequestByOnePolicy(t *testing.T) {
	f := &fixture{}
	open, shut := policyOf(t, limited()), policyOf(t, access.Persona{Name: "p"})
	policy := access.NewSwitch(open)
	records := cqrs.NewRecorder(f, time.Now).Settling(policy.Settle)
	gate := cqrs.NewGate(policy, f, records, zap.NewNop(), time.Minute)
	h := binds[call](func() (cqrs.Bound[string], error) {
		policy.Replace(shut)
		return cqrs.Bound[string]{Run: done}, nil
	})
	ask := func() error {
		ctx, request := records.Open(t.Context(), cqrs.Arrival{})
		request.Identify(somebody)
		_, err := cqrs.GovernCommand(gate, h).Do(ctx, call{cqrs.Change{By: request.Actor()}, `{"limit":5}`})
		return err
	}
	if err := ask(); err != nil {
		t.Errorf("the call that was under way: %v", err)
	}
	if got := f.records[len(f.records)-1]; got.Outcome != audit.OK || got.Policy != open.Hash() {
		t.Errorf("on record: %+v", got)
	}
	if err := ask(); !errors.Is(err, cqrs.ErrDenied) {
		t.Errorf("the next call: %v", err)
	}
	if got := f.records[len(f.records)-1]; got.Policy != shut.Hash() {
		t.Errorf("on record: %+v", got)
	}
}
