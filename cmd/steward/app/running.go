package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// runningFile is where a server says, inside its state directory and for as long as it runs, at what address operators
// reach it. Only whoever holds the lock of the state writes it.
const runningFile = "admin.address"

const runningMode fs.FileMode = 0o600

// ErrNotReached is what Running answers when no server has said where it is.
var ErrNotReached = fault.New(fault.Unavailable, "admin.not_reached",
	"A process holds the state, but no server has said where operators reach it; it may be starting or stopping. Try again, or stop it first.")

// Running is the address at which the server that holds the state of c takes the acts of operators.
func Running(c config.Config) (string, error) {
	path := filepath.Join(c.StateDir, runningFile)
	info, err := os.Lstat(path)
	if err != nil {
		return "", ErrNotReached.Because(err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm() != runningMode {
		return "", ErrNotReached.Because(errors.New("the file is not one that a server wrote"))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", ErrNotReached.Because(err)
	}
	address, err := netip.ParseAddrPort(strings.TrimSpace(string(text)))
	if err != nil {
		return "", ErrNotReached.Because(fmt.Errorf("read the address of the running server: %w", err))
	}
	if !address.Addr().IsLoopback() { // an operator's key goes nowhere else
		return "", ErrNotReached.Because(fmt.Errorf("the file names %s, which is no address of this machine", address))
	}
	return address.String(), nil
}

// announce writes the address down; withdraw takes it away, also one that a process left which was killed.
func announce(c config.Config, address string) error {
	if err := withdraw(c); err != nil {
		return err
	}
	path := filepath.Join(c.StateDir, runningFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, runningMode)
	if err != nil {
		return fmt.Errorf("say where operators reach the server: %w", err)
	}
	_, err = fmt.Fprintln(f, address)
	return errors.Join(err, f.Close())
}

func withdraw(c config.Config) error {
	err := os.Remove(filepath.Join(c.StateDir, runningFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
