package mcpapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/envelope"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// HTTP serves the streamable HTTP transport of every revision on one endpoint. It expects an open and identified
// cqrs.Request in the context, and a body that is already limited in size.
//
// Revisions 2025-03-26 to 2025-11-25 have sessions: initialize answers an Mcp-Session-Id, later messages carry it,
// GET opens a stream of what the server says unasked, or the rest of a stream that the client has lost, and DELETE ends it.
// Revision 2026-07-28 has none, and states itself in headers that must agree with the body (SEP-2243). A call whose client wants
// to follow it is answered by a stream of events.
func (s *Server) HTTP() http.Handler { return http.HandlerFunc(s.serveHTTP) }

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{request: cqrs.RequestFrom(r.Context()), transport: mcptrace.HTTP, peer: r.RemoteAddr}
	switch {
	case envelope.Ambiguous(r.Header):
		s.reject(w, r, x, http.StatusBadRequest, mcp.INVALID_REQUEST, refusal.ErrHeaders.Saying("A header that may be given once is given twice."))
	case r.Method == http.MethodPost:
		s.post(w, r, x)
	case r.Method == http.MethodGet:
		s.get(w, r, x)
	case r.Method == http.MethodDelete:
		s.endSession(w, r, x)
	default:
		w.Header().Set("Allow", "POST, GET, DELETE")
		s.reject(w, r, x, http.StatusMethodNotAllowed, mcp.INVALID_REQUEST, refusal.ErrMethod)
	}
}

func (s *Server) post(w http.ResponseWriter, r *http.Request, x *exchange) {
	if status, code, f := s.receive(r, x); f != nil {
		s.reject(w, r, x, status, code, f)
		return
	}
	if x.isModern(r) {
		if code, f := s.checkModern(r, x); f != nil {
			s.reject(w, r, x, http.StatusBadRequest, code, f)
			return
		}
		x.session = newSession(x.request.ID(), x.request.ActorID())
		// Ending a request is closing its stream here; a cancellation by id could only hit somebody else's.
		if x.message.IsNotification() {
			x.request.Discard()
			w.WriteHeader(http.StatusAccepted)
			return
		}
		out := s.newStream(w, r, x)
		defer out.Close() // whatever happens: nothing is written after this
		out.send(s.answer(r.Context(), x))
		return
	}
	s.postLegacy(w, r, x)
}

// receive reads and scans the body.
func (s *Server) receive(r *http.Request, x *exchange) (status, code int, f *fault.Fault) {
	if !envelope.JSON(r.Header) {
		return http.StatusUnsupportedMediaType, mcp.INVALID_REQUEST, refusal.ErrMediaType
	}
	body, err := envelope.Body(r)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, mcp.INVALID_REQUEST, refusal.ErrTooLarge
	case err != nil:
		return http.StatusBadRequest, mcp.INVALID_REQUEST, refusal.ErrUnread.Because(err)
	}
	x.raw = body
	if x.message, err = wire.Read(body); err != nil {
		return http.StatusBadRequest, readCode(err), refusal.ErrMessage.Saying("Send valid input: %s.", err.Error())
	}
	return 0, 0, nil
}

func readCode(err error) int {
	if errors.Is(err, wire.ErrEnvelope) || errors.Is(err, wire.ErrSpelling) {
		return mcp.INVALID_REQUEST
	}
	return mcp.PARSE_ERROR
}

func (s *Server) postLegacy(w http.ResponseWriter, r *http.Request, x *exchange) {
	begins := x.message.Method == string(mcp.MethodInitialize)
	if begins {
		x.session = s.sessions.open(x.request.ActorID())
	} else if !s.inSession(w, r, x) {
		return
	}
	out := s.newStream(w, r, x)
	defer out.Close() // as above
	ctx := out.follow(r.Context())
	if x.calls = &x.session.calls; x.message.IsRequest() && !begins {
		ctx = x.cancellable(ctx)
	}
	answer := s.answer(ctx, x)
	if begins && answer.code == 0 && answer.body != nil {
		s.sessions.Keep(x.session)
		w.Header().Set(mcp.HeaderSessionID, x.session.id)
	}
	out.send(answer)
}

// inSession finds the session that the request is of, or refuses it.
func (s *Server) inSession(w http.ResponseWriter, r *http.Request, x *exchange) (found bool) {
	version, sid := r.Header.Get(mcp.HeaderProtocolVersion), r.Header.Get(mcp.HeaderSessionID)
	switch {
	case version != "" && !mcp.IsValidProtocolVersion(version):
		s.reject(w, r, x, http.StatusBadRequest, mcp.INVALID_REQUEST, refusal.ErrRevision)
		return false
	case sid == "":
		s.reject(w, r, x, http.StatusBadRequest, mcp.INVALID_REQUEST, refusal.ErrNoSession)
		return false
	}
	if x.session, found = s.sessions.Find(sid, x.request.ActorID()); !found {
		s.reject(w, r, x, http.StatusNotFound, mcp.INVALID_REQUEST, refusal.ErrSession)
	}
	return found
}

// endSession is DELETE with a session id.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request, x *exchange) {
	if mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion)) {
		w.Header().Set("Allow", "POST")
		s.reject(w, r, x, http.StatusMethodNotAllowed, mcp.INVALID_REQUEST, refusal.ErrMethod)
		return
	}
	sid, owner := r.Header.Get(mcp.HeaderSessionID), x.request.ActorID()
	if _, found := s.sessions.Find(sid, owner); !found {
		s.reject(w, r, x, http.StatusNotFound, mcp.INVALID_REQUEST, refusal.ErrSession)
		return
	}
	if err := x.request.Close(r.Context(), cqrs.Outcome{}); err != nil { // nothing ends that is not on record
		s.reject(w, r, x, http.StatusServiceUnavailable, rpcCode(fault.Unavailable), fault.From(err))
		return
	}
	s.sessions.Dismiss(sid, owner)
	w.WriteHeader(http.StatusNoContent)
}

// reject closes the record and answers a JSON-RPC error with an HTTP status.
func (s *Server) reject(w http.ResponseWriter, r *http.Request, x *exchange, status, code int, f *fault.Fault) {
	x.request.Speaks(x.message.Method, x.message.Meta.ProtocolVersion, x.message.Meta.Client)
	if err := x.request.Close(r.Context(), cqrs.Outcome{Fault: f, DeniedBy: cmp.Or(x.deniedBy, audit.ByEdge)}); err != nil {
		s.log.Error("audit.lost", zap.String("request_id", x.request.ID()), observe.Error(err))
		f, status = fault.From(err), http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(s.guard.error(x, mcp.JSONRPCErrorDetails{Code: code, Message: f.Message, Data: detail(f, x.request.ID())}))
}

// detail is the data of an error: the protocol's own where it prescribes some, a failure otherwise.
func detail(f *fault.Fault, request string) any {
	if unsupported, ok := errors.AsType[mcp.UnsupportedProtocolVersionError](f); ok {
		return json.RawMessage(wire.MarshalOrNull(unsupported.JSONRPCError().Error.Data))
	}
	return refusal.Of(f, request)
}
