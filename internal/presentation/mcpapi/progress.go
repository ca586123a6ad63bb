package mcpapi

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/domain/tool"
)

// progressEvery is how long a call runs before its client hears of it, and how long between two notifications.
const progressEvery = time.Second

// announcement tells one client how far one call is. It belongs to the call: it has the call's token, its way to the client
// and no other.
type announcement struct {
	token json.RawMessage
	tell  func(line []byte) error

	mu    sync.Mutex
	stage string
}

// announce lets the client follow the call that runs under the context returned, if it asked to and there is a way to tell
// it. The call is over when done is called; nothing is sent after done has returned.
func (x *exchange) announce(ctx context.Context) (_ context.Context, done func()) {
	if x.message.Meta.ProgressToken == nil || x.tell == nil {
		return ctx, func() {}
	}
	a := &announcement{token: x.message.Meta.ProgressToken, tell: x.tell}
	running, stop := context.WithCancel(ctx)
	var speaker sync.WaitGroup
	speaker.Go(func() {
		if !a.speak(running) {
			x.call.stop() // who cannot be told how far the call is cannot be told what came of it either
		}
	})
	return tool.WithProgress(ctx, a.enter), func() {
		stop()
		speaker.Wait()
	}
}

// enter notes the stage that the call is in.
func (a *announcement) enter(stage string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stage = stage
}

// speak notifies until ctx ends, or reports false when the client does not take what is said.
func (a *announcement) speak(ctx context.Context) bool {
	for seconds := 1; ; seconds++ {
		pause, cancel := context.WithTimeout(ctx, progressEvery)
		<-pause.Done()
		cancel()
		if ctx.Err() != nil {
			return true
		}
		if a.tell(a.line(seconds)) != nil {
			return false
		}
	}
}

// line is the notification. Its progress grows with every one, as the protocol asks; how much is left nobody knows.
func (a *announcement) line(progress int) []byte {
	a.mu.Lock()
	stage := a.stage
	a.mu.Unlock()
	return mustEncode(map[string]any{
		"jsonrpc": mcp.JSONRPC_VERSION, "method": mcp.MethodNotificationProgress,
		"params": struct {
			Token    json.RawMessage `json:"progressToken"`
			Progress int             `json:"progress"`
			Message  string          `json:"message,omitempty"`
		}{a.token, progress, stage},
	})
}
