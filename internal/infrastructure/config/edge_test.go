package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// pair puts a certificate and its key into a folder.
func pair(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad_TakesACertificateForLeaveToBeReached(t *testing.T) {
	dir := pair(t)
	file := filepath.Join(dir, "steward.yaml")
	if err := os.WriteFile(file, []byte("server: {listen: \"0.0.0.0:443\", tls: {cert_file: cert.pem, key_file: key.pem}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, config.Options{File: file, Env: []string{home}})
	if c.Server.TLS.CertFile != filepath.Join(dir, "cert.pem") || c.Server.TLS.KeyFile != filepath.Join(dir, "key.pem") {
		t.Errorf("the files are %+v", c.Server.TLS)
	}
}

func TestLoad_RefusesACertificateThatCannotBeServed(t *testing.T) {
	for name, c := range map[string]struct {
		spoil     func(dir string) error
		cert, key string
		want      string
	}{
		"no key":             {nil, "cert.pem", "", "server.tls.key_file: must name the file of the key"},
		"no certificate":     {nil, "", "key.pem", "server.tls.cert_file: must name the file of the certificate"},
		"a file that is not": {nil, "nowhere.pem", "key.pem", "server.tls.cert_file: there is no such file"},
		"the wrong way":      {nil, "key.pem", "cert.pem", "server.tls.cert_file: is no certificate in PEM that fits"},
		"a key for everybody": {
			func(dir string) error { return os.Chmod(filepath.Join(dir, "key.pem"), 0o644) },
			"cert.pem", "key.pem", "server.tls.key_file: others can read the file",
		},
		"a canary": {
			func(dir string) error {
				return os.WriteFile(filepath.Join(dir, "key.pem"), []byte("-----BEGIN canary-----"), 0o600)
			},
			"cert.pem", "key.pem", "server.tls.cert_file: is no certificate in PEM that fits",
		},
	} {
		dir := pair(t)
		if c.spoil != nil {
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(dir, "steward.yaml")
		if err := os.WriteFile(file, []byte("server: {tls: {cert_file: \""+c.cert+"\", key_file: \""+c.key+"\"}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got := problems(t, config.Options{File: file, Env: []string{home}})
		if len(got) != 1 || !strings.Contains(got[0], c.want) || strings.Contains(got[0], "canary") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestLoad_RefusesNetworksThatAreNone(t *testing.T) {
	got := problems(t, config.Options{Env: []string{
		home, "STEWARD_SERVER__TRUSTED_PROXIES=10.0.0.0/8,10.0.0.1/8,proxy.example,::ffff:10.0.0.0/104,10.0.0.0/40,fe80::1%eth0",
		"STEWARD_SERVER__ALLOWED_NETWORKS=0.0.0.0/0", "STEWARD_SERVER__FORWARDED_HEADER=X-Real-IP",
		"STEWARD_SERVER__SECURITY_TXT__CONTACT=security@example.com", "STEWARD_SERVER__SECURITY_TXT__EXPIRES=tomorrow",
	}})
	var named []string
	for _, line := range got {
		named = append(named, strings.SplitN(line, ": ", 3)[1])
	}
	want := []string{
		"server.trusted_proxies[1]", "server.trusted_proxies[2]", "server.trusted_proxies[3]", "server.trusted_proxies[4]", "server.trusted_proxies[5]",
		"server.forwarded_header", "server.security_txt.contact", "server.security_txt.expires",
	}
	if diff := cmp.Diff(want, named, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("%s\n%s", diff, strings.Join(got, "\n"))
	}
	everybody := problems(t, config.Options{Env: []string{home, "STEWARD_SERVER__TRUSTED_PROXIES=0.0.0.0/0"}})
	if len(everybody) != 1 || !strings.Contains(everybody[0], "trusts everybody") {
		t.Errorf("%q", everybody)
	}
}

func TestNetworks_ReadAddressesToo(t *testing.T) {
	got := config.Networks([]string{"10.0.0.0/8", "192.0.2.1", "::ffff:192.0.2.2", "2001:db8::/32", "::1"})
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32"),
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("::1/128"),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}
