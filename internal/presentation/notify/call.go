// Package notify is what one call tells its own client ahead of its answer: how far it is, and what it logs. It belongs to the
// call: it has the call's token, the level that its client wants, its way to the client, and no other.
package notify

import (
	"context"
	"encoding/json"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

// stageEvery is how long a call runs before its client hears of the stage it is in, and how long between two notifications.
const stageEvery = time.Second

// How much of what a call says is sent: what a flood leaves out of progress is made up for by the next step, of messages it is
// counted.
const (
	stepsASecond    = 20
	stepsAtOnce     = 20
	messagesASecond = 50
	messagesAtOnce  = 200
	longestMessage  = 64 << 10 // bytes, encoded
)

// Listener is the client of one call.
type Listener struct {
	Way
	Token  json.RawMessage // of its progress; nil when it does not want to hear of it
	Logs   bool            // it wants messages
	Level  tool.Level      // the least grave that it wants, when it does
	Logger string          // what they are said to come from
}

// Way is how the client is told.
type Way interface {
	// Tell sends a line. It is called by one goroutine at a time.
	Tell(line []byte) error
	// Broken is called when Tell fails: who cannot be told this cannot be told the answer either.
	Broken()
	// Shown is text without what must not leave the process.
	Shown(text string) string
	// Encoded is value as JSON without that.
	Encoded(value any) ([]byte, error)
	Now() time.Time
}

// Open lets the client follow the use that runs under the context returned. The use is over when done is called; what is left to
// say is said then, and nothing after done has returned.
func Open(ctx context.Context, l Listener) (_ context.Context, done func()) {
	c := &call{Listener: l, last: math.Inf(-1)}
	if l.Logs {
		ctx = tool.WithLog(ctx, c.log)
	}
	if l.Token == nil {
		return ctx, c.close
	}
	c.steps = rate.NewLimiter(stepsASecond, stepsAtOnce)
	running, stop := context.WithCancel(ctx)
	var ticker sync.WaitGroup
	ticker.Go(func() { c.tick(running) })
	return tool.WithFollower(ctx, tool.Follower{Stage: c.enter, Advance: c.advance}), func() {
		stop()
		ticker.Wait()
		c.close()
	}
}

// call is one use while it runs.
type call struct {
	Listener
	steps    *rate.Limiter
	messages *rate.Limiter // nil until there is one

	stageMu sync.Mutex // apart from mu: entering a stage must not wait for a client that is being told something
	stage   string

	mu     sync.Mutex // one notification at a time
	last   float64    // the progress last told
	exact  bool       // the use tells its progress itself
	held   *step      // the newest that has not been told
	lost   int        // messages left out
	closed bool
}

type step struct {
	Token    json.RawMessage `json:"progressToken"`
	Progress float64         `json:"progress"`
	Total    float64         `json:"total,omitempty"`
	Message  string          `json:"message,omitempty"`
}

// enter notes the stage that the use is in.
func (c *call) enter(stage string) {
	c.stageMu.Lock()
	defer c.stageMu.Unlock()
	c.stage = stage
}

// tick tells the stage, once a second, until ctx ends.
func (c *call) tick(ctx context.Context) {
	for seconds := 1; ; seconds++ {
		pause, cancel := context.WithTimeout(ctx, stageEvery)
		<-pause.Done()
		cancel()
		if ctx.Err() != nil {
			return
		}
		c.stageMu.Lock()
		stage := c.stage
		c.stageMu.Unlock()
		c.mu.Lock()
		if !c.exact {
			// It grows with every notification, as the protocol asks; how much is left nobody knows.
			c.held = &step{Progress: float64(seconds), Message: stage}
		}
		c.flush()
		c.mu.Unlock()
	}
}

// advance tells a step, or holds it back for a moment when there are too many.
func (c *call) advance(done, total float64, message string) {
	if unfit(done) || unfit(total) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if done <= c.last || c.held != nil && done <= c.held.Progress {
		return
	}
	c.exact = true
	c.held = &step{Progress: done, Total: total, Message: message}
	if c.steps.AllowN(c.Now(), 1) {
		c.flush()
	}
}

func unfit(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) || x < 0 }

// flush tells the step that is held.
func (c *call) flush() {
	if c.held == nil || c.closed {
		return
	}
	told := *c.held
	c.held, c.last = nil, told.Progress
	told.Token, told.Message = c.Token, c.Shown(told.Message)
	c.tell("notifications/progress", told)
}

type entry struct {
	Level  string          `json:"level"`
	Logger string          `json:"logger,omitempty"`
	Data   json.RawMessage `json:"data"`
}

// log tells a message.
func (c *call) log(level tool.Level, data any) {
	if level < c.Level || level > tool.Emergency {
		return
	}
	if text, ok := data.(string); ok {
		data = c.Shown(text)
	}
	encoded, err := c.Encoded(data)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.messages == nil {
		c.messages = rate.NewLimiter(messagesASecond, messagesAtOnce)
	}
	if err != nil || len(encoded) > longestMessage || !c.messages.AllowN(c.Now(), 1) {
		c.lost++
		return
	}
	c.tell("notifications/message", entry{Level: level.String(), Logger: c.Logger, Data: encoded})
}

// close says what is left to say.
func (c *call) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
	if c.lost > 0 && !c.closed {
		data, _ := json.Marshal(map[string]int{"messages_left_out": c.lost}) // a number
		c.tell("notifications/message", entry{Level: max(tool.Warning, c.Level).String(), Logger: c.Logger, Data: data})
	}
	c.closed = true
}

// tell sends a notification; after the first that the client did not take, none.
func (c *call) tell(method string, params any) {
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
	if err != nil {
		return // numbers that are any, texts, and JSON that has been encoded always marshal
	}
	if c.Tell(line) != nil {
		c.closed = true
		c.Broken()
	}
}
