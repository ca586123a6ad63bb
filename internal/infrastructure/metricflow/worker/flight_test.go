package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

func TestFlights_DoTheSameOnceForAllWhoAskMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flights[string, int]
		var asked sync.WaitGroup
		runs := 0
		for range 8 {
			asked.Go(func() {
				got, err := f.do(t.Context(), "key", func(context.Context) (int, error) {
					runs++
					time.Sleep(time.Second)
					return runs, nil
				})
				if got != 1 || err != nil {
					t.Errorf("%d, %v", got, err)
				}
			})
		}
		asked.Wait()
		// Nothing is kept: a number is not older than the question.
		if got, _ := f.do(t.Context(), "key", func(context.Context) (int, error) { return 7, nil }); got != 7 {
			t.Errorf("an answer was kept: %d", got)
		}
		f.close()
		if _, err := f.do(t.Context(), "key", nil); !errors.Is(err, metric.ErrEngineUnavailable) {
			t.Errorf("after close: %v", err)
		}
	})
}

func TestFlights_GoOnUntilTheLastHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flights[string, int]
		begun := time.Now()
		var ended time.Duration
		work := func(ctx context.Context) (int, error) {
			select {
			case <-ctx.Done():
				ended = time.Since(begun)
				time.Sleep(time.Minute) // it takes its time to end, which no asker waits for
				return 0, ctx.Err()
			case <-time.After(time.Hour):
				return 1, nil
			}
		}
		var asked sync.WaitGroup
		for _, patience := range []time.Duration{time.Second, 3 * time.Second, 2 * time.Second} {
			asked.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := f.do(ctx, "key", work)
				if took := time.Since(begun); !errors.Is(err, fault.ErrTimeout) || took != patience {
					t.Errorf("who has patience for %v was told %v after %v", patience, err, took)
				}
			})
		}
		asked.Wait()
		synctest.Wait()
		if ended != 3*time.Second {
			t.Errorf("the work was given up after %v", ended)
		}
		// Who asks now does not join what is given up.
		if got, err := f.do(t.Context(), "key", func(context.Context) (int, error) { return 2, nil }); got != 2 || err != nil {
			t.Errorf("%d, %v", got, err)
		}
		f.close()
	})
}

func TestFlights_TellEveryAskerTheStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flights[string, int]
		var asked sync.WaitGroup
		for late := range 3 {
			asked.Go(func() {
				time.Sleep(time.Duration(late) * 1400 * time.Millisecond)
				var stages []metric.Stage
				ctx := metric.WithProgress(t.Context(), func(stage metric.Stage) { stages = append(stages, stage) })
				_, _ = f.do(ctx, "key", func(ctx context.Context) (int, error) {
					for _, stage := range []metric.Stage{metric.StageCompiling, metric.StageRunning, metric.StageReading} {
						time.Sleep(time.Second)
						metric.Progress(ctx)(stage)
					}
					time.Sleep(time.Second)
					return 0, nil
				})
				all := []metric.Stage{metric.StageWaiting, metric.StageCompiling, metric.StageRunning, metric.StageReading}
				if diff := cmp.Diff(all[late:], stages); diff != "" {
					t.Errorf("%d: %s", late, diff)
				}
			})
		}
		asked.Wait()
		f.close()
	})
}

func TestSource_RunsIdenticalQuestionsOnceAndOthersApart(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.Workers = 2 }, gated)
	allReady(t, s)
	var answered sync.WaitGroup
	tables := make([]metric.Table, 8)
	for i := range tables {
		answered.Go(func() {
			var err error
			if tables[i], err = s.Answer(within(t, time.Minute), limited(1+i%2)); err != nil {
				t.Errorf("%v", explain(err))
			}
		})
	}
	eventually(t, "both run", func() bool { return len(ran(t, s)) == 2 })
	eventually(t, "all have joined", func() bool {
		s.answers.mu.Lock()
		defer s.answers.mu.Unlock()
		joined := 0
		for _, f := range s.answers.flying {
			joined += f.waiters
		}
		return joined == len(tables)
	})
	open(t, s)
	answered.Wait()
	for i, table := range tables {
		if fmt.Sprint(table.Rows) != fmt.Sprintf("[[%d]]", 1+i%2) {
			t.Errorf("%d got %v", i, table.Rows)
		}
	}
	got := ran(t, s)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"SELECT2", "SELECT3"}, got); diff != "" {
		t.Error(diff)
	}
	// Asked again, a question runs again: what has been answered may be old.
	ask(t, s, limited(1))
	if len(ran(t, s)) != 3 {
		t.Errorf("%v", ran(t, s))
	}
}

func TestSource_CompilesAQuestionOnceForAManifest(t *testing.T) {
	s := shop(t)
	allReady(t, s)
	made := func() int {
		s.statements.mu.Lock()
		defer s.statements.mu.Unlock()
		return s.statements.made
	}
	before := made()
	var asked sync.WaitGroup
	for range 4 {
		// One row less than the statement fetches, so the two share it.
		asked.Go(func() { ask(t, s, limited(1234)) })
		asked.Go(func() {
			if _, err := s.Compile(within(t, time.Minute), limited(1235)); err != nil {
				t.Error(explain(err))
			}
		})
	}
	asked.Wait()
	ask(t, s, limited(1234))
	if got := made() - before; got != 1 {
		t.Errorf("compiled %d times", got)
	}
	ask(t, s, metric.Question{Metrics: []string{"orders"}, Limit: 1234, Start: "2024-01-02T00:00:00"})
	if got := made() - before; got != 2 {
		t.Errorf("compiled %d times", got)
	}
}

func TestSource_DoesNotMixWhatDiffers(t *testing.T) {
	a := asked{question: question{Metrics: []string{"a", "b"}, Limit: 1}}
	seen := map[digest]string{}
	for name, d := range map[string]struct {
		adapter, manifest string
		asked             asked
	}{
		"as it is":         {"duckdb", "m", a},
		"another manifest": {"duckdb", "n", a},
		"another dialect":  {"postgres", "m", a},
		"its values":       {"duckdb", "m", asked{question: a.question, field: "dimension"}},
		"an entity's":      {"duckdb", "m", asked{question: a.question, field: "entity"}},
		"another order":    {"duckdb", "m", asked{question: question{Metrics: []string{"b", "a"}, Limit: 1}}},
		"one name":         {"duckdb", "m", asked{question: question{Metrics: []string{"a,b"}, Limit: 1}}},
		"another limit":    {"duckdb", "m", asked{question: question{Metrics: []string{"a", "b"}, Limit: 2}}},
		"a policy":         {"duckdb", "m", asked{question: question{Metrics: []string{"a", "b"}, Limit: 1, Where: []string{"x = 1"}}}},
		"another policy":   {"duckdb", "m", asked{question: question{Metrics: []string{"a", "b"}, Limit: 1, Where: []string{"x = 2"}}}},
		"a bound":          {"duckdb", "m", asked{question: question{Metrics: []string{"a", "b"}, Limit: 1, Start: "2024"}}},
		"the other bound":  {"duckdb", "m", asked{question: question{Metrics: []string{"a", "b"}, Limit: 1, End: "2024"}}},
	} {
		key, err := digestOf(d.adapter, d.manifest, d.asked)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := seen[key]; taken {
			t.Errorf("%q and %q are one", name, other)
		}
		seen[key] = name
	}
}
