package httpapi

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
)

// visit is one request on a connection, from its first byte to the next one's, as far as it can be followed from
// outside net/http. That reads requests by itself and refuses those that are not HTTP without calling anybody.
type visit struct {
	base    context.Context //nolint:containedctx // net/http gives it with the connection, and calls back without one
	begun   bool            // only the goroutine that serves the connection calls back
	before  int64           // bytes written when it began
	handled atomic.Bool     // it reached a handler
}

// leastAnswer is less than any refusal of net/http has, and more than the alerts with which TLS says goodbye.
const leastAnswer = 64

type visitKey struct{}

// attend is http.Server.ConnContext.
func attend(ctx context.Context, c net.Conn) context.Context {
	a, ok := admittedOf(c)
	if !ok {
		return ctx
	}
	a.visit.base = ctx //nolint:fatcontext // that of the connection, which the hook is not given
	return context.WithValue(ctx, visitKey{}, &a.visit)
}

// attended notes that a request has reached its handler.
func attended(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
			v.handled.Store(true)
		}
		next.ServeHTTP(w, r)
	})
}

// follow is http.Server.ConnState. A connection counts as something that is being handled, so that a stop waits until
// what there is to tell of it has been told. A request that comes whole behind another one is read while the connection
// is idle, as far as net/http says.
func (l *Listener) follow(c net.Conn, state http.ConnState) {
	a, ok := admittedOf(c)
	if !ok {
		return
	}
	v := &a.visit
	switch state {
	case http.StateNew:
		l.handlers.enter()
	case http.StateActive, http.StateIdle:
		v.begun, v.before = true, a.written.Load()
		v.handled.Store(false)
	case http.StateHijacked, http.StateClosed:
		defer l.handlers.leave()
		// Whoever says nothing, or is too slow, gets no answer.
		if l.unread != nil && v.begun && !v.handled.Load() && a.written.Load()-v.before >= leastAnswer {
			l.unread(v.base, c.RemoteAddr().String())
		}
	}
}

func admittedOf(c net.Conn) (*admitted, bool) {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	a, ok := c.(*admitted)
	return a, ok
}
