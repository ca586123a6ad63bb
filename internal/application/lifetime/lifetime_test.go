package lifetime_test

import (
	"context"
	"errors"
	"testing"

	"github.com/steward-mcp/steward/internal/application/lifetime"
)

type other struct{}

var errWhy = errors.New("why")

func TestWithin_IsSharedByAllWhoEndARequest(t *testing.T) {
	ctx, _, leave := lifetime.Within(t.Context())
	shared, end, left := lifetime.Within(context.WithValue(ctx, other{}, 1))
	left()
	if ctx.Err() != nil || shared.Value(other{}) != 1 || shared.Done() != ctx.Done() {
		t.Fatalf("%v, %v", ctx.Err(), shared)
	}
	end(errWhy)
	leave()
	if !errors.Is(context.Cause(ctx), errWhy) || t.Context().Err() != nil {
		t.Errorf("ended by %v", context.Cause(ctx))
	}
}

func TestWithin_EndsWhenWhoeverHasMadeItLeaves(t *testing.T) {
	ctx, _, leave := lifetime.Within(t.Context())
	leave()
	if !errors.Is(context.Cause(ctx), context.Canceled) {
		t.Errorf("ended by %v", context.Cause(ctx))
	}
}

// What goes on after a request, or ends before it, has a lifetime of its own.
func TestWithin_IsNotSharedWithWhatLastsLongerOrShorter(t *testing.T) {
	ctx, end, leave := lifetime.Within(t.Context())
	defer leave()
	shorter, stop := context.WithCancel(ctx)
	defer stop()
	short, endShort, leaveShort := lifetime.Within(shorter)
	defer leaveShort()
	endShort(errWhy)
	if ctx.Err() != nil || !errors.Is(context.Cause(short), errWhy) {
		t.Errorf("%v, %v", ctx.Err(), context.Cause(short))
	}
	long, _, leaveLong := lifetime.Within(context.WithoutCancel(ctx))
	defer leaveLong()
	end(errWhy)
	if long.Err() != nil {
		t.Errorf("what lasts longer has ended: %v", context.Cause(long))
	}
}
