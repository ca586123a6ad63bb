// Package tasktest is the contract of task.Repository and task.Upkeep as a test suite; every store runs it.
package tasktest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
)

const (
	alice  = "key:alice"
	bob    = "key:bob"
	runner = "server"
)

// begin is the moment at which the suite's stories start, in the precision that every store keeps.
var begin = time.Date(2026, 3, 1, 9, 0, 0, 123_456_000, time.UTC)

// Store is what is tested.
type Store interface {
	task.Repository
	task.Upkeep
}

// Limits are those that a store under test keeps to.
func Limits() task.Limits {
	return task.Limits{PerOwner: 10, All: 15, BytesPerOwner: 1000, BytesAll: 1500}
}

// RunStore proves that what create makes keeps the contract. create is called once a subtest and gives an empty store with
// Limits; run it with -race.
func RunStore(t *testing.T, create func(t *testing.T) Store) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Store){
		"gives back what was added":                       givesBack,
		"gives back what was updated":                     givesUpdated,
		"hands out copies":                                handsOutCopies,
		"shows an owner's tasks to nobody else":           isolated,
		"refuses an identifier twice":                     twice,
		"keeps nothing of a failed change":                failedChange,
		"lets one of fifty concurrent cancellations in":   concurrentChanges,
		"holds the limits of counts under fifty starters": concurrentStarters,
		"holds the limits of bytes":                       holdsBytes,
		"sweeps what has expired and nothing else":        sweeps,
		"lists what a runner has not finished":            unfinished,
		"honours an ended context":                        endedContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, create(t))
		})
	}
}

func fresh(owner string) *task.Task {
	return task.New(task.Call{
		Owner: owner, Tool: "query", Request: id.New[id.RequestKind](), Arguments: "0a1b", Obliged: "2c3d", Runner: runner,
		Demands: []access.Demand{
			access.On("metric.query", "metric", "revenue"),
			access.On("metric.query", "dimension", "region", "listing__region", "host__region").Tagged([]string{"pii", "owner=sales"}),
		},
	}, task.Terms{TTL: time.Hour, Poll: 1500 * time.Millisecond}, begin)
}

func added(t *testing.T, s Store, owner string) *task.Task {
	t.Helper()
	made := fresh(owner)
	if err := s.Add(t.Context(), made); err != nil {
		t.Fatalf("Add: %v", err)
	}
	return made
}

func same(t *testing.T, s Store, want task.Snapshot) {
	t.Helper()
	got, err := s.Get(t.Context(), want.Call.Owner, want.ID)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if diff := cmp.Diff(want, got.Snapshot(), cmpopts.EquateComparable(id.Task{}, id.Request{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("what is kept (-want +got):\n%s", diff)
	}
}

func update(t *testing.T, s Store, of *task.Task, change func(*task.Task) error) error {
	t.Helper()
	return s.Update(t.Context(), of.Snapshot().Call.Owner, of.ID(), change)
}

func givesBack(t *testing.T, s Store) { same(t, s, added(t, s, alice).Snapshot()) }

func givesUpdated(t *testing.T, s Store) {
	later := begin.Add(time.Minute)
	questions := task.Inputs{"name": json.RawMessage(`{"method":"elicitation/create"}`)}
	for _, change := range []func(*task.Task) error{
		func(t *task.Task) error { return t.Ask(questions, later) },
		func(t *task.Task) error { return t.Complete([]byte(`{"content":[]}`), later) },
		func(t *task.Task) error { return t.Fail(task.ErrInterrupted, later) },
		func(t *task.Task) error { return t.Cancel(later) },
	} {
		made := added(t, s, alice)
		if err := change(made); err != nil {
			t.Fatal(err)
		}
		if err := update(t, s, made, change); err != nil {
			t.Errorf("Update: %v", err)
		}
		same(t, s, made.Snapshot())
	}
}

func handsOutCopies(t *testing.T, s Store) {
	made := added(t, s, alice)
	want := made.Snapshot()
	got, err := s.Get(t.Context(), alice, made.ID())
	if err != nil {
		t.Fatal(err)
	}
	for _, copied := range []*task.Task{made, got} {
		if err := copied.Cancel(begin); err != nil {
			t.Fatal(err)
		}
	}
	same(t, s, want)
}

func isolated(t *testing.T, s Store) {
	made := added(t, s, alice)
	for name, try := range map[string]func(owner string, tid id.Task) error{
		"Get": func(owner string, tid id.Task) error { _, err := s.Get(t.Context(), owner, tid); return err },
		"Update": func(owner string, tid id.Task) error {
			return s.Update(t.Context(), owner, tid, func(*task.Task) error { t.Error("a stranger reached the task"); return nil })
		},
	} {
		for _, err := range []error{try(bob, made.ID()), try(alice, id.New[id.TaskKind]())} {
			if f := fault.From(err); !errors.Is(err, task.ErrUnknown) || f.Message != task.ErrUnknown.Message {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	same(t, s, made.Snapshot())
}

func twice(t *testing.T, s Store) {
	if err := s.Add(t.Context(), added(t, s, alice)); !errors.Is(err, task.ErrExists) {
		t.Errorf("got %v", err)
	}
}

func failedChange(t *testing.T, s Store) {
	made := added(t, s, alice)
	errNo := errors.New("no")
	err := update(t, s, made, func(t *task.Task) error {
		if err := t.Cancel(begin); err != nil {
			return err
		}
		return errNo
	})
	if !errors.Is(err, errNo) {
		t.Errorf("got %v", err)
	}
	same(t, s, made.Snapshot())
}

func concurrentChanges(t *testing.T, s Store) {
	made := added(t, s, alice)
	var all sync.WaitGroup
	var in atomic.Int32
	for range 50 {
		all.Go(func() {
			switch err := update(t, s, made, func(t *task.Task) error { return t.Cancel(begin) }); {
			case err == nil:
				in.Add(1)
			case !errors.Is(err, task.ErrTransition):
				t.Errorf("got %v", err)
			}
		})
	}
	if all.Wait(); in.Load() != 1 {
		t.Errorf("%d cancellations were the first", in.Load())
	}
}

func concurrentStarters(t *testing.T, s Store) {
	var all sync.WaitGroup
	var in [2]atomic.Int32
	for i := range 50 {
		all.Go(func() {
			switch err := s.Add(t.Context(), fresh([]string{alice, bob}[i%2])); {
			case err == nil:
				in[i%2].Add(1)
			case !errors.Is(err, task.ErrTooMany):
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	a, b := int(in[0].Load()), int(in[1].Load())
	if l := Limits(); a > l.PerOwner || b > l.PerOwner || a+b != l.All {
		t.Errorf("%d and %d were let in", a, b)
	}
}

func holdsBytes(t *testing.T, s Store) {
	result := make([]byte, 600)
	complete := func(t *task.Task) error { return t.Complete(result, begin) }
	first, second := added(t, s, alice), added(t, s, alice)
	others := []*task.Task{added(t, s, bob), added(t, s, "key:carol")}
	if err := update(t, s, first, complete); err != nil {
		t.Fatal(err)
	}
	if err := update(t, s, second, complete); !errors.Is(err, task.ErrNoRoom) {
		t.Errorf("beyond what an owner has room for: %v", err)
	}
	same(t, s, second.Snapshot())
	if err := update(t, s, others[0], complete); err != nil {
		t.Errorf("another owner: %v", err)
	}
	if err := update(t, s, others[1], complete); !errors.Is(err, task.ErrNoRoom) {
		t.Errorf("beyond what all have room for: %v", err)
	}
	if err := update(t, s, others[1], func(t *task.Task) error { return t.Fail(task.ErrNoRoom, begin) }); err != nil {
		t.Errorf("what does not grow: %v", err)
	}
}

func sweeps(t *testing.T, s Store) {
	old := added(t, s, alice)
	young := task.New(old.Snapshot().Call, old.Snapshot().Terms, begin.Add(time.Minute))
	if err := s.Add(t.Context(), young); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), begin.Add(time.Hour-time.Microsecond)); n != 0 || err != nil {
		t.Errorf("before the time: %d, %v", n, err)
	}
	if n, err := s.Sweep(t.Context(), begin.Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("at the time: %d, %v", n, err)
	}
	if _, err := s.Get(t.Context(), alice, old.ID()); !errors.Is(err, task.ErrUnknown) {
		t.Errorf("after the time: %v", err)
	}
	same(t, s, young.Snapshot())
}

func unfinished(t *testing.T, s Store) {
	works, asks, ended := added(t, s, alice), added(t, s, bob), added(t, s, alice)
	if err := errors.Join(
		update(t, s, asks, func(t *task.Task) error { return t.Ask(task.Inputs{"a": json.RawMessage("1")}, begin) }),
		update(t, s, ended, func(t *task.Task) error { return t.Cancel(begin) }),
	); err != nil {
		t.Fatal(err)
	}
	keys, err := s.Unfinished(t.Context(), runner)
	if err != nil {
		t.Fatal(err)
	}
	got := map[task.Key]bool{}
	for _, k := range keys {
		got[k] = true
	}
	want := map[task.Key]bool{{Owner: alice, ID: works.ID()}: true, {Owner: bob, ID: asks.ID()}: true}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(task.Key{})); diff != "" {
		t.Errorf("unfinished:\n%s", diff)
	}
	if keys, err = s.Unfinished(t.Context(), "stdio-1"); len(keys) != 0 || err != nil {
		t.Errorf("of another runner: %v, %v", keys, err)
	}
}

func endedContext(t *testing.T, s Store) {
	made := added(t, s, alice)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, get := s.Get(ctx, alice, made.ID())
	_, sweep := s.Sweep(ctx, begin.Add(24*time.Hour))
	_, list := s.Unfinished(ctx, runner)
	for name, err := range map[string]error{
		"Add": s.Add(ctx, fresh(alice)), "Get": get, "Sweep": sweep, "Unfinished": list,
		"Update": s.Update(ctx, alice, made.ID(), func(*task.Task) error { return nil }),
	} {
		if f := fault.From(err); f == nil || f.Kind != fault.Canceled {
			t.Errorf("%s: %v", name, err)
		}
	}
	same(t, s, made.Snapshot())
}
