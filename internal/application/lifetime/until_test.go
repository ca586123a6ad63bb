package lifetime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steward-mcp/steward/internal/application/lifetime"
)

// Whatever becomes of it, and whenever somebody asks, it answers as context.WithTimeout does.
func TestFor_IsATimeoutThatNobodyPaysForUnasked(t *testing.T) {
	t.Parallel()
	stop := func(_, cancel func()) { cancel() }
	leave := func(leave, _ func()) { leave() }
	wait := func(d time.Duration) func(func(), func()) {
		return func(func(), func()) { time.Sleep(d); synctest.Wait() }
	}
	for name, does := range map[string][]func(leave, cancel func()){
		"nothing happens":      {},
		"it is over":           {wait(time.Minute)},
		"it is nearly over":    {wait(time.Minute - 1)},
		"it is of no use":      {stop},
		"the outer one ends":   {leave},
		"of no use, then over": {stop, wait(time.Hour)},
	} {
		for asked := range len(does) + 1 {
			synctest.Test(t, func(t *testing.T) {
				outer, left := context.WithCancelCause(context.WithValue(t.Context(), other{}, name))
				defer left(nil)
				got, cancelGot := lifetime.For(outer, time.Minute)
				want, cancelWant := context.WithTimeout(outer, time.Minute)
				defer cancelGot()
				defer cancelWant()
				var child context.Context
				for i, do := range append(does, func(_, _ func()) {}) {
					if i == asked {
						var end context.CancelFunc
						child, end = context.WithCancel(got) //nolint:fatcontext // once
						defer end()
					}
					do(func() { left(errWhy) }, func() { cancelGot(); cancelWant() })
				}
				synctest.Wait()
				at, ok := got.Deadline()
				if wanted, known := want.Deadline(); at != wanted || ok != known {
					t.Errorf("%s: ends at %v, %t; want %v, %t", name, at, ok, wanted, known)
				}
				for what, c := range map[string]context.Context{"it": got, "its child": child} {
					if !errors.Is(c.Err(), want.Err()) || !errors.Is(context.Cause(c), context.Cause(want)) || c.Value(other{}) != name {
						t.Errorf("%s, asked after %d: %s ended by %v (%v); want %v (%v)", name, asked, what, c.Err(), context.Cause(c), want.Err(), context.Cause(want))
					}
				}
				select {
				case <-got.Done():
					if want.Err() == nil {
						t.Errorf("%s: it has ended", name)
					}
				default:
					if want.Err() != nil {
						t.Errorf("%s: it has not ended", name)
					}
				}
			})
		}
	}
}

func TestFor_EndsWithAnEarlierDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outer, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		inner, cancel := lifetime.For(outer, time.Minute)
		defer cancel()
		if at, ok := inner.Deadline(); !ok || time.Until(at) != time.Second {
			t.Errorf("ends at %v", at)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !errors.Is(inner.Err(), context.DeadlineExceeded) {
			t.Errorf("%v", inner.Err())
		}
	})
}
