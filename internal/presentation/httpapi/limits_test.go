package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

// timed is a writer that notes what it is told, in order.
type timed struct {
	*httptest.ResponseRecorder
	events []string
	pause  time.Duration // that the client takes for each piece
}

func (w *timed) SetWriteDeadline(at time.Time) error {
	if time.Until(at) != 30*time.Second {
		w.events = append(w.events, "wrong deadline")
	}
	w.events = append(w.events, "deadline")
	return nil
}

func (w *timed) Write(data []byte) (int, error) {
	time.Sleep(w.pause)
	w.events = append(w.events, "write")
	return w.ResponseRecorder.Write(data)
}

// Each piece of an answer has its time, and so has what net/http writes before and after it: a deadline that counts from then.
func TestPaced_GivesEveryPieceItsTime(t *testing.T) {
	t.Parallel()
	answer := bytes.Repeat([]byte("0123456789abcdef"), 40<<10) // 640 KiB
	const want = "deadline deadline write deadline write deadline write deadline deadline"
	for _, pause := range []time.Duration{0, 999 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := &timed{ResponseRecorder: httptest.NewRecorder(), pause: pause}
			httpapi.Paced(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				n, err := rw.Write(answer)
				if n != len(answer) || err != nil {
					t.Errorf("wrote %d of %d, %v", n, len(answer), err)
				}
				if err := http.NewResponseController(rw).Flush(); err != nil {
					t.Error(err)
				}
			})).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
			if got := strings.Join(w.events, " "); got != want || !w.Flushed || !bytes.Equal(w.Body.Bytes(), answer) {
				t.Errorf("%s a piece: %d bytes, flushed %t, events %s, want %s", pause, w.Body.Len(), w.Flushed, got, want)
			}
		})
	}
}

// A connection beyond the bound waits until another has ended; the end of listening ends the waiting.
func TestAdmit_HasRoomForSoMany(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	bound, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := httpapi.Admit(bound, httpapi.Room{Most: 2}, nil)
	accepted, ended := make(chan net.Conn, 3), make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 4 {
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", bound.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection was let in")
	case <-time.After(50 * time.Millisecond): // no proof, but a chance to see it
	}
	if err := first.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Error(err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	_ = first.Close() // which says that it is closed
	third := <-accepted
	select {
	case <-accepted:
		t.Fatal("a connection that was closed twice made room for two")
	case <-time.After(50 * time.Millisecond):
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("listening ended with %v", err)
	}
	if err := errors.Join(second.Close(), third.Close()); err != nil {
		t.Error(err)
	}
}

// A request that is cut off by a stop has closed its record when the stop is over.
func TestListener_StopsAfterTheLastRecord(t *testing.T) {
	t.Parallel()
	running, settled := make(chan struct{}), make(chan struct{})
	l := httpapi.NewListener("127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(running)
		<-r.Context().Done()
		<-time.After(100 * time.Millisecond) // what closing a record may take
		close(settled)
	}), zap.NewNop())
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = ask(t, l) // it is cut off
	}()
	<-running
	drain, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Stop(drain); err != nil {
		t.Errorf("stop: %v", err)
	}
	select {
	case <-settled:
	default:
		t.Error("the stop is over before the request is")
	}
	<-asked
	if err := httpapi.NewListener("127.0.0.1:0", http.NotFoundHandler(), zap.NewNop()).Stop(t.Context()); err != nil {
		t.Errorf("stop before a start: %v", err)
	}
}

// Paths are taken as they are written: nothing that comes close to a route is answered past the record.
func TestPublic_AnswersNothingPastTheRecord(t *testing.T) {
	t.Parallel()
	w := newWorld()
	h := httpapi.Main(w.edge, unreached(t), nil)
	paths := []string{"//mcp", "/mcp/..", "/./mcp", "/mcp//", "/health/../mcp", "/MCP", "/mcp%2f"}
	for _, path := range paths {
		if rw := visit(t, h, http.MethodPost, path); rw.Code != http.StatusNotFound {
			t.Errorf("%s: HTTP %d", path, rw.Code)
		}
	}
	if len(w.records) != len(paths) {
		t.Errorf("%d requests of %d are on record", len(w.records), len(paths))
	}
}

func TestGuard_TakesNoneOfTwo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header string
		values []string
		status int
	}{
		"two credentials":       {"Authorization", []string{"Bearer good", "Bearer good"}, http.StatusUnauthorized},
		"a page and another":    {"Origin", []string{"https://app.example.com", "https://evil.example"}, http.StatusForbidden},
		"two pages that may do": {"Origin", []string{"https://app.example.com", "http://localhost"}, http.StatusOK},
	} {
		w := newWorld()
		r := request(t, "")
		r.Header[c.header] = c.values
		if rw := w.through(r, func(http.ResponseWriter, *http.Request) {}); rw.Code != c.status {
			t.Errorf("%s: HTTP %d, want %d", name, rw.Code, c.status)
		}
	}
}

// A panic behind a closed record breaks the connection: half an answer must not pass for one, nor two for one.
func TestGuard_BreaksOffAnAnswerThatHasBegun(t *testing.T) {
	t.Parallel()
	w := newWorld()
	rw := httptest.NewRecorder()
	defer func() {
		if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // a sentinel that is panicked with
			t.Errorf("recovered %v", v)
		}
		if r := w.records; len(r) != 1 || r[0].Outcome != audit.OK || rw.Body.String() != "half" {
			t.Errorf("answered %q, records: %+v", rw.Body, r)
		}
	}()
	w.edge.Guard(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if err := cqrs.RequestFrom(r.Context()).Close(r.Context(), cqrs.Outcome{}); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(rw, "half")
		panic("canary")
	})).ServeHTTP(rw, request(t, ""))
}

// Strangers beyond sixty a minute are counted; somebody known is on record however often they are refused.
func TestGuard_CountsStrangersOnly(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for range 100 {
		r := request(t, "")
		r.Header.Del("Authorization")
		if rw := w.through(r, unreached(t)); rw.Code != http.StatusUnauthorized {
			t.Fatalf("HTTP %d", rw.Code)
		}
		w.through(request(t, ""), func(http.ResponseWriter, *http.Request) { panic("after it is known who asks") })
	}
	if err := w.edge.Records.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	strangers, known, counted := 0, 0, int64(0)
	for _, r := range w.records {
		switch {
		case r.Phase == audit.Counted:
			counted += r.Count
		case r.Actor == "":
			strangers++
		default:
			known++
		}
	}
	if strangers != 60 || counted != 40 || known != 100 {
		t.Errorf("%d strangers and %d known on record, %d counted", strangers, known, counted)
	}
}
