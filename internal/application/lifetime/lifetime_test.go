package lifetime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steward-mcp/steward/internal/application/lifetime"
)

type other struct{}

var errWhy = errors.New("why")

// asked is what makes a context that has only been given, or not.
var asked = map[string]func(context.Context){
	"nobody asks":               func(context.Context) {},
	"somebody waits":            func(ctx context.Context) { _ = ctx.Done() },
	"somebody looks":            func(ctx context.Context) { _ = ctx.Err() },
	"somebody is in it":         func(ctx context.Context) { context.AfterFunc(ctx, func() {}) },
	"somebody is in it shortly": func(ctx context.Context) { _, stop := context.WithCancel(ctx); stop() },
}

func TestWithin_IsSharedByAllWhoEndARequest(t *testing.T) {
	for name, ask := range asked {
		ctx, hold := lifetime.Within(t.Context())
		ask(ctx)
		shared, theirs := lifetime.Within(context.WithValue(ctx, other{}, 1))
		theirs.Leave()
		if ctx.Err() != nil || shared.Value(other{}) != 1 || shared.Done() != ctx.Done() {
			t.Fatalf("%s: %v, %v", name, ctx.Err(), shared)
		}
		theirs.End(errWhy)
		hold.Leave()
		if !errors.Is(context.Cause(ctx), errWhy) || t.Context().Err() != nil {
			t.Errorf("%s: ended by %v", name, context.Cause(ctx))
		}
	}
}

func TestWithin_EndsWhenWhoeverHasMadeItLeaves(t *testing.T) {
	for name, ask := range asked {
		ctx, hold := lifetime.Within(t.Context())
		ask(ctx)
		_, theirs := lifetime.Within(ctx)
		hold.Leave()
		theirs.End(errWhy)
		select {
		case <-ctx.Done():
		default:
			t.Errorf("%s: it goes on", name)
		}
		if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Errorf("%s: ended by %v, %v", name, ctx.Err(), context.Cause(ctx))
		}
	}
}

// What goes on after a request, or ends before it, has a lifetime of its own.
func TestWithin_IsNotSharedWithWhatLastsLongerOrShorter(t *testing.T) {
	for name, ask := range asked {
		for what, shorten := range map[string]func(context.Context) (context.Context, context.CancelFunc){
			"a context": context.WithCancel,
			"a timeout": func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Hour)
			},
			"a limit": func(ctx context.Context) (context.Context, context.CancelFunc) { return lifetime.For(ctx, time.Hour) },
		} {
			ctx, hold := lifetime.Within(t.Context())
			ask(ctx)
			shorter, stop := shorten(ctx)
			short, ends := lifetime.Within(shorter)
			long, goesOn := lifetime.Within(lifetime.Apart(short))
			ends.End(errWhy)
			if ctx.Err() != nil || !errors.Is(context.Cause(short), errWhy) {
				t.Errorf("%s, %s: %v, %v", name, what, ctx.Err(), context.Cause(short))
			}
			hold.End(errWhy)
			if long.Err() != nil || context.Cause(long) != nil {
				t.Errorf("%s, %s: what lasts longer has ended: %v", name, what, context.Cause(long))
			}
			stop()
			ends.Leave()
			goesOn.Leave()
			hold.Leave()
		}
	}
}

func TestWithin_EndsWithWhatItIsIn(t *testing.T) {
	for name, ask := range asked {
		outer, stop := context.WithCancelCause(t.Context())
		ctx, hold := lifetime.Within(outer)
		ask(ctx)
		stop(errWhy)
		if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), errWhy) {
			t.Errorf("%s: %v, %v", name, ctx.Err(), context.Cause(ctx))
		}
		<-ctx.Done()
		hold.Leave()
	}
}

// What is beside a context goes on after it, if whoever is asked then wants that, and has no deadline of its.
func TestBeside_EndsOnlyWhenItIsSaid(t *testing.T) {
	t.Parallel()
	for name, ask := range asked {
		for _, ends := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				outer, stop := context.WithDeadline(context.WithValue(t.Context(), other{}, name), time.Now().Add(time.Minute))
				defer stop()
				var hold lifetime.Hold
				told := 0
				ctx, hold := lifetime.Beside(outer, func() {
					if told++; ends {
						hold.End(errWhy)
					}
				})
				ask(ctx)
				if at, ok := ctx.Deadline(); ok || ctx.Value(other{}) != name || ctx.Err() != nil {
					t.Errorf("%s: ends at %v, is %v", name, at, ctx.Err())
				}
				stop()
				_ = ctx.Err() // who asks now hears of it in a moment
				synctest.Wait()
				if told != 1 || (ctx.Err() != nil) != ends || ends && !errors.Is(context.Cause(ctx), errWhy) {
					t.Errorf("%s: told %d times, ended by %v", name, told, context.Cause(ctx))
				}
				hold.Leave()
				if ctx.Err() == nil {
					t.Errorf("%s: it goes on", name)
				}
			})
		}
	}
}

func TestBeside_HearsOfNothingOnceItIsOver(t *testing.T) {
	t.Parallel()
	for name, ask := range asked {
		synctest.Test(t, func(t *testing.T) {
			outer, stop := context.WithCancel(t.Context())
			ctx, hold := lifetime.Beside(outer, func() { t.Errorf("%s: told of what is over", name) })
			ask(ctx)
			hold.Leave()
			stop()
			synctest.Wait()
			if ctx.Err() == nil {
				t.Errorf("%s: it goes on", name)
			}
		})
	}
}
