package main

import (
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain takes variables of Steward's out of the environment: commands run within the test's own process, and one that
// is meant for other tests would be an error to them.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "STEWARD_") {
			_ = os.Unsetenv(name) // it fails for malformed names only
		}
	}
	goleak.VerifyTestMain(m)
}
