package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/presentation/feed"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

func teapot(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) }

func to(t *testing.T, h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	rw := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	h.ServeHTTP(rw, r)
	return rw
}

// Every answer, also that of a refusal and of the operators' listener, tells browsers to do nothing with it.
func TestHeaders_AreOnEveryAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.edge.BehindTLS = true
	h := httpapi.Main(w.edge, http.HandlerFunc(teapot), nil)
	admin := httpapi.Admin(http.NotFoundHandler(), nil, http.NotFoundHandler())
	for _, rw := range []*httptest.ResponseRecorder{
		to(t, h, "GET", "http://localhost/health"), to(t, h, "GET", "http://localhost/.well-known/security.txt"), to(t, h, "POST", "http://localhost/mcp"),
		to(t, h, "POST", "http://localhost/mcp", "Authorization", "Bearer good"), to(t, h, "GET", "http://localhost/x"), to(t, h, "GET", "http://evil.example/mcp"),
		to(t, admin, "GET", "http://localhost/livez"), to(t, admin, "GET", "http://evil.example/livez"),
	} {
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := rw.Header().Get(name); got != want {
				t.Errorf("HTTP %d: %s is %q", rw.Code, name, got)
			}
		}
	}
	if got := to(t, h, "GET", "http://localhost/health").Header().Get("Strict-Transport-Security"); got != "max-age=31536000" {
		t.Errorf("behind TLS: %q", got)
	}
	w.edge.BehindTLS = false
	if got := to(t, h, "GET", "http://localhost/health").Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("without TLS: %q", got)
	}
}

// Pages that the operator listed may read answers, and ask whether they may; others, loopback ones too, may not.
func TestCORS_IsForListedPagesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld()
	alone := httpapi.Main(w.edge, http.HandlerFunc(teapot), nil)
	h := httpapi.Main(w.edge, http.HandlerFunc(teapot), http.HandlerFunc(teapot))
	for _, path := range []string{"/sse", "/messages"} {
		rw := to(t, alone, "OPTIONS", "http://localhost"+path, "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST")
		if rw.Code != http.StatusNotFound {
			t.Errorf("%s, which is not served: HTTP %d", path, rw.Code)
		}
	}
	for name, c := range map[string]struct {
		method, path, origin string
		ask                  string
		status               int
		allowed              string
	}{
		"a listed page asks":              {"OPTIONS", "/mcp", "https://app.example.com", "POST", 204, "https://app.example.com"},
		"a listed page asks of a stream":  {"OPTIONS", "/sse", "https://app.example.com", "GET", 204, "https://app.example.com"},
		"a listed page asks of messages":  {"OPTIONS", "/messages", "https://app.example.com", "POST", 204, "https://app.example.com"},
		"another page asks of a stream":   {"OPTIONS", "/sse", "https://evil.example", "GET", 403, ""},
		"a listed page asks nothing":      {"OPTIONS", "/mcp", "https://app.example.com", "", 401, "https://app.example.com"},
		"a listed page asks of elsewhere": {"OPTIONS", "/x", "https://app.example.com", "POST", 404, "https://app.example.com"},
		"a listed page asks of no host":   {"OPTIONS", "http://evil.example/mcp", "https://app.example.com", "POST", 403, "https://app.example.com"},
		"a loopback page asks":            {"OPTIONS", "/mcp", "http://localhost:3000", "POST", 401, ""},
		"another page asks":               {"OPTIONS", "/mcp", "https://evil.example", "POST", 403, ""},
		"no page asks":                    {"OPTIONS", "/mcp", "null", "POST", 403, ""},
		"a listed page is refused":        {"POST", "/mcp", "https://app.example.com", "", 401, "https://app.example.com"},
	} {
		target := c.path
		if strings.HasPrefix(target, "/") {
			target = "http://localhost" + target
		}
		headers := []string{"Origin", c.origin}
		if c.ask != "" {
			headers = append(headers, "Access-Control-Request-Method", c.ask)
		}
		rw := to(t, h, c.method, target, headers...)
		if rw.Code != c.status || rw.Header().Get("Access-Control-Allow-Origin") != c.allowed || rw.Header().Get("Vary") != "Origin" {
			t.Errorf("%s: HTTP %d, %v", name, rw.Code, rw.Header())
		}
		exposed := rw.Header().Get("Access-Control-Expose-Headers")
		if (c.allowed != "") != (strings.Contains(exposed, "Mcp-Session-Id") && strings.Contains(exposed, "RateLimit") && strings.Contains(exposed, "Steward-Key-Expires")) {
			t.Errorf("%s: exposed are %q", name, exposed)
		}
		if may := strings.Contains(rw.Header().Get("Access-Control-Allow-Headers"), "Authorization"); may != (c.status == 204) ||
			rw.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", name, rw.Header())
		}
	}
	rw := to(t, h, "POST", "http://localhost/mcp", "Origin", "https://app.example.com", "Origin", "https://app.example.com", "Authorization", "Bearer good")
	if rw.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("of two origins one is let in")
	}
}

func TestCredentials_InAURLAreRefusedWhereverAndHowever(t *testing.T) {
	t.Parallel()
	w := newWorld()
	h := httpapi.Main(w.edge, unreached(t), nil)
	for _, target := range []string{
		"/mcp?api_key=canary", "/mcp?ACCESS_TOKEN=canary", "/mcp?x=1&token=canary", "/mcp?x=1;token=canary", "/mcp?%74oken=canary", "/mcp?token=%zz",
		"/mcp?q=stw_dev_canary", "/mcp?q=%73tw_dev_canary", "/mcp?stw_dev_canary", "/health?api_key=canary", "/canary?key=canary",
		"/.well-known/security.txt?key=canary", "//user:canary@localhost/mcp",
	} {
		rw := to(t, h, "GET", "http://localhost"+target, "Authorization", "Bearer good")
		if strings.HasPrefix(target, "//") {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://user:canary@localhost/mcp", http.NoBody)
			rw = httptest.NewRecorder()
			h.ServeHTTP(rw, r)
		}
		if rw.Code != http.StatusBadRequest || strings.Contains(rw.Body.String(), "canary") || !strings.Contains(rw.Body.String(), "http.credential_in_url") {
			t.Errorf("%s: HTTP %d %s", target, rw.Code, rw.Body)
		}
	}
	if said := fmt.Sprintf("%+v %+v", w.records, w.log.All()); strings.Contains(said, "canary") {
		t.Errorf("records or log: %s", said)
	}
	if rw := to(t, httpapi.Main(w.edge, http.HandlerFunc(teapot), nil), "GET", "http://localhost/mcp?keyboard=1&q=token", "Authorization", "Bearer good"); rw.Code != http.StatusTeapot {
		t.Errorf("what is no credential: HTTP %d", rw.Code)
	}
}

func TestContact_IsToldToAnybody(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.edge.Contact = httpapi.Contact{URI: "mailto:security@example.com", Policy: "https://example.com/policy", Expires: time.Date(2027, 5, 1, 2, 0, 0, 0, time.FixedZone("", 7200))}
	rw := to(t, httpapi.Main(w.edge, unreached(t), nil), "GET", "http://localhost/.well-known/security.txt")
	want := "Contact: mailto:security@example.com\r\nExpires: 2027-05-01T00:00:00Z\r\nPreferred-Languages: en\r\nPolicy: https://example.com/policy\r\n"
	if diff := cmp.Diff(want, rw.Body.String()); rw.Code != 200 || diff != "" || rw.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("HTTP %d %v %s", rw.Code, rw.Header(), diff)
	}
	if len(w.records) != 0 {
		t.Errorf("records: %+v", w.records)
	}
}

// bounds are limits in the test's hand.
type bounds struct {
	mu       sync.Mutex
	knocks   []string
	address  map[string]error
	enter    error
	inside   int
	refusals []string
}

func (b *bounds) Knock(from netip.Addr) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.knocks = append(b.knocks, from.String())
	return b.address[from.String()]
}

func (b *bounds) Enter(string) error {
	if b.enter == nil {
		b.inside++
	}
	return b.enter
}

func (b *bounds) Leave(string) { b.inside-- }

func (b *bounds) Refused(principal string) { b.refusals = append(b.refusals, principal) }

type limitOf struct{}

func (limitOf) Error() string               { return "limit" }
func (limitOf) Quota() (name string, n int) { return "address", 120 }

// Who knocks too often is told so before anybody asks who it is, at every address but /health, and in headers.
func TestLimits_HoldBeforeItIsKnownWhoAsks(t *testing.T) {
	t.Parallel()
	w := newWorld()
	tooMuch := fault.New(fault.Exhausted, "limit.address", "Slower.").After(1200 * time.Millisecond).Because(limitOf{})
	b := &bounds{address: map[string]error{"198.51.100.7": tooMuch}}
	w.edge.Limits, w.edge.Proxies = b, httpapi.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Header: "X-Forwarded-For"}
	h := httpapi.Main(w.edge, http.HandlerFunc(teapot), nil)
	for _, path := range []string{"/mcp", "/", "/.well-known/security.txt"} {
		rw := to(t, h, "GET", "http://localhost"+path, "X-Forwarded-For", "127.0.0.1, 198.51.100.7", "Authorization", "Bearer good")
		if rw.Code != http.StatusTooManyRequests || rw.Header().Get("Retry-After") != "2" || rw.Header().Get("RateLimit") != `"address";r=0;t=2` ||
			rw.Header().Get("RateLimit-Policy") != `"address";q=120;w=60` {
			t.Errorf("%s: HTTP %d %v", path, rw.Code, rw.Header())
		}
	}
	if rw := to(t, h, "GET", "http://localhost/health", "X-Forwarded-For", "198.51.100.7"); rw.Code != http.StatusOK {
		t.Errorf("/health: HTTP %d", rw.Code)
	}
	if rw := to(t, h, "GET", "http://localhost/mcp", "X-Forwarded-For", "198.51.100.8", "Authorization", "Bearer good"); rw.Code != http.StatusTeapot {
		t.Errorf("another: HTTP %d", rw.Code)
	}
	if diff := cmp.Diff([]string{"198.51.100.7", "198.51.100.7", "198.51.100.7", "198.51.100.8"}, b.knocks); diff != "" {
		t.Error(diff)
	}
	for _, r := range w.records {
		if r.Outcome != audit.OK && (r.DeniedBy != audit.ByLimit || r.Address != "198.51.100.7" || r.Actor != "") {
			t.Errorf("on record: %+v", r)
		}
	}
	// Requests that a page in somebody's browser makes it send use up nothing.
	if to(t, h, "GET", "http://evil.example/mcp"); len(b.knocks) != 4 {
		t.Error("a request for somebody else's host draws on the limit")
	}
}

// Refused requests of somebody known are counted, whatever refused them but limits; and a place is given back.
func TestLimits_CountWhatHadToBeRefused(t *testing.T) {
	t.Parallel()
	for by, counted := range map[string]bool{
		"": false, audit.ByEdge: true, audit.ByPolicy: true, audit.ByInput: true, audit.ByLimit: false,
	} {
		w, b := newWorld(), &bounds{}
		w.edge.Limits = b
		w.through(request(t, ""), func(_ http.ResponseWriter, r *http.Request) {
			if b.inside != 1 {
				t.Errorf("%d inside", b.inside)
			}
			if by != "" {
				if err := cqrs.RequestFrom(r.Context()).Close(r.Context(), cqrs.Outcome{Fault: fault.ErrCanceled, DeniedBy: by}); err != nil {
					t.Error(err)
				}
			}
		})
		if b.inside != 0 || slices.Contains(b.refusals, "key:a") != counted {
			t.Errorf("%q: %d inside, refused %v", by, b.inside, b.refusals)
		}
	}
	w, b := newWorld(), &bounds{}
	w.edge.Limits = b
	if w.through(request(t, ""), func(http.ResponseWriter, *http.Request) { panic("canary") }); b.inside != 0 {
		t.Error("a panic keeps its place")
	}
	w.through(request(t, ""), func(_ http.ResponseWriter, r *http.Request) {
		for range 2 {
			if feed.VisitOf(r.Context()).Yield(); b.inside != 0 {
				t.Errorf("%d inside while it only waits", b.inside)
			}
		}
	})
	if b.inside != 0 {
		t.Errorf("a place that was yielded is given back again: %d inside", b.inside)
	}
	b.enter = fault.New(fault.Exhausted, "limit.concurrent", "Wait.").After(time.Second)
	if rw := w.through(request(t, ""), unreached(t)); rw.Code != http.StatusTooManyRequests || rw.Header().Get("Retry-After") != "1" {
		t.Errorf("HTTP %d %v", rw.Code, rw.Header())
	}
	if r := w.records[len(w.records)-1]; r.DeniedBy != audit.ByLimit || r.Actor != "key:a" {
		t.Errorf("on record: %+v", r)
	}
}

func TestNetworks_OfOthersAreNotAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.edge.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	w.edge.Proxies = httpapi.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Header: "X-Forwarded-For"}
	h := httpapi.Main(w.edge, http.HandlerFunc(teapot), nil)
	for said, want := range map[string]int{"198.51.100.7": 418, "::ffff:198.51.100.7": 418, "198.51.100.7, 203.0.113.5": 403, "": 403, "2001:db8::1": 403} {
		if rw := to(t, h, "GET", "http://localhost/mcp", "X-Forwarded-For", said, "Authorization", "Bearer good"); rw.Code != want {
			t.Errorf("%q: HTTP %d, want %d", said, rw.Code, want)
		}
	}
}

// An address has so many connections; those of trusted proxies, behind which there are many, are not counted.
func TestListener_HasRoomForSoManyOfAnAddress(t *testing.T) {
	t.Parallel()
	proxy := netip.MustParseAddr("127.0.0.9")
	l := httpapi.NewListener("127.0.0.1:0", http.HandlerFunc(teapot), zap.NewNop(), httpapi.WithRoom(httpapi.Room{
		Most: 100, Each: 3, Of: func(a netip.Addr) (netip.Prefix, bool) { return netip.PrefixFrom(a, a.BitLen()), a != proxy },
	}))
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	served := func(c net.Conn) bool {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusTeapot
	}
	var open []net.Conn
	dial := func(from string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.DialContext(t.Context(), "tcp", l.Address())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		return c
	}
	for from, want := range map[string]int{"127.0.0.5": 3, "127.0.0.6": 3, "127.0.0.9": 8} {
		got := 0
		for range 8 {
			if served(dial(from)) {
				got++
			}
		}
		if got != want {
			t.Errorf("%s has %d connections, want %d", from, got, want)
		}
	}
	for _, c := range open {
		_ = c.Close()
	}
	for deadline := time.Now().Add(10 * time.Second); !served(dial("127.0.0.5")); {
		if time.Now().After(deadline) {
			t.Fatal("the connections that ended made no room")
		}
	}
	for _, c := range open {
		_ = c.Close()
	}
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// What net/http refuses by itself is told, once each, and a stop waits for that. Half a request is refused too; nothing
// at all is not.
func TestListener_TellsOfWhatNobodyCouldRead(t *testing.T) {
	t.Parallel()
	told := make(chan string, 8)
	l := httpapi.NewListener("127.0.0.1:0", http.HandlerFunc(teapot), zap.NewNop(), httpapi.WithUnread(func(ctx context.Context, remote string) {
		if ctx == nil {
			t.Error("no context")
		}
		<-time.After(50 * time.Millisecond) // what writing it down may take
		told <- remote
	}))
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	say := func(text string, status int) {
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", l.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		for from := bufio.NewReader(c); status != 0; status = 0 {
			response, err := http.ReadResponse(from, nil)
			if err != nil || response.StatusCode != status {
				t.Fatalf("%q: %v, %v", text, response, err)
			}
			_ = response.Body.Close()
		}
	}
	say("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 418)
	say("GET / HTTP/1.1\r\nHost: x\r\n", 0) // and its end
	say("", 0)
	say("NONSENSE\r\n\r\n", 400)
	say("GET / HTTP/1.1\r\nHost: x\r\n\r\nNONSENSE\r\n\r\n", 418)
	say("GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505)
	say("GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 80<<10)+"\r\n\r\n", 431)
	if err := l.Stop(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(told) != 5 {
		t.Errorf("told of %d requests, want 5", len(told))
	}
}
