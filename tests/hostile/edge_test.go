package hostile_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/presentation/httpapi"
	"github.com/steward-mcp/steward/tests/harness"
)

// with sets further variables of the site's servers.
func (s *site) with(env ...string) *site {
	s.env = append(s.env, env...)
	return s
}

// limited is a site with limits so slow that no bucket gets a token while a test runs.
func limited(t *testing.T, env ...string) *site {
	t.Helper()
	return newSite(t, built.race).with(append([]string{
		"STEWARD_SECURITY__RATE_LIMIT__ENABLED=true", "STEWARD_SECURITY__RATE_LIMIT__REQUESTS_PER_MINUTE=1", "STEWARD_SECURITY__RATE_LIMIT__BURST_SIZE=1000",
		"STEWARD_SECURITY__RATE_LIMIT__PER_ADDRESS__REQUESTS_PER_MINUTE=1", "STEWARD_SECURITY__RATE_LIMIT__GLOBAL__REQUESTS_PER_MINUTE=1",
	}, env...)...)
}

// ask sends a request to /mcp from an address, with headers, and gives the status and the headers of the answer.
func (s *server) ask(t *testing.T, from, body string, headers ...string) (int, http.Header) {
	t.Helper()
	c := s.dial(t, from)
	defer c.Close()
	raw := "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n"
	for _, h := range headers {
		raw += h + "\r\n"
	}
	if _, err := io.WriteString(c, raw+"\r\n"+body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	neutral(t, from, string(text))
	return response.StatusCode, response.Header
}

// An address has its limit before anybody is asked who they are; the next one has its own; altogether there is one more.
// What a stranger says about where it comes from changes nothing, in limits as in the journal.
func TestLimits_OfAnAddressHoldWhateverItSaysOfItself(t *testing.T) {
	t.Parallel()
	s := limited(t, "STEWARD_SECURITY__RATE_LIMIT__PER_ADDRESS__BURST_SIZE=20", "STEWARD_SECURITY__RATE_LIMIT__GLOBAL__BURST_SIZE=50",
		"STEWARD_SERVER__TRUSTED_PROXIES=127.0.7.0/24").start(t)
	let := map[string]int{}
	try := func(name, from string, times int, headers func(i int) string) {
		for i := range times {
			status, h := s.ask(t, from, "", headers(i))
			switch status {
			case http.StatusUnauthorized:
				let[name]++
			case http.StatusTooManyRequests:
				if h.Get("Retry-After") == "" || !strings.Contains(h.Get("RateLimit"), ";r=0;t=") || !strings.Contains(h.Get("RateLimit-Policy"), ";q=1;w=60") {
					t.Errorf("%s: refused with %v", name, h)
				}
			default:
				t.Errorf("%s: HTTP %d", name, status)
			}
		}
	}
	try("a stranger", "127.0.6.1", 30, func(i int) string { return fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i) })
	try("behind a proxy", "127.0.7.1", 25, func(i int) string { return fmt.Sprintf("X-Forwarded-For: 192.0.2.%d, 198.51.100.7", i) })
	try("behind another", "127.0.7.2", 5, func(int) string { return "X-Forwarded-For: 198.51.100.7" })
	try("another client", "127.0.7.1", 15, func(int) string { return "X-Forwarded-For: 198.51.100.8" })
	if diff := cmp.Diff(map[string]int{"a stranger": 20, "behind a proxy": 20, "another client": 10}, let); diff != "" {
		t.Errorf("let in (-want +got):\n%s", diff)
	}
	addresses := map[string]bool{}
	for _, r := range s.records(t) {
		if r.Phase == audit.Closed && r.Transport == "http" {
			addresses[r.Address] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"127.0.6.1": true, "198.51.100.7": true, "198.51.100.8": true}, addresses); diff != "" {
		t.Errorf("on record (-want +got):\n%s", diff)
	}
}

// Whoever is known and sends what has to be refused is kept out for a while, whatever it was; whoever else is known is
// not.
func TestLimits_OfRefusedRequestsHold(t *testing.T) {
	t.Parallel()
	at := limited(t, "STEWARD_SECURITY__RATE_LIMIT__BURST_SIZE=12")
	key, other := at.key(t, "careless"), at.key(t, "careful")
	s := at.start(t)
	wrong := []string{"{", modernCall(`"rm"`, `{}`), modernCall(`"echo"`, `{}`), list}
	for i := range 20 {
		body := wrong[i%len(wrong)]
		headers := []string{"Authorization: Bearer " + key, jsonType, "Mcp-Protocol-Version: 2026-07-28", "Mcp-Method: tools/call"}
		if strings.Contains(body, `"rm"`) {
			headers = append(headers, "Mcp-Name: rm")
		} else {
			headers = append(headers, "Mcp-Name: echo")
		}
		status, h := s.ask(t, "127.0.0.2", body, headers...)
		if refused := status == http.StatusTooManyRequests; refused != (i >= 12) || refused && h.Get("Retry-After") == "" {
			t.Errorf("request %d: HTTP %d, %v", i, status, h)
		}
	}
	s.alive(t, other)
}

// A principal has so many requests running at a time, by all of its connections.
func TestLimits_OfWhatRunsAtATimeHold(t *testing.T) {
	t.Parallel()
	at := limited(t, "STEWARD_SECURITY__RATE_LIMIT__MAX_CONCURRENT_PER_PRINCIPAL=2", "STEWARD_SECURITY__RATE_LIMIT__MAX_CONCURRENT=3",
		"STEWARD_SECURITY__RATE_LIMIT__PER_ADDRESS__BURST_SIZE=100", "STEWARD_SECURITY__RATE_LIMIT__GLOBAL__BURST_SIZE=100")
	provider := at.thinks(t)
	keys := map[string]string{"one": at.key(t, "one"), "two": at.key(t, "two")}
	s := at.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var running sync.WaitGroup
	think := func(who string) {
		running.Go(func() {
			status, _, text, err := exchange(ctx, s, keys[who], toolHeaders("claude_conversation"), modernCall(`"claude_conversation"`, `{"message":"Think."}`))
			if err != nil || status != http.StatusOK || !strings.Contains(text, "done thinking") {
				t.Errorf("%s: HTTP %d, %v: %s", who, status, err, text)
			}
		})
		<-provider.asked
	}
	refused := func(who, code string) {
		status, _, text, err := exchange(ctx, s, keys[who], toolHeaders("echo"), modernCall(`"echo"`, `{"text":"x"}`))
		if err != nil || status != http.StatusTooManyRequests || !strings.Contains(text, code) {
			t.Errorf("%s: HTTP %d, %v: %s", who, status, err, text)
		}
	}
	think("one")
	think("one")
	refused("one", "limit.concurrent")
	think("two")
	refused("two", "limit.busy")
	provider.letGo()
	running.Wait()
	for _, key := range keys {
		s.alive(t, key)
	}
}

// issue makes a certificate for 127.0.0.1, which is its own authority, and puts it where the site's server reads it.
func (s *site) issue(t *testing.T, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		at := filepath.Join(filepath.Dir(s.config), name)
		if err := os.WriteFile(at+".new", pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(at+".new", at); err != nil {
			t.Fatal(err)
		}
	}
	authorities := x509.NewCertPool()
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	authorities.AddCert(certificate)
	return authorities
}

// With a certificate the server speaks TLS of today and nothing else. A new certificate is served to whoever comes after
// it, while connections of the old one live on; and what is refused by net/http is on record here too.
func TestTLS_IsOfTodayAndTakesNewCertificates(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	first := at.issue(t, 1)
	dir := filepath.Dir(at.config)
	at.with("STEWARD_SERVER__TLS__CERT_FILE="+filepath.Join(dir, "cert.pem"), "STEWARD_SERVER__TLS__KEY_FILE="+filepath.Join(dir, "key.pem"))
	s := at.start(t)
	address := strings.TrimSuffix(strings.TrimPrefix(s.URL, "https://"), "/mcp")
	s.address = address
	if a, err := s.say(t, "127.0.0.2", "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", ""); err != nil || a.status != http.StatusBadRequest {
		t.Errorf("without TLS: HTTP %d, %v", a.status, err)
	}
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		d := tls.Dialer{Config: &tls.Config{RootCAs: first, MinVersion: version, MaxVersion: version}}
		c, err := d.DialContext(t.Context(), "tcp", address)
		if (version >= tls.VersionTLS12) != (err == nil) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
	silent := s.dial(t, "127.0.0.3")
	d := tls.Dialer{Config: &tls.Config{RootCAs: first, MinVersion: tls.VersionTLS12}}
	old, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	from := bufio.NewReader(old)
	health := func() {
		t.Helper()
		if _, err := io.WriteString(old, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(from, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		if response.StatusCode != http.StatusOK || response.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("HTTP %d %v", response.StatusCode, response.Header)
		}
	}
	health()
	second := at.issue(t, 2)
	for deadline := time.Now().Add(patience); ; {
		d := tls.Dialer{Config: &tls.Config{RootCAs: second, MinVersion: tls.VersionTLS12}}
		c, err := d.DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new certificate is not served: %v", err)
		}
		<-time.After(100 * time.Millisecond)
	}
	health()
	if _, err := io.WriteString(old, "NONSENSE\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if a, err := hear(from, ""); err != nil || a.status != http.StatusBadRequest {
		t.Errorf("nonsense: HTTP %d, %v", a.status, err)
	}
	_ = old.Close()
	s.wait(t, "http.malformed", "127.0.0.1", 1)
	cut(t, silent, headersWithin) // who does not even begin to shake hands
}

// wait waits until so many requests of an address came to an outcome, each with its record. What net/http refuses is
// answered before it is on record.
func (s *server) wait(t *testing.T, outcome, address string, count int) {
	t.Helper()
	got := 0
	for deadline := time.Now().Add(patience); got < count && time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		got = 0
		for _, r := range s.records(t) {
			if r.Phase == audit.Closed && r.Outcome == outcome && r.Address == address {
				got++
			}
		}
	}
	if got != count {
		t.Errorf("%d requests of %s came to %s, want %d", got, address, outcome, count)
	}
}

// A credential in a URL is refused wherever it is, and neither the log nor the journal has it.
func TestURL_KeepsNoCredential(t *testing.T) {
	t.Parallel()
	at := newSite(t, built.race)
	key := at.key(t, "careless")
	s := at.start(t)
	for _, path := range []string{"/mcp?api_key=" + key, "/mcp?access_token=" + key, "/mcp?x=" + key, "/health?token=" + key, "/" + "nothing?key=" + key} {
		a, err := s.say(t, "127.0.0.2", "POST "+path+" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+key+"\r\n\r\n", "")
		if err != nil || a.status != http.StatusBadRequest || strings.Contains(a.body, key) {
			t.Errorf("%s: HTTP %d, %v: %s", path, a.status, err, a.body)
		}
	}
	if text := fmt.Sprint(s.Log(), s.records(t)); strings.Contains(text, key) {
		t.Error("the key is in the log or the journal")
	}
}

// Without credentials, only what is listed answers anything but a refusal: every HTTP method at every address that there
// is, at both listeners, and at some that there are not. TestAnonymous_NobodyIsLetIn goes through the methods of MCP.
func TestAnonymous_OnlyThePublicListIsAnswered(t *testing.T) {
	t.Parallel()
	const page = "https://app.example.com"
	s := newSite(t, built.race).with("STEWARD_SERVER__ALLOWED_ORIGINS="+page, "STEWARD_SERVER__LEGACY_SSE=true").start(t)
	public := map[string]bool{}
	for _, p := range httpapi.Public {
		public[fmt.Sprint(p.Admin, p.Method, p.Path)] = true
	}
	paths := []string{
		"/", "/mcp", "/mcp/", httpapi.SSEPath, httpapi.MessagesPath, "/message", "/health", "/healthz", "/livez", "/readyz", "/metrics", "/debug/pprof/", "/debug/vars", "/keys",
		"/admin", "/admin/v1", "/admin/v1/", "/admin/v1/keys", "/admin/v1/sessions", "/admin/v1/nothing", "/admin/v1//keys", "//metrics", "/admin/../metrics",
		"/.well-known/security.txt", "/security.txt", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/favicon.ico", "/robots.txt",
	}
	for _, p := range httpapi.Public {
		paths = append(paths, p.Path)
	}
	for base, admin := range map[string]bool{"http://" + s.address: false, s.Admin: true} {
		for _, path := range paths {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "LIST"} {
				listed := strings.Replace(method, "HEAD", "GET", 1)
				want := http.StatusNotFound
				switch {
				case !admin && (path == httpapi.MCPPath || path == httpapi.SSEPath || path == httpapi.MessagesPath),
					admin && (path == "/admin/v1/keys" || path == "/admin/v1/sessions" || path == "/admin/v1/nothing"):
					want = http.StatusUnauthorized
				case admin && public[fmt.Sprint(admin, http.MethodGet, path)]:
					want = http.StatusMethodNotAllowed
				}
				s.refuses(t, base+path, method, page, want, public[fmt.Sprint(admin, listed, path)])
			}
		}
	}
}

// refuses checks that a request without credentials is refused with that status, unless it may be answered.
func (s *server) refuses(t *testing.T, url, method, page string, want int, public bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if r.Host = "localhost"; public && method == http.MethodOptions {
		r.Header.Set("Origin", page)
		r.Header.Set("Access-Control-Request-Method", "POST")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	status := response.StatusCode
	switch {
	case public: // or not there, where it is there only if something is configured
		if status != http.StatusOK && status != http.StatusNoContent && status != http.StatusNotFound && status != http.StatusServiceUnavailable {
			t.Errorf("%s %s: HTTP %d", method, url, status)
		}
	case status != want:
		t.Errorf("%s %s: HTTP %d, want %d", method, url, status, want)
	}
}

// The list that people read is the one that holds.
func TestAnonymous_ThePublicListIsWritten(t *testing.T) {
	t.Parallel()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, p := range httpapi.Public {
		listener := "server.listen"
		if p.Admin {
			listener = "server.admin_listen"
		}
		want = append(want, fmt.Sprintf("| `%s` | `%s %s` | %s |", listener, p.Method, p.Path, p.Answers))
	}
	got = append(got, regexp.MustCompile("(?m)^\\| `server\\.(admin_)?listen` \\| `[A-Z]+ /.*$").FindAllString(string(text), -1)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SECURITY.md (-want +got):\n%s", diff)
	}
}

// The server says whom to tell of a weakness, and until when that holds: a year after the source that it was built of,
// which has not passed, or as configured.
func TestSecurityTxt_HoldsForAYear(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env     []string
		contact string
		least   time.Time
		most    time.Time
	}{
		"as built": {nil, "https://github.com/steward-mcp/steward/security/advisories/new", time.Now(), time.Now().AddDate(1, 0, 1)},
		"as configured": {
			[]string{"STEWARD_SERVER__SECURITY_TXT__CONTACT=mailto:security@example.com", "STEWARD_SERVER__SECURITY_TXT__EXPIRES=2099-01-31T02:00:00+02:00"},
			"mailto:security@example.com", time.Date(2099, 1, 31, 0, 0, 0, 0, time.UTC), time.Date(2099, 1, 31, 0, 0, 0, 0, time.UTC),
		},
	} {
		s := newSite(t, built.race).with(c.env...).start(t)
		a, err := s.say(t, "127.0.0.2", "GET /.well-known/security.txt HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET")
		if err != nil || a.status != http.StatusOK {
			t.Fatalf("%s: HTTP %d, %v", name, a.status, err)
		}
		fields := map[string]string{}
		for line := range strings.SplitSeq(strings.TrimSuffix(a.body, "\r\n"), "\r\n") {
			field, value, ok := strings.Cut(line, ": ")
			if _, twice := fields[field]; !ok || twice {
				t.Errorf("%s: %q", name, line)
			}
			fields[field] = value
		}
		expires, err := time.Parse(time.RFC3339, fields["Expires"])
		if err != nil || fields["Contact"] != c.contact || expires.Before(c.least) || expires.After(c.most) {
			t.Errorf("%s: %v, %v", name, fields, err)
		}
	}
}
