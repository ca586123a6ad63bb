package mcpapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
)

// Every kind has a code: what the caller can mend is theirs, what time may mend is the server's, and only our own
// failures are internal errors.
func TestRPCCode_IsTotal(t *testing.T) {
	t.Parallel()
	const invalidParams, unavailable, internalError = -32602, -32000, -32603
	want := map[fault.Kind]int{
		fault.Invalid: invalidParams, fault.NotFound: invalidParams, fault.Conflict: invalidParams, fault.Precondition: invalidParams,
		fault.Unauthenticated: unavailable, fault.Denied: unavailable, fault.Exhausted: unavailable,
		fault.Unavailable: unavailable, fault.Timeout: unavailable, fault.Canceled: unavailable,
		fault.Internal: internalError,
	}
	got := map[fault.Kind]int{}
	for _, k := range fault.Kinds() {
		got[k] = mcpapi.RPCCode(k)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}
