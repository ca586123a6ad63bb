package chart

import (
	"context"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric/chart"
)

// InTurns is PNG for at most so many pictures at once, since each takes some 30 MB while it is drawn; others wait, and
// leave when their ctx ends.
func InTurns(most int) chart.Draw {
	turns := make(chan struct{}, most)
	return func(ctx context.Context, c chart.Chart, s chart.Size) ([]byte, error) {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
			return nil, fault.From(ctx.Err())
		}
		defer func() { <-turns }()
		return PNG(ctx, c, s)
	}
}
