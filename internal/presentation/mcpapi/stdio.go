package mcpapi

import (
	"bufio"
	"context"
	"io"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/application/observe"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
	"github.com/steward-mcp/steward/internal/presentation/refusal"
	"github.com/steward-mcp/steward/internal/presentation/roster"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// stdioSession names the one session of a stdio peer.
const stdioSession = "stdio"

// inFlight is how many requests of one stdio peer run at once; further ones wait in the pipe.
const inFlight = 64

// settleTime is how long requests that were cut off have to close their records.
const settleTime = 2 * time.Second

// Stdio serves the one peer at the other end of in and out, who is the given principal, until in ends or ctx does;
// both are a normal end. A line longer than maxLine bytes is answered with an error and skipped. Requests run
// concurrently, so answers may overtake each other. What is running when in ends is finished and answered; after ctx
// ended it has Parts.Drain left, and is then cut off, as it is at once when out breaks. Nothing but JSON-RPC is written
// to out. A peer that does not read is not read from either.
func (s *Server) Stdio(ctx context.Context, in io.Reader, out io.Writer, who access.Principal, maxLine int) error {
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	working, cutOff := context.WithCancel(lifetime.Apart(ctx))
	defer cutOff()
	p := &pipe{server: s, out: wire.NewLineWriter(out, cutOff), who: who, session: newSession(stdioSession, who.ID())}
	p.crew = roster.NewCrew(inFlight, func(w work) { _ = p.write(s.answer(w.ctx, w.x)) }) // the next line finds it broken
	lines := make(chan wire.Line)
	// After ctx ended, reading and writing may stay in a system call that nothing can interrupt, until the process ends.
	go wire.Lines(reading, bufio.NewReaderSize(in, 64<<10), maxLine, lines)
	ended := make(chan error, 1)
	go func() { ended <- p.follow(working, reading.Done(), lines) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	lifetime.Await(working, s.drain, ended)
	cutOff()
	lifetime.Await(lifetime.Apart(ctx), settleTime, ended)
	return nil
}

// pipe is one stdio peer.
type pipe struct {
	server  *Server
	who     access.Principal
	session *session
	crew    *roster.Crew[work]
	calls   roster.Calls // of all revisions: the connection is the peer
	running sync.WaitGroup

	out *wire.LineWriter

	listening context.Context //nolint:containedctx // of what waits for changes: it ends before what runs
}

// work is one request of the peer.
type work struct {
	ctx context.Context //nolint:containedctx // of the request, on its way to who answers it
	x   *exchange
}

// follow takes lines until there are no more of them, or ended is closed, and returns when all that it took is answered.
func (p *pipe) follow(working context.Context, ended <-chan struct{}, lines <-chan wire.Line) error {
	defer p.running.Wait()
	defer p.crew.Dismiss()
	var hangUp context.CancelFunc
	p.listening, hangUp = context.WithCancel(working)
	defer hangUp()
	p.running.Go(func() { _ = p.server.tells(p.listening, p.session, p.who, p.tell, nil) }) // the next line finds it broken
	for {
		select {
		case <-ended:
			return nil
		case l, open := <-lines:
			if !open {
				return nil
			}
			if err := p.take(working, ended, l); err != nil {
				return err
			}
		}
	}
}

// take answers one line: in order what the protocol orders (initialize, notifications) and what is done at once
// (pings), beside each other the rest.
func (p *pipe) take(working context.Context, ended <-chan struct{}, l wire.Line) error {
	ctx, request := p.server.records.Open(working, cqrs.Arrival{Transport: "stdio", Method: "stdio"})
	request.Identify(p.who)
	x := &exchange{raw: l.Data, request: request, session: p.session, calls: &p.calls, tell: p.tell, transport: mcptrace.Stdio}
	var err error
	if l.TooLong {
		return p.reject(ctx, x, mcp.INVALID_REQUEST, refusal.ErrTooLarge)
	}
	if x.message, err = wire.Read(l.Data); err != nil {
		return p.reject(ctx, x, readCode(err), refusal.ErrMessage.Saying("Send valid input: %s.", err.Error()))
	}
	if mcp.IsModernProtocol(x.message.Meta.ProtocolVersion) && !mcp.IsValidProtocolVersion(x.message.Meta.ProtocolVersion) {
		e := mcp.UnsupportedProtocolVersionError{Version: x.message.Meta.ProtocolVersion, Supported: mcp.ValidProtocolVersions}
		return p.reject(ctx, x, mcp.UNSUPPORTED_PROTOCOL_VERSION, refusal.ErrRevision.Because(e))
	}
	if mcp.IsModernProtocol(x.message.Meta.ProtocolVersion) {
		// A request of a revision without sessions shares nothing with others.
		x.session = newSession(stdioSession, p.who.ID())
	}
	if !x.message.IsRequest() || x.message.Method == string(mcp.MethodInitialize) || x.message.Method == string(mcp.MethodPing) {
		return p.write(p.server.answer(ctx, x))
	}
	if x.message.Method == string(mcp.MethodSubscriptionsListen) {
		p.listen(ctx, x)
		return p.out.Send()
	}
	ctx = x.cancellable(ctx) // before the next line is read, which may cancel it
	if !p.crew.Take(ended, work{ctx, x}) {
		x.call.End()
		request.Discard() // never begun, and the peer is being told goodbye
		return nil
	}
	return p.out.Send()
}

// listen runs a request that only waits, and so takes no slot; there are few of those, see feed.Open.
func (p *pipe) listen(ctx context.Context, x *exchange) {
	ctx, stop := context.WithCancel(ctx)
	ended := context.AfterFunc(p.listening, stop) //nolint:contextcheck // that of the connection, with which it ends too
	ctx = x.cancellable(ctx)
	p.running.Go(func() {
		defer stop()
		defer ended()
		_ = p.write(p.server.answer(ctx, x))
	})
}

func (p *pipe) tell(line []byte) error { return p.out.Send(line) }

func (p *pipe) reject(ctx context.Context, x *exchange, code int, f *fault.Fault) error {
	if err := x.request.Close(ctx, cqrs.Outcome{Fault: f, DeniedBy: audit.ByEdge}); err != nil {
		p.server.log.Error("audit.lost", zap.String("request_id", x.request.ID()), observe.Error(err))
		f = fault.From(err)
	}
	return p.write(reply{body: p.server.guard.error(x, mcp.JSONRPCErrorDetails{Code: code, Message: f.Message, Data: detail(f, x.request.ID())})})
}

func (p *pipe) write(r reply) error {
	if r.gone {
		r.body = nil
	}
	return p.out.Send(r.body)
}
