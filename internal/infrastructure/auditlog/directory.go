package auditlog

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const (
	directoryMode = 0o700
	fileMode      = 0o600
)

// directory is a journal's directory, held by this process alone.
type directory struct {
	path string
	file *os.File // carries the lock, and is what is synced after a file is created in it
}

// hold creates the directory if need be, durably, and locks it (flock, so that the lock ends with the process,
// however it ends).
func hold(path string) (*directory, error) {
	if err := makeDurable(path); err != nil {
		return nil, ErrStorage.Because(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, ErrStorage.Because(err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &directory{path: path, file: f}, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrLocked.Because(err)
	}
	return nil, ErrStorage.Because(err)
}

// release unlocks explicitly: a child process between fork and exec holds the descriptor too, and with it a lock that
// a mere close would leave.
func (d *directory) release() error {
	return errors.Join(syscall.Flock(int(d.file.Fd()), syscall.LOCK_UN), d.file.Close())
}

// makeDurable creates path and its missing parents, and syncs what each new one was created in.
func makeDurable(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if err := makeDurable(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, directoryMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// segmentFile is what the writer needs of the segment it appends to.
type segmentFile interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error // returns when everything written, and the length, is durable
	Close() error
}

// opener opens the named segment for writing; fresh ones must not exist yet and are durably named on return.
type opener func(name string, fresh bool) (segmentFile, error)

type diskSegment struct{ *os.File }

func (s diskSegment) Sync() error { return syncData(s.File) }

func (d *directory) openSegment(name string, fresh bool) (segmentFile, error) {
	flags := os.O_WRONLY
	if fresh {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(filepath.Join(d.path, name), flags, fileMode)
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := d.file.Sync(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return diskSegment{f}, nil
}

// segment is one file of a journal, named by the number of its first record.
type segment struct {
	name  string
	first uint64
}

const segmentSuffix = ".jsonl"

func segmentFrom(first uint64) segment {
	return segment{name: fmt.Sprintf("%012d%s", first, segmentSuffix), first: first}
}

// segments lists the segment files at path by their first record. Files with other names are not the journal's.
func segments(path string) ([]segment, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var found []segment
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		first, err := strconv.ParseUint(digits, 10, 64)
		s := segmentFrom(first)
		if !ok || err != nil || first == 0 || s.name != e.Name() {
			continue
		}
		if !e.Type().IsRegular() {
			if err := regular(filepath.Join(path, s.name)); err != nil {
				return nil, err
			}
		}
		found = append(found, s)
	}
	slices.SortFunc(found, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return found, nil
}

var errIrregular = errors.New("a pipe, a device or a directory stands where a file of the journal belongs")

// regular is an error of what is no file, or a link to one: opening a pipe waits for its writer, whoever wants to stop meanwhile,
// and a device has no end.
func regular(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return errIrregular
	}
	return err
}

// openRegular opens, for reading, what is regular.
func openRegular(path string) (*os.File, error) {
	if err := regular(path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// readRegular is the content of what is regular.
func readRegular(path string) ([]byte, error) {
	if err := regular(path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
