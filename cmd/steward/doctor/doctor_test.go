package doctor_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/cmd/steward/app"
	"github.com/steward-mcp/steward/cmd/steward/doctor"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
	"github.com/steward-mcp/steward/internal/infrastructure/disk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings are of a server whose state is the test's alone, on free ports.
func settings(t *testing.T) app.Settings {
	t.Helper()
	c := config.Default()
	c.StateDir = t.TempDir()
	c.Audit.Dir = filepath.Join(c.StateDir, "audit")
	c.Server.Listen, c.Server.AdminListen = "127.0.0.1:0", "127.0.0.1:0"
	c.Log.Level = "error"
	c.Personas = map[string]config.Persona{"analyst": {}}
	return app.Settings{Config: c, Version: "test"}
}

// served runs a server once, so that there is a state.
func served(t *testing.T, s app.Settings) {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end() // a start is finished all the same
	if err := app.Run(ended, app.Options(s), app.Serve()); err != nil {
		t.Fatal(err)
	}
}

// plenty is the room of a disk that is as good as empty.
func plenty(string) (disk.Room, error) { return disk.Room{Free: 1 << 40, Total: 1 << 40}, nil }

// examine gives the findings by name, each of which says how to mend it if it is not well.
func examine(t *testing.T, d doctor.Doctor, c config.Config) map[string]doctor.Finding {
	t.Helper()
	if d.Room == nil {
		d.Room = plenty
	}
	found, err := d.Examine(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]doctor.Finding{}
	for _, f := range found {
		byName[f.Name] = f
		if (f.Status == "ok") != (f.Mend == "") || f.Status != "ok" && f.Text == "" {
			t.Errorf("%+v does not say how to mend it, or mends what is well", f)
		}
	}
	return byName
}

func statuses(found map[string]doctor.Finding) map[string]string {
	status := map[string]string{}
	for name, f := range found {
		status[name] = f.Status
	}
	return status
}

var wellButBare = map[string]string{
	"audit": "ok", "checkpoint key": "ok", "state directory": "ok", "audit directory": "ok", "clock": "ok", "personas": "ok",
	"issuers": "ok", "certificate": "ok", "security.txt": "ok", "claude": "warning", "metrics": "warning",
}

func TestExamine_SaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := settings(t)
	s.Config.Personas = nil
	s.Config.StateDir = filepath.Join(s.Config.StateDir, "not", "yet")
	s.Config.Audit.Dir = filepath.Join(s.Config.StateDir, "audit")
	want := maps(wellButBare, "personas", "warning")
	if diff := cmp.Diff(want, statuses(examine(t, doctor.Doctor{}, s.Config))); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(s.Config.StateDir); err == nil {
		t.Error("the examination has made the state directory")
	}
}

func maps(from map[string]string, name, status string) map[string]string {
	all := map[string]string{name: status}
	for n, s := range from {
		if n != name {
			all[n] = s
		}
	}
	return all
}

func TestExamine_FindsEverySickness(t *testing.T) {
	t.Parallel()
	room := func(free, total uint64) doctor.Doctor {
		return doctor.Doctor{Room: func(string) (disk.Room, error) { return disk.Room{Free: free, Total: total}, nil }}
	}
	const gib = 1 << 30
	for name, c := range map[string]struct {
		spoil  func(t *testing.T, c *config.Config)
		doctor doctor.Doctor
		sick   map[string]string
		words  string // of one of the sick
	}{
		"nothing":                 {},
		"less than a GiB is free": {doctor: room(gib-1, 10*gib), sick: map[string]string{"state directory": "warning", "audit directory": "warning"}, words: "1.0 GiB are free, 10 %"},
		"less than 5 % is free":   {doctor: room(4*gib, 100*gib), sick: map[string]string{"state directory": "warning", "audit directory": "warning"}, words: "4.0 GiB are free, 4 %"},
		"room that nobody knows": {
			doctor: doctor.Doctor{Room: func(string) (disk.Room, error) { return disk.Room{}, errors.New("no") }},
			sick:   map[string]string{"state directory": "warning", "audit directory": "warning"}, words: "cannot be told",
		},
		"a state that cannot be written": {
			spoil: func(t *testing.T, c *config.Config) {
				t.Helper()
				file := filepath.Join(t.TempDir(), "file")
				write(t, file, nil, 0o600)
				c.StateDir = filepath.Join(file, "state")
			},
			sick: map[string]string{"state directory": "failed", "checkpoint key": "failed", "audit": "failed"}, words: "No file can be made",
		},
		"an audit directory that cannot be written": {
			spoil: func(t *testing.T, c *config.Config) {
				t.Helper()
				c.Audit.CheckpointDir = filepath.Join(c.StateDir, "steward.db")
			},
			sick: map[string]string{"checkpoint directory": "failed", "checkpoint key": "failed", "audit": "failed"}, words: "No file can be made",
		},
		"a clock that is behind the journal": {
			doctor: doctor.Doctor{Now: func() time.Time { return time.Now().Add(-time.Hour) }},
			sick:   map[string]string{"clock": "failed"}, words: "is of",
		},
		"a clock that is behind a file": {
			spoil: func(t *testing.T, c *config.Config) {
				t.Helper()
				ahead := time.Now().Add(time.Hour)
				if err := os.Chtimes(filepath.Join(c.StateDir, "pepper"), ahead, ahead); err != nil {
					t.Fatal(err)
				}
			},
			sick: map[string]string{"clock": "failed"}, words: "pepper",
		},
		"a key that others can read": {
			spoil: func(t *testing.T, c *config.Config) {
				t.Helper()
				if err := os.Chmod(keyOf(c), 0o644); err != nil {
					t.Fatal(err)
				}
			},
			sick: map[string]string{"checkpoint key": "failed", "audit": "failed"}, words: "0600",
		},
		"a key that is gone": {
			spoil: func(t *testing.T, c *config.Config) {
				t.Helper()
				if err := os.Remove(keyOf(c)); err != nil {
					t.Fatal(err)
				}
			},
			sick: map[string]string{"checkpoint key": "failed"}, words: "another key",
		},
		"another key": {
			spoil: func(t *testing.T, c *config.Config) {
				t.Helper()
				_, private, err := ed25519.GenerateKey(rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				write(t, keyOf(c), pemOf(t, private), 0o600)
			},
			sick: map[string]string{"checkpoint key": "failed", "audit": "failed"}, words: "another key",
		},
		"a contact that has expired": {
			spoil: func(t *testing.T, c *config.Config) {
				t.Helper()
				c.Server.SecurityTxt = config.SecurityTxt{Contact: "mailto:security@example.com", Expires: "2026-01-31T00:00:00Z"}
			},
			sick: map[string]string{"security.txt": "warning"}, words: "2026-01-31T00:00:00Z",
		},
		"no key at all": {
			spoil: func(t *testing.T, c *config.Config) { t.Helper(); write(t, keyOf(c), []byte("not a key"), 0o600) },
			sick:  map[string]string{"checkpoint key": "failed", "audit": "failed"}, words: "no Ed25519 key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := settings(t)
			served(t, s)
			if c.spoil != nil {
				c.spoil(t, &s.Config)
			}
			found := examine(t, c.doctor, s.Config)
			want := wellButBare
			for n, status := range c.sick {
				want = maps(want, n, status)
			}
			if diff := cmp.Diff(want, statuses(found)); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			told := c.words == ""
			for n := range c.sick {
				told = told || strings.Contains(found[n].Text, c.words)
			}
			if !told {
				t.Errorf("nothing says %q: %+v", c.words, found)
			}
		})
	}
}

func keyOf(c *config.Config) string { return filepath.Join(c.StateDir, "audit-journal.key") }

func write(t *testing.T, name string, text []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, text, mode); err != nil {
		t.Fatal(err)
	}
}

func pemOf(t *testing.T, private ed25519.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

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
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	write(t, keyFile, pemOf(t, private), 0o600)
	return certFile, keyFile
}

func TestExamine_LooksAtTheCertificate(t *testing.T) {
	t.Parallel()
	good, goodKey := pair(t, 15*24*time.Hour)
	old, oldKey := pair(t, 14*24*time.Hour-time.Minute)
	over, overKey := pair(t, -time.Minute)
	for name, c := range map[string]struct{ cert, key, want string }{
		"good": {good, goodKey, "ok"}, "over in a fortnight": {old, oldKey, "warning"}, "expired": {over, overKey, "failed"},
		"another's key": {good, oldKey, "failed"}, "missing": {good + ".not", goodKey, "failed"}, "no certificate": {goodKey, goodKey, "failed"},
	} {
		s := settings(t)
		s.Config.Server.TLS.CertFile, s.Config.Server.TLS.KeyFile = c.cert, c.key
		if got := examine(t, doctor.Doctor{}, s.Config)["certificate"]; got.Status != c.want {
			t.Errorf("%s: found %+v", name, got)
		}
	}
}

func TestExamine_AsksTheIssuers(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`) // of RFC 8037
	}))
	defer issuer.Close()
	s := settings(t)
	s.Config.Auth = config.Auth{Resource: "https://steward.example.com/mcp", UnsafeHTTP: true, Issuers: []config.Issuer{{Issuer: issuer.URL, JWKSURL: issuer.URL}}}
	for _, want := range []string{"ok", "failed"} {
		if got := examine(t, doctor.Doctor{}, s.Config)["issuers"]; got.Status != want || want == "failed" && !strings.Contains(got.Text, issuer.URL) {
			t.Errorf("%s: found %+v", want, got)
		}
		status = http.StatusBadGateway
	}
}

func TestExamine_FindsAJournalThatIsNotWhole(t *testing.T) {
	t.Parallel()
	s := settings(t)
	served(t, s)
	segment := filepath.Join(s.Config.Audit.Dir, "000000000001.jsonl")
	text, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	write(t, segment, bytes.Replace(text, []byte("took up"), []byte("stole up"), 1), 0o600)
	if got := examine(t, doctor.Doctor{}, s.Config)["audit"]; got.Status != "failed" || !strings.Contains(got.Text, "line 1") {
		t.Errorf("found %+v", got)
	}
}

// What the doctor looks at by itself is what a machine has.
func TestExamine_MeasuresTheDisk(t *testing.T) {
	t.Parallel()
	s := settings(t)
	found, err := doctor.Doctor{}.Examine(t.Context(), s.Config)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(found, func(f doctor.Finding) bool { return f.Name == "state directory" })
	if i < 0 || !strings.Contains(found[i].Text, "GiB are free") {
		t.Errorf("found %+v", found)
	}
}
