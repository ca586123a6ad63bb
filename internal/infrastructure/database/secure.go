package database

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// The faults of opening the file.
var (
	ErrExposed    = fault.New(fault.Precondition, "database.exposed", "Others can read or change the state file; give it mode 0600 in a directory that only its owner writes.")
	ErrNotRegular = fault.New(fault.Precondition, "database.not_a_file", "The state path is not a regular file; name a file of its own.")
)

const (
	fileMode      fs.FileMode = 0o600
	directoryMode fs.FileMode = 0o700
	othersAccess  fs.FileMode = 0o077
	othersWrite   fs.FileMode = 0o022
)

// secure makes the file before SQLite does, because SQLite would create it with the mode that the umask leaves;
// the write-ahead log then inherits the file's mode.
func secure(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, directoryMode); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	if err := checkDirectory(dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create the state file: %w", err)
	}
	return checkFile(path)
}

func checkDirectory(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the state directory: %w", err)
	}
	// In a sticky directory others can add files but not replace ours.
	if info.Mode().Perm()&othersWrite != 0 && info.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("state directory %s has mode %04o: %w", dir, info.Mode().Perm(), ErrExposed)
	}
	return nil
}

func checkFile(path string) error {
	// Not followed: a link could lead to a file whose mode and directory nobody checked.
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at the state file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("state file %s: %w", path, ErrNotRegular)
	}
	if info.Mode().Perm()&othersAccess != 0 {
		return fmt.Errorf("state file %s has mode %04o: %w", path, info.Mode().Perm(), ErrExposed)
	}
	return nil
}
