package auditlog

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

// InspectKey tells whether the journal in dir could sign its next checkpoint as it signed the last, changing nothing. It
// answers ErrNoKey where neither a key nor a checkpoint is yet, ErrKey and ErrKeyExposed like Open, ErrKeyChanged when the
// last checkpoint, here or elsewhere, was signed with another key or the key is gone, and ErrStorage.
func InspectKey(dir string, s Signing) error {
	files := []string{CheckpointsFile(dir)}
	if s.Elsewhere != "" {
		file, _ := CheckpointsElsewhere(s.Elsewhere, s.Writer)
		files = append(files, file)
	}
	key, err := readKey(s.KeyFile)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	for _, file := range files {
		last, err := lastSigner(file)
		switch {
		case err != nil:
			return err
		case last != nil && (missing || !last.Equal(publicHalf(key))):
			return ErrKeyChanged
		}
	}
	if missing {
		return ErrNoKey
	}
	return nil
}

// lastSigner is the key of the last checkpoint in a file; nil when there is none that can be read, which Verify tells of.
func lastSigner(file string) (ed25519.PublicKey, error) {
	text, err := readRegular(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nobody has signed
	}
	if err != nil {
		return nil, ErrStorage.Because(err)
	}
	text = bytes.TrimRight(text, "\n")
	line := text[bytes.LastIndexByte(text, '\n')+1:]
	signed, err := audit.ReadCheckpoint(line)
	if err != nil {
		return nil, nil //nolint:nilnil,nilerr // a torn or altered line names no key
	}
	return signed.Key, nil
}
