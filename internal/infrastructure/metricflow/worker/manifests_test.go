package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// texts are manifests that a test puts in place by hand; the one put last is the present one, and nothing is forgotten
// but what is taken away.
type texts struct {
	mu      sync.Mutex
	present string
	kept    map[string][]byte
}

func (m *texts) put(text []byte) (hash string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.present = hashOf(text)
	if m.kept == nil {
		m.kept = map[string][]byte{}
	}
	m.kept[m.present] = text
	return m.present
}

func (m *texts) Present(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.present, nil
}

func (m *texts) Bytes(hash string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, found := m.kept[hash]
	return text, found
}

func (m *texts) Place(_ context.Context, kind, name string) (metric.Location, bool) {
	return metric.Location{File: "models/" + kind + ".yml", Line: len(name)}, kind != ""
}

// renamed is the shop's manifest with another name for its metric "average_order".
func renamed(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "shop", "semantic_manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.ReplaceAll(string(data), `"name": "average_order",`, `"name": "`+name+`",`))
}

func TestSource_AnswersOnTheManifestThatAQuestionRestsOn(t *testing.T) {
	s, _ := ownShop(t, nil)
	var m texts
	s.manifests = &m
	before := m.put(renamed(t, "average_order"))
	ask(t, s, metric.Question{Metrics: []string{"average_order"}})
	after := m.put(renamed(t, "heft"))

	// Both engines are there, whichever was asked last.
	for _, tier := range []metric.GroupBy{{Name: "customer__tier"}, {Name: "customer__name"}} {
		ask(t, s, metric.Question{Manifest: before, Metrics: []string{"average_order"}, GroupBy: []metric.GroupBy{tier}})
		ask(t, s, metric.Question{Manifest: after, Metrics: []string{"heft"}, GroupBy: []metric.GroupBy{tier}})
	}
	_, err := s.Answer(within(t, time.Minute), metric.Question{Manifest: after, Metrics: []string{"average_order"}, Limit: 1})
	wantFault(t, err, metric.ErrQuestion)

	// One manifest later the first is handed over again, as long as somebody has its bytes.
	third := m.put(renamed(t, "mass"))
	ask(t, s, metric.Question{Metrics: []string{"mass"}})
	ask(t, s, metric.Question{Manifest: before, Metrics: []string{"average_order", "orders"}})
	ask(t, s, metric.Question{Manifest: third, Metrics: []string{"mass", "orders"}})
	ask(t, s, metric.Question{Manifest: after, Metrics: []string{"heft", "orders"}})
	ask(t, s, metric.Question{Manifest: third, Metrics: []string{"mass", "weight"}})
	m.mu.Lock()
	delete(m.kept, before)
	m.mu.Unlock()
	_, err = s.Answer(within(t, time.Minute), metric.Question{Manifest: before, Metrics: []string{"average_order", "weight"}, Limit: 1})
	if f := gotFault(t, err, metric.ErrManifestChanged); f.RetryAfter <= 0 {
		t.Errorf("%+v", f)
	}
	ask(t, s, metric.Question{Manifest: before, Metrics: []string{"average_order"}}) // compiled before, so it needs no engine
}

func TestSource_KeepsTheEngineBesideAManifestThatCannotBeRead(t *testing.T) {
	s, _ := ownShop(t, nil)
	var m texts
	s.manifests = &m
	before := m.put(renamed(t, "average_order"))
	ask(t, s, anOrder)
	pid := pidOf(t, s)
	m.put([]byte(`{"metrics": 1}`))
	for range 2 {
		_, err := s.Answer(within(t, time.Minute), anOrder)
		wantFault(t, err, metric.ErrManifest)
		ask(t, s, metric.Question{Manifest: before, Metrics: []string{"revenue"}})
	}
	m.put(renamed(t, "heft"))
	ask(t, s, metric.Question{Metrics: []string{"heft"}})
	if pidOf(t, s) != pid {
		t.Error("the worker was replaced")
	}
}

func TestSource_BuildsTheEngineOfANewManifestBeforeItIsNeeded(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.Workers, c.Spare = 2, 1 }, `
ready()
serve(answer)
`)
	allReady(t, s)
	m := s.manifests.(*fakeManifests)
	for _, hash := range []string{"n", "o", "p"} {
		m.mu.Lock()
		m.hashes = append(m.hashes, hash)
		m.mu.Unlock()
		eventually(t, "every worker has it", func() bool {
			s.pool.mu.Lock()
			defer s.pool.mu.Unlock()
			for _, p := range s.pool.idle {
				if !p.has(hash) || len(p.manifests) > enginesKept {
					return false
				}
			}
			return len(s.pool.idle) == 3
		})
	}
}

func TestSource_RefusesNobodyWhileTheManifestChanges(t *testing.T) {
	// The source reads the file itself here, as dbt rewrites it.
	s, dir := ownShop(t, func(c *Config) { c.Workers = 2 })
	allReady(t, s)
	const clients, changes = 4, 10
	var done atomic.Bool
	var asking sync.WaitGroup
	var answered [clients]atomic.Int64
	for client := range clients {
		asking.Go(func() {
			for i := 0; !done.Load(); i++ {
				// The names are resolved against one manifest; by the time of the answer another may be the present one.
				hash, err := s.manifests.Present(t.Context())
				if err == nil {
					_, err = s.Answer(within(t, time.Minute), metric.Question{
						Manifest: hash, Metrics: []string{"orders", "revenue"}, GroupBy: []metric.GroupBy{{Name: "customer__tier"}}, Limit: 1 + client + clients*i,
					})
				}
				if err != nil {
					t.Errorf("a question was refused: %v", explain(err))
					return
				}
				answered[client].Add(1)
			}
		})
	}
	path := filepath.Join(dir, "target", "semantic_manifest.json")
	last, err := s.manifests.Present(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for change := range changes {
		text := renamed(t, "average_order"+strconv.Itoa(change))
		if err := errors.Join(os.WriteFile(path+".new", text, 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the change is seen", func() bool {
			hash, err := s.manifests.Present(t.Context())
			return err == nil && hash != last
		})
		last = hashOf(text)
		for client := range clients {
			before := answered[client].Load()
			eventually(t, "everybody has had an answer since", func() bool { return t.Failed() || answered[client].Load() > before+1 })
		}
	}
	done.Store(true)
	asking.Wait()
	t.Logf("%d, %d, %d and %d answered", answered[0].Load(), answered[1].Load(), answered[2].Load(), answered[3].Load())
	if state := s.State(); state.Replaced != 0 {
		t.Errorf("%v", state)
	}
}
