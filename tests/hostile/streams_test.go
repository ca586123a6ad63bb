package hostile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/tests/harness"
)

// listening is an open stream, read line by line.
type listening struct {
	status int
	body   io.ReadCloser
	lines  *bufio.Scanner
	last   string // the id of the last event
}

// stream sends a request whose answer is a stream, or a refusal.
func (s *server) stream(ctx context.Context, key, method, body string, headers map[string]string) (*listening, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.URL, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Authorization", "Bearer "+key)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r) //nolint:bodyclose // whoever listens closes it
	if err != nil {
		return nil, err
	}
	return &listening{status: response.StatusCode, body: response.Body, lines: bufio.NewScanner(response.Body)}, nil
}

// next is the next message.
func (l *listening) next() (string, error) {
	for l.lines.Scan() {
		if id, ok := strings.CutPrefix(l.lines.Text(), "id: "); ok {
			l.last = id
		}
		if data, ok := strings.CutPrefix(l.lines.Text(), "data: "); ok && data != "" {
			return data, nil
		}
	}
	return "", errors.Join(io.EOF, l.lines.Err())
}

// barrier lets everybody go on when everybody has come, or has failed.
type barrier struct{ coming sync.WaitGroup }

func (b *barrier) pass() { b.coming.Done(); b.coming.Wait() }

// loser is a client that loses its stream in the middle of a call and comes back for the rest.
type loser struct {
	key, session, token string
	event               string // after which it lost the stream
}

func (c *loser) lose(ctx context.Context, s *server) error {
	body := strings.Replace(call(`"claude_conversation"`, `{"message":"Think."}`), `"params":{`, `"params":{"_meta":{"progressToken":"`+c.token+`"},`, 1)
	l, err := s.stream(ctx, c.key, http.MethodPost, body, map[string]string{"Mcp-Session-Id": c.session})
	if err != nil {
		return err
	}
	defer l.body.Close()
	message, err := l.next()
	if err != nil || !strings.Contains(message, `"`+c.token+`"`) || l.last == "" {
		return fmt.Errorf("HTTP %d: heard %s, %w", l.status, message, err)
	}
	c.event = l.last
	return nil
}

// rest reads what it has missed, until the answer, and complains of whatever is not about its own call.
func (c *loser) rest(ctx context.Context, s *server) error {
	l, err := s.stream(ctx, c.key, http.MethodGet, "", map[string]string{"Mcp-Session-Id": c.session, "Last-Event-ID": c.event})
	if err != nil {
		return err
	}
	defer l.body.Close()
	for {
		message, err := l.next()
		switch {
		case err != nil:
			return fmt.Errorf("HTTP %d: no answer: %w", l.status, err)
		case strings.Contains(message, "done thinking"):
			if _, err := l.next(); !errors.Is(err, io.EOF) {
				return fmt.Errorf("more after the answer: %w", err)
			}
			return nil
		case !strings.Contains(message, `"`+c.token+`"`):
			return fmt.Errorf("heard %s", message)
		}
	}
}

// Sixty-four clients of eight principals lose their streams in the middle of calls that all have one id. Each call goes on, each
// client gets the rest of its own by the name of its last event, and nobody gets anything by another's.
func TestIsolation_ALostStreamIsItsClientsAlone(t *testing.T) {
	t.Parallel()
	const principals, clients = 8, 64
	at := newSite(t, built.race)
	provider := at.thinks(t)
	keys, sessions := make([]string, principals), make([]string, clients)
	for i := range keys {
		keys[i] = at.key(t, fmt.Sprintf("principal-%d", i))
	}
	s := at.start(t)
	for i := range sessions {
		sessions[i] = s.begin(t, keys[i%principals])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	all := make([]*loser, clients)
	var lost, tried barrier
	lost.coming.Add(clients)
	tried.coming.Add(clients)
	var everyone sync.WaitGroup
	for i := range clients {
		all[i] = &loser{key: keys[i%principals], session: sessions[i], token: fmt.Sprintf("canary-%d", i)}
		everyone.Go(func() {
			err := all[i].lose(ctx, s)
			lost.pass()
			if err != nil {
				t.Errorf("client %d: %v", i, err)
			}
			own, stranger := all[i], all[(i+1)%clients]
			for name, c := range map[string]loser{
				"a stranger's event":        {own.key, own.session, "", stranger.event},
				"a stranger's session":      {own.key, stranger.session, "", stranger.event},
				"its own event elsewhere":   {own.key, sessions[(i+principals)%clients], "", own.event},
				"an event that never was":   {own.key, own.session, "", own.event + "9"},
				"a stranger's and a twist":  {own.key, own.session, "", strings.ToLower(stranger.event)},
				"its own with its own twin": {own.key, own.session, "", own.event + ", " + own.event},
			} {
				if l, err := s.stream(ctx, c.key, http.MethodGet, "", map[string]string{"Mcp-Session-Id": c.session, "Last-Event-ID": c.event}); err != nil || l.status < 400 {
					t.Errorf("client %d gets something by %s: %+v, %v", i, name, l, err)
				} else {
					_ = l.body.Close()
				}
			}
			tried.pass()
			provider.letGo()
			if err := own.rest(ctx, s); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	everyone.Wait()
	outcomes := map[string]int{}
	for _, of := range closed(s.records(t)) {
		if of[0].Target == "tool:claude_conversation" {
			outcomes[of[0].Outcome] += len(of)
		}
	}
	if outcomes[audit.OK] != clients || len(outcomes) != 1 {
		t.Errorf("calls on record: %v", outcomes)
	}
}

const twoPersonas = `state_dir: %s
server: {listen: "127.0.0.1:0", admin_listen: "127.0.0.1:0", drain_timeout: 1s}
security: {rate_limit: {enabled: false}}
personas:
  even: {allow: [{action: "*", target: "*"}]}
  odd: {allow: [{action: "*", target: "*"}]%s}
`

// keyOf makes a key with one persona.
func (s *site) keyOf(t *testing.T, persona string) string {
	t.Helper()
	key, err := harness.CreateKey(t.Context(), built.plain, s.config, persona, persona)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Sixty-four clients listen, in both eras. When the rights of half of them change, that half is told, each once, by its own
// subscription's name, and nobody else hears anything; nobody listens in another's session.
func TestIsolation_AStreamTellsItsOwnClientOnly(t *testing.T) {
	t.Parallel()
	const clients = 64
	at := newSite(t, built.race)
	write := func(odd string) {
		if err := os.WriteFile(at.config, fmt.Appendf(nil, twoPersonas, at.state, odd), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	keys := map[string]string{"even": at.keyOf(t, "even"), "odd": at.keyOf(t, "odd"), "even2": at.keyOf(t, "even"), "odd2": at.keyOf(t, "odd"), "even3": at.keyOf(t, "even"), "odd3": at.keyOf(t, "odd")}
	names := []string{"even", "odd", "even2", "odd2", "even3", "odd3"}
	s := at.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	heard := make([]chan string, clients)
	var everyone sync.WaitGroup
	for i := range clients {
		name := names[i%len(names)]
		key, odd, legacy := keys[name], strings.HasPrefix(name, "odd"), i/len(names)%2 == 0
		var l *listening
		var err error
		tag := fmt.Sprintf(`"canary-%d"`, i)
		if legacy {
			sid := s.begin(t, key)
			if stranger, err := s.stream(ctx, keys[names[(i+1)%len(names)]], http.MethodGet, "", map[string]string{"Mcp-Session-Id": sid}); err != nil || stranger.status != 404 {
				t.Errorf("a stranger listens in another's session: %+v, %v", stranger, err)
			} else {
				_ = stranger.body.Close()
			}
			l, err = s.stream(ctx, key, http.MethodGet, "", map[string]string{"Mcp-Session-Id": sid})
		} else {
			l, err = s.stream(ctx, key, http.MethodPost, `{"jsonrpc":"2.0","id":`+tag+`,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},`+modernMeta+`}}`,
				map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"})
		}
		if err != nil || l.status != http.StatusOK {
			t.Fatalf("client %d: %+v, %v", i, l, err)
		}
		if !legacy {
			if ack, err := l.next(); err != nil || !strings.Contains(ack, "acknowledged") || !strings.Contains(ack, tag) {
				t.Fatalf("client %d: %s, %v", i, ack, err)
			}
		}
		heard[i] = make(chan string, 10)
		everyone.Go(func() {
			defer close(heard[i])
			for {
				message, err := l.next()
				if err != nil {
					return
				}
				heard[i] <- message
				if strings.Contains(message, "list_changed") && (!odd || strings.Contains(message, tag) == legacy) {
					t.Errorf("client %d, %s: %s", i, name, message)
				}
			}
		})
	}
	write(`, deny: [{action: tool.call, target: "tool:echo"}]`)
	if err := s.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		if !strings.HasPrefix(names[i%len(names)], "odd") {
			continue
		}
		select {
		case message := <-heard[i]:
			if !strings.Contains(message, "notifications/tools/list_changed") {
				t.Errorf("client %d heard %s", i, message)
			}
		case <-ctx.Done():
			t.Fatalf("client %d is not told", i)
		}
	}
	begun := time.Now()
	if err := s.Stop(); err != nil { // which ends the streams, and does not wait for them
		t.Error(err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the stop took %s", took)
	}
	everyone.Wait()
	for i := range clients {
		for message := range heard[i] {
			if !strings.Contains(message, `"result"`) || i/len(names)%2 == 0 {
				t.Errorf("client %d heard %s besides", i, message)
			}
		}
	}
	open, ended := map[string]bool{}, 0
	for _, r := range at.records(t) {
		if r.Method != "GET /mcp" && r.Method != "subscriptions/listen" || r.Outcome == "mcp.session" {
			continue
		}
		if r.Phase == audit.Intent {
			open[r.Request] = true
		} else if delete(open, r.Request); r.Outcome == audit.OK {
			ended++
		}
	}
	if len(open) != 0 || ended != clients {
		t.Errorf("%d streams ended on record, %d have no end", ended, len(open))
	}
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines(?:\{[^}]*\})? ([0-9.e+]+)$`)

// running is how many goroutines the process has.
func (s *server) running(t *testing.T) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Admin+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := goroutines.FindSubmatch(text)
	if found == nil {
		t.Fatal("the metrics do not tell")
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// Five hundred clients that open streams, of every kind, and go away leave nothing behind.
func TestStreams_DroppedOnesLeaveNothing(t *testing.T) {
	t.Parallel()
	const dropped, wave = 500, 10
	at := newSite(t, built.plain)
	key := at.key(t, "restless")
	s := at.start(t)
	sid := s.begin(t, key)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	open := func(i int) (*listening, error) {
		if i%2 == 0 {
			return s.stream(ctx, key, http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},`+modernMeta+`}}`,
				map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"})
		}
		if i%10 == 1 {
			sid = s.begin(t, key)
		}
		return s.stream(ctx, key, http.MethodGet, "", map[string]string{"Mcp-Session-Id": sid})
	}
	s.alive(t, key)
	before, opened := s.running(t), 0
	for range dropped / wave {
		var streams []*listening
		for i := range wave {
			l, err := open(i)
			if err != nil {
				t.Fatal(err)
			}
			switch l.status {
			case http.StatusOK:
				opened++
			case http.StatusTooManyRequests, http.StatusBadRequest: // those before are still being cleared away
			default:
				t.Errorf("HTTP %d", l.status)
			}
			streams = append(streams, l)
		}
		for _, l := range streams {
			_ = l.body.Close()
		}
	}
	if opened < dropped/2 {
		t.Errorf("only %d streams were opened", opened)
	}
	for s.running(t) > before+10 {
		if ctx.Err() != nil {
			t.Fatalf("%d goroutines, before %d", s.running(t), before)
		}
		<-time.After(20 * time.Millisecond)
	}
	s.alive(t, key)
}
