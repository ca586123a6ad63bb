package mcpapi

import (
	"context"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/notify"
)

// announce lets the client follow what runs under the context returned, as far as it asked to and there is a way, until done is called.
func (x *exchange) announce(ctx context.Context, s *Server) (_ context.Context, done func()) {
	if x.tell == nil {
		return ctx, func() {}
	}
	level, logs := x.logLevel()
	return notify.Open(ctx, notify.Listener{Way: way{x, s}, Token: x.message.Meta.ProgressToken, Logs: logs, Level: level, Logger: x.message.Name})
}

// way is the one to the client of an exchange.
type way struct {
	x *exchange
	s *Server
}

func (w way) Tell(line []byte) error            { return w.x.say(line) }
func (w way) Broken()                           { w.x.call.Stop() }
func (w way) Shown(text string) string          { return w.s.guard.text(text) }
func (w way) Encoded(value any) ([]byte, error) { return w.s.guard.encode(value) }
func (w way) Now() time.Time                    { return w.s.now() }

// logLevel is the least grave that the client wants to be told, if it wants to be told anything. In revision 2026-07-28 each
// request says so; in the older ones logging/setLevel does, and a client that never did gets what is Info or graver.
func (x *exchange) logLevel() (tool.Level, bool) {
	if mcp.IsModernProtocol(x.revision()) {
		return tool.LevelNamed(x.message.Meta.LogLevel)
	}
	return tool.LevelNamed(string(x.session.GetLogLevel()))
}
