package worker

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/metric"
)

// running waits until a question is with the warehouse.
func running(t *testing.T) (context.Context, func() bool) {
	t.Helper()
	var mu sync.Mutex
	reached := false
	ctx := metric.WithProgress(t.Context(), func(stage metric.Stage) {
		mu.Lock()
		defer mu.Unlock()
		reached = reached || stage == metric.StageRunning
	})
	return ctx, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return reached
	}
}

func TestSource_StopsTheStatementAndKeepsTheWorkerAtTheDeadline(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.IdleRelease = 50 * time.Millisecond })
	ask(t, s, anOrder)
	pid := pidOf(t, s)
	for range 3 {
		_, err := s.Answer(within(t, 300*time.Millisecond), endless)
		wantFault(t, err, fault.ErrTimeout)
		eventually(t, "the worker is free", func() bool { return s.State().Busy == 0 })
		ask(t, s, anOrder)
	}
	if pidOf(t, s) != pid {
		t.Error("the worker was replaced")
	}
	// What was stopped holds on to nothing.
	eventually(t, "a writer gets the file", func() bool {
		return writeSQL(mustPython(t), warehouseOf(dir), "DELETE FROM shop.orders WHERE order_id = 1") == nil
	})
}

func TestSource_StopsTheStatementWhenTheCallerLeaves(t *testing.T) {
	s, _ := ownShop(t, nil)
	ask(t, s, anOrder)
	pid := pidOf(t, s)
	ctx, reached := running(t)
	ctx, cancel := context.WithCancel(ctx)
	var left sync.WaitGroup
	left.Go(func() {
		eventually(t, "the question runs", reached)
		cancel()
	})
	_, err := s.Answer(ctx, endless)
	left.Wait()
	wantFault(t, err, fault.ErrCanceled)
	eventually(t, "the worker is free", func() bool { return s.State().Busy == 0 })
	ask(t, s, anOrder)
	if pidOf(t, s) != pid {
		t.Error("the worker was replaced")
	}
}

func TestSource_StopsWaitingForAWriterWhenTheCallerLeaves(t *testing.T) {
	s, dir := ownShop(t, func(c *Config) { c.LockWait = time.Hour })
	s.Start(t.Context())
	eventually(t, "the worker is ready", func() bool { return s.Health() == nil })
	pid := pidOf(t, s)
	release := holder(t, warehouseOf(dir), false)
	_, err := s.Answer(within(t, 300*time.Millisecond), anOrder)
	wantFault(t, err, fault.ErrTimeout)
	eventually(t, "the worker is free", func() bool { return s.State().Busy == 0 })
	release()
	ask(t, s, anOrder)
	if pidOf(t, s) != pid {
		t.Error("the worker was replaced")
	}
}

// stubborn workers hear that they are to stop a statement, note it, and go on.
const stubborn = `
heard = []
def listen():
    while True:
        heard.append(int.from_bytes(os.read(3, 8), "big"))
threading.Thread(target=listen, daemon=True).start()
ready()
def run(r):
    if r["limit"] > 1:
        return answer(r, {"rows": [[len(heard)]]})
    child = subprocess.Popen(["sleep", "600"])
    time.sleep(600)
serve(run)
`

func TestSource_EndsTheProcessGroupOfAWorkerThatDoesNotStop(t *testing.T) {
	s := fakeWorker(t, nil, stubborn)
	allReady(t, s)
	pid := pidOf(t, s)
	begun := time.Now()
	_, err := s.Answer(within(t, 200*time.Millisecond), limited(1))
	wantFault(t, err, fault.ErrTimeout)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the caller was told after %v", took)
	}
	eventually(t, "the process group is gone", func() bool { return groupGone(pid) })
	ask(t, s, limited(2))
	if pidOf(t, s) == pid {
		t.Error("the same process answered")
	}
}

func TestSource_KeepsAWorkerThatStopsInTimeAndIsNotConfusedByLateStops(t *testing.T) {
	s := fakeWorker(t, func(c *Config) { c.grace = wideGrace }, `
stop = threading.Event()
last = [0]
def listen():
    while True:
        last[0] = int.from_bytes(os.read(3, 8), "big")
        stop.set()
threading.Thread(target=listen, daemon=True).start()
ready()
def run(r):
    if r["limit"] > 1:
        return answer(r, {"rows": [[os.getpid()]]})
    stop.wait()
    stop.clear()
    if last[0] == r["id"]:
        refuse(r, "canceled")
serve(run)
`)
	allReady(t, s)
	pid := pidOf(t, s)
	for range 3 {
		_, err := s.Answer(within(t, 100*time.Millisecond), limited(1))
		wantFault(t, err, fault.ErrTimeout)
		if got := ask(t, s, limited(2)).Rows[0][0]; fmt.Sprint(got) != fmt.Sprint(pid) {
			t.Errorf("process %v answered, not %d", got, pid)
		}
	}
}

func TestSource_TellsWhatItDoes(t *testing.T) {
	// A stage may be over before the asker looks; none is told twice or out of turn.
	all := []metric.Stage{metric.StageWaiting, metric.StageCompiling, metric.StageRunning, metric.StageReading}
	for range 2 {
		var stages []metric.Stage
		ctx := metric.WithProgress(within(t, time.Minute), func(stage metric.Stage) { stages = append(stages, stage) })
		if _, err := shop(t).Answer(ctx, limited(4321)); err != nil {
			t.Fatal(explain(err))
		}
		at := 0
		for _, stage := range all {
			if at < len(stages) && stages[at] == stage {
				at++
			}
		}
		if at != len(stages) || at == 0 {
			t.Errorf("%v is not in the order of %v", stages, all)
		}
	}
}
