package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/steward-mcp/steward/internal/infrastructure/auditlog"
	"github.com/steward-mcp/steward/internal/infrastructure/config"
)

// Chain is one chain of a state: a journal with one writer.
type Chain struct {
	Dir     string
	Signing auditlog.Signing
}

// serverWriter is what the checkpoints of the server's own chain, which the commands write too, call it.
const serverWriter = "journal"

func serverChain(c config.Config) Chain { return chain(c, c.Audit.Dir, serverWriter) }

func stdioChain(c config.Config, name string) Chain {
	return chain(c, filepath.Join(c.Audit.Dir, name), name)
}

func chain(c config.Config, dir, writer string) Chain {
	return Chain{Dir: dir, Signing: auditlog.Signing{
		KeyFile: filepath.Join(c.StateDir, "audit-"+writer+".key"), Writer: writer,
		Elsewhere: c.Audit.CheckpointDir, Every: c.Audit.CheckpointEvery,
	}}
}

func (c Chain) open(o auditlog.Options) (*auditlog.Journal, error) {
	o.Signing = c.Signing
	return auditlog.Open(c.Dir, o)
}

// Chains lists all chains of a state, the server's first.
func Chains(c config.Config) []Chain {
	chains := []Chain{serverChain(c)}
	more, _ := filepath.Glob(filepath.Join(c.Audit.Dir, "stdio-*")) // fails on a bad pattern only
	for _, dir := range more {
		chains = append(chains, stdioChain(c, filepath.Base(dir)))
	}
	return chains
}

// Verify checks the chain against everything that it can be held against.
func (c Chain) Verify(ctx context.Context, progress func(done, total int64)) (auditlog.Report, error) {
	trust, err := c.Trust()
	if err != nil {
		return auditlog.Report{}, err
	}
	return auditlog.Verify(ctx, c.Dir, trust, progress)
}

// Trust is what the chain is held against: the public key in the second directory if there is one, where nobody who
// takes over the state can replace it, and otherwise that of the state; and the checkpoints that were kept there. A
// chain that has neither was written before checkpoints were.
func (c Chain) Trust() (auditlog.Trust, error) {
	var t auditlog.Trust
	files := []string{c.Signing.KeyFile}
	if c.Signing.Elsewhere != "" {
		file, public := auditlog.CheckpointsElsewhere(c.Signing.Elsewhere, c.Signing.Writer)
		files = []string{public, c.Signing.KeyFile}
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			t.Files = []string{file}
		}
	}
	for _, file := range files {
		key, err := auditlog.PublicKey(file)
		if err == nil {
			t.Keys, t.Signed = []ed25519.PublicKey{key}, true
			return t, nil
		}
		if !errors.Is(err, auditlog.ErrNoKey) {
			return t, err
		}
	}
	return t, nil
}
