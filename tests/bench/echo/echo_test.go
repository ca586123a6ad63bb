package echo

import (
	"bytes"
	"strings"
	"testing"
)

// TestRun_LosesNothing makes few calls in each way that the benchmark makes many of.
func TestRun_LosesNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := Options{Rounds: 1, Calls: 50, Crowds: []int{1}, Pipe: 1, Beside: 3}
	o.Warm, o.Lasting = answerTimeout, answerTimeout
	if err := Run(t.Context(), &out, o); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	const rows, calls = "\n| 20", "answered 800 calls"
	if n := strings.Count(out.String(), rows); n != 10 || !strings.Contains(out.String(), calls) {
		t.Errorf("want 8 rows of 100 calls each, and 2 beside a slow call, got %d:\n%s", n, &out)
	}
}
