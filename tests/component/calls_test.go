package component_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/tests/harness"
)

// expectation is what must come of one call.
type expectation struct {
	tool    string
	args    map[string]any
	rpc     int    // code of a JSON-RPC error
	code    string // of the failure; empty for success
	says    string // part of what the caller is told
	by      string // denied_by on record
	intent  bool   // an intent comes before the outcome
	unknown bool   // nobody has bound the arguments, so their digest is not on record
}

var expectations = map[string]expectation{
	"success":                  {tool: "echo", args: map[string]any{"text": "hello"}, says: `"text":"hello"`},
	"a tool of another module": {tool: "fixture_picky", args: map[string]any{"word": "x"}, says: "nothing"},
	"a change":                 {tool: "fixture_changes", intent: true, says: "changed"},
	"a hidden tool": {
		tool: "fixture_hidden", rpc: -32602, code: "tool.unknown", says: "no tool of this name", by: audit.ByPolicy, unknown: true,
	},
	"an unknown tool": {
		tool: "nothing_like_it", rpc: -32602, code: "tool.unknown", says: "no tool of this name", by: audit.ByInput, unknown: true,
	},
	"a panic":             {tool: "fixture_panics", code: "internal", says: "internal error"},
	"a panic in a change": {tool: "fixture_collapses", code: "internal", says: "internal error", intent: true},
	"a foreign error":     {tool: "fixture_leaks", code: "internal", says: "internal error"},
	"a deadline":          {tool: "fixture_expires", code: "timeout", says: "deadline"},
	"a missing argument":  {tool: "fixture_picky", code: "tool.arguments", says: "word", by: audit.ByInput},
}

// Whatever comes of a call, by whatever way it came: one closed record says so, an intent stands before it when
// something was to be changed, and the answer betrays nothing of the cause.
func TestCall_IsOnRecordWhateverComesOfIt(t *testing.T) {
	t.Parallel()
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			w, p := y.open(t, nil)
			listed(t, p) // a session, where the way has them
			for name, e := range expectations {
				if e.args == nil {
					e.args = map[string]any{}
				}
				before := len(w.requests(t))
				c := call(t, p, e.tool, e.args)
				if c.rpc != e.rpc || c.failure.Code != e.code || !strings.Contains(c.text, e.says) {
					t.Errorf("%s: answered %s", name, c.text)
				}
				for _, secret := range []string{"boom", "halfway", "fixture.secret", "goroutine", ".go:"} {
					if strings.Contains(c.text, secret) {
						t.Errorf("%s: the answer betrays its cause: %s", name, c.text)
					}
				}
				checkRecords(t, name, y, e, c, w.newest(t, before))
			}
			if times, intended := w.tools.changed(); times != 1 || !intended {
				t.Errorf("the change was made %d times, its intent on the disk before it: %t", times, intended)
			}
		})
	}
}

func checkRecords(t *testing.T, name string, y way, e expectation, c called, records []audit.Record) {
	t.Helper()
	phases := []audit.Phase{audit.Closed}
	if e.intent {
		phases = []audit.Phase{audit.Intent, audit.Closed}
	}
	if len(records) != len(phases) {
		t.Errorf("%s: %d records, want %v: %+v", name, len(records), phases, records)
		return
	}
	args, err := json.Marshal(e.args)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(args)
	for i, r := range records {
		outcome := e.code
		if outcome == "" {
			outcome = audit.OK
		}
		if phases[i] == audit.Intent {
			outcome = ""
		}
		if r.Phase != phases[i] || r.Outcome != outcome || r.DeniedBy != e.by {
			t.Errorf("%s: the record says %s %q, denied by %q", name, r.Phase, r.Outcome, r.DeniedBy)
		}
		if r.Method != "tools/call" || r.Action != "tool.call" || r.Target != "tool:"+e.tool || r.Transport != y.transport() ||
			r.Revision != string(y.era) || !strings.HasPrefix(r.Actor, y.actor()) || !slices.Equal(r.Personas, []string{"caller"}) {
			t.Errorf("%s: the record does not say what was asked, by whom and how: %+v", name, r)
		}
		if r.Rule == "" || r.Policy == "" || len(r.Trace) != 32 {
			t.Errorf("%s: the record lacks its rule, its policy or its trace: %+v", name, r)
		}
		if !e.unknown && r.Arguments != hex.EncodeToString(digest[:]) {
			t.Errorf("%s: the record has the arguments' digest as %q", name, r.Arguments)
		}
		if e.code != "" && r.Request != c.failure.Request {
			t.Errorf("%s: the caller was told request %s, the record is of %s", name, c.failure.Request, r.Request)
		}
	}
}

// A hidden tool must not be told from one that does not exist, by anything but the name that the caller gave.
func TestCall_AHiddenToolLooksLikeNone(t *testing.T) {
	t.Parallel()
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			_, p := y.open(t, nil)
			hidden, absent := call(t, p, "fixture_hidden", map[string]any{}), call(t, p, "fixture_absent", map[string]any{})
			hide := func(c called) string { return strings.ReplaceAll(c.text, c.failure.Request, "REQUEST") }
			if hide(hidden) != hide(absent) || absent.failure.Code != "tool.unknown" {
				t.Errorf("hidden: %s\nabsent: %s", hidden.text, absent.text)
			}
		})
	}
}

func TestList_ShowsWhatCanBeCalled(t *testing.T) {
	t.Parallel()
	for _, y := range ways {
		t.Run(y.name, func(t *testing.T) {
			t.Parallel()
			_, p := y.open(t, nil)
			names := listed(t, p)
			for _, name := range []string{"echo", "system_info", "whoami", "fixture_waits"} {
				if !slices.Contains(names, name) {
					t.Errorf("%s is not listed: %v", name, names)
				}
			}
			if slices.Contains(names, "fixture_hidden") || !slices.IsSorted(names) {
				t.Errorf("tools/list answered %v", names)
			}
			var me struct{ Tools []string }
			if err := json.Unmarshal(call(t, p, "whoami", map[string]any{}).result.Structured, &me); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(me.Tools, names) {
				t.Errorf("whoami says %v, tools/list %v", me.Tools, names)
			}
		})
	}
}

func listed(t *testing.T, p peer) []string {
	t.Helper()
	var list struct{ Tools []struct{ Name string } }
	if err := p.Do(t.Context(), "tools/list", nil, &list); err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(list.Tools))
	for i, tool := range list.Tools {
		names[i] = tool.Name
	}
	return names
}

// Each sentence names the place, says what is expected there, and does not repeat what the caller wrote.
func TestCall_SaysWhereAnArgumentIsWrong(t *testing.T) {
	t.Parallel()
	_, p := pipe(t, nil, harness.Modern)
	for name, c := range map[string]struct {
		args any
		says []string
	}{
		"missing":             {map[string]any{}, []string{"word"}},
		"of another type":     {map[string]any{"word": 7}, []string{"word", "string"}},
		"too long":            {map[string]any{"word": strings.Repeat("canary", 10)}, []string{"word", "40"}},
		"not of the pattern":  {map[string]any{"word": "x", "code": "CANARY"}, []string{"code", "^[a-z]+$"}},
		"not of the list":     {map[string]any{"word": "x", "colour": "canary"}, []string{"colour", "red", "green"}},
		"too small":           {map[string]any{"word": "x", "count": 0}, []string{"count", "1"}},
		"too large":           {map[string]any{"word": "x", "count": 10}, []string{"count", "9"}},
		"not whole":           {map[string]any{"word": "x", "count": 1.5}, []string{"count", "integer"}},
		"too many":            {map[string]any{"word": "x", "list": []int{1, 2, 3}}, []string{"list", "2"}},
		"inside a list":       {map[string]any{"word": "x", "list": []any{1, "canary"}}, []string{"list/1", "integer"}},
		"deep inside":         {map[string]any{"word": "x", "deep": map[string]any{"rows": []any{map[string]any{"id": 1}, map[string]any{"id": "canary"}}}}, []string{"deep/rows/1/id", "integer"}},
		"missing deep inside": {map[string]any{"word": "x", "deep": map[string]any{"rows": []any{map[string]any{}}}}, []string{"deep/rows/0", "id"}},
		"unknown":             {map[string]any{"word": "x", "wrod": "y"}, []string{"wrod"}},
		"unknown deep inside": {map[string]any{"word": "x", "deep": map[string]any{"rwos": 1}}, []string{"deep", "rwos"}},
		"no object":           {[]any{}, []string{"object"}},
	} {
		got := call(t, p, "fixture_picky", c.args)
		if got.failure.Code != "tool.arguments" && name != "no object" {
			t.Errorf("%s: answered %s", name, got.text)
		}
		for _, part := range c.says {
			if !strings.Contains(got.failure.Message, part) {
				t.Errorf("%s: %q does not name %q", name, got.failure.Message, part)
			}
		}
		if strings.Contains(strings.ToLower(got.failure.Message), "canary") {
			t.Errorf("%s: %q repeats what was written", name, got.failure.Message)
		}
	}
}

// hand is a clock that the test sets.
type hand struct{ at chan time.Time }

func newHand() *hand {
	h := &hand{at: make(chan time.Time, 1)}
	h.at <- time.Now()
	return h
}

func (h *hand) now() time.Time {
	at := <-h.at
	h.at <- at
	return at
}

func (h *hand) advance(d time.Duration) { h.at <- (<-h.at).Add(d) }

func (h *hand) option() fx.Option { return fx.Replace(h.now) }

func TestLimit_RefusesAndSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	clock := newHand()
	w := serve(t, func(c *config.Config) {
		c.Security.RateLimit = config.RateLimit{Enabled: true, RequestsPerMinute: 60, BurstSize: 3}
	}, clock.option())
	p := w.client(t, w.key, harness.Modern)
	for i, remaining := range []float64{2, 1, 0} {
		var me struct{ Limits map[string]any }
		if err := json.Unmarshal(call(t, p, "whoami", map[string]any{}).result.Structured, &me); err != nil {
			t.Fatal(err)
		}
		if me.Limits["remaining"] != remaining || me.Limits["requests_per_minute"] != 60.0 || me.Limits["burst"] != 3.0 {
			t.Errorf("after call %d whoami tells the limits as %v", i+1, me.Limits)
		}
	}
	before := len(w.requests(t))
	c := call(t, p, "echo", map[string]any{"text": "x"})
	if c.failure.Code != "limit.rate" || c.failure.RetryAfter != 1 || !strings.Contains(c.failure.Message, "60 requests a minute") {
		t.Errorf("answered %s", c.text)
	}
	if r := w.newest(t, before); len(r) != 1 || r[0].Outcome != "limit.rate" || r[0].DeniedBy != audit.ByLimit {
		t.Errorf("records: %+v", r)
	}
	// Nobody else pays for it, and neither does a listing, which is of another class.
	if names := listed(t, p); len(names) == 0 {
		t.Error("tools/list was refused too")
	}
	clock.advance(time.Second)
	if c := call(t, p, "echo", map[string]any{"text": "x"}); c.failure.Code != "" {
		t.Errorf("after the second that it was told to wait: %s", c.text)
	}
}

func TestLimit_HoldsForTheProtocolToo(t *testing.T) {
	t.Parallel()
	clock := newHand()
	w := serve(t, func(c *config.Config) {
		c.Security.RateLimit = config.RateLimit{Enabled: true, RequestsPerMinute: 60, BurstSize: 1}
	}, clock.option())
	p := w.client(t, w.key, harness.Modern)
	listed(t, p)
	refused, ok := errors.AsType[*harness.RPCError](p.Do(t.Context(), "tools/list", nil, nil))
	if !ok || !strings.Contains(string(refused.Data), `"limit.rate"`) || !strings.Contains(string(refused.Data), `"retry_after_seconds":1`) {
		t.Errorf("the second tools/list answered %v", refused)
	}
}

func TestCall_EndsAtTheConfiguredDeadline(t *testing.T) {
	t.Parallel()
	w := serve(t, func(c *config.Config) { c.Server.RequestTimeout = 50 * time.Millisecond })
	c := call(t, w.client(t, w.key, harness.Modern), "fixture_waits", map[string]any{})
	if c.failure.Code != "timeout" {
		t.Errorf("answered %s", c.text)
	}
}

func TestCall_IsOnRecordAsCanceledWhenTheClientLeaves(t *testing.T) {
	t.Parallel()
	for _, era := range []harness.Era{harness.Legacy, harness.Modern} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			w := serve(t, nil)
			p := w.client(t, w.key, era)
			listed(t, p) // a session, where the era has them
			before := len(w.requests(t))
			ctx, leave := context.WithCancel(t.Context())
			left := make(chan error, 1)
			go func() {
				left <- p.Do(ctx, "tools/call", map[string]any{"name": "fixture_waits", "arguments": map[string]any{}}, nil)
			}()
			<-w.tools.began
			leave()
			if err := <-left; !errors.Is(err, context.Canceled) {
				t.Errorf("the client saw %v", err)
			}
			eventually(t, "the record", func() bool { return len(w.newest(t, before)) > 0 })
			if r := w.newest(t, before); len(r) != 1 || r[0].Outcome != "canceled" || r[0].Phase != audit.Closed {
				t.Errorf("records: %+v", r)
			}
		})
	}
}

func TestStdio_ACancelledRequestIsOnRecordAsCanceled(t *testing.T) {
	t.Parallel()
	for _, era := range []harness.Era{harness.Legacy, harness.Modern} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			w, p := pipe(t, nil, era)
			before := len(w.requests(t))
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			done := make(chan error, 1)
			go func() {
				done <- p.Do(ctx, "tools/call", map[string]any{"name": "fixture_waits", "arguments": map[string]any{}}, nil)
			}()
			<-w.tools.began
			p.mu.Lock()
			id := p.next
			p.mu.Unlock()
			meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},`
			if era == harness.Legacy {
				meta = ""
			}
			p.say(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{`+meta+`"requestId":`+strconv.Itoa(id)+`}}`)
			eventually(t, "the record", func() bool { return len(w.newest(t, before)) > 0 })
			if r := w.newest(t, before); len(r) != 1 || r[0].Outcome != "canceled" {
				t.Errorf("records: %+v", r)
			}
			listed(t, p) // which would come behind an answer
			giveUp()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("the cancelled call is answered, %v", err)
			}
		})
	}
}

// What is running when the input ends is finished, answered and on record.
func TestStdio_TheEndOfTheInputIsTheEndOfTheServer(t *testing.T) {
	t.Parallel()
	w, p := pipe(t, nil, harness.Modern)
	done := make(chan error, 1)
	go func() {
		done <- p.Do(t.Context(), "tools/call", map[string]any{"name": "fixture_expires", "arguments": map[string]any{}}, nil)
	}()
	<-w.tools.began
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("a call that ran when the input ended: %v", err)
	}
	w.stop()
	all := w.records(t)
	if last := all[len(all)-1]; last.Phase != audit.Note {
		t.Errorf("the journal ends with %+v", last)
	}
	if r := w.requests(t); len(r) != 1 || r[0].Outcome != "timeout" {
		t.Errorf("records: %+v", r)
	}
}
