package conformance_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// wire is a stretch of line between the suite and the server. It changes nothing that goes over it, and reads along: every
// answer says how Steward calls its request.
type wire struct {
	URL string // of the server, by way of the wire

	listener net.Listener
	serving  sync.WaitGroup
	to       string

	mu      sync.Mutex
	open    map[net.Conn]bool
	read    []exchange
	strange int64 // bytes that went over the wire and were not understood
}

// exchange is a request that has been answered, or whose answer has begun.
type exchange struct {
	method  string // of HTTP
	rpc     string // the method of the message, empty when the body is none or a client's answer
	asks    bool   // the message wants an answer
	request string // how Steward calls it
	status  int
}

// unrecorded reports whether the journal has no word of an exchange: its message asks nothing and was taken, or asks only whether
// somebody is there and was answered, which revision 2026-07-28 does not.
func (e exchange) unrecorded() bool {
	return e.rpc == "ping" && e.status == http.StatusOK || e.method == http.MethodPost && !e.asks && e.status == http.StatusAccepted
}

func tap(t *testing.T, server string) *wire {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{to: u.Host, open: map[net.Conn]bool{}}
	if w.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = w.listener.Addr().String()
	w.URL = u.String()
	w.serving.Go(w.serve)
	return w
}

func (w *wire) serve() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.serving.Go(func() { w.connect(client) })
	}
}

func (w *wire) connect(client net.Conn) {
	defer w.drop(client)
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", w.to)
	if err != nil {
		return
	}
	defer w.drop(server)
	if !w.keep(client, server) {
		return
	}
	sent := make(chan exchange, depth)
	var both sync.WaitGroup
	both.Go(func() {
		defer close(sent)
		w.requests(io.TeeReader(client, server), sent)
		_ = server.(*net.TCPConn).CloseWrite() // it was dialled over TCP
	})
	both.Go(func() {
		w.answers(io.TeeReader(server, client), sent)
		_ = client.Close() // the server has said everything, or the client is gone
		_ = server.Close()
	})
	both.Wait()
}

// depth is how many requests of a connection may await their answer. The suite sends one at a time.
const depth = 100

// requests reads what a client sends on one connection, to the end.
func (w *wire) requests(from io.Reader, sent chan<- exchange) {
	lines := bufio.NewReader(from)
	for {
		r, err := http.ReadRequest(lines)
		if err != nil {
			break
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			break
		}
		var message struct {
			ID     json.RawMessage
			Method string
		}
		_ = json.Unmarshal(body, &message) // what is no message has neither
		sent <- exchange{method: r.Method, rpc: message.Method, asks: message.ID != nil && message.Method != ""}
	}
	w.rest(lines)
}

// answers reads what the server answers to that, to the end.
func (w *wire) answers(from io.Reader, sent <-chan exchange) {
	lines := bufio.NewReader(from)
	for {
		answer, err := http.ReadResponse(lines, nil)
		if err != nil {
			break
		}
		e := <-sent
		e.request, e.status = answer.Header.Get("X-Request-Id"), answer.StatusCode
		w.mu.Lock()
		w.read = append(w.read, e)
		w.mu.Unlock()
		_, err = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil {
			break
		}
	}
	w.rest(lines)
}

// rest lets over the wire what was not understood.
func (w *wire) rest(from io.Reader) {
	n, _ := io.Copy(io.Discard, from) // the connection is over
	w.mu.Lock()
	defer w.mu.Unlock()
	w.strange += n
}

// keep remembers connections; false when the wire has been closed.
func (w *wire) keep(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		return false
	}
	for _, c := range conns {
		w.open[c] = true
	}
	return true
}

func (w *wire) drop(c net.Conn) {
	_ = c.Close() // whoever held it has closed it already
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, c)
}

// close cuts all connections. A second time does nothing.
func (w *wire) close() {
	if err := w.listener.Close(); errors.Is(err, net.ErrClosed) {
		return
	}
	w.mu.Lock()
	for c := range w.open {
		_ = c.Close()
	}
	w.open = nil
	w.mu.Unlock()
	w.serving.Wait()
}

// passed tells what went over the wire.
func (w *wire) passed(t *testing.T) []exchange {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.strange > 0 {
		t.Errorf("%d bytes on the wire were not understood", w.strange)
	}
	return slices.Clone(w.read)
}
