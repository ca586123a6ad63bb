package httpapi_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

// single is a listener of one connection, which tells of its end.
type single struct {
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (s *single) Accept() (net.Conn, error) {
	select {
	case c := <-s.accepted:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *single) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (*single) Addr() net.Addr { return &net.TCPAddr{} }

// ending is a connection that tells of its end.
type ending struct {
	net.Conn
	once  sync.Once
	ended chan struct{}
}

func (e *ending) Close() error {
	e.once.Do(func() { close(e.ended) })
	return e.Conn.Close()
}

// A client says something, hears an answer, waits, or does nothing more until it is let go.
type step func(t *testing.T, c net.Conn)

func says(text string) step {
	return func(t *testing.T, c net.Conn) {
		t.Helper()
		if _, err := io.WriteString(c, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func hears(t *testing.T, c net.Conn) {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(bytewise{c}), nil)
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
}

// bytewise keeps bufio from reading into the next answer.
type bytewise struct{ net.Conn }

func (b bytewise) Read(into []byte) (int, error) { return b.Conn.Read(into[:1]) }

func waitsFor(d time.Duration) step { return func(*testing.T, net.Conn) { time.Sleep(d) } }

func listens(_ *testing.T, c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// Whatever a client does, net/http lets it go when it would by the connection's own deadlines, or up to a second before, and cuts off
// no handler that it would not.
func TestAdmitted_LetsNetHTTPWaitAsLongAsItWould(t *testing.T) {
	t.Parallel()
	known := httptest.NewUnstartedServer(nil)
	known.StartTLS()
	certificates := known.TLS.Certificates
	known.Close()
	const get, post, rest = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST ", " HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
	for name, does := range map[string][]step{
		"says nothing":                  {listens},
		"says half a head":              {says(get[:20]), listens},
		"says half a head slowly":       {says(get[:3]), waitsFor(3 * time.Second), says(get[3:20]), listens},
		"is idle":                       {says(get), hears, listens},
		"is idle again and again":       {says(get), hears, waitsFor(110 * time.Second), says(get), hears, waitsFor(100*time.Second + time.Second/2), says(get), hears, listens},
		"says half a head when idle":    {says(get), hears, waitsFor(117*time.Second + time.Second/2), says(get[:20]), listens},
		"says half a body":              {says(post + "/" + rest), listens},
		"says half a body slowly":       {says(post + "/" + rest), waitsFor(40 * time.Second), says("d"), listens},
		"says half a body in a hurry":   {says(post + "/hurry" + rest), listens},
		"waits for long":                {says("GET /long HTTP/1.1\r\nHost: a\r\n\r\n"), hears, listens},
		"waits for long after a body":   {says(post + "/long" + rest + "defghi"), hears, listens},
		"asks while it waits":           {says("GET /long HTTP/1.1\r\nHost: a\r\n\r\n"), waitsFor(time.Second), says(get[:1]), hears, listens},
		"asks twice and a half at once": {says(get + get + get[:10]), hears, hears, listens},
		"reads nothing":                 {says("GET /much HTTP/1.1\r\nHost: a\r\n\r\n")},
		"reads nothing later":           {says(get), hears, waitsFor(20 * time.Second), says("GET /much HTTP/1.1\r\nHost: a\r\n\r\n")},
		"reads nothing of what is over": {says("GET /over HTTP/1.1\r\nHost: a\r\n\r\n")},
	} {
		for _, certificates := range [][]tls.Certificate{nil, certificates} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				want, cutWant := letGo(t, certificates, does, func(c net.Conn) net.Conn { return c })
				got, cutGot := letGo(t, certificates, does, httpapi.NewAdmitted)
				if early := want - got; early < 0 || early > time.Second || cutWant != cutGot {
					t.Errorf("TLS %t: let go after %s, want %s; cut off %d, want %d", certificates != nil, got, want, cutGot, cutWant)
				}
			})
		}
	}
}

// letGo tells how long net/http keeps a client that does so, and how many handlers found that it had left.
func letGo(t *testing.T, certificates []tls.Certificate, does []step, admit func(net.Conn) net.Conn) (after time.Duration, cut int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		here, client := net.Pipe()
		away := client
		connection := &ending{Conn: here, ended: make(chan struct{})}
		listener := &single{accepted: make(chan net.Conn, 1), closed: make(chan struct{})}
		listener.accepted <- admit(connection)
		server := &http.Server{ // as the listener's
			ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if serve(t, w, r) {
					cut++
				}
			}),
		}
		served := make(chan struct{})
		serving := server.Serve
		if certificates != nil {
			server.TLSConfig = &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS13}
			serving = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
			client = tls.Client(client, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
		}
		go func() {
			defer close(served)
			_ = serving(listener)
		}()
		for _, do := range does {
			do(t, client)
		}
		<-connection.ended
		after = time.Since(begun)
		_ = away.Close()
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
	})
	return after, cut
}

// serve does with deadlines what the guard and its handlers do, and reports whether the client had left.
func serve(t *testing.T, w http.ResponseWriter, r *http.Request) (left bool) {
	t.Helper()
	const pace = 30 * time.Second
	control := http.NewResponseController(w)
	extend := func() { _ = control.SetWriteDeadline(time.Now().Add(pace)) }
	extend()
	defer extend()
	switch r.URL.Path {
	case "/hurry":
		_ = control.SetReadDeadline(time.Now().Add(5 * time.Second))
	case "/long":
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(10 * time.Minute)
		extend()
	case "/much":
		var err error
		for range 100 {
			if extend(); err == nil {
				_, err = w.Write(make([]byte, 64<<10))
			}
		}
	case "/over":
		_, _ = w.Write(make([]byte, 4000))
		c, buffered, err := control.Hijack()
		if err != nil {
			t.Error(err)
			return false
		}
		_ = c.SetWriteDeadline(time.Now().Add(pace))
		_, _ = buffered.Write(make([]byte, 100))
		_, _ = buffered.Flush(), c.Close()
		return false
	default:
		_, _ = io.Copy(io.Discard, r.Body)
	}
	left = r.Context().Err() != nil
	_, _ = io.WriteString(w, "b")
	return left
}
