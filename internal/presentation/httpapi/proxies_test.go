package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

var trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func seen(t testing.TB, header, peer string, lines ...string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/mcp", http.NoBody)
	r.RemoteAddr = peer
	r.Header["X-Forwarded-For"], r.Header["Forwarded"] = []string{"203.0.113.66"}, []string{"for=203.0.113.66"}
	r.Header[header] = lines
	return httpapi.Seen(httpapi.Proxies{Trusted: trusted, Header: header}, r)
}

// The client is whom the outermost trusted proxy names. What a client writes itself stands further to the left, and
// counts for nothing; nor does any header of somebody who is no proxy.
func TestProxies_TakeTheNearestStrangerForTheClient(t *testing.T) {
	t.Parallel()
	const proxy = "10.0.0.1:4711"
	for name, c := range map[string]struct {
		header, peer string
		lines        []string
		want         string
	}{
		"no proxy":                          {"X-Forwarded-For", "192.0.2.1:5", []string{"198.51.100.7"}, "192.0.2.1"},
		"a proxy that says nothing":         {"X-Forwarded-For", proxy, nil, "10.0.0.1"},
		"one client":                        {"X-Forwarded-For", proxy, []string{"198.51.100.7"}, "198.51.100.7"},
		"a client's invention":              {"X-Forwarded-For", proxy, []string{"127.0.0.1, 198.51.100.7"}, "198.51.100.7"},
		"an invention of a proxy":           {"X-Forwarded-For", proxy, []string{"10.9.9.9, 198.51.100.7"}, "198.51.100.7"},
		"two proxies":                       {"X-Forwarded-For", proxy, []string{"127.0.0.1, 198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		"two lines":                         {"X-Forwarded-For", proxy, []string{"127.0.0.1", "198.51.100.7", "10.0.0.2"}, "198.51.100.7"},
		"proxies only":                      {"X-Forwarded-For", proxy, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"a port":                            {"X-Forwarded-For", proxy, []string{"198.51.100.7:99"}, "198.51.100.7"},
		"IPv6":                              {"X-Forwarded-For", "[fd00::1]:1", []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv6 with a port":                  {"X-Forwarded-For", proxy, []string{"[2001:db8::7]:99"}, "2001:db8::7"},
		"IPv4 as IPv6":                      {"X-Forwarded-For", "[::ffff:10.0.0.1]:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"no address":                        {"X-Forwarded-For", proxy, []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		"no address behind a proxy":         {"X-Forwarded-For", proxy, []string{"198.51.100.7, _hidden, 10.0.0.2"}, "10.0.0.2"},
		"an empty element":                  {"X-Forwarded-For", proxy, []string{"198.51.100.7,"}, "10.0.0.1"},
		"hops without end":                  {"X-Forwarded-For", proxy, []string{"198.51.100.7" + strings.Repeat(", 10.0.0.2", 5000)}, "10.0.0.2"},
		"the other header":                  {"Forwarded", proxy, nil, "10.0.0.1"},
		"Forwarded":                         {"Forwarded", proxy, []string{"for=198.51.100.7;proto=https;by=10.0.0.1"}, "198.51.100.7"},
		"Forwarded, an invention":           {"Forwarded", proxy, []string{"for=127.0.0.1, For=198.51.100.7"}, "198.51.100.7"},
		"Forwarded, IPv6":                   {"Forwarded", proxy, []string{`proto=https; for="[2001:db8::7]:99"`}, "2001:db8::7"},
		"Forwarded, two names":              {"Forwarded", proxy, []string{"for=127.0.0.1;for=198.51.100.7"}, "10.0.0.1"},
		"Forwarded, no name":                {"Forwarded", proxy, []string{"for=127.0.0.1, proto=https"}, "10.0.0.1"},
		"Forwarded, a name in a host":       {"Forwarded", proxy, []string{`for=198.51.100.7;host="x, for=127.0.0.1;a="`}, "10.0.0.1"},
		"Forwarded, a name in a quotation":  {"Forwarded", proxy, []string{`for=198.51.100.7;host="x;for=127.0.0.1"`}, "10.0.0.1"},
		"Forwarded, a quotation that opens": {"Forwarded", proxy, []string{`for="127.0.0.1`, "for=198.51.100.7"}, "198.51.100.7"},
		"Forwarded, an escape":              {"Forwarded", proxy, []string{`for="127.0.0.1\"", for="198.51.100.7\\"`}, "10.0.0.1"},
	} {
		if got := seen(t, c.header, c.peer, c.lines...); got != c.want {
			t.Errorf("%s: seen as %s, want %s", name, got, c.want)
		}
	}
}

// Whatever stands in front of what a trusted proxy wrote, the client is the one that it wrote.
func FuzzProxies_WhatAClientWritesIsNothing(f *testing.F) {
	for _, seed := range []string{"", "127.0.0.1", `for="`, `"`, "for=10.0.0.1;", `\`, ",,,", `for=1.1.1.1;host="a, b`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		for header, said := range map[string]string{"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7;proto=https"} {
			for _, lines := range [][]string{{written + ", " + said}, {written, said}} {
				if got := seen(t, header, "10.0.0.1:1", lines...); got != "198.51.100.7" {
					t.Errorf("%q: seen as %s", lines, got)
				}
			}
			if got := seen(t, header, "192.0.2.1:1", written); got != "192.0.2.1" {
				t.Errorf("a stranger who writes %q is seen as %s", written, got)
			}
		}
	})
}
