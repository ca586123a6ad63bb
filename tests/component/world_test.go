package component_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/internal/application/identityapp"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/redact"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that takes milliseconds, before it calls it lost.
const patience = 20 * time.Second

// world is a running Steward.
type world struct {
	config  config.Config
	tools   *fixture
	log     *transcript
	journal string // its directory
	chain   string // the directory of the one chain in it that this process writes
	broken  bool   // whether the journal has been broken
	key     string // of a principal who may call every tool but fixture_hidden

	url, admin string // over HTTP
	keys       identity.Repository
	authority  identity.Authority
	stop       func()
}

// transcript is what the process wrote to its log. Safe for concurrent use.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// configured is a configuration whose state is the test's alone.
func configured(t *testing.T, change func(*config.Config)) config.Config {
	t.Helper()
	c := config.Default()
	c.StateDir = t.TempDir()
	c.Server.Listen, c.Server.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	c.Server.DrainTimeout = time.Second
	c.Security.RateLimit.Enabled = false
	c.Log.Level = "debug"
	c.Personas = map[string]config.Persona{
		"caller": {
			Allow: []config.Rule{{Action: config.Words{"tool.call"}, Target: config.Words{"tool:*"}}},
			Deny:  []config.Rule{{Action: config.Words{"tool.call"}, Target: config.Words{"tool:fixture_hidden"}}},
		},
		"nobody": {},
	}
	c.Stdio = config.Stdio{User: "tester", Personas: []string{"caller"}}
	if change != nil {
		change(&c)
	}
	if c.Audit.Dir == "" {
		c.Audit.Dir = filepath.Join(c.StateDir, "audit")
	}
	return c
}

func newWorld(c config.Config) *world {
	return &world{config: c, tools: newFixture(c.Audit.Dir), log: &transcript{}, journal: c.Audit.Dir, chain: c.Audit.Dir}
}

// serve starts Steward over HTTP with the fixture's tools beside its own, and ends it with the test.
func serve(t *testing.T, change func(*config.Config), more ...fx.Option) *world {
	t.Helper()
	return serveConfigured(t, configured(t, change), more...)
}

func serveConfigured(t *testing.T, c config.Config, more ...fx.Option) *world {
	t.Helper()
	w := newWorld(c)
	w.listen(t, more...)
	w.key = w.issue(t, identity.Grant{Name: "tester", Personas: []string{"caller"}})
	return w
}

func (w *world) listen(t *testing.T, more ...fx.Option) {
	t.Helper()
	var listeners *app.Listeners
	w.run(t, app.Settings{Config: w.config, Version: "test"},
		append(more, app.Serve(), fx.Populate(&listeners, &w.keys, &w.authority))...)
	w.url = "http://" + listeners.Main.Address() + "/mcp"
	w.admin = "http://" + listeners.Admin.Address()
}

// run starts the app. It is stopped at the end of the test, or by w.stop before.
func (w *world) run(t *testing.T, s app.Settings, options ...fx.Option) {
	t.Helper()
	log := func(r *redact.Redactor) (*zap.Logger, error) {
		return telemetry.NewLogger(telemetry.LogConfig{Level: s.Config.Log.Level, Format: "json", Redact: r}, w.log)
	}
	a := fx.New(append(options, app.Options(s), w.tools.module(), fx.Decorate(log))...)
	if err := a.Start(t.Context()); err != nil {
		t.Fatalf("start: %v\n%s", err, w.log)
	}
	w.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		if err := a.Stop(ctx); err != nil && (!w.broken || !errors.Is(err, audit.ErrBroken)) {
			t.Errorf("stop: %v", err)
		}
	})
	t.Cleanup(w.stop)
}

// issue makes a key beside the running server and gives the credential.
func (w *world) issue(t *testing.T, g identity.Grant) string {
	t.Helper()
	_, credential := w.issued(t, g)
	return credential.Reveal()
}

func (w *world) issued(t *testing.T, g identity.Grant) (identityapp.Key, identity.Credential) {
	t.Helper()
	k, credential, err := identityapp.Create(t.Context(), w.keys, w.authority, g.Personas, g, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return k, credential
}

// records reads the journal as it lies on the disk.
func (w *world) records(t *testing.T) []audit.Record {
	t.Helper()
	all, err := readJournal(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// requests are the records of requests; notes of the journal about itself are left out.
func (w *world) requests(t *testing.T) []audit.Record {
	t.Helper()
	return slices.DeleteFunc(w.records(t), func(r audit.Record) bool { return r.Phase == audit.Note })
}

// newest gives what is on record of requests since there were n of them.
func (w *world) newest(t *testing.T, n int) []audit.Record {
	t.Helper()
	all := w.requests(t)
	if len(all) < n {
		t.Fatalf("the journal has shrunk to %d records", len(all))
	}
	return all[n:]
}

// readJournal gives the records of all chains in dir, as far as their lines are complete.
func readJournal(dir string) ([]audit.Record, error) {
	segments, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	chains, err := filepath.Glob(filepath.Join(dir, "stdio-*", "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []audit.Record
	for _, segment := range append(segments, chains...) {
		if info, err := os.Stat(segment); err != nil || info.IsDir() {
			continue
		}
		text, err := os.ReadFile(segment)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			if !bytes.HasSuffix(line, []byte("\n")) || len(line) == 1 {
				break // being written, or room for more
			}
			var r audit.Record
			if err := json.Unmarshal(line, &r); err != nil {
				return nil, fmt.Errorf("%s: %w", segment, err)
			}
			all = append(all, r)
		}
	}
	return all, nil
}

// eventually waits until holds does.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); !holds(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// breakJournal makes the disk refuse the next record: the segment that it would begin exists already. It takes a
// journal whose segments hold one record each.
func (w *world) breakJournal(t *testing.T) {
	t.Helper()
	if w.config.Audit.MaxSegmentBytes != 1 {
		t.Fatal("the journal can be broken only when every record has a segment of its own")
	}
	next := len(w.records(t)) + 1
	if err := os.Mkdir(filepath.Join(w.chain, fmt.Sprintf("%012d.jsonl", next)), 0o700); err != nil {
		t.Fatal(err)
	}
	w.broken = true
}

// client is an HTTP client whose connections end with the test.
func client(t *testing.T) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// get answers status and body of a GET.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	status, _, body := send(t, r)
	return status, body
}

// send answers status, headers and body.
func send(t *testing.T, r *http.Request) (int, http.Header, string) {
	t.Helper()
	response, err := client(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, body.String()
}

// post makes a request to /mcp as a client of revision 2026-07-28 would, for tests that then spoil it.
func (w *world) post(t *testing.T, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Authorization", "Bearer "+w.key)
	r.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	r.Header.Set("Mcp-Method", "tools/call")
	r.Header.Set("Mcp-Name", "echo")
	return r
}

// echo is a call of the echo tool in revision 2026-07-28. more goes into _meta.
func echo(text, more string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":` + quote(text) + `},"_meta":{` +
		`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},` +
		`"io.modelcontextprotocol/clientCapabilities":{}` + more + `}}}`
}

func quote(text string) string {
	quoted, _ := json.Marshal(text) // a string always encodes
	return string(quoted)
}
