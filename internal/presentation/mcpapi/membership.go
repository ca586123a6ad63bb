package mcpapi

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/application/sessionapp"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	domain "github.com/steward-mcp/steward/internal/domain/session"
)

// enter lets the request into the session of its peer, or leaves in x that an operator closed that. The context ends when
// the session is closed meanwhile. leave is called when the request is over, and answers what x should say of it then.
func (s *Server) enter(ctx context.Context, x *exchange) (within context.Context, leave func()) {
	if s.members == nil {
		return ctx, func() {}
	}
	revision := x.revision()
	if x.message.Method == string(mcp.MethodInitialize) { // which mcp-go has not read yet
		client, asked := x.message.Introduction()
		revision = mcp.NegotiateLegacyVersion(asked)
		x.request.Speaks("", "", client)
	}
	peer := domain.NewPeer(x.request.ActorID(), x.request.Client(), revision, x.request.Transport())
	within, stay, err := s.members.Enter(ctx, peer, x.request.Address())
	x.request.Within(stay.Session.String())
	x.session.Join(stay.Session)
	if err != nil {
		x.rejected, x.deniedBy = fault.From(err), audit.BySession
	}
	return within, func() { stay.Leave(x.request.DeniedBy() != "") }
}

// expelled puts the reason in place of what a request came to that ended because its session was closed.
func (x *exchange) expelled(ctx context.Context, r reply) reply {
	if !x.toolError && x.rejected == nil && r.code == 0 {
		return r // what was finished before it noticed is answered
	}
	closed := fault.From(context.Cause(ctx))
	if closed == nil || closed.Code != domain.ErrClosed.Code {
		return r
	}
	x.rejected, x.deniedBy = closed, audit.BySession
	return reply{}
}

// sessions are what a session of the domain ends and shows.
var _ sessionapp.Protocol = (*sessions)(nil)
