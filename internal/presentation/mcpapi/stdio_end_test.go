package mcpapi_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/access"
)

const waits = `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"waits"}}` + "\n"

// serving runs a stdio server whose input the test writes.
func (w *world) serving(ctx context.Context, t *testing.T, out io.Writer) (in io.WriteCloser, ended <-chan error) {
	t.Helper()
	read, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := w.server.Stdio(ctx, read, out, access.Local("tester", "p"), 1<<20)
		_ = read.Close()
		done <- err
	}()
	return in, done
}

func within(t *testing.T, ended <-chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
		return nil
	}
}

// When nobody can hear any more, what runs is cut off, and recorded.
func TestStdio_EndsWhatRunsWhenItsPeerIsGone(t *testing.T) {
	w := newWorld(t)
	out, write := io.Pipe()
	in, ended := w.serving(t.Context(), t, write)
	if _, err := io.WriteString(in, waits+`{"jsonrpc":"2.0","id":4,"method":"ping"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := out.CloseWithError(errGone); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, `{"jsonrpc":"2.0","id":5,"method":"ping"}`+"\n") // perhaps it has ended already
	if err := within(t, ended); !errors.Is(err, errGone) {
		t.Errorf("ended with %v", err)
	}
	if r := w.taken(); len(r) != 1 || r[0].Outcome != "canceled" {
		t.Errorf("records: %+v", r)
	}
}

var errGone = errors.New("the peer is gone")

// Told to end, it does not wait for a peer that does not read.
func TestStdio_EndsAlthoughItsPeerDoesNotRead(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, write := io.Pipe()
	in, ended := w.serving(ctx, t, write)
	if _, err := io.WriteString(in, `{"jsonrpc":"2.0","id":4,"method":"ping"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := within(t, ended); err != nil {
		t.Errorf("ended with %v", err)
	}
	_ = out.Close() // lets go of the write that nobody took
}

// A peer may speak both eras at once; what one request tells of itself says nothing of the others.
func TestStdio_KeepsErasApart(t *testing.T) {
	w := newWorld(t)
	talk(t, w, initialize,
		`{"jsonrpc":"2.0","id":2,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},`+modernMeta+`}}`,
		`{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{`+modernMeta+`}}`,
		`{"jsonrpc":"2.0","id":4,"method":"tools/list"}`)
	revisions := map[string]int{}
	for _, r := range w.taken() {
		revisions[r.Method+" "+r.Revision]++
	}
	if revisions["tools/list 2026-07-28"] != 1 || revisions["tools/list 2025-11-25"] != 1 || len(revisions) != 4 {
		t.Errorf("on record: %v", revisions)
	}
}
