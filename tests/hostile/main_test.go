package hostile_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/tests/harness"
)

// patience bounds every wait of these tests. Nothing waits for it unless something is wrong.
const patience = time.Minute

// built are the binaries under attack: one with the race detector, and one without for what measures memory.
var built struct{ race, plain string }

func TestMain(m *testing.M) { goleak.VerifyTestMain(attack{m}) }

type attack struct{ *testing.M }

// Run implements goleak.TestingM.
func (a attack) Run() int {
	code := 1
	if err := a.run(&code); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	}
	return code
}

func (a attack) run(code *int) (err error) {
	dir, err := os.MkdirTemp("", "steward-hostile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for flag, binary := range map[string]*string{"-race": &built.race, "-race=false": &built.plain} {
		into := filepath.Join(dir, strings.Trim(flag, "-"))
		if *binary, err = harness.Build(context.Background(), into, flag); err != nil {
			return err
		}
	}
	// Most of these tests wait until the server's patience ends: more of them run at once than there are processors.
	flag.Parse()
	if err := flag.Set("test.parallel", "10"); err != nil {
		return err
	}
	*code = a.M.Run()
	return nil
}

// site is a configuration with a state of its own.
type site struct {
	binary, config, state string
	env                   []string
}

func newSite(t *testing.T, binary string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{binary: binary, config: filepath.Join(dir, "steward.yaml"), state: filepath.Join(dir, "state")}
	text := fmt.Sprintf(`state_dir: %s
server: {listen: "127.0.0.1:0", admin_listen: "127.0.0.1:0", drain_timeout: 1s}
security: {rate_limit: {enabled: false}}
personas: {all: {allow: [{action: "*", target: "*"}]}}
stdio: {user: tester, personas: [all]}
`, s.state)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// thinks gives the site a model provider, which keeps every question waiting until the test lets go of it. The tool
// claude_conversation is thus one that takes as long as the test likes.
func (s *site) thinks(t *testing.T) *thinker {
	t.Helper()
	m := &thinker{asked: make(chan struct{}, 64), left: make(chan struct{}, 64), free: make(chan struct{})}
	provider := httptest.NewServer(m)
	t.Cleanup(provider.Close)
	t.Cleanup(m.letGo)
	s.env = append(s.env, "STEWARD_CLAUDE__API_KEY=sk-test", "STEWARD_CLAUDE__ENDPOINT="+provider.URL, "STEWARD_CLAUDE__RETRIES=0")
	return m
}

type thinker struct {
	asked, left chan struct{} // told of each question, and of each whose asker went away
	free        chan struct{}
	once        sync.Once
}

func (m *thinker) letGo() { m.once.Do(func() { close(m.free) }) }

// ServeHTTP answers as the Messages API does.
func (m *thinker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	m.asked <- struct{}{}
	select {
	case <-m.free:
	case <-r.Context().Done():
		m.left <- struct{}{}
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-5-5","stop_reason":"end_turn",`+
		`"stop_sequence":null,"content":[{"type":"text","text":"done thinking"}],"usage":{"input_tokens":1,"output_tokens":1}}`)
}

// server is a running Steward and what a test needs to attack it.
type server struct {
	*site
	*harness.Server
	address string // of the main listener
}

// start runs the site's server. At the end of the test it is stopped in order, and must have nothing to complain of.
func (s *site) start(t *testing.T) *server {
	t.Helper()
	// Not the test's own context: it ends before clean-ups run.
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	began := time.Now()
	process, err := harness.Start(ctx, s.binary, s.config, s.env...)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer cancel()
		if err := process.Stop(); err != nil {
			t.Errorf("the server ended with %v", err)
		}
		orderly(t, process.Log())
		s.told(t, process.Log(), began)
	})
	return &server{site: s, Server: process, address: strings.TrimSuffix(strings.TrimPrefix(process.URL, "http://"), "/mcp")}
}

// orderly checks what a process has logged: a line is one JSON object, whatever a client wrote, and none complains.
func orderly(t *testing.T, log string) {
	t.Helper()
	for _, complaint := range []string{"DATA RACE", "panic", "audit.lost", "superfluous"} {
		if strings.Contains(log, complaint) {
			t.Errorf("%s in the log:\n%.4000s", complaint, log)
		}
	}
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the log is no JSON: %.500q", line)
		}
	}
}

func (s *site) key(t *testing.T, name string) string {
	t.Helper()
	key, err := harness.CreateKey(t.Context(), built.plain, s.config, name, "all")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// records reads the journals of the site, whatever process writes them.
func (s *site) records(t *testing.T) []audit.Record {
	t.Helper()
	var all []audit.Record
	for _, pattern := range []string{"*.jsonl", "stdio-*/*.jsonl"} {
		segments, err := filepath.Glob(filepath.Join(s.state, "audit", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, segment := range segments {
			text, err := os.ReadFile(segment)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				var r audit.Record
				if !strings.HasSuffix(line, "\n") || line == "\n" {
					break // being written, or room for more
				}
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatalf("%s: %v: %s", segment, err, line)
				}
				all = append(all, r)
			}
		}
	}
	return all
}

// closed sorts the closed records by the request that they tell of.
func closed(records []audit.Record) map[string][]audit.Record {
	by := map[string][]audit.Record{}
	for _, r := range records {
		if r.Phase == audit.Closed {
			by[r.Request] = append(by[r.Request], r)
		}
	}
	return by
}

// alive is an ordinary call by an ordinary client.
func (s *server) alive(t *testing.T, key string) {
	t.Helper()
	c := harness.NewClient(s.URL, key, harness.Modern)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Tool(ctx, "echo", map[string]any{"text": "still here"}, nil); err != nil {
		t.Errorf("the server does not answer any more: %v", err)
	}
}

// dial connects from an address of this machine's own network 127.0.0.0/8, so that attackers can be told apart.
func (s *server) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	return s.connect(t, net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}})
}

// dialNarrow is dial with a receive buffer that takes next to nothing.
func (s *server) dialNarrow(t *testing.T, from string) net.Conn {
	t.Helper()
	return s.connect(t, net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Control: func(_, _ string, c syscall.RawConn) (err error) {
		const bytes = 4 << 10
		if failed := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes) }); failed != nil {
			return failed
		}
		return err
	}})
}

func (s *server) connect(t *testing.T, d net.Dialer) net.Conn {
	t.Helper()
	c, err := d.DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // most tests have closed it
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// betrays are words of libraries, of Go and of this machine. None belongs into an answer.
var betrays = []string{
	"goroutine", "runtime", ".go:", "json:", "cannot unmarshal", "invalid character", "unexpected end", "mcp-go", "mark3labs",
	"base64", "strconv", "net/http", "http:", "*errors", "map[", "0x", "sql", "panic", "nil",
	"Failed to parse", "steward-hostile", "interface {}", "struct", "float64", "EOF",
	os.TempDir(),
}

// identifier is random, and so may spell anything.
var identifier = regexp.MustCompile(`(req|ses|cnv)_[a-z2-7]{32}`)

func neutral(t *testing.T, name, body string) {
	t.Helper()
	body = identifier.ReplaceAllString(body, "")
	if i := slices.IndexFunc(betrays, func(word string) bool { return strings.Contains(body, word) }); i >= 0 {
		t.Errorf("%s: the answer says %q: %.500s", name, betrays[i], body)
	}
}
