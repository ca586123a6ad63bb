package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// MCPPath is where MCP is served.
const MCPPath = "/mcp"

// Limits of one connection. There is no WriteTimeout: answers may stream, so each write has its own deadline.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 60 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
)

// Check says whether something that answers depend on is well. The error may be shown to an operator.
type Check struct {
	Name string
	Ask  func(context.Context) error
	// Vital checks decide readiness; the others are shown.
	Vital bool
}

// Main is the handler of the public listener: MCP behind the edge, and an open /health that says only that the
// process serves.
func Main(edge *Edge, mcp http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(MCPPath, edge.Guard(mcp))
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.Handle("/", edge.NotFound())
	return mux
}

// Admin is the handler of the operators' listener: /metrics, /livez, and /readyz with every check by name. It has no
// authentication of its own, which is why it listens on loopback only.
func Admin(metrics http.Handler, checks []Check) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { ready(w, r, checks) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !allowedHost(r.Host, nil) || r.Header.Get("Origin") != "" && !allowedOrigin(r.Header.Get("Origin"), nil) {
			http.Error(w, errHost.Message, http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func ready(w http.ResponseWriter, r *http.Request, checks []Check) {
	status, found := http.StatusOK, make(map[string]string, len(checks))
	for _, c := range checks {
		found[c.Name] = "ok"
		if err := c.Ask(r.Context()); err != nil {
			found[c.Name] = err.Error()
			if c.Vital {
				status = http.StatusServiceUnavailable
			}
		}
	}
	answer(w, status, map[string]any{"ready": status == http.StatusOK, "checks": found})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that left cannot be told
}

// Listener is one HTTP server between Start and Stop.
type Listener struct {
	address string
	server  *http.Server
	log     *zap.Logger
	bound   net.Addr
	done    chan struct{}
	quit    context.CancelFunc
}

// NewListener makes a listener that is not listening yet.
func NewListener(address string, handler http.Handler, log *zap.Logger) *Listener {
	l := &Listener{address: address, log: log, done: make(chan struct{})}
	l.server = &http.Server{
		Handler: unhurried(handler), ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: zap.NewStdLog(log.WithOptions(zap.IncreaseLevel(zap.WarnLevel))),
	}
	return l
}

// unhurried forgets the write deadline that the request before set on the same connection.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // not every writer has deadlines
		next.ServeHTTP(w, r)
	})
}

// Start binds the address, so that a taken port is an error here, and serves until Stop.
func (l *Listener) Start(ctx context.Context) error {
	var config net.ListenConfig
	bound, err := config.Listen(ctx, "tcp", l.address)
	if err != nil {
		return err
	}
	// Requests outlive the context of starting and end with that of the server, so that a stop reaches open streams.
	base, quit := context.WithCancel(context.WithoutCancel(ctx))
	l.bound, l.quit = bound.Addr(), quit
	l.server.BaseContext = func(net.Listener) context.Context { return base }
	go func() {
		defer close(l.done)
		if err := l.server.Serve(bound); !errors.Is(err, http.ErrServerClosed) {
			l.log.Error("the listener failed", zap.String("address", l.address), zap.Error(err))
		}
	}()
	return nil
}

// Address is where it listens, with the port that was chosen for :0. Valid after Start.
func (l *Listener) Address() string { return l.bound.String() }

// Stop refuses new connections and waits for running requests until ctx ends; then it cuts them off.
func (l *Listener) Stop(ctx context.Context) error {
	err := l.server.Shutdown(ctx)
	l.quit()
	if err != nil {
		err = l.server.Close()
	}
	<-l.done
	return err
}
