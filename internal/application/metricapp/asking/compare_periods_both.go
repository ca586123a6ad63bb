package asking

import (
	"context"
	"fmt"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/domain/tool"
)

// both asks two questions at once and waits for both. When one fails, the other is canceled, and the first failure is
// the answer. Whoever waits is told how far the first one is: the two would only contradict each other.
func (q *questions) both(ctx context.Context, first, second metric.Question) (a, b metric.Table, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		silent := tool.WithProgress(ctx, func(string) {})
		if table, err := q.answer(silent, second); err != nil {
			cancel(err)
		} else {
			b = table
		}
	}()
	if a, err = q.answer(ctx, first); err != nil {
		cancel(err)
	}
	<-done
	return a, b, context.Cause(ctx)
}

// answer is Source.Answer, whose panic is an error: on a goroutine of its own it would end the process.
func (q *questions) answer(ctx context.Context, question metric.Question) (t metric.Table, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.ErrInternal.Because(fmt.Errorf("a question panicked: %v", v))
		}
	}()
	return q.source.Answer(ctx, question)
}
