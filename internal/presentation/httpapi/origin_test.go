package httpapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/presentation/httpapi"
)

var (
	hosts   = []string{"steward.example.com", "10.0.0.7"}
	origins = []string{"https://app.example.com", "http://10.0.0.7:8080"}
)

func TestAllowedHost_KnowsItsNames(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"localhost": true, "localhost:7878": true, "LOCALHOST": true, "127.0.0.1": true, "127.0.0.1:1": true, "127.9.9.9": true,
		"[::1]": true, "[::1]:7878": true, "steward.example.com": true, "Steward.Example.COM:443": true, "10.0.0.7:80": true,
		"": false, "attacker.example.com": false, "localhost.attacker.com": false, "attacker.com:localhost": false,
		"127.0.0.1.attacker.com": false, "steward.example.com.": false, "xsteward.example.com": false, "10.0.0.70": false,
		"[::2]": false, "[::1%eth0]": false, "0.0.0.0": false, "2130706433": false, "localhost@attacker.com": false, "localhost/": false,
	} {
		if got := httpapi.AllowedHost(header, hosts); got != want {
			t.Errorf("%q: %t", header, got)
		}
	}
}

func TestAllowedOrigin_KnowsItsPages(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"http://localhost": true, "http://localhost:6274": true, "https://127.0.0.1:3000": true, "http://[::1]:3000": true,
		"https://app.example.com": true, "HTTPS://App.Example.com": true, "http://10.0.0.7:8080": true,
		"null": false, "http://app.example.com": false, "https://app.example.com:8443": false, "https://app.example.com.attacker.com": false,
		"https://attacker.com": false, "http://localhost.attacker.com": false, "http://localhost@attacker.com": false,
		"http://attacker.com@localhost": false, "ftp://localhost": false, "file://": false, "http://localhost/path": false,
		"http://10.0.0.7": false, "localhost": false, "chrome-extension://abcdef": false, "https://app.example.com/": false,
	} {
		if got := httpapi.AllowedOrigin(header, origins); got != want {
			t.Errorf("%q: %t", header, got)
		}
	}
}

// Whatever a browser sends: what is let through is listed, or speaks of this machine.
func FuzzAllowedOrigin(f *testing.F) {
	for _, seed := range []string{"http://localhost:1", "null", "https://app.example.com", "http://[::1%25eth0]", "http://127.1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if !httpapi.AllowedOrigin(header, origins) {
			return
		}
		u, err := url.Parse(strings.ToLower(header))
		if err != nil {
			t.Fatalf("%q is allowed and no URL", header)
		}
		if name := u.Hostname(); name != "localhost" && name != "::1" && name != "app.example.com" && name != "10.0.0.7" &&
			!strings.HasPrefix(name, "127.") && !strings.HasPrefix(name, "::ffff:") {
			t.Errorf("%q is allowed", header)
		}
	})
}
