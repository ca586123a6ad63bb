package auditlog

import (
	"errors"
	"os"
	"syscall"
)

// syncData makes the file's bytes and length durable, without its times.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
