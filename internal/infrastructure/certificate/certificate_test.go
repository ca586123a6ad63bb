package certificate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/steward-mcp/steward/internal/infrastructure/certificate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a pair of files, a clock and a log in the test's hand.
type world struct {
	dir string
	now time.Time
	log *observer.ObservedLogs
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// issue makes a certificate for localhost and puts it where the server reads it, by replacing the files.
func (w *world) issue(t *testing.T, serial int64, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Unix(0, 0), NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}, &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	w.put(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (w *world) put(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(w.path("new"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.path("new"), w.path(name)); err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T) (*world, *zap.Logger) {
	t.Helper()
	core, log := observer.New(zapcore.InfoLevel)
	return &world{dir: t.TempDir(), now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), log: log}, zap.New(core)
}

func open(t *testing.T) (*world, *certificate.Files) {
	t.Helper()
	w, log := newWorld(t)
	w.issue(t, 1, w.now.AddDate(1, 0, 0))
	f, err := certificate.Open(w.path("cert.pem"), w.path("key.pem"), func() time.Time { return w.now }, log)
	if err != nil {
		t.Fatal(err)
	}
	return w, f
}

// shake is one handshake. It gives the serial number of the certificate and the version that was agreed on.
func shake(t *testing.T, f *certificate.Files, client *tls.Config) (serial int64, version uint16, err error) {
	t.Helper()
	near, far := net.Pipe()
	client.InsecureSkipVerify = true
	server := tls.Server(far, f.Config())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Handshake() // what the client says of it tells more
		_ = server.Close()
	}()
	c := tls.Client(near, client)
	err = c.Handshake()
	if err == nil {
		state := c.ConnectionState()
		serial, version = state.PeerCertificates[0].SerialNumber.Int64(), state.Version
	}
	_ = near.Close()
	<-done
	return serial, version, err
}

func TestFiles_SpeakNoOldTLS(t *testing.T) {
	t.Parallel()
	_, f := open(t)
	for version, ok := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		_, got, err := shake(t, f, &tls.Config{MinVersion: version, MaxVersion: version})
		if ok != (err == nil) || ok && got != version {
			t.Errorf("%s: agreed on %s, %v", tls.VersionName(version), tls.VersionName(got), err)
		}
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		weak := !strings.Contains(suite.Name, "ECDHE") || strings.Contains(suite.Name, "CBC") || suite.Insecure
		_, _, err := shake(t, f, &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		if weak && err == nil {
			t.Errorf("%s is spoken", suite.Name)
		}
	}
}

// New files are served from the next handshake on that comes two seconds after the last look; a half-done change, files
// that cannot be used and files that are gone change nothing, and each is said once.
func TestFiles_AreReadAgainWhenTheyChange(t *testing.T) {
	t.Parallel()
	w, f := open(t)
	serving := func(want int64, why string) {
		t.Helper()
		for range 2 {
			if got, _, err := shake(t, f, &tls.Config{MinVersion: tls.VersionTLS13}); got != want || err != nil {
				t.Errorf("%s: the certificate is number %d, %v", why, got, err)
			}
		}
	}
	serving(1, "at first")
	old, err := os.ReadFile(w.path("cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	w.issue(t, 2, w.now.AddDate(1, 0, 0))
	serving(1, "at once")
	w.now = w.now.Add(2 * time.Second)
	serving(2, "after two seconds")
	for _, bad := range []struct {
		name string
		text []byte
	}{{"cert.pem", old}, {"cert.pem", []byte("nonsense")}, {"cert.pem", nil}} {
		w.put(t, bad.name, bad.text)
		w.now = w.now.Add(2 * time.Second)
		serving(2, "with files that do not fit")
		w.now = w.now.Add(2 * time.Second)
		serving(2, "with files that do not fit, later")
		if err := f.Check(); !errors.Is(err, certificate.ErrUnusable) {
			t.Errorf("check: %v", err)
		}
	}
	if err := os.Remove(w.path("cert.pem")); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(2 * time.Second)
	serving(2, "without a file")
	w.issue(t, 3, w.now.AddDate(1, 0, 0))
	w.now = w.now.Add(2 * time.Second)
	serving(3, "with files that do")
	if err := f.Check(); err != nil {
		t.Errorf("check: %v", err)
	}
	if got := w.log.FilterMessage("the certificate cannot be used").Len(); got != 4 {
		t.Errorf("the log complains %d times", got)
	}
}

func TestFiles_SayThatTheyExpire(t *testing.T) {
	t.Parallel()
	w, f := open(t)
	for days, want := range map[int]error{0: nil, 300: nil, 355: certificate.ErrExpires, 400: certificate.ErrExpires} {
		begun := w.now
		w.now = w.now.AddDate(0, 0, days)
		if err := f.Check(); !errors.Is(err, want) {
			t.Errorf("after %d days: %v", days, err)
		}
		w.now = begun
	}
}

func TestOpen_RefusesWhatCannotBeServed(t *testing.T) {
	t.Parallel()
	w, log := newWorld(t)
	w.put(t, "key.pem", []byte("canary"))
	_, err := certificate.Open(w.path("cert.pem"), w.path("key.pem"), time.Now, log)
	if !errors.Is(err, certificate.ErrUnusable) || strings.Contains(err.Error(), w.dir) {
		t.Errorf("%v", err)
	}
}
