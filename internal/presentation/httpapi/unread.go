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
	running bool            // begin and end are called by the goroutine that serves the connection
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
	a.visit.base = ctx
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

// follow is http.Server.ConnState. A connection on which a request has begun counts as one that is being handled, so
// that a stop waits until what there is to tell of it has been told.
func (l *Listener) follow(c net.Conn, state http.ConnState) {
	a, ok := admittedOf(c)
	if !ok || state == http.StateNew {
		return
	}
	v := &a.visit
	if state == http.StateActive {
		if !v.running {
			l.handlers.enter()
		}
		v.running, v.before = true, a.written.Load()
		v.handled.Store(false)
		return
	}
	if !v.running {
		return
	}
	v.running = false
	defer l.handlers.leave()
	// Whoever leaves in the middle of a request, or is too slow, gets no answer.
	if state == http.StateClosed && l.unread != nil && !v.handled.Load() && a.written.Load()-v.before >= leastAnswer {
		l.unread(v.base, c.RemoteAddr().String())
	}
}

func admittedOf(c net.Conn) (*admitted, bool) {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	a, ok := c.(*admitted)
	return a, ok
}
