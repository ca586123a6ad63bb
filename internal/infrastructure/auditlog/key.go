package auditlog

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// signingKey reads the key that checkpoints are signed with (PKCS #8 in PEM, mode 0600), and makes it, once and durably,
// when there is none. A key that others may read is no key.
func signingKey(path string) (ed25519.PrivateKey, error) {
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	_, key, err = ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, ErrStorage.Because(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, ErrStorage.Because(err)
	}
	if err := makeDurable(filepath.Dir(path)); err != nil {
		return nil, ErrStorage.Because(err)
	}
	if err := createDurable(path, pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der})); err != nil {
		return nil, ErrStorage.Because(err)
	}
	return key, nil
}

const othersAccess fs.FileMode = 0o077

func readKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, ErrStorage.Because(err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&othersAccess != 0:
		return nil, ErrKeyExposed
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, ErrStorage.Because(err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != privateBlock {
		return nil, ErrKey
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, ok := parsed.(ed25519.PrivateKey); ok && err == nil {
		return key, nil
	}
	return nil, ErrKey
}

// PublicKey reads the public half of the key in the file at path: of a private key, or of one that Steward exported.
// It answers ErrNoKey when there is no file, and ErrKey or ErrKeyExposed for one that cannot be used.
func PublicKey(path string) (ed25519.PublicKey, error) {
	text, err := readRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, ErrStorage.Because(err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != publicBlock {
		key, err := readKey(path)
		if err != nil {
			return nil, err
		}
		return publicHalf(key), nil
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if key, ok := parsed.(ed25519.PublicKey); ok && err == nil {
		return key, nil
	}
	return nil, ErrKey
}

func publicHalf(key ed25519.PrivateKey) ed25519.PublicKey {
	return ed25519.PublicKey(key[ed25519.SeedSize:])
}

// exportKey leaves the public half at path, once. One that is there already must be the same.
func exportKey(path string, key ed25519.PublicKey) error {
	there, err := PublicKey(path)
	switch {
	case err == nil && there.Equal(key):
		return nil
	case err == nil:
		return ErrKeyChanged
	case !errors.Is(err, ErrNoKey):
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return ErrStorage.Because(err)
	}
	if err := createDurable(path, pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der})); err != nil {
		return ErrStorage.Because(err)
	}
	return nil
}

// createDurable writes a file that does not exist yet whole or not at all.
func createDurable(path string, content []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Link(temporary.Name(), path) // fails when somebody was faster
	}
	return errors.Join(err, os.Remove(temporary.Name()), syncDirectory(filepath.Dir(path)))
}

func syncDirectory(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
