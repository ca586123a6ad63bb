// Package disk tells what room a directory's file system has, and whether files can be made there.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Room is what a file system has for an ordinary user, in bytes.
type Room struct{ Free, Total uint64 }

// Share is the part that is free, from 0 to 1.
func (r Room) Share() float64 {
	if r.Total == 0 {
		return 0
	}
	return float64(r.Free) / float64(r.Total)
}

// Measure tells the room at a directory that need not be there yet: then at the nearest one above it that is.
func Measure(dir string) (Room, error) {
	dir, err := nearest(dir)
	if err != nil {
		return Room{}, err
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return Room{}, err
	}
	block := uint64(s.Bsize) //nolint:gosec // a size; its type differs between systems
	return Room{Free: s.Bavail * block, Total: s.Blocks * block}, nil
}

// Try makes a file in the directory, or in the nearest one above it, and takes it away again.
func Try(dir string) error {
	dir, err := nearest(dir)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".steward-doctor-*")
	if err != nil {
		return err
	}
	_, err = f.Write([]byte{'\n'})
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// errNoDirectory is about a path that something else than a directory stands in the way of.
var errNoDirectory = errors.New("a part of the path is no directory")

func nearest(dir string) (string, error) {
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return dir, nil
		case err == nil, errors.Is(err, syscall.ENOTDIR):
			return "", errNoDirectory
		case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir:
			return "", err
		}
		dir = filepath.Dir(dir)
	}
}
