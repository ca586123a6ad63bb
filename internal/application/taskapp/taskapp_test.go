package taskapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/taskapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/domain/task/tasktest"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/infrastructure/taskstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	alice = access.Principal{Issuer: "key", Subject: "alice", Personas: []string{"p"}}
	bob   = access.Principal{Issuer: "key", Subject: "bob", Personas: []string{"p"}}
)

// world is a gate, a store and a runner with everything around them in the test's hand.
type world struct {
	mu          sync.Mutex
	records     []audit.Record
	broken      error           // of the journal
	denied      map[string]bool // demands
	obligations access.Obligations
	store       *taskstore.Memory
	recorder    *cqrs.Recorder
	gate        *cqrs.Gate
	runner      *taskapp.Runner
	desk        *taskapp.Desk
}

const grace = time.Second

func newWorld(limits task.Limits) *world {
	w := &world{denied: map[string]bool{}, store: taskstore.NewMemory(limits)}
	w.recorder = cqrs.NewRecorder(w, time.Now)
	w.gate = cqrs.NewGate(w, w, w.recorder, zap.NewNop(), 24*time.Hour)
	w.runner = w.newRunner("server")
	w.desk = taskapp.NewDesk(w.gate, w, w.store, w.runner, time.Now)
	return w
}

func (w *world) newRunner(name string) *taskapp.Runner {
	return taskapp.NewRunner(name, w.store, taskapp.Bounds{
		Grace: grace, Terms: task.Terms{TTL: time.Hour, Poll: time.Second}, Running: 3, RunningPerOwner: 2,
	}, time.Now, zap.NewNop())
}

func (w *world) Append(_ context.Context, r audit.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return w.broken
	}
	w.records = append(w.records, r)
	return nil
}

func (w *world) Decide(_ access.Principal, demands ...access.Demand) access.Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range demands {
		if w.denied[d.String()] || d.Target.Kind == "task" {
			return access.Decision{Rule: "p/deny[0]", Denied: d, Policy: "h"}
		}
	}
	return access.Decision{Allowed: true, Rule: "p/allow[0]", Policy: "h"}
}

func (w *world) Obligations(access.Principal) access.Obligations {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.obligations
}

func (w *world) Take(context.Context, string, string) error { return nil }

func (w *world) deny(demand string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.denied[demand] = true
}

func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.records)
}

// phases are what is on record of a request, in order.
func (w *world) phases(request string) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.records {
		if r.Request == request {
			all = append(all, string(r.Phase)+" "+r.Outcome)
		}
	}
	return all
}

type call struct{ cqrs.Change }

func (call) Demand() access.Demand { return access.On("tool.call", "tool", "query") }

type handler struct {
	run func(context.Context) (string, error)
}

func (h handler) Bind(context.Context, call) (cqrs.Bound[string], error) {
	return cqrs.Bound[string]{
		ReadOnly: true, Arguments: "digest", Demands: []access.Demand{access.On("metric.query", "metric", "revenue")}, Run: h.run,
	}, nil
}

// began is a call that has been run so far as Run goes.
type began struct {
	request string
	task    *task.Snapshot
	answer  taskapp.Answer // of the last round
	err     error
}

func (w *world) order(p access.Principal) taskapp.Order {
	return w.desk.Order(p, "query")
}

// run runs a call as an edge does, and closes the request as an edge does.
func (w *world) run(ctx context.Context, o taskapp.Order, p access.Principal, do func(context.Context) (string, error)) *began {
	ctx, request := w.recorder.Open(ctx, cqrs.Arrival{Transport: "http"})
	request.Identify(p)
	b := &began{request: request.ID()}
	b.task, b.err = w.runner.Run(ctx, o, func(ctx context.Context, _ taskapp.Round) taskapp.Answer {
		text, err := cqrs.GovernCommand(w.gate, handler{do}).Do(ctx, call{cqrs.Change{By: p}})
		a := taskapp.Answer{Result: []byte(`{"text":"` + text + `"}`), Fault: fault.From(err)}
		if err != nil {
			a.Result = nil
		}
		b.answer = a
		return a
	})
	_ = request.Close(ctx, cqrs.Outcome{})
	return b
}

func (w *world) get(t *testing.T, p access.Principal, tid string) (task.Snapshot, error) {
	t.Helper()
	target, err := w.desk.Find(t.Context(), p, tid)
	if err != nil {
		t.Fatal(err)
	}
	return w.desk.Get.Do(t.Context(), taskapp.Get{Read: cqrs.Read{By: p}, Target: target})
}

func (w *world) cancel(t *testing.T, p access.Principal, tid string) error {
	t.Helper()
	target, err := w.desk.Find(t.Context(), p, tid)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.desk.Cancel.Do(t.Context(), taskapp.Cancel{Change: cqrs.Change{By: p}, Target: target})
	return err
}

func (w *world) update(t *testing.T, p access.Principal, tid string, answers task.Inputs) error {
	t.Helper()
	target, err := w.desk.Find(t.Context(), p, tid)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.desk.Update.Do(t.Context(), taskapp.Update{Change: cqrs.Change{By: p}, Target: target, Answers: answers})
	return err
}

func lasting(d time.Duration) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		wait, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		<-wait.Done()
		return "done", ctx.Err()
	}
}

func limits() task.Limits { return tasktest.Limits() }

func TestRunner_AnswersDirectlyWhatIsSoonOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		b := w.run(t.Context(), w.order(alice), alice, lasting(grace/2))
		if b.task != nil || b.err != nil || string(b.answer.Result) != `{"text":"done"}` {
			t.Errorf("%+v", b)
		}
		if diff := cmp.Diff([]string{"closed ok"}, w.phases(b.request)); diff != "" {
			t.Errorf("on record:\n%s", diff)
		}
	})
}

func TestRunner_LetsGoOnWhatTakesLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		ctx, leave := context.WithCancel(t.Context())
		b := w.run(ctx, w.order(alice), alice, lasting(time.Minute))
		leave() // as the end of a request does
		if b.task == nil || b.task.State != task.Working {
			t.Fatalf("%+v", b)
		}
		// The caller is told of the task, and the intent is on record; the outcome is not known yet.
		if diff := cmp.Diff([]string{"intent "}, w.phases(b.request)); diff != "" || b.task.Call.Request.String() != b.request {
			t.Errorf("on record of %s:\n%s", b.task.Call.Request, diff)
		}
		if got, err := w.get(t, alice, b.task.ID.String()); err != nil || got.State != task.Working {
			t.Errorf("while it runs: %+v, %v", got, err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got, err := w.get(t, alice, b.task.ID.String())
		if err != nil || got.State != task.Completed || string(got.Result) != `{"text":"done"}` {
			t.Errorf("afterwards: %+v, %v", got, err)
		}
		if diff := cmp.Diff([]string{"intent ", "closed ok"}, w.phases(b.request)); diff != "" {
			t.Errorf("on record:\n%s", diff)
		}
	})
}

func TestRunner_MakesATaskAtOnceOfWhatMustBeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		o := w.order(alice)
		o.Required = true
		seen := make(chan []string, 1)
		b := w.run(t.Context(), o, alice, func(context.Context) (string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			phases := []string{}
			for _, r := range w.records {
				phases = append(phases, string(r.Phase))
			}
			seen <- phases
			return "done", nil
		})
		if b.task == nil {
			t.Fatalf("%+v", b)
		}
		if diff := cmp.Diff([]string{"intent"}, <-seen); diff != "" {
			t.Errorf("on record before it runs:\n%s", diff)
		}
		synctest.Wait()
		if got, err := w.get(t, alice, b.task.ID.String()); err != nil || got.State != task.Completed {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestRunner_RunsNothingThatMustBeATaskAndCannot(t *testing.T) {
	for name, spoil := range map[string]func(*world) error{
		"too many are kept": func(w *world) error {
			w.store = taskstore.NewMemory(task.Limits{})
			w.runner = w.newRunner("server")
			return task.ErrTooMany
		},
		"it cannot be recorded": func(w *world) error {
			w.broken = fault.New(fault.Unavailable, "audit.unavailable", "No.")
			return w.broken
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(limits())
			want := spoil(w)
			o := w.order(alice)
			o.Required = true
			b := w.run(t.Context(), o, alice, func(context.Context) (string, error) { t.Error("it ran"); return "", nil })
			if b.task != nil || !errors.Is(b.answer.Fault, want) {
				t.Errorf("%+v", b)
			}
		})
	}
}

// What can do without a task is waited for when there is no room for one.
func TestRunner_WaitsForWhatFindsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		var kept []*began
		for range 2 {
			kept = append(kept, w.run(t.Context(), w.order(alice), alice, lasting(time.Minute)))
		}
		begun := time.Now()
		third := w.run(t.Context(), w.order(alice), alice, lasting(30*time.Second))
		if third.task != nil || string(third.answer.Result) != `{"text":"done"}` || time.Since(begun) != 30*time.Second {
			t.Errorf("%+v after %s", third, time.Since(begun))
		}
		if other := w.run(t.Context(), w.order(bob), bob, lasting(time.Second*2)); other.task == nil {
			t.Error("one owner's tasks keep another's out")
		}
		for _, b := range kept {
			if b.task == nil {
				t.Error("no task")
			}
		}
		time.Sleep(time.Minute)
	})
}

func TestRunner_EndsWhatItsCallerLeftBeforeItWasATask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		ctx, leave := context.WithTimeout(t.Context(), grace/2)
		defer leave()
		b := w.run(ctx, w.order(alice), alice, lasting(time.Minute))
		if b.task != nil || !errors.Is(b.answer.Fault, fault.ErrCanceled) && !errors.Is(b.answer.Fault, fault.ErrTimeout) {
			t.Errorf("%+v", b)
		}
	})
}

func TestCancel_EndsTheCallAndStaysCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		b := w.run(t.Context(), w.order(alice), alice, lasting(time.Minute))
		for range 2 { // the second changes nothing
			if err := w.cancel(t, alice, b.task.ID.String()); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if got, err := w.get(t, alice, b.task.ID.String()); err != nil || got.State != task.Cancelled {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if diff := cmp.Diff([]string{"intent ", "closed canceled"}, w.phases(b.request)); diff != "" {
			t.Errorf("on record:\n%s", diff)
		}
	})
}

// A task that is another's, one that never was, one that has expired, one whose tool, or whose data, is not permitted any more:
// nobody can tell them apart, and each question is on record.
func TestTasks_AreTheirOwnersAloneAndLookAlikeToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		b := w.run(t.Context(), w.order(alice), alice, lasting(2*time.Second))
		time.Sleep(5 * time.Second)
		tid := b.task.ID.String()
		asked := map[string]func() error{
			"get":                   func() error { _, err := w.get(t, bob, tid); return err },
			"cancel":                func() error { return w.cancel(t, bob, tid) },
			"update":                func() error { return w.update(t, bob, tid, task.Inputs{"a": json.RawMessage("1")}) },
			"get what is not there": func() error { _, err := w.get(t, alice, id.New[id.TaskKind]().String()); return err },
			"get what is no id":     func() error { _, err := w.get(t, alice, "' or 1=1"); return err },
		}
		before := w.count()
		for name, ask := range asked {
			if f := fault.From(ask()); f == nil || f.Code != task.ErrUnknown.Code || f.Message != task.ErrUnknown.Message {
				t.Errorf("%s: %v", name, f)
			}
		}
		if got := w.count() - before; got != len(asked) {
			t.Errorf("%d records of %d questions", got, len(asked))
		}
		if got, err := w.get(t, alice, tid); err != nil || got.State != task.Completed {
			t.Errorf("its owner gets %+v, %v", got, err)
		}
		for _, demand := range []string{"metric.query metric:revenue", "tool.call tool:query"} {
			w.deny(demand)
			if _, err := w.get(t, alice, tid); !errors.Is(err, task.ErrUnknown) {
				t.Errorf("without %s: %v", demand, err)
			}
		}
		clear(w.denied)
		w.obligations.Rows = []access.Row{{Rule: "p/rows[0]", Field: "customer__region", Op: "in", Values: []string{"EU"}}}
		if _, err := w.get(t, alice, tid); !errors.Is(err, task.ErrUnknown) {
			t.Errorf("under other row filters: %v", err)
		}
		w.obligations = access.Obligations{}
		if _, err := w.get(t, alice, tid); err != nil {
			t.Errorf("under those of the call: %v", err)
		}
		time.Sleep(2 * time.Hour)
		if _, err := w.get(t, alice, tid); !errors.Is(err, task.ErrUnknown) {
			t.Errorf("after its time: %v", err)
		}
	})
}

// counted is a store that counts how often a task is loaded.
type counted struct {
	task.Repository
	loaded int
}

func (c *counted) Get(ctx context.Context, owner string, tid id.Task) (*task.Task, error) {
	c.loaded++
	return c.Repository.Get(ctx, owner, tid)
}

func TestGet_LoadsATaskOnce(t *testing.T) {
	w := newWorld(limits())
	store := &counted{Repository: w.store}
	w.runner = taskapp.NewRunner("server", store, taskapp.Bounds{}, time.Now, zap.NewNop())
	w.desk = taskapp.NewDesk(w.gate, w, store, w.runner, time.Now)
	tid := w.keep(t, w.order(alice).Obliged)
	if s, err := w.get(t, alice, tid.String()); err != nil || s.ID != tid || store.loaded != 1 {
		t.Errorf("loaded %d times: %+v, %v", store.loaded, s, err)
	}
}

// A result that was made under what nobody can compare any more, as by a server before an upgrade, is not shown.
func TestGet_HidesWhatWasMadeUnderObligationsThatCannotBeTold(t *testing.T) {
	w := newWorld(limits())
	for _, obliged := range []string{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"} {
		if s, err := w.get(t, alice, w.keep(t, obliged).String()); !errors.Is(err, task.ErrUnknown) {
			t.Errorf("under %q: %+v, %v", obliged, s, err)
		}
	}
}

// A task that was found for one principal is not another's, whoever sends the message.
func TestTasks_AreNotHandedOn(t *testing.T) {
	w := newWorld(limits())
	target, err := w.desk.Find(t.Context(), alice, w.keep(t, w.order(alice).Obliged).String())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := w.desk.Get.Do(t.Context(), taskapp.Get{Read: cqrs.Read{By: bob}, Target: target}); !errors.Is(err, task.ErrUnknown) {
		t.Errorf("%+v, %v", s, err)
	}
}

// everything permits everything, as * on * does.
type everything struct{ *world }

func (everything) Decide(access.Principal, ...access.Demand) access.Decision {
	return access.Decision{Allowed: true, Rule: "p/allow[0]", Policy: "h"}
}

func TestTasks_AreNotThereForWhoeverMayDoEverythingEither(t *testing.T) {
	w := newWorld(limits())
	gate := cqrs.NewGate(everything{w}, w, w.recorder, zap.NewNop(), time.Minute)
	w.desk = taskapp.NewDesk(gate, w, w.store, w.runner, time.Now)
	alices := w.keep(t, w.order(alice).Obliged).String()
	for _, tid := range []string{alices, id.New[id.TaskKind]().String(), "no id"} {
		_, err := w.get(t, bob, tid)
		for _, err := range []error{err, w.update(t, bob, tid, task.Inputs{"a": json.RawMessage("1")}), w.cancel(t, bob, tid)} {
			if !errors.Is(err, task.ErrUnknown) {
				t.Errorf("%s: %v", tid, err)
			}
		}
	}
}

// keep keeps a task of alice's.
func (w *world) keep(t *testing.T, obliged string) id.Task {
	t.Helper()
	made := task.New(task.Call{Owner: alice.ID(), Tool: "query", Request: id.New[id.RequestKind](), Obliged: obliged, Runner: "server"},
		task.Terms{TTL: time.Hour, Poll: time.Second}, time.Now())
	if err := w.store.Add(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	return made.ID()
}

// asking is work that asks for two words in its first round and answers them in the second.
func (w *world) asking(p access.Principal, got *taskapp.Round) taskapp.Work {
	return func(ctx context.Context, r taskapp.Round) taskapp.Answer {
		_, err := cqrs.GovernCommand(w.gate, handler{func(context.Context) (string, error) { return "", nil }}).Do(ctx, call{cqrs.Change{By: p}})
		if err != nil {
			return taskapp.Answer{Fault: fault.From(err)}
		}
		if len(r.Answers) == 0 {
			return taskapp.Answer{Questions: task.Inputs{"a": json.RawMessage("1"), "b": json.RawMessage("2")}}
		}
		*got = r
		return taskapp.Answer{Result: []byte(`{}`)}
	}
}

func TestUpdate_ResumesATaskThatAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		o := w.order(alice)
		o.Required = true
		var got taskapp.Round
		s, err := w.runner.Run(t.Context(), o, w.asking(alice, &got))
		if err != nil || s == nil {
			t.Fatal(s, err)
		}
		synctest.Wait()
		tid := s.ID.String()
		if kept, _ := w.get(t, alice, tid); kept.State != task.InputRequired || len(kept.Pending) != 2 {
			t.Fatalf("%+v", kept)
		}
		for _, answers := range []task.Inputs{
			{"unknown": json.RawMessage(`{}`)}, {}, {"a": json.RawMessage(`"x"`)}, {"a": json.RawMessage(`"second"`)},
		} {
			if err := w.update(t, alice, tid, answers); err != nil {
				t.Errorf("%s: %v", answers, err)
			}
			synctest.Wait()
			if kept, _ := w.get(t, alice, tid); kept.State != task.InputRequired {
				t.Fatalf("after %s: %+v", answers, kept)
			}
		}
		if err := w.update(t, alice, tid, task.Inputs{"b": json.RawMessage(`"y"`)}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		want := taskapp.Round{Answers: task.Inputs{"a": json.RawMessage(`"x"`), "b": json.RawMessage(`"y"`)}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the second round knows:\n%s", diff)
		}
		if kept, _ := w.get(t, alice, tid); kept.State != task.Completed {
			t.Errorf("%+v", kept)
		}
		if err := w.update(t, alice, tid, task.Inputs{"b": json.RawMessage(`"late"`)}); err != nil {
			t.Errorf("what has ended takes note of nothing, and says nothing: %v", err)
		}
	})
}

func TestRunner_FailsWhatAsksForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		o := w.order(alice)
		o.Required = true
		asked := 0
		s, err := w.runner.Run(t.Context(), o, func(ctx context.Context, _ taskapp.Round) taskapp.Answer {
			asked++
			_, _ = cqrs.GovernCommand(w.gate, handler{func(context.Context) (string, error) { return "", nil }}).Do(ctx, call{cqrs.Change{By: alice}})
			return taskapp.Answer{Questions: task.Inputs{"a": json.RawMessage("1")}}
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			synctest.Wait()
			_ = w.update(t, alice, s.ID.String(), task.Inputs{"a": json.RawMessage("1")})
		}
		if kept, _ := w.get(t, alice, s.ID.String()); kept.Failure.Code != tool.ErrRounds.Code || asked != tool.MaxRounds+1 {
			t.Errorf("it asked %d times: %+v", asked, kept)
		}
	})
}

func TestRunner_FailsTasksWithAReason(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(context.Context) (string, error)
		end  func(ctx context.Context, w *world, end func())
		want *fault.Fault
	}{
		"its time is over": {do: lasting(3 * time.Hour), end: func(context.Context, *world, func()) { time.Sleep(2 * time.Hour) }, want: task.ErrExpired},
		"its credential ended": {
			do: lasting(time.Minute), end: func(_ context.Context, _ *world, end func()) { end() }, want: task.ErrCredential,
		},
		"it failed inside": {
			do:  func(context.Context) (string, error) { time.Sleep(2 * time.Second); panic("boom") },
			end: func(context.Context, *world, func()) { time.Sleep(time.Minute) }, want: fault.ErrInternal,
		},
		"the result finds no room": {
			do: func(context.Context) (string, error) {
				time.Sleep(2 * time.Second)
				return string(make([]byte, 2000)), nil
			},
			end: func(context.Context, *world, func()) { time.Sleep(time.Minute) }, want: task.ErrNoRoom,
		},
		"the server stopped": {
			do: lasting(time.Minute), want: task.ErrInterrupted,
			end: func(ctx context.Context, w *world, _ func()) {
				ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
				defer cancel()
				w.runner.Stop(ctx)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(limits())
				o := w.order(alice)
				credential, end := context.WithCancel(t.Context())
				o.Attend = func(ctx context.Context) (context.Context, func()) {
					attended, cancel := context.WithCancel(ctx)
					stop := context.AfterFunc(credential, cancel)
					return attended, func() { stop(); cancel() }
				}
				defer end()
				b := w.run(t.Context(), o, alice, c.do)
				if b.task == nil {
					t.Fatalf("%+v", b)
				}
				c.end(t.Context(), w, end)
				synctest.Wait()
				kept, err := w.store.Get(t.Context(), alice.ID(), b.task.ID)
				if err != nil {
					t.Fatal(err)
				}
				if s := kept.Snapshot(); s.State != task.Failed || s.Failure.Code != c.want.Code || s.Failure.Message == "" {
					t.Errorf("%+v", s)
				}
				if got := w.phases(b.request); len(got) != 2 {
					t.Errorf("on record: %v", got)
				}
			})
		})
	}
}

func TestRunner_FailsWhatCameToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		o := w.order(alice)
		o.Required = true
		s, err := w.runner.Run(t.Context(), o, func(ctx context.Context, _ taskapp.Round) taskapp.Answer {
			_, _ = cqrs.GovernCommand(w.gate, handler{func(context.Context) (string, error) { return "", nil }}).Do(ctx, call{cqrs.Change{By: alice}})
			return taskapp.Answer{}
		})
		if err != nil || s == nil {
			t.Fatal(s, err)
		}
		synctest.Wait()
		if kept, err := w.get(t, alice, s.ID.String()); err != nil || kept.State != task.Failed || kept.Failure.Code != fault.ErrInternal.Code {
			t.Errorf("%+v, %v", kept, err)
		}
	})
}

func TestStop_LetsTasksEndThatCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		b := w.run(t.Context(), w.order(alice), alice, lasting(5*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w.runner.Stop(ctx)
		if kept, err := w.store.Get(t.Context(), alice.ID(), b.task.ID); err != nil || kept.State() != task.Completed {
			t.Errorf("%v, %v", kept, err)
		}
		if _, err := w.runner.Run(t.Context(), w.order(alice), nil); !errors.Is(err, task.ErrInterrupted) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestRecover_FailsWhatAKilledProcessLeft(t *testing.T) {
	w := newWorld(limits())
	leave := func(runner string) id.Task {
		made := task.New(task.Call{Owner: alice.ID(), Tool: "query", Request: id.New[id.RequestKind](), Runner: runner},
			task.Terms{TTL: time.Hour, Poll: time.Second}, time.Now())
		if err := w.store.Add(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		return made.ID()
	}
	mine, ended, others := leave("server"), leave("server"), leave("stdio-1")
	if err := w.store.Update(t.Context(), alice.ID(), ended, func(t *task.Task) error { return t.Complete([]byte("{}"), time.Now()) }); err != nil {
		t.Fatal(err)
	}
	if n, err := w.newRunner("server").Recover(t.Context(), w.store); n != 1 || err != nil {
		t.Errorf("recovered %d, %v", n, err)
	}
	for tid, want := range map[id.Task]string{mine: "failed task.interrupted", ended: "completed ", others: "working "} {
		kept, err := w.store.Get(t.Context(), alice.ID(), tid)
		if err != nil {
			t.Fatal(err)
		}
		if s := kept.Snapshot(); string(s.State)+" "+s.Failure.Code != want {
			t.Errorf("%+v, want %s", s, want)
		}
	}
}

func TestRunner_NamesNoTaskWhoseCallPanickedOutsideTheGate(t *testing.T) {
	w := newWorld(limits())
	s, err := w.runner.Run(t.Context(), w.order(alice), func(context.Context, taskapp.Round) taskapp.Answer { panic("boom") })
	if s != nil || !errors.Is(err, fault.ErrInternal) {
		t.Errorf("%v, %v", s, err)
	}
}

func TestStop_EndsAtOnceWhatWaitsForItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(limits())
		o := w.order(alice)
		o.Required = true
		var got taskapp.Round
		s, err := w.runner.Run(t.Context(), o, w.asking(alice, &got))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w.runner.Stop(ctx)
		kept, err := w.store.Get(t.Context(), alice.ID(), s.ID)
		if err != nil || kept.Snapshot().Failure.Code != task.ErrInterrupted.Code || time.Since(begun) != 0 {
			t.Errorf("after %s: %+v, %v", time.Since(begun), kept, err)
		}
	})
}

// The answers would reach nobody.
func TestUpdate_RefusesATaskOfAnotherProcess(t *testing.T) {
	w := newWorld(limits())
	made := task.New(task.Call{Owner: alice.ID(), Tool: "query", Request: id.New[id.RequestKind](), Runner: "stdio-1"},
		task.Terms{TTL: time.Hour, Poll: time.Second}, time.Now())
	if err := made.Ask(task.Inputs{"a": json.RawMessage("1")}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Add(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	if err := w.update(t, alice, made.ID().String(), task.Inputs{"a": json.RawMessage(`"x"`)}); !errors.Is(err, task.ErrElsewhere) {
		t.Errorf("got %v", err)
	}
	if kept, err := w.store.Get(t.Context(), alice.ID(), made.ID()); err != nil || kept.State() != task.InputRequired {
		t.Errorf("%+v, %v", kept, err)
	}
}
