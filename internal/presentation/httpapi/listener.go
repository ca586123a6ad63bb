package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/steward-mcp/steward/internal/application/lifetime"
)

// Limits of one connection. There is no WriteTimeout: answers may stream, so each write has its own deadline.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 60 * time.Second // from the first byte of a request to the last
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
)

// settleTime is how long Stop waits for handlers that it has cut off to close their records.
const settleTime = 5 * time.Second

// Listener is one HTTP server between Start and Stop.
type Listener struct {
	address  string
	server   *http.Server
	log      *zap.Logger
	bound    net.Addr
	handlers presence
	done     chan struct{}
	quit     context.CancelFunc
	room     Room
	unread   func(ctx context.Context, remote string)
}

// Option is something that not every listener has.
type Option func(*Listener)

// WithTLS makes the listener speak TLS, and nothing else. The configuration says where certificates come from.
func WithTLS(c *tls.Config) Option { return func(l *Listener) { l.server.TLSConfig = c } }

// WithRoom bounds the connections. Without it there is room for 4096, of whomever.
func WithRoom(r Room) Option { return func(l *Listener) { l.room = r } }

// WithUnread tells of each request that was refused before it was one: net/http could not read it. tell may take its
// time; ctx is that of the listener, and remote the address of the peer.
func WithUnread(tell func(ctx context.Context, remote string)) Option {
	return func(l *Listener) { l.unread = tell }
}

// NewListener makes a listener that is not listening yet.
func NewListener(address string, handler http.Handler, log *zap.Logger, options ...Option) *Listener {
	l := &Listener{address: address, log: log, done: make(chan struct{}), room: Room{Most: maxConnections}}
	errorLog, _ := zap.NewStdLogAt(sparing(log), zap.WarnLevel) // fails on a level that does not exist
	l.server = &http.Server{
		Handler: l.handlers.of(attended(paced(handler))), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: errorLog, DisableGeneralOptionsHandler: true,
		Protocols: new(http.Protocols), ConnContext: attend, ConnState: l.follow,
	}
	// Of HTTP/2 a peer could have hundreds of requests on one connection, which nothing here counts.
	l.server.Protocols.SetHTTP1(true)
	for _, option := range options {
		option(l)
	}
	return l
}

// sparing lets a line pass ten times a minute: net/http may have the same to say of every request of a flood.
func sparing(log *zap.Logger) *zap.Logger {
	const most = 10
	return log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, most, 0)
	}))
}

// Start binds the address, so that a taken port is an error here, and serves until Stop.
func (l *Listener) Start(ctx context.Context) error { //nolint:contextcheck // it is ctx, apart
	var config net.ListenConfig
	bound, err := config.Listen(ctx, "tcp", l.address)
	if err != nil {
		return err
	}
	// Requests outlive the context of starting and end with that of the server, so that a stop reaches open streams.
	base, quit := context.WithCancel(valueless{lifetime.Apart(ctx)})
	l.bound, l.quit = bound.Addr(), quit
	l.server.BaseContext = func(net.Listener) context.Context { return base }
	scarce := sparing(l.log)
	admitted := admit(bound, l.room, func(from netip.Addr) {
		scarce.Warn("an address has too many connections", zap.Stringer("address", from))
	})
	go func() {
		defer close(l.done)
		if err := l.serve(admitted); !errors.Is(err, http.ErrServerClosed) {
			l.log.Error("the listener failed", zap.String("address", l.address), zap.Error(err))
		}
	}()
	return nil
}

// valueless ends the search for what no request has: nothing that the process was started with is of use to one.
type valueless struct {
	context.Context //nolint:containedctx // itself
}

func (valueless) Value(any) any { return nil }

func (l *Listener) serve(bound net.Listener) error {
	if l.server.TLSConfig != nil {
		return l.server.ServeTLS(bound, "", "") // TLSConfig has the certificate
	}
	return l.server.Serve(bound)
}

// Address is where it listens, with the port that was chosen for :0. Valid after Start.
func (l *Listener) Address() string { return l.bound.String() }

// Stop refuses new connections and waits for running requests until ctx ends. Then it cuts them off, and waits a
// little longer until each has closed its record, which it could not once what it stands on is gone. Without a Start
// there is nothing to stop.
func (l *Listener) Stop(ctx context.Context) error {
	if l.quit == nil {
		return nil
	}
	err := l.server.Shutdown(ctx)
	if err != nil {
		err = l.server.Close() // first, so that what is cut off does not pass for an answer
	}
	// Calls whose clients were told to come back run on without a connection, which Shutdown would have waited for.
	_ = l.handlers.wait(ctx)
	l.quit()
	<-l.done
	settle, cancel := context.WithTimeout(lifetime.Apart(ctx), settleTime)
	defer cancel()
	return errors.Join(err, l.handlers.wait(settle))
}
