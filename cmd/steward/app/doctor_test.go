package app_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/steward-mcp/steward/cmd/steward/app"
)

// pair writes a certificate that holds for so long, and its key.
func pair(t *testing.T, lasts time.Duration) (certFile, keyFile string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestExamine_LooksAtTheCertificate(t *testing.T) {
	t.Parallel()
	good, goodKey := pair(t, 365*24*time.Hour)
	old, oldKey := pair(t, time.Hour)
	for name, c := range map[string]struct{ cert, key, want string }{
		"good": {good, goodKey, "ok"}, "soon over": {old, oldKey, "warning"}, "another's key": {good, oldKey, "failed"},
		"missing": {good + ".not", goodKey, "failed"},
	} {
		s := settings(t)
		s.Config.Server.TLS.CertFile, s.Config.Server.TLS.KeyFile = c.cert, c.key
		found, err := app.Examine(t.Context(), s.Config)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(found, func(f app.Finding) bool { return f.Name == "certificate" })
		if i < 0 || found[i].Status != c.want || (found[i].Mend == "") != (c.want == "ok") {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}
