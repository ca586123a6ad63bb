package asking

import (
	"context"

	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// narrated is a source that tells whoever waits for a tool what is being done for it.
type narrated struct{ metric.Source }

// Answer implements metric.Source.
func (n narrated) Answer(ctx context.Context, q metric.Question) (metric.Table, error) {
	return n.Source.Answer(Narrate(ctx), q)
}

// Compile implements metric.Source.
func (n narrated) Compile(ctx context.Context, q metric.Question) (string, error) {
	return n.Source.Compile(Narrate(ctx), q)
}

// Values implements metric.Source.
func (n narrated) Values(ctx context.Context, l metric.Listing) (metric.Table, error) {
	return n.Source.Values(Narrate(ctx), l)
}

// Narrate returns a ctx in which the stages of a question become the progress of the tool that asks it.
func Narrate(ctx context.Context) context.Context {
	say := tool.Progress(ctx)
	return metric.WithProgress(ctx, func(s metric.Stage) { say(stages[s]) })
}

var stages = map[metric.Stage]string{
	metric.StageWaiting: "waiting for a worker", metric.StageCompiling: "compiling the question",
	metric.StageRunning: "running in the warehouse", metric.StageReading: "reading the answer",
}
