package mcpapi

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/domain/tool"
	"github.com/steward-mcp/steward/internal/presentation/mrtr"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// answered hands a response of the client's to whoever waits for it in this session, and reports whether anybody does.
func (s *session) answered(m wire.Message) bool { return s.asks.Answer(m.ID, m.Result, m.Error) }

// abilities are what the client of the exchange can be asked. Revision 2026-07-28 says so with each request; in the older ones
// initialize did, and there must be a way to ask.
func (x *exchange) abilities() tool.Abilities {
	switch {
	case mcp.IsModernProtocol(x.revision()):
		return mrtr.Abilities(x.message.Meta.Capabilities)
	case x.tell == nil:
		return tool.Abilities{}
	}
	return x.session.Abilities()
}

// binding is what a state of this exchange is good for.
func (x *exchange) binding() mrtr.Binding {
	target := x.message.Name
	if x.message.Method == string(mcp.MethodResourcesRead) {
		target = x.message.URI
	}
	return mrtr.Binding{Principal: x.request.ActorID(), Method: x.message.Method, Target: target, Arguments: x.message.Arguments}
}

// conduct does what the exchange asks for, under the eyes of its client. As long as that comes to questions it lets the client
// answer and does it again, through the gate like the first time: by requests of ours in the older revisions, and by a result
// of its own in 2026-07-28, whose client begins the next round.
func conduct[R any](ctx context.Context, s *Server, x *exchange, do func(context.Context) (R, error)) (R, error) {
	ctx, done := x.announce(tool.WithAbilities(ctx, x.abilities()), s)
	defer done()
	answers, asked := s.resume(x)
	for round := ctx; ; {
		result, err := do(tool.WithAnswers(round, answers))
		asking, asks := tool.AskedBy(err)
		if !asks {
			return result, x.protocolError(err)
		}
		if asked.Asked++; asked.Asked > tool.MaxRounds {
			return result, x.turnDown(tool.ErrRounds)
		}
		if asked.First == "" {
			asked.First = x.request.ID()
		}
		if mcp.IsModernProtocol(x.revision()) {
			asked.State = asking.State
			x.asked, x.inquiry = asked, map[string]any{
				"resultType": mcp.ResultTypeInputRequired, "inputRequests": mrtr.Requests(asking, s.guard.text),
				"requestState": s.sealer.Seal(x.binding(), asked),
			}
			return result, err
		}
		given, err := s.ask(ctx, x, asking)
		if err != nil {
			return result, err
		}
		answers = tool.Answers{State: asking.State, Given: given}
		round, x.request = x.request.Again(ctx, asked.First)
	}
}

// ask lets the client answer while the request runs. There is a way to it: without one it had no abilities.
func (s *Server) ask(ctx context.Context, x *exchange, a *tool.Asking) (map[string]tool.Answer, error) {
	return x.session.asks.Ask(ctx, a, s.guard.text, func(line any) error {
		clean, err := s.guard.encode(line)
		if err != nil {
			return err
		}
		return x.say(clean)
	})
}

// resume reads what the client has sent on, and says in the record that this is not the first round.
func (s *Server) resume(x *exchange) (tool.Answers, mrtr.Round) {
	if !mcp.IsModernProtocol(x.revision()) {
		return tool.Answers{}, mrtr.Round{}
	}
	round, err := s.sealer.Open(x.binding(), x.message.RequestState)
	answers := tool.Answers{State: round.State}
	if err == nil {
		answers.Given, err = mrtr.ReadAnswers(x.message.InputResponses)
	}
	if round.First != "" {
		x.request.Continues(round.First)
	}
	answers.Refused = err
	return answers, round
}

// protocolError keeps what is not the tool's to say, and a model cannot mend, from becoming the result of a tool.
func (x *exchange) protocolError(err error) error {
	f := fault.From(err)
	if f == nil {
		return nil
	}
	switch f.Code {
	case tool.ErrIncapable.Code, mrtr.ErrState.Code, mrtr.ErrAnswers.Code:
		return x.turnDown(f)
	}
	return err
}

// say sends a message ahead of the answer, whoever of the exchange speaks.
func (x *exchange) say(line []byte) error {
	x.saying.Lock()
	defer x.saying.Unlock()
	return x.tell(line)
}
