package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/notify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client keeps what it is told.
type client struct {
	mu     sync.Mutex
	lines  []string
	gone   bool
	broken int
}

func (c *client) Tell(line []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return errors.New("gone")
	}
	c.lines = append(c.lines, string(line))
	return nil
}

func (c *client) Broken() { c.broken++ }

func (*client) Shown(text string) string { return strings.ReplaceAll(text, "secret", "-") }

func (*client) Encoded(value any) ([]byte, error) { return json.Marshal(value) }

func (*client) Now() time.Time { return time.Now() }

func (c *client) listener() notify.Listener {
	return notify.Listener{Way: c, Token: json.RawMessage(`"p"`), Logs: true, Level: tool.Info, Logger: "t"}
}

// steps are the progress that was told.
func (c *client) steps(t interface{ Fatal(...any) }) (told []float64) {
	for _, line := range c.lines {
		var m struct {
			Method string
			Params struct{ Progress float64 }
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if m.Method == "notifications/progress" {
			told = append(told, m.Params.Progress)
		}
	}
	return told
}

func TestOpen_TellsStepsAndMessagesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c client
		ctx, done := notify.Open(t.Context(), c.listener())
		tool.Advance(ctx, 0, 100, "a secret")
		tool.Log(ctx, tool.Warning, "b secret")
		tool.Log(ctx, tool.Debug, "unheard")
		tool.Advance(ctx, 50.5, 100, "")
		tool.Log(ctx, tool.Error, map[string]int{"n": 1})
		tool.Log(ctx, tool.Level(99), "no level")
		tool.Advance(ctx, 100, 0, "")
		done()
		tool.Advance(ctx, 200, 0, "too late")
		tool.Log(ctx, tool.Error, "too late")
		want := []string{
			`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":0,"total":100,"message":"a -"}}`,
			`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","logger":"t","data":"b -"}}`,
			`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":50.5,"total":100}}`,
			`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","logger":"t","data":{"n":1}}}`,
			`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":100}}`,
		}
		if diff := cmp.Diff(want, c.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Whatever a use advances by, what its client hears grows, is no flood, and ends with the last.
func TestAdvance_NeverLosesTheLastStep(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Float64Range(-1, 1000), 1, 200).Draw(rt, "steps")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 30), len(steps), len(steps)).Draw(rt, "pauses")
		synctest.Test(t, func(t *testing.T) {
			var c client
			began := time.Now()
			ctx, done := notify.Open(t.Context(), c.listener())
			last := math.Inf(-1)
			for i, step := range steps {
				tool.Advance(ctx, step, 0, "")
				if step >= 0 {
					last = max(last, step)
				}
				time.Sleep(time.Duration(pauses[i]) * time.Millisecond)
			}
			done()
			took := time.Since(began)
			told := c.steps(t)
			for i := 1; i < len(told); i++ {
				if told[i] <= told[i-1] {
					t.Fatalf("%v after %v", told[i], told[i-1])
				}
			}
			if most := 23 + int(21*took.Seconds()); len(told) > most {
				t.Errorf("%d steps told in %v", len(told), took)
			}
			if last >= 0 && (len(told) == 0 || told[len(told)-1] != last) {
				t.Errorf("the last is %v; told %v", last, told)
			}
		})
	})
}

func TestAdvance_DropsWhatIsNoProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c client
		ctx, done := notify.Open(t.Context(), c.listener())
		for _, step := range []float64{5, 5, 4, math.NaN(), math.Inf(1), -3, 6} {
			tool.Advance(ctx, step, math.NaN(), "")
			tool.Advance(ctx, step, 10, "")
		}
		done()
		if diff := cmp.Diff([]float64{5, 6}, c.steps(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestStage_IsToldEverySecondUntilTheUseAdvances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c client
		ctx, done := notify.Open(t.Context(), c.listener())
		tool.Progress(ctx)("waiting")
		time.Sleep(2500 * time.Millisecond)
		tool.Advance(ctx, 1, 10, "") // less than has been told
		tool.Advance(ctx, 3, 10, "")
		time.Sleep(5 * time.Second)
		done()
		if diff := cmp.Diff([]float64{1, 2, 3}, c.steps(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestLog_IsNoFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c client
		ctx, done := notify.Open(t.Context(), c.listener())
		var uses sync.WaitGroup
		for range 10 {
			uses.Go(func() {
				for i := range 1000 {
					tool.Log(ctx, tool.Info, fmt.Sprint(i))
				}
			})
		}
		uses.Wait()
		tool.Log(ctx, tool.Info, strings.Repeat("x", 1<<20))
		tool.Log(ctx, tool.Info, make(chan int))
		done()
		if n := len(c.lines); n != 201 || !strings.Contains(c.lines[n-1], `{"messages_left_out":9802}`) {
			t.Errorf("%d lines, at last %s", n, c.lines[n-1])
		}
	})
}

func TestOpen_SaysNothingToAClientThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client{gone: true}
		ctx, done := notify.Open(t.Context(), c.listener())
		for i := range 5 {
			tool.Log(ctx, tool.Error, "x")
			tool.Advance(ctx, float64(i), 0, "")
		}
		time.Sleep(3 * time.Second)
		done()
		if c.broken != 1 || len(c.lines) != 0 {
			t.Errorf("broken %d times: %v", c.broken, c.lines)
		}
	})
}

func TestOpen_LeavesAUseAloneThatNobodyFollows(t *testing.T) {
	var c client
	l := c.listener()
	l.Token, l.Logs = nil, false
	ctx, done := notify.Open(context.WithoutCancel(t.Context()), l)
	tool.Log(ctx, tool.Emergency, "x")
	tool.Advance(ctx, 1, 1, "")
	tool.Progress(ctx)("x")
	done()
	if len(c.lines) != 0 {
		t.Error(c.lines)
	}
}
