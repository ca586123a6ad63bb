package mcpapi

import (
	"context"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/feed"
)

// stream is the response to one POST.
type stream struct {
	*feed.Post
	w      http.ResponseWriter
	modern bool
	events bool // the client takes a stream
	lasts  bool // and can come back for what it missed
}

// newStream makes the response to r, and lets x speak ahead of its answer if the client takes a stream. A request in a session
// is answered by one that the client can come back for: a connection that breaks has cancelled nothing (revision 2025-11-25,
// Streamable HTTP, disconnection). In revision 2026-07-28 the end of the stream is the end of the request.
func (s *Server) newStream(w http.ResponseWriter, r *http.Request, x *exchange) *stream {
	out := &stream{w: w, modern: x.isModern(r), events: feed.Accepted(r.Header)}
	at := feed.Place{Session: x.session.id, Owner: x.session.owner}
	if out.lasts = out.events && !out.modern && x.message.IsRequest() && x.message.Method != string(mcp.MethodInitialize); out.lasts {
		at.In = s.recordings
	}
	out.Post = feed.NewPost(w, at, x.session.ProtocolVersion())
	if out.events || out.modern && x.message.Method == string(mcp.MethodSubscriptionsListen) {
		x.tell, x.beat = out.Tell, out.Beat
	}
	return out
}

// follow lets the call outlive a client that has left, once that knows of an event to come back to, until the answer is sent.
func (o *stream) follow(ctx context.Context) (following context.Context) {
	if o.lasts {
		o.Attend(ctx)
		ctx = tool.WithDetach(ctx, o.Detach)
	}
	return ctx
}

// send ends the response with the answer. A client that left cannot be told, so errors are of no use.
//
// A request that its client cancelled is owed no response, but its POST has to end somehow. To a client that takes streams
// an empty one says just that. To the others the answer is an error: the protocol only recommends to send none, and asks of its
// clients to ignore it.
func (o *stream) send(a reply) {
	defer o.Close()
	o.Attended()
	switch {
	case a.gone && o.events:
		o.End()
	case a.body == nil:
		o.w.WriteHeader(http.StatusAccepted)
	case o.Streaming():
		o.End(a.body)
	default:
		o.w.Header().Set("Content-Type", "application/json")
		if o.modern {
			o.w.WriteHeader(statusOf(a.code))
		}
		_, _ = o.w.Write(a.body)
	}
}

// statusOf is the HTTP status that revision 2026-07-28 prescribes for a JSON-RPC error code.
func statusOf(code int) int {
	switch code {
	case mcp.METHOD_NOT_FOUND:
		return http.StatusNotFound
	case mcp.HEADER_MISMATCH, mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, mcp.UNSUPPORTED_PROTOCOL_VERSION,
		mcp.INVALID_REQUEST, mcp.INVALID_PARAMS, mcp.PARSE_ERROR:
		return http.StatusBadRequest
	}
	return http.StatusOK
}
