package mcpapi

import (
	"context"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/envelope"
	"github.com/steward-mcp/steward/internal/presentation/feed"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
)

// SSE serves the transport that clients had before streamable HTTP (revision 2024-11-05): GET on one path opens the
// stream on which everything is answered, POST on the other takes the messages; messages is that other path. The id in
// the address of messages names the stream, and is good for the principal that opened it only. A message is answered 202
// before it runs; what runs ends with its stream. It takes and records messages as HTTP does.
func (s *Server) SSE(messages string) http.Handler {
	streams := &feed.Endpoints[*session]{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{request: cqrs.RequestFrom(r.Context()), transport: mcptrace.HTTP, peer: r.RemoteAddr}
		switch {
		case envelope.Ambiguous(r.Header):
			s.reject(w, r, x, http.StatusBadRequest, mcp.INVALID_REQUEST, refusal.ErrHeaders.Saying("A header that may be given once is given twice."))
		case r.URL.Path == messages && r.Method == http.MethodPost:
			s.takeSSE(w, r, x, streams)
		case r.URL.Path != messages && r.Method == http.MethodGet:
			s.openSSE(w, r, x, streams, messages)
		default:
			s.reject(w, r, x, http.StatusMethodNotAllowed, mcp.INVALID_REQUEST, refusal.ErrSSEMethod)
		}
	})
}

// openSSE holds the stream open until its client, its key or the server ends it. It is on record from its beginning.
func (s *Server) openSSE(w http.ResponseWriter, r *http.Request, x *exchange, streams *feed.Endpoints[*session], messages string) {
	if !s.affords(r.Context(), x) {
		s.turnAway(w, r, x)
		return
	}
	ctx, leave := s.holdOpen(r.Context(), x, "")
	if x.rejected != nil {
		s.turnAway(w, r, x)
		return
	}
	defer leave()
	x.request.Speaks("GET /sse", "", "")
	if err := x.request.Close(r.Context(), cqrs.Outcome{}); err != nil {
		s.log.Error("audit.lost", zap.String("request_id", x.request.ID()), observe.Error(err))
		s.reject(w, r, x, http.StatusServiceUnavailable, rpcCode(fault.Unavailable), fault.From(err))
		return
	}
	opened := s.sessions.open(x.request.ActorID())
	ctx, release := s.sessions.streams.Hold(ctx, opened)
	defer release()
	stream := &feed.Endpoint[*session]{Response: feed.NewResponse(w), Session: opened, Ended: ctx}
	streams.Add(stream)
	defer streams.Remove(stream)
	if stream.Send(feed.Event{Type: "endpoint", Data: []byte(messages + "?sessionId=" + stream.Session.id)}) != nil {
		return
	}
	_ = s.tells(ctx, stream.Session, x.request.Actor(), stream.Tell, stream.Beat) // who takes nothing any more has left
}

// takeSSE takes one message. Its POST is answered at once, and the connection not used again, because the handler goes on
// until the message is answered on the stream.
func (s *Server) takeSSE(w http.ResponseWriter, r *http.Request, x *exchange, streams *feed.Endpoints[*session]) {
	feed.VisitOf(r.Context()).Outlast(func() bool { return true }) // its client hangs up as soon as it has its 202
	stream := streams.Find(r.URL.Query().Get("sessionId"), x.request.ActorID())
	if stream == nil {
		s.reject(w, r, x, http.StatusNotFound, mcp.INVALID_REQUEST, refusal.ErrSession.Saying("There is no such stream; open one with GET."))
		return
	}
	if status, code, f := s.receive(r, x); f != nil {
		s.reject(w, r, x, status, code, f)
		return
	}
	if mcp.IsModernProtocol(x.message.Meta.ProtocolVersion) {
		s.reject(w, r, x, http.StatusBadRequest, mcp.INVALID_REQUEST, refusal.ErrRevision.Saying("Revision 2026-07-28 and later are spoken at /mcp."))
		return
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	defer context.AfterFunc(stream.Ended, stop)() //nolint:contextcheck // that of the stream, with which it ends too
	x.session, x.calls, x.tell = stream.Session, &stream.Session.calls, stream.Tell
	if x.message.IsRequest() && x.message.Method != string(mcp.MethodInitialize) {
		ctx = x.cancellable(ctx) // before the client can say that it has cancelled it
	}
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusAccepted)
	_ = http.NewResponseController(w).Flush() // whoever left is not told by the stream either
	answer := s.answer(ctx, x)
	if !answer.gone && answer.body != nil {
		_ = stream.Tell(answer.body)
	}
}
