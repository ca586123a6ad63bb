package manifest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
	"github.com/steward-mcp/steward/internal/infrastructure/metricflow/manifest"
)

// project is a dbt project folder and a clock that only moves when told.
type project struct {
	*testing.T
	dir string
	ns  atomic.Int64
	*manifest.Loader
}

func newProject(t *testing.T) *project {
	t.Helper()
	p := &project{T: t, dir: t.TempDir()}
	p.ns.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	p.Loader = manifest.NewLoader(p.dir, "", p.now)
	return p
}

func (p *project) now() time.Time          { return time.Unix(0, p.ns.Load()) }
func (p *project) wait(d time.Duration)    { p.ns.Add(int64(d)) }
func (p *project) file(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

// write puts a file in place as if it had been written a minute ago on the project's clock.
func (p *project) write(name, text string) {
	p.Helper()
	path := p.file(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.Fatal(err)
	}
	written := p.now().Add(-time.Minute)
	if err := os.Chtimes(path, written, written); err != nil {
		p.Fatal(err)
	}
}

func (p *project) current() metric.Snapshot {
	p.Helper()
	s, err := p.Current(p.Context())
	if err != nil {
		p.Fatalf("Current: %v", err)
	}
	return s
}

const semanticManifest = "target/semantic_manifest.json"

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestLoader_SaysWhatIsMissingAndHowToGetIt(t *testing.T) {
	p := newProject(t)
	_, err := p.Current(t.Context())
	if !errors.Is(err, metric.ErrNoManifest) {
		t.Fatalf("Current: %v; want ErrNoManifest", err)
	}
	f := fault.From(err)
	if f.Kind != fault.Unavailable || !strings.Contains(f.Message, "dbt parse") || strings.Contains(f.Error(), p.dir) {
		t.Errorf("the fault is %v", f)
	}
	p.write(semanticManifest, older)
	p.wait(2 * time.Second)
	if s := p.current(); s.Hash != hashOf(older) || s.Stale != nil {
		t.Errorf("after dbt parse: hash %s, stale %v", s.Hash, s.Stale)
	}
}

func TestLoader_TellsHashAndAge(t *testing.T) {
	p := newProject(t)
	p.write(semanticManifest, older)
	p.wait(time.Hour)
	if s := p.current(); s.Hash != hashOf(older) || s.Age != time.Hour+time.Minute {
		t.Errorf("hash %s, age %v; want %s, 1h1m", s.Hash, s.Age, hashOf(older))
	}
}

func TestLoader_NeverTellsANegativeAge(t *testing.T) {
	p := newProject(t)
	p.write(semanticManifest, older)
	p.wait(-time.Hour)
	if s := p.current(); s.Age != 0 {
		t.Errorf("age %v; want 0", s.Age)
	}
}

func TestLoader_ReadsOncePerContentAndLooksAtMostOnceASecond(t *testing.T) {
	p := newProject(t)
	p.write(semanticManifest, older)
	first := p.current()
	p.write(semanticManifest, newer)
	p.wait(900 * time.Millisecond)
	if s := p.current(); s.Hash != first.Hash {
		t.Error("the file was looked at again within a second")
	}
	p.wait(200 * time.Millisecond)
	second := p.current()
	if second.Hash != hashOf(newer) {
		t.Errorf("hash %s; want that of the newer manifest", second.Hash)
	}
	if _, ok := first.Catalog.Metric("growth"); !ok {
		t.Error("the first snapshot has changed")
	}
	p.write(semanticManifest, newer)
	p.wait(2 * time.Second)
	if s := p.current(); s.Catalog != second.Catalog {
		t.Error("the same content was parsed twice")
	}
}

func TestLoader_SeesAChangeThatLeavesTimeAndSizeAlone(t *testing.T) {
	p := newProject(t)
	p.write(semanticManifest, older)
	p.current()
	written, err := os.Stat(p.file(semanticManifest))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(older, `"name": "growth"`, `"name": "grewth"`, 1)
	if err := os.WriteFile(p.file(semanticManifest), []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(p.file(semanticManifest), written.ModTime(), written.ModTime()); err != nil {
		t.Fatal(err)
	}
	p.wait(time.Minute)
	if s := p.current(); s.Hash != hashOf(changed) {
		t.Error("the change is not seen")
	}
}

func TestLoader_KeepsWhatItHasWhenTheNewestCannotBeRead(t *testing.T) {
	for name, spoil := range map[string]func(p *project){
		"half written": func(p *project) { p.write(semanticManifest, newer[:len(newer)/2]) },
		"inconsistent": func(p *project) {
			p.write(semanticManifest, strings.Replace(older, `{"name": "shipments"}`, `{"name": "nothing"}`, 1))
		},
		"gone": func(p *project) { _ = os.Remove(p.file(semanticManifest)) },
		"a folder": func(p *project) {
			_ = os.Remove(p.file(semanticManifest))
			_ = os.Mkdir(p.file(semanticManifest), 0o700)
		},
		"too large": func(p *project) {
			if err := os.Truncate(p.file(semanticManifest), manifest.LargestManifest+1); err != nil {
				p.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			p.write(semanticManifest, older)
			before := p.current()
			spoil(p)
			p.wait(2 * time.Second)
			s := p.current()
			if s.Catalog != before.Catalog || s.Hash != before.Hash || s.Stale == nil {
				t.Fatalf("hash %s, stale %v; want what there was, and a reason", s.Hash, s.Stale)
			}
			_ = os.Remove(p.file(semanticManifest))
			p.write(semanticManifest, newer)
			p.wait(2 * time.Second)
			if s := p.current(); s.Hash != hashOf(newer) || s.Stale != nil {
				t.Errorf("after mending: hash %s, stale %v", s.Hash, s.Stale)
			}
		})
	}
}

func TestLoader_AnswersAnUnreadableFirstManifestWithAFault(t *testing.T) {
	p := newProject(t)
	p.write(semanticManifest, "{}")
	if _, err := p.Current(t.Context()); !errors.Is(err, metric.ErrManifest) {
		t.Errorf("Current: %v; want ErrManifest", err)
	}
}

func TestLoader_ReadsAnotherTargetFolder(t *testing.T) {
	p := newProject(t)
	p.write("build/out/semantic_manifest.json", older)
	for _, target := range []string{"build/out", p.file("build/out")} {
		if _, err := manifest.NewLoader(p.dir, target, p.now).Current(t.Context()); err != nil {
			t.Errorf("target %s: %v", target, err)
		}
	}
}

func TestLoader_IsSafeForConcurrentUse(t *testing.T) {
	p := newProject(t)
	p.write(semanticManifest, older)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				p.wait(300 * time.Millisecond)
				if _, err := p.Current(context.WithoutCancel(t.Context())); err != nil {
					t.Errorf("Current: %v", err)
				}
				p.Locate(t.Context(), "revenue")
			}
		})
	}
	wg.Wait()
}

func TestLoader_KeepsTheBytesOfThePresentManifestAndTheOneBefore(t *testing.T) {
	p := newProject(t)
	if _, err := p.Present(t.Context()); !errors.Is(err, metric.ErrNoManifest) {
		t.Errorf("Present of nothing: %v", err)
	}
	if _, found := p.Bytes(""); found {
		t.Error("there are bytes of no manifest")
	}
	var hashes []string
	for _, more := range []string{"", " ", "\n"} {
		p.write(semanticManifest, older+more)
		p.wait(2 * time.Second)
		hash, err := p.Present(t.Context())
		if err != nil || hash != p.current().Hash {
			t.Fatalf("%s, %v", hash, err)
		}
		hashes = append(hashes, hash)
	}
	p.write(semanticManifest, "{") // what cannot be read takes nobody's place
	p.wait(2 * time.Second)
	if hash, err := p.Present(t.Context()); hash != hashes[2] || err != nil {
		t.Errorf("%s, %v", hash, err)
	}
	for i, want := range []string{"", older + " ", older + "\n"} {
		if data, found := p.Bytes(hashes[i]); string(data) != want || found != (want != "") {
			t.Errorf("manifest %d: %d bytes, %v", i, len(data), found)
		}
	}
}
