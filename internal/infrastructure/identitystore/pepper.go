package identitystore

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/identity"
)

// PepperFile is the name, inside the state directory, of the pepper that Steward made for itself.
const PepperFile = "pepper"

// Faults of the pepper's file.
var (
	ErrPepperExposed = fault.New(fault.Precondition, "identitystore.pepper_exposed", "The pepper's file in the state directory must be a regular file that its owner alone can read and write (mode 0600).")
	ErrPepperBroken  = fault.New(fault.Precondition, "identitystore.pepper_broken", "The pepper's file in the state directory does not hold a pepper; restore it from a backup, or remove it, after which every key must be issued anew.")
)

const (
	pepperMode     fs.FileMode = 0o600
	stateDirMode   fs.FileMode = 0o700
	othersAccess   fs.FileMode = 0o077
	maxPepperBytes             = 4096
)

// Pepper gives the pepper of the API keys: made of configured, when that is set; else the one in stateDir, which is
// made, once, of 256 random bits, in a file of mode 0600. Processes that start together agree on one. Without the
// pepper that a key was issued under, the key holds no more, so the file belongs in backups, apart from the
// database. The file's text, put into the configuration, is the same pepper.
func Pepper(stateDir, configured string) (identity.Pepper, error) {
	if configured != "" {
		return identity.NewPepper([]byte(configured))
	}
	path := filepath.Join(stateDir, PepperFile)
	secret, err := readPepper(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makePepper(stateDir, path); err == nil {
			secret, err = readPepper(path)
		}
	}
	if err != nil {
		return identity.Pepper{}, err
	}
	pepper, err := identity.NewPepper(secret)
	if err != nil {
		return identity.Pepper{}, ErrPepperBroken.Because(err)
	}
	return pepper, nil
}

func readPepper(path string) ([]byte, error) {
	// Not followed: a link could lead to a file that others control.
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("look at the pepper: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&othersAccess != 0 {
		return nil, ErrPepperExposed
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the pepper: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxPepperBytes))
	if err != nil {
		return nil, fmt.Errorf("read the pepper: %w", err)
	}
	return bytes.TrimSuffix(text, []byte("\n")), nil
}

// makePepper puts a new pepper at path unless one is there by then: the link is what decides between processes, and
// nobody ever sees half a file.
func makePepper(dir, path string) (err error) {
	if err := os.MkdirAll(dir, stateDirMode); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	f, err := os.CreateTemp(dir, PepperFile+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("make the pepper: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := errors.Join(writePepper(f), f.Close()); err != nil {
		return fmt.Errorf("write the pepper: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keep the pepper: %w", err)
	}
	return syncDirectory(dir)
}

func writePepper(f *os.File) error {
	var bits [identity.MinPepper]byte
	_, _ = rand.Read(bits[:]) // crypto/rand.Read never fails on supported systems (Go 1.24)
	if _, err := fmt.Fprintln(f, hex.EncodeToString(bits[:])); err != nil {
		return err
	}
	if err := f.Chmod(pepperMode); err != nil {
		return err
	}
	return f.Sync()
}

// syncDirectory makes the new name durable: a key issued under a pepper that a power failure forgets is lost.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the state directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
