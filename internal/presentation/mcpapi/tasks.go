package mcpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/taskapp"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/task"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/feed"
	"github.com/steward-mcp/steward/internal/presentation/mrtr"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
	"github.com/steward-mcp/steward/internal/presentation/roster"
	"github.com/steward-mcp/steward/internal/presentation/taskwire"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// knowsTasks reports whether the client takes tasks in answer to this request.
func (x *exchange) knowsTasks() bool {
	return mcp.IsModernProtocol(x.revision()) && taskwire.Declared(x.message.Meta.Capabilities)
}

// nameless reports whether a request about a task lacks the header that names the task, or has one that names another
// (SEP-2663, routing headers).
func (x *exchange) nameless(r *http.Request) bool {
	if !taskwire.IsMethod(x.message.Method) {
		return false
	}
	name, readable := mcp.DecodeHeaderValue(r.Header.Get(mcp.HeaderName))
	return !readable || name == "" || name != taskwire.Read(x.message.Params).TaskID
}

// taskSupport is how the tool of a call can be a task: none, to a caller that may not call it, so that it learns nothing of it.
func (s *Server) taskSupport(x *exchange) tool.TaskSupport {
	if s.tasks == nil {
		return tool.TaskNone
	}
	name, _ := s.catalog.Plain(x.message.Name)
	t, _ := s.catalog.Find(name)
	if t.Task == tool.TaskNone || !s.sees.Permits(x.request.Actor(), name) {
		return tool.TaskNone
	}
	return t.Task
}

// withTasks takes what concerns tasks: the methods of the extension, and calls that may become a task. It reports false for all else.
func (s *Server) withTasks(ctx context.Context, x *exchange) (reply, bool) {
	method := x.message.Method
	about := s.tasks != nil && taskwire.IsMethod(method) && mcp.IsModernProtocol(x.revision())
	support := tool.TaskNone
	if method == string(mcp.MethodToolsCall) {
		support = s.taskSupport(x)
	}
	switch knows := x.knowsTasks(); {
	case !knows && (about || support == tool.TaskRequired):
		if s.affords(ctx, x) {
			x.rejected, x.deniedBy = refusal.ErrTasks, audit.ByEdge
		}
		return reply{}, true
	case about:
		return s.aboutTask(ctx, x), true
	case knows && support != tool.TaskNone:
		return s.callAsTask(ctx, x, support == tool.TaskRequired), true
	}
	return reply{}, false
}

// aboutTask is tasks/get, tasks/update and tasks/cancel.
func (s *Server) aboutTask(ctx context.Context, x *exchange) reply {
	result, err := s.askDesk(ctx, x, x.request.Actor(), taskwire.Read(x.message.Params))
	if err != nil {
		x.rejected = fault.From(err)
		return reply{}
	}
	body, err := s.guard.result(x, result)
	if err != nil {
		x.rejected = fault.From(err)
	}
	return reply{body: body}
}

func (s *Server) askDesk(ctx context.Context, x *exchange, by access.Principal, p taskwire.Params) (map[string]any, error) {
	about, err := s.tasks.Find(ctx, by, p.TaskID)
	if err != nil {
		return nil, err
	}
	switch x.message.Method {
	case taskwire.Get:
		found, err := s.tasks.Get.Do(ctx, taskapp.Get{Read: cqrs.Read{By: by}, Target: about})
		return taskwire.Detailed(found, mcp.INTERNAL_ERROR, s.serverMeta()), err
	case taskwire.Update:
		answers, readable := p.Answers()
		if !readable {
			x.deniedBy = audit.ByInput
			return nil, mrtr.ErrAnswers
		}
		_, err = s.tasks.Update.Do(ctx, taskapp.Update{Change: cqrs.Change{By: by}, Target: about, Answers: answers})
	default:
		_, err = s.tasks.Cancel.Do(ctx, taskapp.Cancel{Change: cqrs.Change{By: by}, Target: about})
	}
	return taskwire.Acknowledged(s.serverMeta()), err
}

func (s *Server) serverMeta() map[string]any { return map[string]any{mcp.MetaKeyServerInfo: s.info} }

// callAsTask makes a call that goes on as a task when it has to, or takes long. What it says on the way is said as long as there
// is somebody who waits for the answer.
func (s *Server) callAsTask(ctx context.Context, x *exchange, required bool) reply {
	name, _ := s.catalog.Plain(x.message.Name)
	c := &taskCall{server: s, outer: x, voice: taskwire.NewVoice(x.tell)}
	order := s.tasks.Order(x.request.Actor(), name)
	order.Required, order.Attend = required, c.attend(ctx)
	became, err := s.tasks.Runner.Run(ctx, order, c.round)
	c.voice.Hush()
	switch {
	case err != nil:
		x.rejected = fault.From(err)
		return reply{}
	case became != nil:
		body, _ := s.guard.result(x, taskwire.Created(*became, s.serverMeta())) // texts and numbers always encode
		return reply{body: body}
	}
	x.toolError, x.failed, x.rejected, x.inquiry, x.deniedBy = c.first.toolError, c.first.failed, c.first.rejected, c.first.inquiry, c.first.deniedBy
	return c.direct
}

// taskCall is a call that may become a task. Its rounds have exchanges of their own, since the one that brought the call is
// answered and gone when they are not.
type taskCall struct {
	server *Server
	outer  *exchange
	voice  *taskwire.Voice
	first  *exchange
	direct reply // what the first round came to
	asked  mrtr.Round
}

// round is taskapp.Work.
func (c *taskCall) round(ctx context.Context, r taskapp.Round) taskapp.Answer {
	s, x := c.server, c.outer
	apart := &exchange{
		message: x.message, raw: x.raw, session: x.session, request: x.request, operation: x.operation, transport: x.transport, peer: x.peer,
	}
	if c.first == nil {
		apart.tell = c.voice.Tell()
	} else {
		// The operation of the request has ended with it, and who heard what it said has left.
		apart.operation, apart.session = nil, newSession(x.session.id, x.session.owner)
		apart.message.InputResponses, apart.message.RequestState = wire.MarshalOrNull(r.Answers), wire.MarshalOrNull(s.sealer.Seal(x.binding(), c.asked))
		ctx, apart.request = x.request.Again(ctx, x.request.ID())
	}
	ctx, apart.call = (*roster.Calls)(nil).Begin(context.WithValue(ctx, exchangeKey{}, apart), x.message.ID)
	defer apart.call.End()
	said := s.dispatch(ctx, apart)
	if c.first == nil {
		c.first, c.direct = apart, said
	} else if err := apart.request.Close(ctx, cqrs.Outcome{Fault: apart.rejected}); err != nil { // what the gate has not seen
		return taskapp.Answer{Fault: fault.From(err)}
	}
	return c.answer(apart, said)
}

// answer is what a round came to. That a tool failed is a result; that the call could not be made is none.
func (c *taskCall) answer(x *exchange, said reply) taskapp.Answer {
	switch {
	case x.rejected != nil:
		return taskapp.Answer{Fault: x.rejected}
	case x.failed != nil && x.failed.Kind == fault.Internal, said.code == mcp.INTERNAL_ERROR:
		return taskapp.Answer{Fault: fault.ErrInternal}
	case said.code != 0:
		return taskapp.Answer{Fault: errProtocol}
	case x.inquiry != nil:
		return c.ask(x)
	}
	var response struct {
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(said.body, &response); err != nil { // not of what was just encoded
		return taskapp.Answer{Fault: fault.ErrInternal.Because(err)}
	}
	return taskapp.Answer{Result: response.Result, Fault: x.failed}
}

// ask takes the questions out of what would have been the answer. Their state is sealed anew for the next round: how long the
// client may take is for the task to say.
func (c *taskCall) ask(x *exchange) taskapp.Answer {
	questions := task.Inputs{}
	encoded, err := c.server.guard.encode(x.inquiry["inputRequests"])
	if err == nil {
		err = json.Unmarshal(encoded, &questions)
	}
	if err != nil {
		return taskapp.Answer{Fault: fault.From(err)}
	}
	c.asked = x.asked
	return taskapp.Answer{Questions: questions}
}

// attend keeps a task within the credential and the session of its owner.
func (c *taskCall) attend(ctx context.Context) func(context.Context) (context.Context, func()) {
	visit := feed.VisitOf(ctx)
	return func(ctx context.Context) (context.Context, func()) {
		ctx, gone := visit.Attend(ctx)
		inside := &exchange{message: c.outer.message, session: c.outer.session, request: c.outer.request, transport: c.outer.transport}
		ctx, leave := c.server.enter(ctx, inside)
		if inside.rejected != nil { // the session was closed while the call became a task
			closed, end := context.WithCancelCause(ctx)
			end(inside.rejected)
			ctx = closed
		}
		return ctx, func() {
			leave()
			gone()
		}
	}
}
