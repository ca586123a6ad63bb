package mcpapi

import (
	"bytes"
	"context"
	"runtime/debug"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/application/toolapp"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
	"github.com/steward-mcp/steward/internal/presentation/mrtr"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
	"github.com/steward-mcp/steward/internal/presentation/roster"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// protocolClass is the rate-limit class of everything but tool calls.
const protocolClass = "protocol"

// exchange is one message and what becomes of it.
type exchange struct {
	message   wire.Message
	raw       []byte // the message as it came
	session   *session
	request   *cqrs.Request
	operation *mcptrace.Operation
	transport mcptrace.Transport
	peer      string
	call      *roster.Call            // set when answer begins at the latest
	calls     *roster.Calls           // those that a notifications/cancelled of this peer may mean; nil for none
	tell      func(line []byte) error // sends a message ahead of the answer; nil where that cannot be
	beat      func() error            // shows that the way of tell is open; nil where nobody asks
	saying    sync.Mutex              // one message at a time; see say

	cursor    mcp.Cursor // of the page that is asked for
	toolError bool
	failed    *fault.Fault   // why toolError
	rejected  *fault.Fault   // what is answered instead of what mcp-go says
	inquiry   map[string]any // as rejected, when the answer is what the client has to answer first
	asked     mrtr.Round     // what of the inquiry the client carries to the next round
	deniedBy  string
}

type exchangeKey struct{}

func exchangeFrom(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// reply is an answer ready for a transport.
type reply struct {
	body []byte // the JSON-RPC response; nil when none is owed
	code int    // the JSON-RPC error code, 0 for a result
	gone bool   // the client cancelled the request, and should not get a response any more
}

// revision is the protocol revision of the exchange: what the message declares in the revisions in which it does, and else what
// the session agreed on. In a session no message can declare another one: closings and records go by it.
func (x *exchange) revision() string {
	said := x.message.Meta.ProtocolVersion
	if agreed := x.session.ProtocolVersion(); agreed != "" && !mcp.IsModernProtocol(said) {
		return agreed
	}
	return said
}

// cancellable gives the request a context that ends when the client cancels it.
func (x *exchange) cancellable(ctx context.Context) context.Context {
	ctx, x.call = x.calls.Begin(ctx, x.message.ID)
	return ctx
}

// answer carries one message through mcp-go and closes its record before the reply leaves, even if mcp-go panics over it.
func (s *Server) answer(ctx context.Context, x *exchange) (r reply) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("a request panicked", zap.String("request_id", x.request.ID()), observe.Trace(ctx),
				observe.Panic(v), zap.ByteString("stack", debug.Stack()))
			x.rejected = fault.ErrInternal
			r = s.settle(ctx, x, reply{})
			x.operation.End(mcptrace.Outcome{Code: r.code})
		}
	}()
	m := x.message
	x.request.Speaks(m.Method, x.revision(), x.client())
	if !m.IsRequest() {
		x.request.Discard() // not on record: nothing is asked for
		switch {
		case m.Method == string(mcp.MethodNotificationCancelled):
			x.calls.Cancel(m.Cancels) // mcp-go takes 1 for "1"
		case m.IsResponse():
			x.session.answered(m) // one that nobody waits for any more is as good as one that came too late
		default:
			r = s.dispatch(context.WithValue(ctx, exchangeKey{}, x), x)
		}
		return r
	}
	if m.Method == string(mcp.MethodPing) {
		if r = s.dispatch(context.WithValue(ctx, exchangeKey{}, x), x); r.code != 0 {
			return s.settle(ctx, x, r)
		}
		x.request.Discard() // it tells only that somebody is there
		return r
	}
	if x.call == nil {
		ctx = x.cancellable(ctx)
	}
	defer x.call.End()
	ctx, x.operation = s.tracer.Start(ctx, mcptrace.Request{
		Method: m.Method, RequestID: string(bytes.Trim(m.ID, `"`)), Tool: s.called(m), Revision: x.revision(),
		Transport: x.transport, Meta: m.Meta.Trace, ClientAddr: x.peer,
	})
	within, leave := s.enter(ctx, x)
	defer leave()
	r = s.settle(ctx, x, x.expelled(within, s.admit(context.WithValue(within, exchangeKey{}, x), x)))
	x.operation.End(mcptrace.Outcome{Code: r.code, ToolError: x.toolError && r.code == 0})
	// A call that was finished before it noticed is answered, so that what is on record as done is known to be done.
	r.gone = x.call.End() && (x.toolError || r.code != 0 || m.Method == string(mcp.MethodSubscriptionsListen))
	return r
}

func (x *exchange) client() string {
	if x.message.Meta.Client != "" {
		return x.message.Meta.Client
	}
	return x.session.Name()
}

// admit keeps from mcp-go what needs no asking: whom a closed session refused, a caller that is too fast, and what is not there.
func (s *Server) admit(ctx context.Context, x *exchange) reply {
	if x.rejected != nil {
		return reply{}
	}
	if r, taken := s.withTasks(ctx, x); taken {
		return r
	}
	governed, err := s.missing(ctx, x)
	if x.rejected = fault.From(err); err != nil || !governed && !s.affords(ctx, x) {
		return reply{}
	}
	if x.message.Method == string(mcp.MethodSubscriptionsListen) {
		return s.listen(ctx, x)
	}
	if x.message.Method == string(mcp.MethodResourcesUnsubscribe) {
		x.session.unsubscribes(x.message.URI)
	}
	return s.dispatch(ctx, x)
}

// affords draws on the rate limit of what the gate does not govern, and leaves in x that there is nothing left.
func (s *Server) affords(ctx context.Context, x *exchange) bool {
	err := s.limiter.Take(ctx, x.request.ActorID(), protocolClass)
	if err != nil {
		x.rejected, x.deniedBy = fault.From(err), audit.ByLimit
	}
	return err == nil
}

// missing reports whether the gate governs the request, and so limits it, and answers a fault when it uses what is not
// there. The gate hears of that all the same: who may not use it learns nothing, and the record is the gate's.
func (s *Server) missing(ctx context.Context, x *exchange) (governed bool, err error) {
	m, actor := x.message, x.request.Actor()
	resources, prompts := s.library.Resources(), s.library.Prompts()
	switch method := mcp.MCPMethod(m.Method); {
	case method == mcp.MethodToolsCall:
		if name, ok := s.catalog.Plain(m.Name); !ok {
			_, err = s.call.Do(ctx, toolapp.Call{Change: cqrs.Change{By: actor}, Tool: name, Arguments: m.Arguments, Reason: m.Meta.Purpose})
		}
	case method == mcp.MethodResourcesRead && resources.Any():
		if !resources.Has(m.URI) {
			_, err = s.read.Do(ctx, s.library.Reading(actor, m.URI))
		}
	case method == mcp.MethodPromptsGet && len(prompts.All()) > 0:
		if _, ok := prompts.Find(m.Name); !ok {
			_, err = s.prompt.Do(ctx, toolapp.GetPrompt{Read: cqrs.Read{By: actor}, Prompt: m.Name})
		}
	case method == mcp.MethodResourcesSubscribe && resources.Any() && !mcp.IsModernProtocol(x.revision()):
		err = s.subscribes(ctx, x)
	default:
		return method == mcp.MethodCompletionComplete && s.completable(), nil
	}
	return true, err
}

// dispatch hands the message to mcp-go and takes what it answers, but for a plain call, which goes straight to its tool.
func (s *Server) dispatch(ctx context.Context, x *exchange) (r reply) {
	if !s.roundabout && x.plainlyCalls() {
		return s.direct(ctx, x)
	}
	switch response := s.mcp.HandleMessage(s.mcp.WithContext(ctx, x.session), x.raw).(type) {
	case mcp.JSONRPCResponse:
		var err error
		r.body, err = s.guard.result(x, response.Result)
		s.encoded(ctx, x, err)
	case mcp.JSONRPCError:
		r.code = response.Error.Code
		r.body = s.guard.error(x, neutral(response.Error, x.request.ID()))
	}
	return r
}

// encoded notes that a result could not be, if so.
func (s *Server) encoded(ctx context.Context, x *exchange, err error) {
	if err != nil {
		s.log.Error("a result could not be encoded", zap.String("request_id", x.request.ID()), observe.Trace(ctx), observe.Error(err))
		x.rejected = fault.ErrInternal
	}
}

// neutral puts words of ours in place of mcp-go's, which may be those of a Go error and may repeat the caller. It
// keeps the codes, and what the protocol prescribes for some of them.
func neutral(e mcp.JSONRPCErrorDetails, request string) mcp.JSONRPCErrorDetails {
	switch e.Code {
	case mcp.UNSUPPORTED_PROTOCOL_VERSION, mcp.MISSING_REQUIRED_CLIENT_CAPABILITY:
	case mcp.METHOD_NOT_FOUND:
		e.Message = "There is no such method in this revision of the protocol."
	case mcp.INVALID_REQUEST, mcp.INVALID_PARAMS, mcp.PARSE_ERROR:
		e.Message = "The request does not have the shape that its method and revision ask for."
	default:
		e.Message, e.Data = fault.ErrInternal.Message, refusal.Of(fault.ErrInternal, request)
	}
	return e
}

// settle closes the record, if the gate has not, and makes the reply that a refusal calls for.
func (s *Server) settle(ctx context.Context, x *exchange, r reply) reply {
	outcome := cqrs.Outcome{Fault: x.rejected, DeniedBy: x.deniedBy}
	if outcome.Fault == nil && r.code != 0 {
		outcome = protocolOutcome(r.code)
	}
	x.request.Speaks("", x.revision(), x.client()) // which initialize has settled only now
	if err := x.request.Close(ctx, outcome); err != nil {
		s.log.Error("audit.lost", zap.String("request_id", x.request.ID()), observe.Trace(ctx), observe.Error(err))
		x.rejected = fault.From(err)
	}
	if x.rejected == nil && x.inquiry != nil {
		x.inquiry["_meta"] = map[string]any{mcp.MetaKeyServerInfo: s.info}
		r.code = 0
		r.body, _ = s.guard.result(x, x.inquiry) // made of texts; one that is too large gives way to what says so
	}
	if x.rejected == nil {
		return r
	}
	e := x.rejection()
	return reply{code: e.Code, body: s.guard.error(x, e)}
}

// errProtocol stands in the record for an error that the protocol layer answered.
var errProtocol = fault.New(fault.Invalid, "mcp.request", "The request is not one that the protocol allows.")

func protocolOutcome(code int) cqrs.Outcome {
	if code == mcp.INTERNAL_ERROR {
		return cqrs.Outcome{Fault: fault.ErrInternal}
	}
	return cqrs.Outcome{Fault: errProtocol, DeniedBy: audit.ByEdge}
}
