package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

const (
	fileName = "semantic_manifest.json"

	// LargestManifest is how many bytes of a semantic manifest are read at most.
	LargestManifest = 64 << 20

	statEvery = time.Second
	// A file can change without its time and size changing (a checkout, an rsync), so it is read again now and
	// then whatever they say.
	readEvery = 30 * time.Second
)

// Loader keeps the catalog of one project's manifest: it is read when first asked for, looked at again at most
// once a second when asked, parsed once per content, and swapped as a whole. It starts nothing and needs no
// closing. It is safe for concurrent use.
type Loader struct {
	target  string // the folder that dbt writes to
	project string
	now     func() time.Time
	current atomic.Pointer[loaded]
	checked atomic.Int64  // unix nanoseconds of the last look
	turn    chan struct{} // held by whoever looks at the file; others go on with what there is
	places  places
}

var (
	_ metric.Catalogs    = (*Loader)(nil)
	_ metric.Definitions = (*Loader)(nil)
)

// loaded is one look at the file and what came of it. It is never changed, only replaced.
type loaded struct {
	file    fs.FileInfo // nil when there was none
	read    time.Time
	catalog *metric.Catalog
	content
	before  content // of the manifest whose place this one took
	written time.Time
	nodes   map[string]metric.Location // where the manifest itself says that metrics are
	fault   error                      // why the newest file is not the catalog; nil when it is
}

// content is what a manifest is known by, and what the engine is given of it.
type content struct {
	hash string
	data []byte
}

// NewLoader watches the manifest of the dbt project at projectDir, in its folder target ("" for dbt's default,
// "target"; an absolute one is taken as it is). It does no I/O.
func NewLoader(projectDir, target string, now func() time.Time) *Loader {
	if target == "" {
		target = "target"
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(projectDir, target)
	}
	return &Loader{
		target: target, project: projectDir, now: now, turn: make(chan struct{}, 1),
		places: places{turn: make(chan struct{}, 1)},
	}
}

// Current implements metric.Catalogs.
func (l *Loader) Current(ctx context.Context) (metric.Snapshot, error) {
	at, err := l.look(ctx)
	if err != nil {
		return metric.Snapshot{}, err
	}
	if at.catalog == nil {
		return metric.Snapshot{}, at.fault
	}
	age := max(l.now().Sub(at.written), 0)
	return metric.Snapshot{Catalog: at.catalog, Hash: at.hash, Age: age, Stale: at.fault}, nil
}

// Present returns the hash of the snapshot that Current returns, and fails as it does.
func (l *Loader) Present(ctx context.Context) (string, error) {
	s, err := l.Current(ctx)
	return s.Hash, err
}

// Bytes returns the manifest with this hash when it is the present one or the one before, without a look at the
// file. The bytes are shared and never change.
func (l *Loader) Bytes(hash string) ([]byte, bool) {
	at := l.current.Load()
	if at == nil {
		return nil, false
	}
	for _, c := range []content{at.content, at.before} {
		if c.hash == hash && c.data != nil {
			return c.data, true
		}
	}
	return nil, false
}

// look returns the present state, after a look at the file when one is due. Only the very first has to be waited
// for; while somebody else looks, the state before is good enough.
func (l *Loader) look(ctx context.Context) (*loaded, error) {
	at := l.current.Load()
	if at != nil && l.now().UnixNano()-l.checked.Load() < int64(statEvery) {
		return at, nil
	}
	if at != nil {
		select {
		case l.turn <- struct{}{}:
		default:
			return at, nil
		}
	} else {
		select {
		case l.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-l.turn }()
	at = l.current.Load()
	if at == nil || l.now().UnixNano()-l.checked.Load() >= int64(statEvery) {
		at = l.refresh(at)
		l.current.Store(at)
		l.checked.Store(l.now().UnixNano())
	}
	return at, nil
}

// refresh gives the state after a look at the file. What cannot be read leaves the catalog before in place.
func (l *Loader) refresh(before *loaded) *loaded {
	if before == nil {
		before = &loaded{}
	}
	path := filepath.Join(l.target, fileName)
	info, err := os.Stat(path)
	if err != nil {
		return before.failing(nil, l.now(), missing(err))
	}
	if before.file != nil && unchanged(before.file, info) && l.now().Sub(before.read) < readEvery {
		return before
	}
	data, err := readWhole(path, info)
	if err != nil {
		return before.failing(nil, l.now(), metric.ErrManifest.Because(err))
	}
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	if before.catalog != nil && before.hash == hash {
		same := *before
		same.file, same.read, same.written, same.fault = info, l.now(), info.ModTime(), nil
		return &same
	}
	next := &loaded{
		file: info, read: l.now(), content: content{hash, data}, before: before.content, written: info.ModTime(),
	}
	if next.catalog, next.nodes, err = load(data); err != nil {
		return before.failing(info, l.now(), err)
	}
	return next
}

func load(data []byte) (*metric.Catalog, map[string]metric.Location, error) {
	m, locations, err := Parse(data)
	if err != nil {
		return nil, nil, err
	}
	catalog, err := metric.NewCatalog(m)
	return catalog, locations, err
}

// failing is l with the same catalog and a reason why it is not newer.
func (l *loaded) failing(file fs.FileInfo, now time.Time, fault error) *loaded {
	next := *l
	next.file, next.read, next.fault = file, now, fault
	return &next
}

func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return metric.ErrNoManifest.Because(err)
	}
	return metric.ErrManifest.Because(err)
}

func unchanged(a, b fs.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}

// readWhole reads a regular file that is no larger than LargestManifest, and fails when its size changes meanwhile.
func readWhole(path string, info fs.FileInfo) (data []byte, err error) {
	// Asked before it is opened, because opening a pipe would wait.
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if info.Size() > LargestManifest {
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", info.Size(), int64(LargestManifest))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, LargestManifest+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != info.Size() {
		return nil, errors.New("it is being written")
	}
	return data, nil
}
