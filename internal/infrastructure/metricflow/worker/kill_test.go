package worker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/metric"
)

// longestWait is how long an asker may wait at most while workers are killed. Each question takes some hundredths of a
// second; the rest is for a machine that does much else.
const longestWait = 10 * time.Second

// outcomes counts what happened to the questions of all clients.
type outcomes struct {
	answered, refused atomic.Int64
	longest           atomic.Int64 // nanoseconds
}

// note checks that a question came to a good end in time: the right answer or a clear error.
func (o *outcomes) note(t *testing.T, took time.Duration, err error) {
	t.Helper()
	for longest := o.longest.Load(); int64(took) > longest && !o.longest.CompareAndSwap(longest, int64(took)); {
		longest = o.longest.Load()
	}
	switch {
	case took > longestWait:
		t.Errorf("an asker waited %v", took)
	case err == nil:
		o.answered.Add(1)
	case errors.Is(err, metric.ErrEngineUnavailable) && strings.Contains(err.Error(), "ask again"):
		o.refused.Add(1)
	default:
		t.Errorf("an asker was told %v", explain(err))
	}
}

func (o *outcomes) String() string {
	return fmt.Sprintf("%d answered, %d told to ask again, the longest wait %v",
		o.answered.Load(), o.refused.Load(), time.Duration(o.longest.Load()).Round(time.Millisecond))
}

func TestSource_SurvivesAHundredWorkersKilledUnderLoad(t *testing.T) {
	// The workers answer with what was asked, and mark while they do so.
	s := fakeWorker(t, func(c *Config) { c.Workers, c.Spare = 3, 1 }, `
ready()
mark = "busy-%d" % os.getpid()
def run(r):
    open(mark, "w").close()
    time.sleep(0.02)
    answer(r, {"rows": [[r["limit"]]]})
    os.unlink(mark)
serve(run)
`)
	allReady(t, s)
	const clients, kills = 8, 100
	var done atomic.Bool
	var asking sync.WaitGroup
	var seen outcomes
	for client := range clients {
		asking.Go(func() {
			for i := 0; !done.Load(); i++ {
				canary := 1 + client + clients*i
				begun := time.Now()
				table, err := s.Answer(within(t, time.Minute), limited(canary))
				seen.note(t, time.Since(begun), err)
				if err == nil && fmt.Sprint(table.Rows) != fmt.Sprintf("[[%d]]", canary) {
					t.Errorf("%d got %v", canary, table.Rows)
				}
			}
		})
	}
	killed := map[int]bool{}
	var next int64
	eventually(t, "a hundred are killed", func() bool {
		// Some questions are answered between one kill and the next, and there are workers to go on with.
		if seen.answered.Load() < next || s.State().Ready < 2 {
			return false
		}
		next = seen.answered.Load() + 3
		marks, _ := filepath.Glob(filepath.Join(s.cfg.ProjectDir, "busy-*"))
		if len(marks) == 0 {
			return false
		}
		mark := marks[rand.IntN(len(marks))]
		pid, _ := strconv.Atoi(mark[strings.LastIndexByte(mark, '-')+1:])
		if !killed[pid] && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed[pid] = true
		}
		_ = os.Remove(mark)
		return len(killed) >= kills
	})
	done.Store(true)
	asking.Wait()
	t.Logf("%d killed: %v; %v", len(killed), &seen, s.State())
	if seen.answered.Load() < kills || seen.refused.Load() > kills {
		t.Errorf("%v", &seen)
	}
	eventually(t, "all are ready again", func() bool { return s.State().Ready == 4 })
	ask(t, s, anOrder)
	s.Close()
	for pid := range killed {
		if !groupGone(pid) {
			t.Errorf("%d is still there", pid)
		}
	}
}

func TestSource_SurvivesKilledEnginesUnderLoad(t *testing.T) {
	s, _ := ownShop(t, func(c *Config) { c.Workers, c.Spare = 2, 1 })
	allReady(t, s)
	names := map[int]string{1: "O'Brien", 2: `back\slash \' quote`, 4: "' OR 1=1 --", 6: "100% _sure_; DROP TABLE shop.orders"}
	var done atomic.Bool
	var asking sync.WaitGroup
	var seen outcomes
	for customer, name := range names {
		asking.Go(func() {
			for i := 0; !done.Load(); i++ {
				begun := time.Now()
				table, err := s.Answer(within(t, time.Minute), metric.Question{
					Metrics: []string{"orders"}, GroupBy: []metric.GroupBy{{Name: "customer__name"}}, Limit: 1 + i%100,
					Where: []metric.Condition{compare(metric.Ref{Name: "customer", Kind: metric.EntityKey}, metric.Eq, number(strconv.Itoa(customer)))},
				})
				seen.note(t, time.Since(begun), err)
				if err == nil && (len(table.Rows) != 1 || table.Rows[0][0] != name) {
					t.Errorf("customer %d got %v", customer, table.Rows)
				}
			}
		})
	}
	for kills := range 3 {
		eventually(t, "there are two to choose from", func() bool { return s.State().Ready >= 2 })
		busy := func() *process {
			s.pool.mu.Lock()
			defer s.pool.mu.Unlock()
			idle := map[*process]bool{}
			for _, p := range s.pool.idle {
				idle[p] = true
			}
			for p := range s.pool.ready {
				if !idle[p] {
					return p
				}
			}
			return nil
		}
		eventually(t, "one is killed", func() bool {
			p := busy()
			return p != nil && syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL) == nil
		})
		eventually(t, "its end is noticed", func() bool { return s.State().Replaced > kills })
	}
	done.Store(true)
	asking.Wait()
	t.Logf("3 killed: %v; %v", &seen, s.State())
	if seen.answered.Load() == 0 || seen.refused.Load() > 3 {
		t.Errorf("%v", &seen)
	}
}
