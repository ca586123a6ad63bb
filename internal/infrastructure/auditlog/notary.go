package auditlog

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// Signing says how a journal signs its checkpoints. The zero value signs none.
type Signing struct {
	// KeyFile is the private key, of this journal alone. It is made when there is none.
	KeyFile string
	// Writer names the journal in its checkpoints, and its files in Elsewhere.
	Writer string
	// Elsewhere is a second directory for checkpoints, best where this machine can only add; empty for none.
	Elsewhere string
	// Every is the longest that a record waits for its checkpoint; 0 means DefaultCheckpointEvery.
	Every time.Duration
}

// DefaultCheckpointEvery holds when Signing is silent. checkpointRecords is how many records make a checkpoint due
// before the time does.
const (
	DefaultCheckpointEvery = 5 * time.Minute
	checkpointRecords      = 10_000
)

// The names of what signing leaves in a journal's directory.
const (
	checkpointsName = "checkpoints.ndjson"
	publicKeyName   = "checkpoints.pub"
)

// CheckpointsFile is where the journal in dir keeps its checkpoints.
func CheckpointsFile(dir string) string { return filepath.Join(dir, checkpointsName) }

// CheckpointsElsewhere is where, and with which public key beside it, a journal keeps its checkpoints in a second
// directory.
func CheckpointsElsewhere(dir, writer string) (file, key string) {
	return filepath.Join(dir, writer+".ndjson"), filepath.Join(dir, writer+".pub")
}

// notary signs places of the chain. Its file is used under its lock; the rest belongs to the writer's goroutine.
type notary struct {
	writer    string
	key       ed25519.PrivateKey
	every     time.Duration
	now       func() time.Time
	signed    uint64 // the last record with a checkpoint
	due       *time.Timer
	mu        sync.Mutex
	here      string
	elsewhere string
	far       error // what keeping the last one elsewhere failed with
}

// newNotary makes ready to sign what follows chain, or is nil when nothing is to be signed. A chain that lacks what was
// signed before is refused: it is an old one, or a cut one.
func newNotary(dir string, s Signing, now func() time.Time, chain audit.Chain) (*notary, error) {
	if s.KeyFile == "" {
		return nil, nil
	}
	key, err := signingKey(s.KeyFile)
	if err != nil {
		return nil, err
	}
	n := &notary{writer: s.Writer, key: key, every: s.Every, now: now, here: CheckpointsFile(dir)}
	keys := []string{filepath.Join(dir, publicKeyName)}
	files := []string{n.here}
	if s.Elsewhere != "" {
		if err := makeDurable(s.Elsewhere); err != nil {
			return nil, ErrStorage.Because(err)
		}
		file, public := CheckpointsElsewhere(s.Elsewhere, s.Writer)
		n.elsewhere, files, keys = file, append(files, file), append(keys, public)
	}
	for _, path := range keys {
		if err := exportKey(path, publicHalf(key)); err != nil {
			return nil, err
		}
	}
	for _, file := range files {
		if err := n.resume(file, chain); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// resume cuts off half a line that a crash left, whose checkpoint is made again, and looks at the last that is whole.
func (n *notary) resume(file string, chain audit.Chain) error {
	text, err := readRegular(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return ErrStorage.Because(err)
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	if len(whole) < len(text) {
		if err := os.Truncate(file, int64(len(whole))); err != nil {
			return ErrStorage.Because(err)
		}
	}
	var last audit.Signed
	for line := range bytes.Lines(whole) {
		if s, err := audit.ReadCheckpoint(bytes.TrimSuffix(line, []byte("\n"))); err == nil && s.Seq >= last.Seq {
			last = s
		}
	}
	if last.Seq > chain.Seq() || last.Seq == chain.Seq() && last.Seq > 0 && last.Hash != chain.Head() {
		return ErrRolledBack.Because(fmt.Errorf("record %d was signed, and the journal ends with record %d", last.Seq, chain.Seq()))
	}
	if file == n.here {
		n.signed = last.Seq
	}
	return nil
}

// attest signs the place at the chain's end, which must be durable, if it is due, or at once.
func (n *notary) attest(chain audit.Chain, atOnce bool) error {
	if n == nil || chain.Seq() == n.signed {
		return nil
	}
	if !atOnce && n.signed > 0 && chain.Seq()-n.signed < checkpointRecords {
		n.await()
		return nil
	}
	n.rest()
	if err := n.sign(audit.Head, chain); err != nil {
		return err
	}
	n.signed = chain.Seq()
	return nil
}

// await makes a checkpoint due some time from now, unless one is already.
func (n *notary) await() {
	if n.due == nil {
		n.due = time.NewTimer(n.every) //nolint:forbidigo // a record must be signed although none follows it; the writer waits for it
	}
}

func (n *notary) rest() {
	if n.due != nil {
		n.due.Stop()
		n.due = nil
	}
}

// time comes when a checkpoint is due.
func (n *notary) time() <-chan time.Time {
	if n == nil || n.due == nil {
		return nil
	}
	return n.due.C
}

// sign writes a checkpoint durably. That it cannot be kept elsewhere, where a network may be between, stops nothing:
// the next one says as much, and Journal.Elsewhere tells.
func (n *notary) sign(kind audit.Kind, chain audit.Chain) error {
	line := audit.Checkpoint{Kind: kind, Seq: chain.Seq(), Hash: chain.Head(), Time: n.now(), Writer: n.writer}.Sign(nil, n.key)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := appendDurable(n.here, line); err != nil {
		return err
	}
	if n.elsewhere != "" {
		n.far = appendDurable(n.elsewhere, line)
	}
	return nil
}

func (n *notary) kept() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.far
}

func appendDurable(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode)
	if err != nil {
		return err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Write(line)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil || end > 0 {
		return err
	}
	return syncDirectory(filepath.Dir(path)) // it is new
}
