package cqrs_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/audit"
)

// stuck is a log that waits for as long as it may.
type stuck struct{ values chan any }

type heldKey struct{}

func (s stuck) Append(ctx context.Context, _ audit.Record) error {
	s.values <- ctx.Value(heldKey{})
	<-ctx.Done()
	return audit.ErrUnavailable.Because(ctx.Err())
}

func TestRequest_WaitsForItsRecordThoughItsCallerHasLeftButNotForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := stuck{make(chan any, 2)}
		records := cqrs.NewRecorder(log, time.Now)
		begun := time.Now()
		ends := make(chan time.Duration)
		for _, name := range []string{"first", "second"} {
			go func() {
				ctx, cancel := context.WithCancel(context.WithValue(t.Context(), heldKey{}, name))
				ctx, request := records.Open(ctx, cqrs.Arrival{})
				cancel()
				if request.Close(ctx, cqrs.Outcome{}) == nil {
					t.Error("a record that was not kept was")
				}
				ends <- time.Since(begun)
			}()
			if got := <-log.values; got != name {
				t.Errorf("the record of the %s request is kept with what %v holds", name, got)
			}
			time.Sleep(900 * time.Millisecond)
		}
		for range 2 {
			if waited := <-ends; waited < 10900*time.Millisecond || waited > 12*time.Second {
				t.Errorf("given up %s after the first came", waited)
			}
		}
		time.Sleep(time.Second)
	})
}
