// Package mcpapi is Steward as an MCP server. mcp-go lives and ends here: it keeps the protocol's methods, results
// and revisions; transports, sessions, refusals and errors are ours (ADR 0001).
package mcpapi

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/changes"
	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/application/taskapp"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
	"github.com/steward-mcp/steward/internal/presentation/mrtr"
	"github.com/steward-mcp/steward/internal/presentation/paging"
	"github.com/steward-mcp/steward/internal/presentation/taskwire"
	"github.com/steward-mcp/steward/internal/presentation/wire"
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

	Subscribe cqrs.Governed[toolapp.Subscribe, struct{}]
	Changes   *changes.Board       // of what is offered; nil when nothing ever changes
	Tasks     *taskapp.Desk        // of calls that outlive their requests; nil for none
	Members   *sessionapp.Registry // the sessions that requests belong to; nil for none
	Redact    *redact.Redactor     // what every answer passes; nil knows only what secrets look like
	MaxResult int                  // bytes of a result; 0 for any number
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
	members  *sessionapp.Registry
	tasks    *taskapp.Desk
	log      *zap.Logger
	drain    time.Duration
	guard    *guard
	sealer   *mrtr.Sealer
	info     mcp.Implementation
	page     int             // items of a list
	meta     json.RawMessage // of the results of revision 2026-07-28
	now      func() time.Time
	// roundabout sends plain calls through mcp-go too, which has to come to the same.
	roundabout bool
	push
}

// New makes the server. It advertises only what it does.
func New(identity Identity, p Parts) *Server {
	info := mcp.Implementation{Name: "steward", Title: "Steward", Version: identity.Version}
	s := &Server{
		catalog: p.Catalog, call: p.Call, sees: p.Sees, library: p.Library, read: p.Read, prompt: p.Prompt, complete: p.Complete,
		limiter: p.Limiter, records: p.Records, tracer: p.Tracer, log: p.Log, drain: p.Drain,
		guard: newGuard(p.Redact, p.MaxResult, info), info: info, now: p.Now, page: paging.Size,
	}
	s.meta = wire.MarshalOrNull(s.serverMeta())
	s.pushes(p)
	s.tasks = p.Tasks
	if s.members = p.Members; s.members != nil {
		s.members.Bind(s.sessions)
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // which never fails; a state is good for minutes, and need not outlive the process
	s.sealer = mrtr.NewSealer(key, p.Now)
	options := []server.ServerOption{
		server.WithTitle(s.info.Title),
		server.WithInstructions(identity.Instructions),
		server.WithLogging(),
		server.WithToolCapabilities(true),
		server.WithToolFilter(s.visible),
		server.WithPromptFilter(s.gettable),
		server.WithHooks(s.listings()),
		// What a principal may see is its own; nothing between here and the client may share it.
		server.WithCacheHints(0, mcp.CacheScopePrivate),
	}
	if p.Library.Resources().Any() {
		options = append(options, server.WithResourceCapabilities(true, true))
	}
	if len(p.Library.Prompts().All()) > 0 {
		options = append(options, server.WithPromptCapabilities(true))
	}
	if s.completable() {
		options = append(options, server.WithCompletions(),
			server.WithPromptCompletionProvider(completer{s}), server.WithResourceCompletionProvider(completer{s}))
	}
	extensions := map[string]any{}
	if slices.ContainsFunc(p.Catalog.All(), func(t tool.Tool) bool { return t.View != "" }) {
		extensions[uiExtension] = map[string]any{}
	}
	if s.tasks != nil && slices.ContainsFunc(p.Catalog.All(), func(t tool.Tool) bool { return t.Task != tool.TaskNone }) {
		extensions[taskwire.Extension] = map[string]any{}
	}
	if len(extensions) > 0 {
		options = append(options, server.WithExtensions(extensions))
	}
	s.mcp = server.NewMCPServer(s.info.Name, s.info.Version, options...)
	s.register(s.mcp, p.Catalog)
	s.offerResources(s.mcp)
	s.offerPrompts(s.mcp)
	return s
}
