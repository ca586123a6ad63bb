package httpapi_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

// waits are reads of one connection that nobody sends anything to, one at a time.
type waits struct {
	net.Conn
	busy  atomic.Bool
	ended []time.Time
	err   error
}

func (w *waits) read() {
	if w.busy.Swap(true) {
		return
	}
	go func() {
		_, err := w.Read(make([]byte, 1))
		w.ended = append(w.ended, time.Now())
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			w.err = fmt.Errorf("a read ended by %w", err)
		}
		w.busy.Store(false)
	}()
	synctest.Wait()
}

// Whatever is done to its deadline, and when, a wait ends when that of the connection itself would. All of them are whole seconds
// apart.
func TestAdmitted_KeepsDeadlinesAsAConnectionDoes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			plain, there := net.Pipe()
			inner, away := net.Pipe()
			want, got := &waits{Conn: plain}, &waits{Conn: httpapi.NewAdmitted(inner)}
			random := rand.New(rand.NewPCG(seed, 0))
			for range 30 {
				at := time.Time{}
				switch random.IntN(6) {
				case 0:
				case 1:
					at = time.Unix(1, 0)
				case 2:
					at = time.Now().Add(time.Duration(random.IntN(5)) * 10 * time.Second)
				case 3:
					time.Sleep(time.Duration(random.IntN(30)) * time.Second)
					synctest.Wait()
					continue
				default:
					if want.busy.Load() == got.busy.Load() {
						want.read()
						got.read()
					}
					continue
				}
				if err := errors.Join(want.SetReadDeadline(at), got.SetReadDeadline(at)); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			for _, w := range []*waits{want, got} {
				if err := w.SetDeadline(time.Unix(1, 0)); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			if want.err != nil || got.err != nil || want.busy.Load() || got.busy.Load() || len(want.ended) != len(got.ended) {
				t.Fatalf("seed %d: %v, %v; %d reads have ended, want %d", seed, want.err, got.err, len(got.ended), len(want.ended))
			}
			for i, at := range want.ended {
				if !at.Equal(got.ended[i]) {
					t.Fatalf("seed %d: read %d of %d has ended %s before its time", seed, i, len(want.ended), at.Sub(got.ended[i]))
				}
			}
			for _, c := range []net.Conn{plain, there, inner, away} {
				_ = c.Close()
			}
		})
	}
}

// A connection that somebody has closed says so of a read, as net/http expects of one, and not of its deadline.
func TestAdmitted_SaysOfAReadThatItIsClosed(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := httpapi.NewAdmitted(plain)
	if err := errors.Join(c.SetDeadline(time.Now().Add(time.Minute)), c.Close(), away.Close(), listener.Close()); err != nil {
		t.Fatal(err)
	}
	_, ofRead := c.Read(make([]byte, 1))
	_, ofWrite := c.Write(make([]byte, 1))
	for want, err := range map[string]error{"read": ofRead, "write": ofWrite} {
		if of, ok := errors.AsType[*net.OpError](err); !ok || of.Op != want || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// counting counts how often a deadline is set.
type counting struct {
	net.Conn
	set int
}

func (c *counting) SetReadDeadline(t time.Time) error {
	c.set++
	return c.Conn.SetReadDeadline(t)
}

func (c *counting) SetWriteDeadline(t time.Time) error {
	c.set++
	return c.Conn.SetWriteDeadline(t)
}

// What nobody waits for costs nothing, and neither does what is right already.
func TestAdmitted_SetsADeadlineOnceForManyWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner, away := net.Pipe()
		counted := &counting{Conn: inner}
		admitted := httpapi.NewAdmitted(counted)
		read := make(chan struct{})
		go func() {
			defer close(read)
			for taken := make([]byte, 1); ; {
				if _, err := away.Read(taken); err != nil {
					return
				}
			}
		}()
		for range 100 { // as net/http does for each request
			if err := admitted.SetWriteDeadline(time.Now().Add(30 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := admitted.Write([]byte("a")); err != nil {
				t.Fatal(err)
			}
			if err := admitted.SetWriteDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if counted.set != 1 {
			t.Errorf("it was set %d times", counted.set)
		}
		time.Sleep(time.Hour) // long after any of them
		if _, err := admitted.Write([]byte("a")); err != nil || counted.set != 2 {
			t.Errorf("without a deadline: %v, set %d times", err, counted.set)
		}
		if err := errors.Join(admitted.Close(), away.Close()); err != nil {
			t.Fatal(err)
		}
		<-read
	})
}
