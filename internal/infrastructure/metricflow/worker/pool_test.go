package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// gated workers note which statement they run, and answer once the file "go" is in the project's folder.
const gated = `
ready()
def run(r):
    with open("ran", "a") as ran:
        ran.write(r["sql"] + "\n")
    while not os.path.exists("go"):
        time.sleep(0.02)
    answer(r, {"rows": [[r["limit"]]]})
serve(run)
`

// open lets gated workers answer.
func open(t *testing.T, s *Source) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.cfg.ProjectDir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ran lists the statements that gated workers ran, in their order.
func ran(t *testing.T, s *Source) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.cfg.ProjectDir, "ran"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(data), "SELECT ", "SELECT"))
}

func allReady(t *testing.T, s *Source) {
	t.Helper()
	s.Start(t.Context())
	eventually(t, "all workers are ready", func() bool { state := s.State(); return state.Ready == state.Total })
}

// pids are the process numbers of the idle workers.
func pids(s *Source) map[int]bool {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	found := map[int]bool{}
	for _, p := range s.pool.idle {
		found[p.cmd.Process.Pid] = true
	}
	return found
}

func TestSource_RefusesWhenTheQueueIsFullAndServesTheRestInTurn(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.QueueDepth = 3 }, gated)
	allReady(t, s)
	var answered sync.WaitGroup
	errs := make(chan error, 4)
	begin := func(limit int) {
		answered.Go(func() {
			_, err := s.Answer(within(t, time.Minute), limited(limit))
			errs <- err
		})
	}
	begin(1)
	eventually(t, "one runs", func() bool { return len(ran(t, s)) == 1 })
	for waiting := 1; waiting <= 3; waiting++ {
		begin(1 + waiting)
		eventually(t, "another waits", func() bool { return s.State().Waiting == waiting })
	}
	_, err := s.Answer(within(t, time.Minute), limited(99))
	if f := gotFault(t, err, metric.ErrBusy); f.RetryAfter <= 0 {
		t.Errorf("%+v", f)
	}
	if got := s.State().String(); got != "1 of 1 ready; 1 of 1 busy, 3 waiting, 0 replaced" {
		t.Error(got)
	}
	open(t, s)
	answered.Wait()
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"SELECT2", "SELECT3", "SELECT4", "SELECT5"}, ran(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestSource_LetsGoOfAPlaceInTheQueueWhenItsDeadlinePasses(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.QueueDepth = 1 }, gated)
	allReady(t, s)
	var answered sync.WaitGroup
	answered.Go(func() { _, _ = s.Answer(within(t, time.Minute), limited(1)) })
	eventually(t, "one runs", func() bool { return len(ran(t, s)) == 1 })
	for limit := range 3 {
		_, err := s.Answer(within(t, 50*time.Millisecond), limited(10+limit))
		wantFault(t, err, fault.ErrTimeout)
		eventually(t, "the queue is empty", func() bool { return s.State().Waiting == 0 })
	}
	open(t, s)
	answered.Wait()
}

func TestSource_ServesAsManyAtATimeAsThereAreWorkers(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.Workers, c.Spare = 3, 1 }, gated)
	allReady(t, s)
	var answered sync.WaitGroup
	for i := range 5 {
		answered.Go(func() {
			table, err := s.Answer(within(t, time.Minute), limited(10+i))
			if err != nil || fmt.Sprint(table.Rows[0][0]) != fmt.Sprint(10+i) {
				t.Errorf("%v, %v", table.Rows, err)
			}
		})
	}
	eventually(t, "three run", func() bool { return len(ran(t, s)) == 3 })
	if state := s.State(); state.Busy != 3 || state.Waiting != 2 || state.Total != 4 {
		t.Errorf("%+v", state)
	}
	open(t, s)
	answered.Wait()
}

func TestSource_PutsTheSpareInThePlaceOfAWorkerThatEnds(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.Spare = 1 }, `
ready()
serve(lambda r: answer(r, {"rows": [[os.getpid()]]}))
`)
	allReady(t, s)
	first := ask(t, s, anOrder).Rows[0][0]
	var pid int
	if _, err := fmt.Sscan(fmt.Sprint(first), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if second := ask(t, s, anOrder).Rows[0][0]; second == first {
		t.Error("the dead answered")
	}
	eventually(t, "there is a spare again", func() bool { state := s.State(); return state.Ready == 2 && state.Replaced == 1 })
}

// leased has workers that answer with their process number, which are replaced under a lease.
func leased(t *testing.T, rss string, change func(*Config)) *Source {
	t.Helper()
	s := fakeWorker(t, func(c *Config) {
		c.Workers, c.Spare = 2, 1
		change(c)
	}, `
ready()
served = 0
def run(r):
    global served
    served += 1
    answer(r, {"rows": [[os.getpid()]]}, `+rss+`)
serve(run)
open("drained-%d" % os.getpid(), "w")
`)
	allReady(t, s)
	return s
}

func TestSource_ReplacesWorkersThatHaveDoneEnoughWithoutRefusingAnyone(t *testing.T) {
	for name, c := range map[string]struct {
		rss    string
		change func(*Config)
	}{
		"requests": {`1`, func(c *Config) { c.MaxRequests = 10 }},
		"memory":   {`served * 1000`, func(c *Config) { c.MaxMemory = 4000 }},
		"age":      {`1`, func(c *Config) { c.MaxAge = 200 * time.Millisecond }},
	} {
		t.Run(name, func(t *testing.T) {
			s := leased(t, c.rss, c.change)
			ctx := within(t, time.Minute)
			var asked sync.WaitGroup
			for client := range 4 {
				asked.Go(func() {
					for i := 0; s.State().Replaced < 4 && ctx.Err() == nil; i++ {
						if _, err := s.Answer(ctx, limited(1+client+4*i)); err != nil {
							t.Errorf("a question was refused: %v", explain(err))
							return
						}
					}
				})
			}
			asked.Wait()
			if got := s.State(); got.Replaced < 4 || got.Failing > 0 {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestSource_ReplacesAnIdleWorkerWhoseTimeIsUp(t *testing.T) {
	s := leased(t, `1`, func(c *Config) { c.MaxAge = time.Second })
	eventually(t, "one is replaced", func() bool { return s.State().Replaced > 0 })
	ask(t, s, anOrder)
}

func TestSource_IsHealthyWhileOneWorkerServesThoughOthersFail(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.Workers = 2 }, `
try:
    os.close(os.open("taken", os.O_CREAT | os.O_EXCL))
except FileExistsError:
    os._exit(1) # only the first gets as far as to be ready
ready()
serve(lambda r: answer(r, {"rows": []}), health=lambda r: answer(r, {"warehouse": True}))
`)
	s.Start(t.Context())
	eventually(t, "one serves and one fails", func() bool { state := s.State(); return state.Ready == 1 && state.Failing == 1 })
	if err := s.Health(); err != nil {
		t.Errorf("unhealthy: %v", err)
	}
	ask(t, s, anOrder)
	state := s.State()
	if state.Total != 2 || !strings.Contains(state.Reason, "ended") || !strings.Contains(state.String(), "1 of 2 ready, 1 failing") {
		t.Errorf("%+v: %s", state, state)
	}
	got := s.Inspect(within(t, time.Minute))
	if last := got.Checks[len(got.Checks)-1]; last.Status != Warning || !strings.Contains(last.Reason, "1 of 2 ready") || got.Err() != nil {
		t.Errorf("%+v", got)
	}
}

func TestSource_IsInspectedBeforeAllWhoWait(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.QueueDepth, c.Spare = 2, 1 }, gated)
	allReady(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var answered sync.WaitGroup
	for limit := range 3 {
		answered.Go(func() { _, _ = s.Answer(ctx, limited(1+limit)) })
		eventually(t, "it has its place", func() bool { state := s.State(); return state.Busy+state.Waiting == limit+1 })
	}
	got := s.Inspect(within(t, time.Minute)) // the spare is free for it
	if got.Err() != nil || !strings.Contains(statuses(got), "warehouse ok") {
		t.Errorf("%+v", got)
	}
	cancel()
	answered.Wait()
}

func TestSource_InspectionEndsWithItsContext(t *testing.T) {
	s := fakeWorker(t, nil, gated)
	allReady(t, s)
	var answered sync.WaitGroup
	answered.Go(func() { _, _ = s.Answer(within(t, time.Minute), anOrder) })
	eventually(t, "one runs", func() bool { return len(ran(t, s)) == 1 })
	got := s.Inspect(within(t, 100*time.Millisecond))
	if want := "interpreter ok, engine ok, adapter ok, project ok, manifest skipped, warehouse skipped, workers ok"; statuses(got) != want {
		t.Errorf("%s", statuses(got))
	}
	if !strings.Contains(got.Checks[5].Reason, "1 of 1 busy") {
		t.Errorf("%+v", got.Checks[5])
	}
	open(t, s)
	answered.Wait()
}

func TestSource_TakesAQuestionToAnotherWorkerOnceAndNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		deadly string
		want   *fault.Fault
		deaths int
	}{
		"the worker was unlucky":       {`os.open("struck", os.O_CREAT | os.O_EXCL)`, nil, 1},
		"the question ends any worker": {`0`, metric.ErrEngineUnavailable, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakeWorker(t, func(c *Config) { c.Workers = 4 }, `
ready()
def run(r):
    try:
        `+c.deadly+`
        os._exit(9)
    except FileExistsError:
        answer(r, {"rows": [[7]]})
serve(run)
`)
			allReady(t, s)
			table, err := s.Answer(within(t, time.Minute), anOrder)
			if c.want == nil && (err != nil || fmt.Sprint(table.Rows) != "[[7]]") {
				t.Errorf("%v, %v", table.Rows, err)
			}
			if c.want != nil {
				if f := gotFault(t, err, c.want); !strings.Contains(f.Message, "ask again") {
					t.Errorf("%+v", f)
				}
			}
			eventually(t, "all are ready again", func() bool { state := s.State(); return state.Ready == 4 && state.Replaced == c.deaths })
		})
	}
}

func TestSource_SaysSoonThatNoWorkerCanTakeAQuestionOver(t *testing.T) {
	s := fakeWorker(t, nil, `
try:
    os.close(os.open("taken", os.O_CREAT | os.O_EXCL))
except FileExistsError:
    time.sleep(600) # only the first is ever ready
ready()
serve(lambda r: os._exit(9))
`)
	allReady(t, s)
	begun := time.Now()
	_, err := s.Answer(within(t, time.Minute), anOrder)
	if took := time.Since(begun); !errors.Is(err, metric.ErrEngineUnavailable) || took > 10*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}
