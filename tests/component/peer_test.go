package component_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/presentation/mcpapi"
	"github.com/steward-mcp/steward/tests/harness"
)

// peer is one way to speak to Steward. A JSON-RPC error is a *harness.RPCError.
type peer interface {
	Do(ctx context.Context, method string, params map[string]any, out any) error
}

// way is a transport and an era, and how to get a world that is spoken to that way.
type way struct {
	name  string
	era   harness.Era
	stdio bool
}

var ways = []way{
	{"http 2025-11-25", harness.Legacy, false},
	{"http 2026-07-28", harness.Modern, false},
	{"stdio 2025-11-25", harness.Legacy, true},
	{"stdio 2026-07-28", harness.Modern, true},
}

// open starts a world and a peer of it.
func (y way) open(t *testing.T, change func(*config.Config)) (*world, peer) {
	t.Helper()
	if y.stdio {
		return pipe(t, change, y.era)
	}
	w := serve(t, change)
	return w, w.client(t, w.key, y.era)
}

// actor is how records name the peer.
func (y way) actor() string {
	if y.stdio {
		return "local:tester"
	}
	return "key:"
}

func (y way) transport() string {
	if y.stdio {
		return "stdio"
	}
	return "http"
}

func (w *world) client(t *testing.T, key string, era harness.Era) *harness.Client {
	t.Helper()
	c := harness.NewClient(w.url, key, era)
	t.Cleanup(c.Close)
	return c
}

// called is what came of a tool call.
type called struct {
	result  harness.Result
	failure harness.Failure // of an error result, or of the data of a JSON-RPC error
	rpc     int             // code of a JSON-RPC error
	text    string          // everything that the caller was told
}

// call calls a tool. Whatever a server may answer is an answer; anything else ends the test.
func call(t *testing.T, p peer, name string, args any) called {
	t.Helper()
	var c called
	err := p.Do(t.Context(), "tools/call", map[string]any{"name": name, "arguments": args}, &c.result)
	if refused, ok := errors.AsType[*harness.RPCError](err); ok {
		c.rpc, c.text = refused.Code, refused.Error()
		if err := json.Unmarshal(refused.Data, &c.failure); err != nil {
			t.Fatalf("%s: an error without a failure in its data: %v", name, refused)
		}
		return c
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c.text = c.result.Text() + string(c.result.Structured)
	if c.result.IsError {
		if err := json.Unmarshal([]byte(c.result.Text()), &c.failure); err != nil {
			t.Fatalf("%s: an error result that is no failure: %s", name, c.text)
		}
	}
	return c
}

// wire is the client's end of a stdio pipe.
type wire struct {
	era harness.Era

	mu    sync.Mutex
	in    io.WriteCloser
	next  int
	waits map[string]chan []byte
	heard chan string // what nobody waits for; nil when nobody listens
}

// overhear gives what comes that no request waits for.
func (p *wire) overhear() <-chan string {
	p.mu.Lock()
	defer p.mu.Unlock()
	const most = 64
	p.heard = make(chan string, most)
	return p.heard
}

// pipe starts Steward over stdio and initializes when the era asks for it.
func pipe(t *testing.T, change func(*config.Config), era harness.Era) (*world, *wire) {
	t.Helper()
	c := configured(t, change)
	w := newWorld(c)
	w.chain = filepath.Join(w.journal, "stdio-1")
	serverIn, clientOut := io.Pipe()
	clientIn, serverOut := io.Pipe()
	p := &wire{era: era, in: clientOut, waits: map[string]chan []byte{}}
	var reading sync.WaitGroup
	reading.Go(func() { p.read(t, clientIn) })
	w.run(t, app.Settings{Config: c, Version: "test", Stdio: true},
		app.Stdio(func(ctx context.Context, s *mcpapi.Server, who access.Principal) error {
			err := s.Stdio(ctx, serverIn, serverOut, who, int(c.Server.MaxBodyBytes))
			return errors.Join(err, serverOut.Close())
		}))
	t.Cleanup(func() {
		_ = clientOut.Close() // the end of the input, which is how a client leaves
		reading.Wait()
	})
	if era == harness.Legacy {
		params := map[string]any{
			"protocolVersion": string(era), "capabilities": map[string]any{},
			"clientInfo": map[string]string{"name": "t", "version": "1"},
		}
		if err := p.Do(t.Context(), "initialize", params, nil); err != nil {
			t.Fatal(err)
		}
		p.say(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	}
	return w, p
}

// say writes one line.
func (p *wire) say(t *testing.T, line string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// read hands each answer to whoever waits for its id. Whatever else stands on the output is an error.
func (p *wire) read(t *testing.T, from io.Reader) {
	t.Helper()
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var answer struct {
			ID json.RawMessage `json:"id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &answer); err != nil {
			t.Errorf("not JSON on the output: %.200q", lines.Text())
			continue
		}
		p.mu.Lock()
		if waits, ok := p.waits[string(answer.ID)]; ok {
			waits <- append([]byte(nil), lines.Bytes()...)
		} else if p.heard != nil {
			p.heard <- lines.Text()
		}
		p.mu.Unlock()
	}
}

// expect is the channel on which the answer with that id will come.
func (p *wire) expect(id string) <-chan []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := make(chan []byte, 1)
	p.waits[id] = answer
	return answer
}

// Do implements peer.
func (p *wire) Do(ctx context.Context, method string, params map[string]any, out any) error {
	p.mu.Lock()
	p.next++
	number := p.next
	p.mu.Unlock()
	id := strconv.Itoa(number)
	if params == nil {
		params = map[string]any{}
	}
	if p.era == harness.Modern {
		params["_meta"] = map[string]any{
			"io.modelcontextprotocol/protocolVersion":    string(p.era),
			"io.modelcontextprotocol/clientInfo":         map[string]string{"name": "t", "version": "1"},
			"io.modelcontextprotocol/clientCapabilities": map[string]any{},
		}
	}
	message, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": number, "method": method, "params": params})
	if err != nil {
		return err
	}
	answer := p.expect(id)
	p.mu.Lock()
	_, err = p.in.Write(append(message, '\n'))
	p.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case text := <-answer:
		return decode(text, out)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func decode(answer []byte, out any) error {
	var response struct {
		Result json.RawMessage   `json:"result"`
		Error  *harness.RPCError `json:"error"`
	}
	if err := json.Unmarshal(answer, &response); err != nil {
		return err
	}
	if response.Error != nil {
		return response.Error
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(response.Result, out)
}
