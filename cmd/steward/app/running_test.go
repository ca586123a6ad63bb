package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// An operator's key goes to an address of this machine, or nowhere.
func TestRunning_TakesAnAddressOfThisMachineOnly(t *testing.T) {
	t.Parallel()
	c := config.Config{StateDir: t.TempDir()}
	file := filepath.Join(c.StateDir, "admin.address")
	for written, cause := range map[string]string{
		"127.0.0.1:7879\n": "", "[::1]:7879": "", "192.0.2.1:7879\n": "the file names 192.0.2.1:7879, which is no address of this machine",
		"localhost:7879": "read the address", "": "read the address", "127.0.0.1": "read the address",
	} {
		if err := os.WriteFile(file, []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
		address, err := app.Running(c)
		if cause == "" && (err != nil || address != strings.TrimSpace(written)) {
			t.Errorf("%q is %q, %v", written, address, err)
		}
		if cause != "" && (!errors.Is(err, app.ErrNotReached) || !strings.Contains(errors.Unwrap(err).Error(), cause)) {
			t.Errorf("%q: %v (%v)", written, err, errors.Unwrap(err))
		}
	}
}
