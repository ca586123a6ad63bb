package auditlog

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// Trust is what a journal is held against beside itself.
type Trust struct {
	// Keys are those whose signatures count. Without any, all checkpoints must be of one key, whichever it is; whoever
	// can write the journal's directory can then sign as well.
	Keys []ed25519.PublicKey
	// Files hold checkpoints that were kept elsewhere. Those in the journal's own directory are read in any case.
	Files []string
	// Signed says that this journal has checkpoints: to have none is then as bad as a record that does not hold.
	Signed bool
}

// claims are what checkpoints say about a chain.
type claims struct {
	keys    []ed25519.PublicKey
	heads   map[uint64][]audit.Digest
	anchors map[uint64]audit.Chain
	last    uint64 // the greatest number with a head
	held    int
	signers ed25519.PublicKey
	bad     *Bad // the first checkpoint that does not count
}

func readClaims(dir string, t Trust) (*claims, error) {
	c := &claims{keys: t.Keys, heads: map[uint64][]audit.Digest{}, anchors: map[uint64]audit.Chain{}}
	for i, file := range append([]string{CheckpointsFile(dir)}, t.Files...) {
		text, err := readRegular(file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && i == 0:
		case errors.Is(err, fs.ErrNotExist):
			return nil, ErrNoCheckpoints.Because(err)
		case err != nil:
			return nil, ErrStorage.Because(err)
		}
		c.read(filepath.Base(file), text)
	}
	return c, nil
}

func (c *claims) read(name string, text []byte) {
	number := int64(0)
	for line := range bytes.Lines(text) {
		number++
		body, whole := bytes.CutSuffix(line, []byte("\n"))
		if !whole {
			return // being written, or what a crash left of it; the next checkpoint vouches for the same records
		}
		s, err := audit.ReadCheckpoint(body)
		broken := &audit.Break{Seq: s.Seq, Reason: audit.UnknownKey}
		if !errors.As(err, &broken) && c.trusts(s.Key) {
			c.add(s)
			continue
		}
		if c.bad == nil {
			c.bad = &Bad{Segment: name, Line: number, Seq: broken.Seq, Reason: broken.Reason}
		}
	}
}

func (c *claims) trusts(key ed25519.PublicKey) bool {
	if len(c.keys) == 0 {
		c.keys = []ed25519.PublicKey{key}
	}
	for _, k := range c.keys {
		if k.Equal(key) {
			c.signers = key
			return true
		}
	}
	return false
}

func (c *claims) add(s audit.Signed) {
	c.held++
	if s.Kind == audit.Anchor {
		c.anchors[s.Seq] = s.Chain()
		return
	}
	c.heads[s.Seq] = append(c.heads[s.Seq], s.Hash)
	c.last = max(c.last, s.Seq)
}

// dispute is what the checkpoints have against line, which holds by its own hash, as record seq. signed reports
// whether there is a checkpoint for it.
func (c *claims) dispute(seq uint64, line []byte) (signed bool, err error) {
	heads := c.heads[seq]
	if len(heads) == 0 {
		return false, nil
	}
	at, err := audit.After(line)
	if err != nil {
		return true, err
	}
	for _, head := range heads {
		if head != at.Head() {
			return true, &audit.Break{Seq: seq, Reason: audit.Rewritten}
		}
	}
	return true, nil
}
