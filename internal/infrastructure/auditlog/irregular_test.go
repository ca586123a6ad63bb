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

// A journal from elsewhere may hold anything in the place of its files. Nobody waits for the writer of a pipe, which could not
// even be interrupted, nor reads a device, which has no end.
func TestRead_RefusesWhatIsNoFile(t *testing.T) {
	segment := func(dir string) string { return filepath.Join(dir, "000000000001.jsonl") }
	key := func(dir string) string { return filepath.Join(dir, "checkpoints.pub") }
	ways := map[string]struct {
		place func(dir string) string
		read  func(dir string) error
	}{
		"read": {segment, func(dir string) error {
			_, err := auditlog.Read(t.Context(), dir, auditlog.Position{}, func([]byte, auditlog.Position) error { return nil })
			return err
		}},
		"verify": {segment, func(dir string) error {
			_, err := auditlog.Verify(t.Context(), dir, auditlog.Trust{}, nil)
			return err
		}},
		"read again": {segment, func(dir string) error {
			_, err := auditlog.Reread(dir, 1, 0, 10)
			return err
		}},
		"verify its checkpoints": {auditlog.CheckpointsFile, func(dir string) error {
			_, err := auditlog.Verify(t.Context(), dir, auditlog.Trust{}, nil)
			return err
		}},
		"inspect its checkpoints": {auditlog.CheckpointsFile, func(dir string) error {
			return auditlog.InspectKey(dir, auditlog.Signing{KeyFile: filepath.Join(dir, "none"), Writer: "journal"})
		}},
		"go on with its checkpoints": {auditlog.CheckpointsFile, func(dir string) error {
			_, err := auditlog.Open(dir, auditlog.Options{Now: time.Now, Signing: auditlog.Signing{KeyFile: dir + ".key", Writer: "journal"}})
			return err
		}},
		"take its key": {key, func(dir string) error {
			_, err := auditlog.PublicKey(key(dir))
			return err
		}},
	}
	for what, put := range map[string]func(path string) error{
		"a pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link to a pipe": func(path string) error {
			return errors.Join(syscall.Mkfifo(path+".pipe", 0o600), os.Symlink(path+".pipe", path))
		},
		"a link to a device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a directory":        func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		for how, way := range ways {
			dir := t.TempDir()
			if err := put(way.place(dir)); err != nil {
				t.Fatal(err)
			}
			end := make(chan error, 1)
			go func() { end <- way.read(dir) }()
			select {
			case err := <-end:
				if !errors.Is(err, auditlog.ErrStorage) {
					t.Errorf("%s, to %s: %v", what, how, err)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("%s: it waits and waits to %s", what, how)
			}
		}
	}
}
