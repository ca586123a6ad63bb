// Package mcpapi is Steward as an MCP server. mcp-go lives and ends here: it keeps the protocol's methods, results
// and revisions; transports, sessions, refusals and errors are ours (ADR 0001).
package mcpapi

import (
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/redact"
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
	Catalog  *tool.Catalog
	Call     cqrs.Governed[toolapp.Call, tool.Result]
	Sees     *toolapp.Visible
	Library  *toolapp.Library
	Read     cqrs.Governed[toolapp.ReadResource, tool.Content]
	Prompt   cqrs.Governed[toolapp.GetPrompt, tool.Conversation]
	Complete cqrs.Governed[toolapp.Complete, toolapp.Completion]
	Limiter  cqrs.Limiter
	Records  *cqrs.Recorder
	Tracer   *mcptrace.Tracer
	Log      *zap.Logger
	Now      func() time.Time
	Drain    time.Duration // how long running calls may go on after Stdio was told to stop

	Redact    *redact.Redactor // what every answer passes; nil knows only what secrets look like
	MaxResult int              // bytes of a result; 0 for any number
}

// Server answers MCP messages, whatever transport they come by. Safe for concurrent use.
type Server struct {
	mcp      *server.MCPServer
	catalog  *tool.Catalog
	call     cqrs.Governed[toolapp.Call, tool.Result]
	sees     *toolapp.Visible
	library  *toolapp.Library
	read     cqrs.Governed[toolapp.ReadResource, tool.Content]
	prompt   cqrs.Governed[toolapp.GetPrompt, tool.Conversation]
	complete cqrs.Governed[toolapp.Complete, toolapp.Completion]
	limiter  cqrs.Limiter
	records  *cqrs.Recorder
	tracer   *mcptrace.Tracer
	sessions *sessions
	log      *zap.Logger
	drain    time.Duration
	guard    guard
}

// New makes the server. It advertises only what it does: what is offered is fixed at start, so no list ever changes.
func New(identity Identity, p Parts) *Server {
	s := &Server{
		catalog: p.Catalog, call: p.Call, sees: p.Sees, library: p.Library, read: p.Read, prompt: p.Prompt, complete: p.Complete,
		limiter: p.Limiter, records: p.Records, tracer: p.Tracer, sessions: newSessions(p.Now), log: p.Log, drain: p.Drain,
		guard: newGuard(p.Redact, p.MaxResult),
	}
	options := []server.ServerOption{
		server.WithTitle("Steward"),
		server.WithInstructions(identity.Instructions),
		server.WithToolCapabilities(false),
		server.WithToolFilter(s.visible),
		server.WithPromptFilter(s.gettable),
		server.WithHooks(s.readable()),
		// What a principal may see is its own; nothing between here and the client may share it.
		server.WithCacheHints(0, mcp.CacheScopePrivate),
	}
	if s.completable() {
		options = append(options, server.WithCompletions(),
			server.WithPromptCompletionProvider(completer{s}), server.WithResourceCompletionProvider(completer{s}))
	}
	if slices.ContainsFunc(p.Catalog.All(), func(t tool.Tool) bool { return t.View != "" }) {
		options = append(options, server.WithExtensions(map[string]any{uiExtension: map[string]any{}}))
	}
	s.mcp = server.NewMCPServer("steward", identity.Version, options...)
	s.register(s.mcp, p.Catalog)
	s.offerResources(s.mcp)
	s.offerPrompts(s.mcp)
	return s
}
