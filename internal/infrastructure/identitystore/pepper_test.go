package identitystore_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/identity"
	"github.com/steward-mcp/steward/internal/domain/identity/identitytest"
	"github.com/steward-mcp/steward/internal/infrastructure/identitystore"
)

func pepper(t *testing.T, dir, configured string) identity.Pepper {
	t.Helper()
	p, err := identitystore.Pepper(dir, configured)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// same reports whether a key issued under one pepper holds under the other.
func same(t *testing.T, a, b identity.Pepper) bool {
	t.Helper()
	issuing, err := identity.NewAuthority(a, "dev")
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := identity.NewAuthority(b, "dev")
	if err != nil {
		t.Fatal(err)
	}
	k, c, err := issuing.Issue(identity.Grant{Name: "Ada", Personas: []string{"analyst"}}, identitytest.Start)
	if err != nil {
		t.Fatal(err)
	}
	return verifying.Verify(k.Terms(), c, identitytest.Start) == nil
}

func TestPepper_IsMadeOnceAndKeptToItself(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first := pepper(t, dir, "")
	if !same(t, first, pepper(t, dir, "")) {
		t.Error("the second start has another pepper")
	}
	if same(t, first, pepper(t, t.TempDir(), "")) {
		t.Error("two installations have the same pepper")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != identitystore.PepperFile {
		t.Errorf("the directory holds %v", entries)
	}
	info, err := entries[0].Info()
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	text, err := os.ReadFile(filepath.Join(dir, identitystore.PepperFile))
	if err != nil {
		t.Fatal(err)
	}
	if !same(t, first, pepper(t, t.TempDir(), string(bytes.TrimSpace(text)))) {
		t.Error("the file's text, configured, is another pepper")
	}
}

func TestPepper_IsAgreedOnByAllWhoStartTogether(t *testing.T) {
	dir := t.TempDir()
	peppers := make([]identity.Pepper, 8)
	var wg sync.WaitGroup
	for i := range peppers {
		wg.Go(func() {
			var err error
			if peppers[i], err = identitystore.Pepper(dir, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, p := range peppers {
		if !same(t, peppers[0], p) {
			t.Fatal("two starters have different peppers")
		}
	}
}

func TestPepper_RefusesWhatOthersCouldKnow(t *testing.T) {
	secret := bytes.Repeat([]byte("x"), 64)
	for name, c := range map[string]struct {
		prepare func(path string) error
		want    error
	}{
		"a readable file": {func(p string) error { return errors.Join(os.WriteFile(p, secret, 0o600), os.Chmod(p, 0o640)) }, identitystore.ErrPepperExposed},
		"a link": {func(p string) error {
			return errors.Join(os.WriteFile(p+"2", secret, 0o600), os.Symlink(p+"2", p))
		}, identitystore.ErrPepperExposed},
		"a directory":   {func(p string) error { return os.Mkdir(p, 0o700) }, identitystore.ErrPepperExposed},
		"an empty file": {func(p string) error { return os.WriteFile(p, nil, 0o600) }, identitystore.ErrPepperBroken},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.prepare(filepath.Join(dir, identitystore.PepperFile)); err != nil {
				t.Fatal(err)
			}
			if _, err := identitystore.Pepper(dir, ""); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	if _, err := identitystore.Pepper(t.TempDir(), "short"); !errors.Is(err, identity.ErrPepper) {
		t.Errorf("a short configured pepper: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := identitystore.Pepper(file, ""); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a state directory that is a file: %v", err)
	}
}
