package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

func signingKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

func checkpoint() audit.Checkpoint {
	return audit.Checkpoint{
		Kind: audit.Head, Seq: 7, Hash: sha256.Sum256([]byte("seven")), Time: time.Date(2026, 3, 1, 12, 30, 15, 123456789, time.UTC), Writer: "journal\n",
	}
}

func TestCheckpoint_IsReadAsItWasSigned(t *testing.T) {
	t.Parallel()
	line := checkpoint().Sign([]byte("x"), signingKey())
	got, err := audit.ReadCheckpoint(bytes.TrimSuffix(line[1:], []byte("\n")))
	if err != nil || line[0] != 'x' {
		t.Fatal(err)
	}
	want := audit.Signed{Checkpoint: checkpoint(), Key: ed25519.PublicKey(signingKey()[ed25519.SeedSize:])}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if got.Chain().Seq() != 7 || got.Chain().Head() != want.Hash {
		t.Errorf("vouches for %+v", got.Chain())
	}
}

func TestCheckpoint_SeesEveryFlippedBit(t *testing.T) {
	t.Parallel()
	line := bytes.TrimSuffix(checkpoint().Sign(nil, signingKey()), []byte("\n"))
	for i := range line {
		for bit := range 8 {
			flipped := bytes.Clone(line)
			flipped[i] ^= 1 << bit
			got, err := audit.ReadCheckpoint(flipped)
			var broken *audit.Break
			if err == nil || !errors.As(err, &broken) {
				t.Errorf("with bit %d of byte %d flipped it is %+v, %v", bit, i, got, err)
			}
		}
	}
}

func FuzzReadCheckpoint_AcceptsNothingButWhatIsSigned(f *testing.F) {
	line := bytes.TrimSuffix(checkpoint().Sign(nil, signingKey()), []byte("\n"))
	f.Add(line)
	f.Add([]byte(`{}`))
	f.Add(line[:len(line)-1])
	f.Fuzz(func(t *testing.T, given []byte) {
		if _, err := audit.ReadCheckpoint(given); err == nil && !bytes.Equal(given, line) {
			t.Errorf("accepted %q", given)
		}
	})
}
