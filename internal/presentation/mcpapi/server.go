// Package mcpapi is Steward as an MCP server. mcp-go lives and ends here: it keeps the protocol's methods, results
// and revisions; transports, sessions, refusals and errors are ours (ADR 0001).
package mcpapi

import (
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
)

// Identity is what the server says of itself.
type Identity struct {
	Version      string
	Instructions string // for the model: which tools there are and in which order they help
}

// Parts are what a Server is made of.
type Parts struct {
	Catalog *tool.Catalog
	Call    cqrs.Governed[toolapp.Call, tool.Result]
	Sees    *toolapp.Visible
	Limiter cqrs.Limiter
	Records *cqrs.Recorder
	Tracer  *mcptrace.Tracer
	Log     *zap.Logger
	Now     func() time.Time
	Drain   time.Duration // how long running calls may go on after Stdio was told to stop
}

// Server answers MCP messages, whatever transport they come by. Safe for concurrent use.
type Server struct {
	mcp      *server.MCPServer
	catalog  *tool.Catalog
	call     cqrs.Governed[toolapp.Call, tool.Result]
	sees     *toolapp.Visible
	limiter  cqrs.Limiter
	records  *cqrs.Recorder
	tracer   *mcptrace.Tracer
	sessions *sessions
	log      *zap.Logger
	drain    time.Duration
}

// New makes the server. It advertises only what it does: the tools are fixed at start, so their list never changes.
func New(identity Identity, p Parts) *Server {
	s := &Server{
		catalog: p.Catalog, call: p.Call, sees: p.Sees, limiter: p.Limiter, records: p.Records,
		tracer: p.Tracer, sessions: newSessions(p.Now), log: p.Log, drain: p.Drain,
	}
	s.mcp = server.NewMCPServer("steward", identity.Version,
		server.WithTitle("Steward"),
		server.WithInstructions(identity.Instructions),
		server.WithToolCapabilities(false),
		server.WithToolFilter(s.visible),
		// What a principal may see is its own; nothing between here and the client may share it.
		server.WithCacheHints(0, mcp.CacheScopePrivate),
	)
	s.register(s.mcp, p.Catalog)
	return s
}
