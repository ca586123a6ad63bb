package task_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
)

var (
	begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	later = begin.Add(time.Second)
	terms = task.Terms{TTL: time.Hour, Poll: time.Second}
)

func fresh() *task.Task {
	return task.New(task.Call{
		Owner: "key:alice", Tool: "query", Request: id.New[id.RequestKind](), Arguments: "ab",
		Demands: []access.Demand{access.On("metric.query", "metric", "revenue")}, Runner: "server",
	}, terms, begin)
}

func ask(t *task.Task) error {
	return t.Ask(task.Inputs{"name": json.RawMessage(`{"method":"elicitation/create"}`)}, later)
}

// in gives a task in that state.
func in(t *testing.T, s task.State) *task.Task {
	t.Helper()
	made := fresh()
	var err error
	switch s {
	case task.Working:
	case task.InputRequired:
		err = ask(made)
	case task.Completed:
		err = made.Complete([]byte(`{}`), later)
	case task.Failed:
		err = made.Fail(task.ErrInterrupted, later)
	case task.Cancelled:
		err = made.Cancel(later)
	}
	if err != nil || made.State() != s {
		t.Fatalf("want a task that is %s, got %s: %v", s, made.State(), err)
	}
	return made
}

var states = []task.State{task.Working, task.InputRequired, task.Completed, task.Failed, task.Cancelled}

// events do what each event is called.
var events = map[task.Event]func(*task.Task) error{
	task.Asks:      ask,
	task.Completes: func(t *task.Task) error { return t.Complete([]byte(`{"content":[]}`), later) },
	task.Fails:     func(t *task.Task) error { return t.Fail(task.ErrInterrupted, later) },
	task.Cancels:   func(t *task.Task) error { return t.Cancel(later) },
	task.Resumes: func(t *task.Task) error {
		if len(t.Answer(task.Inputs{"name": json.RawMessage(`{}`)}, later)) == 0 {
			return task.ErrTransition
		}
		return nil
	},
}

func TestTask_ChangesByTheTableAndNoOtherWay(t *testing.T) {
	want := map[task.State]map[task.Event]task.State{
		task.Working:       {task.Asks: task.InputRequired, task.Completes: task.Completed, task.Fails: task.Failed, task.Cancels: task.Cancelled},
		task.InputRequired: {task.Resumes: task.Working, task.Fails: task.Failed, task.Cancels: task.Cancelled},
	}
	for _, s := range states {
		for e, happen := range events {
			made := in(t, s)
			before := made.Snapshot()
			err := happen(made)
			next, allowed := want[s][e]
			if allowed && (err != nil || made.State() != next) {
				t.Errorf("%s, %s: %s, %v; want %s", s, e, made.State(), err, next)
			}
			if diff := cmp.Diff(before, made.Snapshot(), cmpopts.EquateComparable(id.Task{}, id.Request{})); !allowed && (!errors.Is(err, task.ErrTransition) || diff != "") {
				t.Errorf("%s, %s: %v, and changed:\n%s", s, e, err, diff)
			}
		}
		if s.Ended() != (len(want[s]) == 0) {
			t.Errorf("%s ended: %t", s, s.Ended())
		}
	}
}

func TestTask_ResumesWithTheLastAnswer(t *testing.T) {
	made := fresh()
	if err := made.Ask(task.Inputs{"a": json.RawMessage(`1`), "b": json.RawMessage(`2`)}, later); err != nil {
		t.Fatal(err)
	}
	taken := made.Answer(task.Inputs{"a": json.RawMessage(`"x"`), "unknown": json.RawMessage(`1`)}, later)
	if diff := cmp.Diff(task.Inputs{"a": json.RawMessage(`"x"`)}, taken); diff != "" || made.State() != task.InputRequired {
		t.Errorf("%s, took:\n%s", made.State(), diff)
	}
	if diff := cmp.Diff(task.Inputs{"b": json.RawMessage(`2`)}, made.Snapshot().Pending); diff != "" {
		t.Errorf("still asked:\n%s", diff)
	}
	if taken = made.Answer(task.Inputs{"a": json.RawMessage(`"again"`)}, later); len(taken) != 0 {
		t.Errorf("took a second answer: %s", taken)
	}
	if made.Answer(task.Inputs{"b": json.RawMessage(`"y"`)}, later); made.State() != task.Working || made.Size() != 0 {
		t.Errorf("after the last answer: %s, %d bytes", made.State(), made.Size())
	}
}

func TestSnapshot_IsACopyThatRestoreReads(t *testing.T) {
	for _, s := range states {
		made := in(t, s)
		first := made.Snapshot()
		again, err := task.Restore(first)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again.Snapshot(), cmpopts.EquateComparable(id.Task{}, id.Request{})); diff != "" {
			t.Errorf("%s:\n%s", s, diff)
		}
		if len(first.Result) > 0 {
			first.Result[0] = 'x'
		}
		first.Call.Demands[0].Action = "other"
		if first.Pending != nil {
			first.Pending["other"] = nil
		}
		if diff := cmp.Diff(made.Snapshot(), again.Snapshot(), cmpopts.EquateComparable(id.Task{}, id.Request{})); diff != "" {
			t.Errorf("%s: a change of the snapshot shows:\n%s", s, diff)
		}
	}
}

func TestRestore_RefusesWhatNoTaskCanBe(t *testing.T) {
	for name, spoil := range map[string]func(*task.Snapshot){
		"an unknown state":                 func(s *task.Snapshot) { s.State = "paused" },
		"a question of one that works":     func(s *task.Snapshot) { s.Pending = task.Inputs{"a": nil} },
		"input required without questions": func(s *task.Snapshot) { s.State = task.InputRequired },
		"completed without a result":       func(s *task.Snapshot) { s.State = task.Completed },
		"a result of one that works":       func(s *task.Snapshot) { s.Result = []byte("{}") },
		"failed without a reason":          func(s *task.Snapshot) { s.State = task.Failed },
		"a reason of one that works":       func(s *task.Snapshot) { s.Failure.Code = "x" },
	} {
		s := fresh().Snapshot()
		if spoil(&s); func() bool { _, err := task.Restore(s); return err == nil }() {
			t.Errorf("%s was restored", name)
		}
	}
}

func TestTask_KeepsOfAFaultWhatMayBeShown(t *testing.T) {
	made := fresh()
	if err := made.Fail(fault.ErrInternal.Because(errors.New("/etc/secret")), later); err != nil {
		t.Fatal(err)
	}
	if got := made.Snapshot().Failure; got.Code != "internal" || strings.Contains(got.Message, "secret") {
		t.Errorf("keeps %+v", got)
	}
}

func TestTask_ExpiresWithItsTime(t *testing.T) {
	made := fresh()
	for at, want := range map[time.Duration]bool{0: false, time.Hour - 1: false, time.Hour: true, 2 * time.Hour: true} {
		if made.Expired(begin.Add(at)) != want {
			t.Errorf("after %s expired: %t", at, !want)
		}
	}
}

// Two tasks that are alike in everything have identifiers with nothing in common but chance.
func TestTask_TheIdentifierTellsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		call := task.Call{
			Owner: rapid.StringN(1, 40, 40).Draw(t, "owner"), Tool: rapid.StringMatching(`[a-z_]{5,20}`).Draw(t, "tool"),
			Arguments: rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "arguments"), Runner: "server",
		}
		a, b := task.New(call, terms, begin).ID().String(), task.New(call, terms, begin).ID().String()
		if a == b || len(a) != len("tsk_")+32 || strings.Contains(a, call.Tool) || strings.Contains(a, call.Arguments[:8]) {
			t.Fatalf("%s and %s of %+v", a, b, call)
		}
		// 32 characters of 5 random bits each: not one pair in 2^40 has 20 of them alike.
		same := 0
		for i := len("tsk_"); i < len(a); i++ {
			if a[i] == b[i] {
				same++
			}
		}
		if same > 20 {
			t.Fatalf("%s and %s have %d characters alike", a, b, same)
		}
	})
}

func TestLimits_AdmitAndHoldUpToTheLast(t *testing.T) {
	l := task.Limits{PerOwner: 2, All: 3, BytesPerOwner: 10, BytesAll: 20}
	for _, c := range []struct {
		err, want error
	}{
		{l.Admits(1, 2), nil},
		{l.Admits(2, 2), task.ErrTooMany},
		{l.Admits(0, 3), task.ErrTooMany},
		{l.Holds(10, 20), nil},
		{l.Holds(11, 20), task.ErrNoRoom},
		{l.Holds(1, 21), task.ErrNoRoom},
	} {
		if !errors.Is(c.err, c.want) || (c.err == nil) != (c.want == nil) {
			t.Errorf("%v, want %v", c.err, c.want)
		}
	}
}
