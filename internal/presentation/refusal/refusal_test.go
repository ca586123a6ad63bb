package refusal_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
)

// Every kind has a status of its own meaning; only our own failures are 500.
func TestStatus_IsTotal(t *testing.T) {
	t.Parallel()
	want := map[fault.Kind]int{
		fault.Invalid: 400, fault.Unauthenticated: 401, fault.Denied: 403, fault.NotFound: 404, fault.Conflict: 409,
		fault.Precondition: 422, fault.Exhausted: 429, fault.Unavailable: 503, fault.Timeout: 504, fault.Canceled: 499,
		fault.Internal: 500,
	}
	got := map[fault.Kind]int{}
	for _, k := range fault.Kinds() {
		got[k] = refusal.Status(k)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}
