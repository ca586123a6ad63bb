package mcpapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/mcptrace"
	"github.com/steward-mcp/steward/internal/presentation/wire"
)

// inFlight is how many requests of one stdio peer run at once; further ones wait in the pipe.
const inFlight = 64

// Stdio serves the one peer at the other end of in and out, who is the given principal, until in ends or ctx does;
// both are a normal end. A line longer than maxLine bytes is answered with an error and skipped. Requests run
// concurrently, so answers may overtake each other; what is running when in ends is finished and answered. Nothing but
// JSON-RPC is written to out.
func (s *Server) Stdio(ctx context.Context, in io.Reader, out io.Writer, who access.Principal, maxLine int) error {
	p := &pipe{server: s, out: out, who: who, session: newSession("stdio", who.ID()), slots: make(chan struct{}, inFlight)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan line)
	// The reader ends with in; after ctx ended it may stay in a read that nothing can interrupt, until the process does.
	go readLines(ctx, bufio.NewReaderSize(in, 64<<10), maxLine, lines)
	defer p.running.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case l, open := <-lines:
			if !open {
				return nil
			}
			if err := p.take(ctx, l); err != nil {
				return err
			}
		}
	}
}

type line struct {
	data    []byte
	tooLong bool
}

func readLines(ctx context.Context, in *bufio.Reader, most int, to chan<- line) {
	defer close(to)
	for {
		data, tooLong, err := readLine(in, most)
		if len(bytes.TrimSpace(data)) > 0 || tooLong {
			select {
			case to <- line{data: data, tooLong: tooLong}:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// readLine reads to the next newline and keeps at most most bytes of it.
func readLine(in *bufio.Reader, most int) (data []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if tooLong = tooLong || len(data)+len(part) > most; tooLong {
			data = nil
		} else {
			data = append(data, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return data, tooLong, err
		}
	}
}

// pipe is one stdio peer.
type pipe struct {
	server  *Server
	who     access.Principal
	session *session
	slots   chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex // one line at a time
	out    io.Writer
	broken error
}

// take answers one line: in order what the protocol orders (initialize, notifications), in its own goroutine the rest.
func (p *pipe) take(ctx context.Context, l line) error {
	ctx, request := p.server.records.Open(ctx, cqrs.Arrival{Transport: "stdio", Method: "stdio"})
	request.Identify(p.who)
	x := &exchange{raw: l.data, request: request, session: p.session, transport: mcptrace.Stdio}
	var err error
	if l.tooLong {
		return p.reject(ctx, x, mcp.INVALID_REQUEST, errTooLarge)
	}
	if x.message, err = wire.Read(l.data); err != nil {
		return p.reject(ctx, x, readCode(err), ErrMessage.Saying("Send valid input: %s.", err.Error()))
	}
	if mcp.IsModernProtocol(x.message.Meta.ProtocolVersion) && !mcp.IsValidProtocolVersion(x.message.Meta.ProtocolVersion) {
		e := mcp.UnsupportedProtocolVersionError{Version: x.message.Meta.ProtocolVersion, Supported: mcp.ValidProtocolVersions}
		return p.reject(ctx, x, mcp.UNSUPPORTED_PROTOCOL_VERSION, errRevision.Because(e))
	}
	if !x.message.IsRequest() || x.message.Method == string(mcp.MethodInitialize) {
		return p.write(p.server.answer(ctx, x))
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		request.Discard() // never begun, and the peer is being told goodbye
		return nil
	}
	p.running.Go(func() {
		defer func() { <-p.slots }()
		// A request that was taken is finished, whatever ends the reading.
		_ = p.write(p.server.answer(context.WithoutCancel(ctx), x))
	})
	return p.failure()
}

func (p *pipe) reject(ctx context.Context, x *exchange, code int, f *fault.Fault) error {
	if err := x.request.Close(ctx, cqrs.Outcome{Fault: f, DeniedBy: audit.ByEdge}); err != nil {
		f = fault.From(err)
	}
	return p.write(reply{body: p.server.encode(x, "error", mcp.JSONRPCErrorDetails{
		Code: code, Message: f.Message, Data: detail(f, x.request.ID()),
	})})
}

func (p *pipe) write(r reply) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range append(r.before, r.body) {
		if l == nil || p.broken != nil {
			continue
		}
		_, p.broken = p.out.Write(append(l, '\n'))
	}
	return p.broken
}

func (p *pipe) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}
