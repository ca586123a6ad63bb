package hostile_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// What the server promises about how long anybody can hold a connection without sending or taking anything, and what a
// busy machine may add to it.
const (
	headersWithin = 5 * time.Second
	unreadWithin  = 5 * time.Second // the rest of a request that is refused before it is read
	pieceWithin   = 30 * time.Second
	margin        = 10 * time.Second
)

// cut reads until the server ends the connection and gives how long that took.
func cut(t *testing.T, c net.Conn, within time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	if err := c.SetReadDeadline(begun.Add(within + margin)); err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is open after %s", within+margin)
	}
	return time.Since(begun)
}

// Two hundred clients that begin requests and do not end them, and five hundred that say nothing, keep nobody from
// being served, and are sent away in time.
func TestSlow_ClientsDoNotHoldOthersUp(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	key := at.key(t, "patient")
	s := at.start(t)
	var silent []net.Conn
	for i := range 500 {
		silent = append(silent, s.dial(t, fmt.Sprintf("127.0.2.%d", 1+i%250)))
	}
	partial := []string{
		"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthor", // headers
		"P",
		"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n{", // a body that nobody waits for
		"POST /nothing HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
	}
	var slow []net.Conn
	for i := range 200 {
		c := s.dial(t, fmt.Sprintf("127.0.3.%d", 1+i))
		if _, err := io.WriteString(c, partial[i%len(partial)]); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	// And some whom the server knows, in the middle of a body: they have a minute.
	for i := range 50 {
		c := s.dial(t, fmt.Sprintf("127.0.4.%d", 1+i))
		if _, err := io.WriteString(c, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+key+"\r\n"+jsonType+"\r\nContent-Length: 100\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	for range 20 {
		s.alive(t, key)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("twenty calls beside them took %s", took)
	}
	var all sync.WaitGroup
	for _, c := range append(silent, slow...) {
		all.Go(func() { cut(t, c, max(headersWithin, unreadWithin)) })
	}
	all.Wait()
	s.alive(t, key)
}

// Whoever drips a header byte by byte is sent away as soon as whoever sends nothing.
func TestSlow_DrippingGainsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, built.race).start(t)
	c := s.dial(t, "127.0.0.2")
	gone := make(chan time.Duration, 1)
	go func() { gone <- cut(t, c, headersWithin) }()
	drops := time.NewTicker(100 * time.Millisecond)
	defer drops.Stop()
	for request := strings.NewReader("GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 1000)); ; {
		select {
		case <-drops.C:
			_, _ = io.CopyN(c, request, 1) // it breaks when the time has come
		case took := <-gone:
			if took < headersWithin-time.Second {
				t.Errorf("an honest client would have had %s", took)
			}
			return
		}
	}
}

// A client that asks for much and takes none of it, and one that sends requests without reading the refusals, are cut
// off; meanwhile the others are served.
func TestSlow_ReadersAreCutOff(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	key := at.key(t, "reader")
	s := at.start(t)
	var all sync.WaitGroup
	for i := range 8 {
		c := s.dialNarrow(t, "127.0.0.2")
		body := modernCall(`"echo"`, `{"text":"`+strings.Repeat("x", 10_000)+`"}`)
		ask := strings.ReplaceAll(modern(body, "Mcp-Method: tools/call", "Mcp-Name: echo"), "KEY", key)
		times := 300 // the answers are more than the two systems keep for us
		if i%2 == 1 {
			ask, times = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 20_000
		}
		all.Go(func() { stubborn(t, c, ask, times) })
	}
	calls := time.NewTicker(time.Second)
	defer calls.Stop()
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-calls.C:
			s.alive(t, key)
		case <-done:
			running = false
		}
	}
	by := closed(s.records(t))
	if len(by) == 0 {
		t.Error("nothing is on record")
	}
	for request, of := range by {
		if len(of) != 1 {
			t.Errorf("request %s: %+v", request, of)
		}
	}
}

// stubborn writes requests and reads nothing, until the server has had enough: its end of the connection is closed, so
// that writing fails.
func stubborn(t *testing.T, c net.Conn, ask string, times int) {
	t.Helper()
	const within = pieceWithin + 4*margin
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		t.Error(err)
		return
	}
	var err error
	for i := 0; i < times && err == nil; i++ {
		_, err = io.WriteString(c, ask)
	}
	pokes := time.NewTicker(100 * time.Millisecond)
	defer pokes.Stop()
	for err == nil { // all of it went out, into what the systems keep; so see whether anybody is there
		<-pokes.C
		_, err = io.WriteString(c, "\r\n")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a client that does not read still holds its connection after %s", within)
	}
}

// A flood of strangers is counted rather than written down one by one: sixty of an address have records of their own,
// one record tells how many more there were, and whoever else is refused meanwhile is on record as ever.
func TestFlood_OfStrangersIsCounted(t *testing.T) {
	t.Parallel()
	const flood, kept, apart = 2000, 60, 5
	at := newSite(t, built.race)
	key := at.key(t, "known")
	s := at.start(t)
	size := journalSize(t, at)
	var all sync.WaitGroup
	for range 4 {
		c := s.dial(t, "127.0.5.1")
		all.Go(func() {
			from := bufio.NewReader(c)
			for i := range flood / 4 {
				raw := "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong-" + strconv.Itoa(i) + "\r\n\r\n"
				if i%4 == 0 {
					raw = "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
				}
				if _, err := io.WriteString(c, raw); err != nil {
					t.Error(err)
					return
				}
				if a, err := hear(from, ""); err != nil || a.status != http.StatusUnauthorized && a.status != http.StatusNotFound {
					t.Errorf("HTTP %d, %v", a.status, err)
					return
				}
			}
		})
	}
	all.Wait()
	for range apart {
		if a, err := s.say(t, "127.0.5.2", "POST /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", ""); err != nil || a.status != http.StatusUnauthorized {
			t.Errorf("HTTP %d, %v", a.status, err)
		}
	}
	s.alive(t, key)
	if grown := journalSize(t, at) - size; grown > 64<<10 {
		t.Errorf("%d refusals made the journal grow by %d bytes", flood, grown)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	one, counted := map[string]int{}, map[string]int64{}
	for _, r := range at.records(t) {
		if r.Phase == audit.Closed {
			one[r.Address]++
		}
		if r.Phase != audit.Counted {
			continue
		}
		counted[r.Address+" "+r.Outcome] += r.Count
		if r.DeniedBy == "" || r.Request != "" || r.Actor != "" || r.Transport != "http" {
			t.Errorf("a count is on record as %+v", r)
		}
	}
	all401, all404 := counted["127.0.5.1 identity.unauthenticated"], counted["127.0.5.1 http.not_found"]
	if one["127.0.5.1"] != kept || one["127.0.5.2"] != apart || len(counted) != 2 || all401+all404 != flood-kept || all404 < flood/4-kept {
		t.Errorf("on record: one by one %v, counted %v", one, counted)
	}
}

func journalSize(t *testing.T, at *site) (size int64) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(at.state, "audit", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, segment := range segments {
		if text, err := os.ReadFile(segment); err == nil {
			size += int64(len(bytes.TrimRight(text, "\n"))) // what follows is room for more
		}
	}
	return size
}
