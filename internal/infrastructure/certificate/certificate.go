// Package certificate is the certificate of a TLS server, which may be replaced while the server runs.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"io/fs"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Faults of certificates.
var (
	ErrUnusable = fault.New(fault.Unavailable, "certificate.unusable", "The certificate or its key cannot be used; the reason is in the log.")
	ErrExpires  = fault.New(fault.Precondition, "certificate.expires", "The certificate expires soon, or has expired; replace its files.")
)

const (
	lookEvery = 2 * time.Second     // at most so often the files are looked at
	warnAhead = 14 * 24 * time.Hour // of the end of the certificate
)

// Files are a certificate and its key in two PEM files. Whoever replaces them changes both; until the new ones fit each
// other, and for as long as they cannot be used, the old pair is served. Safe for concurrent use.
type Files struct {
	certificate, key string
	now              func() time.Time
	log              *zap.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	seen   [2]state // of the files when they were read last
	looked time.Time
	err    error // of the last reading
}

// state is how a file looked; nil where there was none.
type state struct{ info fs.FileInfo }

// same reports whether the file is the one that it was: one put in its place is another, and one that was written over
// has another time.
func (s state) same(o state) bool {
	if s.info == nil || o.info == nil {
		return s.info == nil && o.info == nil
	}
	return os.SameFile(s.info, o.info) && s.info.ModTime().Equal(o.info.ModTime()) && s.info.Size() == o.info.Size()
}

// Open reads the files, or answers ErrUnusable.
func Open(certificate, key string, now func() time.Time, log *zap.Logger) (*Files, error) {
	f := &Files{certificate: certificate, key: key, now: now, log: log}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look()
	if f.pair == nil {
		return nil, f.err
	}
	return f, nil
}

// Config is a configuration that serves the certificate: TLS 1.2 with forward secrecy and authenticated encryption
// (RFC 9325 §4.2), or TLS 1.3.
func (f *Files) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.current(), nil },
	}
}

// Check answers ErrUnusable when the files on disk cannot be used, and ErrExpires when the certificate that is served
// ends within 14 days.
func (f *Files) Check() error {
	pair := f.current()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	if f.now().Add(warnAhead).After(pair.Leaf.NotAfter) {
		return ErrExpires
	}
	return nil
}

// Ends is when the certificate that is served does.
func (f *Files) Ends() time.Time { return f.current().Leaf.NotAfter }

// current is the certificate to be served. A handshake reads the files when they have changed.
func (f *Files) current() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now().Sub(f.looked) >= lookEvery {
		f.look()
	}
	return f.pair
}

// look reads the files unless they are as they were, and says in the log what came of it, once for each change.
func (f *Files) look() {
	f.looked = f.now()
	var seen [2]state
	for i, name := range []string{f.certificate, f.key} {
		if info, err := os.Stat(name); err == nil {
			seen[i] = state{info}
		}
	}
	if (f.pair != nil || f.err != nil) && seen[0].same(f.seen[0]) && seen[1].same(f.seen[1]) {
		return
	}
	f.seen = seen
	pair, err := read(f.certificate, f.key)
	if err != nil {
		f.err = ErrUnusable.Because(err)
		f.log.Error("the certificate cannot be used", zap.Bool("another_is_served", f.pair != nil), zap.Error(err))
		return
	}
	f.pair, f.err = pair, nil
	f.log.Info("the certificate was read", zap.Time("not_after", pair.Leaf.NotAfter))
}

func read(certificate, key string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, err
		}
	}
	return &pair, nil
}
