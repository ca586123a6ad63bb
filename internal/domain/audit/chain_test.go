package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/audit/audittest"
)

// sealed is a chain of n lines without newlines.
func sealed(n int) [][]byte {
	var c audit.Chain
	lines := make([][]byte, n)
	for i := range lines {
		r := audittest.Full()
		r.Request = fmt.Sprintf("req_%d", i+1)
		lines[i] = bytes.TrimSuffix(c.Seal(nil, r.AppendJSON(nil)), []byte("\n"))
	}
	return lines
}

// unsealed is what the hash of line is over, and reseal the line that body and its hash make.
func unsealed(line []byte) []byte { return append(bytes.Clone(line[:len(line)-75]), '}') }

func reseal(body []byte) []byte {
	return fmt.Appendf(nil, `%s,"hash":"%x"}`, body[:len(body)-1], sha256.Sum256(body))
}

// verify is the number and reason of the first break, or 0.
func verify(lines [][]byte) (uint64, audit.Reason) {
	var c audit.Chain
	for _, line := range lines {
		if b, ok := errors.AsType[*audit.Break](c.Verify(line)); ok {
			return b.Seq, b.Reason
		}
	}
	return 0, ""
}

func TestChain_SealsLinesThatAreJSONAndHold(t *testing.T) {
	t.Parallel()
	lines := sealed(3)
	if seq, reason := verify(lines); reason != "" {
		t.Fatalf("record %d: %s", seq, reason)
	}
	prev := strings.Repeat("0", 64)
	for i, line := range lines {
		var got struct {
			Seq        uint64
			Prev, Hash string
			audit.Record
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		if got.Seq != uint64(i+1) || got.Prev != prev || got.Request != fmt.Sprintf("req_%d", i+1) {
			t.Errorf("line %d: %s", i+1, line)
		}
		prev = got.Hash
	}
}

// TestChain_CanBeCheckedWithoutSteward runs the recipe of Chain's documentation.
func TestChain_CanBeCheckedWithoutSteward(t *testing.T) {
	t.Parallel()
	for _, line := range sealed(2) {
		c := exec.CommandContext(t.Context(), "sh", "-c", `sed -E 's/,"hash":"[0-9a-f]{64}"\}$/}/' | tr -d '\n' | sha256sum`)
		c.Stdin = bytes.NewReader(append(line, '\n'))
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		if hash := string(out[:64]); !strings.HasSuffix(string(line), `,"hash":"`+hash+`"}`) {
			t.Errorf("the recipe gives %s for %s", hash, line)
		}
	}
}

func TestChain_NamesTheFirstBadRecord(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tamper func(l [][]byte) [][]byte
		seq    uint64
		reason audit.Reason
	}{
		"a changed word": {func(l [][]byte) [][]byte {
			l[2] = bytes.Replace(l[2], []byte("denied"), []byte("danied"), 1)
			return l
		}, 3, audit.HashMismatch},
		"a changed number": {func(l [][]byte) [][]byte {
			l[2] = bytes.Replace(l[2], []byte(`"seq":3`), []byte(`"seq":9`), 1)
			return l
		}, 3, audit.HashMismatch},
		"a changed hash": {func(l [][]byte) [][]byte {
			copy(l[2][len(l[2])-5:], "123")
			return l
		}, 3, audit.HashMismatch},
		"a cut line":        {func(l [][]byte) [][]byte { l[2] = l[2][:40]; return l }, 3, audit.NotJSON},
		"a removed quote":   {func(l [][]byte) [][]byte { l[2][len(l[2])/2] = 0; return l }, 3, audit.NotJSON},
		"another object":    {func(l [][]byte) [][]byte { l[2] = []byte(`{"seq":3}`); return l }, 3, audit.NotRecord},
		"upper-case digits": {func(l [][]byte) [][]byte { l[2] = bytes.ToUpper(l[2]); return l }, 3, audit.NotRecord},
		"a changed and resealed one": {func(l [][]byte) [][]byte {
			l[2] = reseal(bytes.Replace(unsealed(l[2]), []byte("denied"), []byte("danied"), 1))
			return l
		}, 4, audit.BrokenLink},
		"a removed line":                      {func(l [][]byte) [][]byte { return append(l[:2], l[3:]...) }, 3, audit.MissingSeq},
		"a repeated line":                     {func(l [][]byte) [][]byte { l[2] = l[1]; return l }, 3, audit.RepeatedSeq},
		"two lines in wrong order":            {func(l [][]byte) [][]byte { l[2], l[3] = l[3], l[2]; return l }, 3, audit.MissingSeq},
		"a removed beginning":                 {func(l [][]byte) [][]byte { return l[1:] }, 1, audit.MissingSeq},
		"an empty line":                       {func(l [][]byte) [][]byte { l[2] = nil; return l }, 3, audit.NotJSON},
		"a removed end, which cannot be seen": {func(l [][]byte) [][]byte { return l[:3] }, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if seq, reason := verify(test.tamper(sealed(5))); seq != test.seq || reason != test.reason {
				t.Errorf("got record %d: %q, want record %d: %q", seq, reason, test.seq, test.reason)
			}
		})
	}
}

func TestChain_SeesEveryFlippedBit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lines := sealed(4)
		victim := rapid.IntRange(0, 3).Draw(t, "line")
		at := rapid.IntRange(0, len(lines[victim])-1).Draw(t, "byte")
		lines[victim][at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if seq, reason := verify(lines); seq != uint64(victim+1) {
			t.Fatalf("got record %d: %q, want record %d", seq, reason, victim+1)
		}
	})
}

func TestChain_BeforeAndAfterSurroundALine(t *testing.T) {
	t.Parallel()
	lines := sealed(3)
	first, err := audit.After(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	second, err := audit.Before(lines[1])
	if err != nil || second != first || first.Seq() != 1 || !bytes.Contains(lines[1], []byte(first.Head().String())) {
		t.Errorf("after record 1 is %v, before record 2 is %v (%v)", first, second, err)
	}
	for _, place := range []func([]byte) (audit.Chain, error){audit.Before, audit.After} {
		if got, err := place(lines[1][1:]); err == nil || got != (audit.Chain{}) {
			t.Errorf("a damaged line gives the place %v", got)
		}
	}
}

// FuzzChain_Verify: any bytes are read without harm, and whatever holds has the hash that its bytes give. Each input
// is also tried with the hash that it should have, which mutation alone would not find.
func FuzzChain_Verify(f *testing.F) {
	for _, line := range sealed(2) {
		f.Add(line)
		f.Add(unsealed(line))
	}
	f.Add([]byte(`{"seq":1,"prev":"","hash":""}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, line []byte) {
		tryLine(t, line)
		if len(line) > 0 && line[len(line)-1] == '}' {
			tryLine(t, reseal(line))
		}
	})
}

func tryLine(t *testing.T, line []byte) {
	t.Helper()
	before := bytes.Clone(line)
	after, err := audit.After(line)
	if !bytes.Equal(before, line) {
		t.Fatal("reading changed the line")
	}
	if err != nil {
		var b *audit.Break
		if !errors.As(err, &b) || b.Reason == "" || b.Error() == "" {
			t.Fatalf("refused without a reason: %v", err)
		}
		return
	}
	c, err := audit.Before(line)
	if err != nil || c.Verify(line) != nil || c != after {
		t.Fatalf("the line leads to %v alone and to %v in its chain", after, c)
	}
	if audit.Digest(sha256.Sum256(unsealed(line))) != after.Head() {
		t.Fatalf("%q holds with the wrong hash", line)
	}
	if !bytes.HasPrefix(line, fmt.Appendf(nil, `{"seq":%d,"prev":"`, after.Seq())) {
		t.Fatalf("%q is read as record %d", line, after.Seq())
	}
}
