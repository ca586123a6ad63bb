package toolapp_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// Whoever asks before it can run draws on the limits, and is on record as asking: nothing was refused, and nothing changed.
func TestCall_AQuestionIsNoRefusal(t *testing.T) {
	t.Parallel()
	s := &surroundings{}
	asks := tool.Tool{
		Definition: tool.Definition{Name: "scripted"},
		Bind: func(context.Context, access.Principal, json.RawMessage) (tool.Bound, error) {
			return tool.Bound{}, tool.Ask("", map[string]tool.Question{"roots": tool.Roots{}})
		},
	}
	do := s.govern(t, asks)
	ctx := tool.WithAbilities(t.Context(), tool.Abilities{Roots: true})
	_, err := do.Do(ctx, toolapp.Call{Change: cqrs.Change{By: alice}, Tool: "scripted"})
	if _, asked := tool.AskedBy(err); !asked {
		t.Errorf("answered %v", err)
	}
	if r := s.records; len(r) != 1 || r[0].Outcome != tool.ErrInput.Code || r[0].DeniedBy != "" {
		t.Errorf("on record: %+v", r)
	}
	if diff := cmp.Diff([]string{toolapp.Class}, s.classes); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}
