package mcpapi

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/notify"
)

// announce lets the client follow what runs under the context returned, as far as it asked to and there is a way to tell it.
// That is over when done is called; nothing is sent after done has returned.
func (x *exchange) announce(ctx context.Context, s *Server) (_ context.Context, done func()) {
	if x.tell == nil {
		return ctx, func() {}
	}
	level, logs := x.logLevel()
	return notify.Open(ctx, notify.Listener{
		Tell: x.say, Now: s.now, Broken: x.call.Stop, Token: x.message.Meta.ProgressToken,
		Logs: logs, Level: level, Logger: x.message.Name, Shown: s.guard.text, Encoded: s.guard.encode,
	})
}

// logLevel is the least grave that the client wants to be told, if it wants to be told anything. In revision 2026-07-28 each
// request says so; in the older ones logging/setLevel does, and a client that never did gets what is Info or graver.
func (x *exchange) logLevel() (tool.Level, bool) {
	if mcp.IsModernProtocol(x.revision()) {
		return tool.LevelNamed(x.message.Meta.LogLevel)
	}
	return tool.LevelNamed(string(x.session.GetLogLevel()))
}
