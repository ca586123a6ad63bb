package clock_test

import (
	"strings"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/infrastructure/clock"
)

func TestNow_IsThePresent(t *testing.T) {
	t.Parallel()
	before := time.Now()
	now := clock.Now()
	if now.Before(before) || now.After(time.Now()) {
		t.Errorf("Now() = %v, which is not between two readings of the wall clock around it", now)
	}
}

func TestNow_KeepsTheMonotonicReading(t *testing.T) {
	t.Parallel()
	if text := clock.Now().String(); !strings.Contains(text, "m=") {
		t.Errorf("Now() = %s, without a monotonic reading durations follow every change of the wall clock", text)
	}
}
