package auditlog_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
)

// A journal from elsewhere may hold anything in the place of its segments. Nobody waits for the writer of a pipe, which could
// not even be interrupted, nor reads a device, which has no end.
func TestRead_RefusesWhatIsNoFile(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link to a pipe": func(path string) error {
			return errors.Join(syscall.Mkfifo(path+".pipe", 0o600), os.Symlink(path+".pipe", path))
		},
		"a link to a device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a directory":        func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		dir := t.TempDir()
		if err := put(filepath.Join(dir, "000000000001.jsonl")); err != nil {
			t.Fatal(err)
		}
		ended := map[string]chan error{"read": make(chan error, 1), "verify": make(chan error, 1)}
		go func() {
			_, err := auditlog.Read(t.Context(), dir, auditlog.Position{}, func([]byte, auditlog.Position) error { return nil })
			ended["read"] <- err
		}()
		go func() {
			_, err := auditlog.Verify(t.Context(), dir, auditlog.Trust{}, nil)
			ended["verify"] <- err
		}()
		for how, end := range ended {
			select {
			case err := <-end:
				if !errors.Is(err, auditlog.ErrStorage) {
					t.Errorf("%s, to %s: %v", name, how, err)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("%s: it waits and waits to %s", name, how)
			}
		}
	}
}
