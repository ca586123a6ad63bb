package taskwire_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/id"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/presentation/taskwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDeclared_IsWhatTheClientSaysOfTheExtension(t *testing.T) {
	for capabilities, want := range map[string]bool{
		`{"extensions":{"io.modelcontextprotocol/tasks":{}}}`:                       true,
		`{"extensions":{"io.modelcontextprotocol/tasks":{"more":1}},"sampling":{}}`: true,
		`{"extensions":{"io.modelcontextprotocol/tasks":null}}`:                     false,
		`{"extensions":{"io.modelcontextprotocol/ui":{}}}`:                          false,
		`{"tasks":{}}`:      false,
		`{"extensions":[]}`: false,
		`[]`:                false,
		``:                  false,
	} {
		if got := taskwire.Declared(json.RawMessage(capabilities)); got != want {
			t.Errorf("%s: %t", capabilities, got)
		}
	}
}

func TestAnswers_AreThoseThatCanBeRead(t *testing.T) {
	for params, want := range map[string][]string{
		`{"inputResponses":{"a":{"action":"accept","content":{"x":1}},"b":5,"c":{"action":"explode"}}}`: {"a"},
		`{"inputResponses":{}}`:   {},
		`{"inputResponses":null}`: nil,
		`{"inputResponses":[]}`:   nil,
		`{"inputResponses":"x"}`:  nil,
		`{}`:                      nil,
		`[]`:                      nil,
	} {
		answers, readable := taskwire.Read(json.RawMessage(params)).Answers()
		keys := []string{}
		for key := range answers {
			keys = append(keys, key)
		}
		if readable != (want != nil) || !slices.Equal(keys, append([]string{}, want...)) {
			t.Errorf("%s: %v, %t", params, keys, readable)
		}
	}
}

// What a client sends about a task is taken apart without harm, and what is taken is JSON that came from it.
func FuzzRead_TakesAnythingApart(f *testing.F) {
	f.Add(`{"taskId":"tsk_a","inputResponses":{"a":{"action":"accept","content":{}}}}`)
	f.Add(`{"taskId":5,"inputResponses":{"a":{"roots":[]}}}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, params string) {
		p := taskwire.Read(json.RawMessage(params))
		answers, readable := p.Answers()
		if !readable && len(answers) > 0 {
			t.Errorf("%q: answers %v of what cannot be read", params, answers)
		}
		for key, answer := range answers {
			if !json.Valid(answer) {
				t.Errorf("%q: %q is answered %q", params, key, answer)
			}
		}
	})
}

func TestDetailed_HoldsOfEachStateWhatItHas(t *testing.T) {
	begin := time.Date(2026, 3, 1, 9, 0, 0, 5_000_000, time.FixedZone("", 3600))
	made := func(change func(*task.Task) error) task.Snapshot {
		t.Helper()
		w := task.New(task.Call{Owner: "key:a", Tool: "query", Request: id.New[id.RequestKind]()}, task.Terms{TTL: time.Minute, Poll: time.Second}, begin)
		if err := change(w); err != nil {
			t.Fatal(err)
		}
		return w.Snapshot()
	}
	common := []string{"_meta", "createdAt", "lastUpdatedAt", "pollIntervalMs", "resultType", "status", "taskId", "ttlMs"}
	for status, c := range map[string]struct {
		change func(*task.Task) error
		more   []string
	}{
		"working":        {func(*task.Task) error { return nil }, nil},
		"input_required": {func(w *task.Task) error { return w.Ask(task.Inputs{"a": json.RawMessage("1")}, begin) }, []string{"inputRequests"}},
		"completed":      {func(w *task.Task) error { return w.Complete([]byte("{}"), begin) }, []string{"result"}},
		"failed":         {func(w *task.Task) error { return w.Fail(task.ErrInterrupted, begin) }, []string{"error", "statusMessage"}},
		"cancelled":      {func(w *task.Task) error { return w.Cancel(begin) }, nil},
	} {
		told := taskwire.Detailed(made(c.change), -32603, map[string]any{})
		var members []string
		for member := range told {
			members = append(members, member)
		}
		slices.Sort(members)
		want := slices.Concat(common, c.more)
		slices.Sort(want)
		if diff := cmp.Diff(want, members); diff != "" || told["status"] != status || told["resultType"] != "complete" || told["createdAt"] != "2026-03-01T08:00:00.005Z" {
			t.Errorf("%s: %v\n%s", status, told, diff)
		}
		if created := taskwire.Created(made(func(*task.Task) error { return nil }), nil); created["resultType"] != "task" || len(created) != len(common) {
			t.Errorf("created: %v", created)
		}
	}
}

func TestVoice_SaysNothingAfterHush(t *testing.T) {
	var said []string
	errSay := errors.New("broken")
	v := taskwire.NewVoice(func(line []byte) error { said = append(said, string(line)); return errSay })
	tell := v.Tell()
	if err := tell([]byte("a")); !errors.Is(err, errSay) {
		t.Errorf("%v", err)
	}
	v.Hush()
	if err := tell([]byte("b")); err != nil || len(said) != 1 {
		t.Errorf("%v, %v", err, said)
	}
	if taskwire.NewVoice(nil).Tell() != nil {
		t.Error("a way where there is none")
	}
}
