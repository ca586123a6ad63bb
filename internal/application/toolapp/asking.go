package toolapp

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// asking is what becomes of a use that could not be bound. One that has questions passes the limits like one that runs, changes
// nothing, and is on record as what it is, no refusal. Everything else is refused.
func asking[R any](bound cqrs.Bound[R], err error, said json.RawMessage) (cqrs.Bound[R], error) {
	if !errors.Is(err, tool.ErrInput) {
		return bound, discreet(err, said)
	}
	bound.ReadOnly, bound.Brief = true, true
	bound.Run = func(context.Context) (R, error) {
		var none R
		return none, err
	}
	return bound, nil
}
