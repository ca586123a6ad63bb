package database

import (
	"os"
	"sync"
	"syscall"
)

// headerBytes is the size of a copy of the header with which the index of the write-ahead log begins. There are two
// copies of it, one after the other (https://sqlite.org/walformat.html#the_wal_index_header).
const headerBytes = 48

// Edition tells one state of the file from another: while it is the same, nobody has committed anything, in whichever
// process. It is what SQLite's own connections look at to know whether their pages still hold, and costs a fraction of
// the shortest query. known is false when it cannot be told just now.
func (d *DB) Edition() (edition [headerBytes]byte, known bool) {
	f := d.index.opened()
	if f == nil {
		return edition, false
	}
	var head [2 * headerBytes]byte
	if n, err := syscall.Pread(int(f.Fd()), head[:], 0); err != nil || n < len(head) {
		return edition, false
	}
	// The copies differ while one is being written. A file that has lost its name is not the one that is written to.
	first, second := [headerBytes]byte(head[:headerBytes]), [headerBytes]byte(head[headerBytes:])
	var is syscall.Stat_t
	if first != second || first == edition || syscall.Fstat(int(f.Fd()), &is) != nil || is.Nlink == 0 {
		return edition, false
	}
	return first, true
}

// walIndex is the index of one write-ahead log. All databases of this process that are the same file share it: closing a
// file gives up every lock that the process has on it (POSIX), SQLite's own among them, so it is closed after the last.
type walIndex struct {
	path   string
	shared int
	mu     sync.Mutex
	file   *os.File
}

// indexes are those that are in use, by path.
var indexes = struct {
	sync.Mutex
	of map[string]*walIndex
}{of: map[string]*walIndex{}}

// shareIndex gives the index of the database at path. It need not exist yet.
func shareIndex(path string) *walIndex {
	indexes.Lock()
	defer indexes.Unlock()
	w, ok := indexes.of[path]
	if !ok {
		w = &walIndex{path: path}
		indexes.of[path] = w
	}
	w.shared++
	return w
}

// leave is called once, when no connection of the database that shared it is open any more.
func (w *walIndex) leave() error {
	indexes.Lock()
	defer indexes.Unlock()
	if w.shared--; w.shared > 0 {
		return nil
	}
	delete(indexes.of, w.path)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	return w.file.Close()
}

// opened is the file, or nil while there is none.
func (w *walIndex) opened() *os.File {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		w.file, _ = os.Open(w.path + "-shm") // there is none before the first transaction
	}
	return w.file
}
