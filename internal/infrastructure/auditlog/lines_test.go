package auditlog

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/audit"
)

func TestLines_AreTheContentWhateverTheirLength(t *testing.T) {
	t.Parallel()
	lengths := []int{0, 1, 2, 700, readBuffer - 1, readBuffer, readBuffer + 1, 3 * readBuffer, audit.MaxLine, audit.MaxLine + 1, audit.MaxLine + readBuffer}
	rapid.Check(t, func(t *rapid.T) {
		var content []byte
		for i, n := range rapid.SliceOfN(rapid.SampledFrom(lengths), 0, 4).Draw(t, "lengths") {
			content = append(append(content, bytes.Repeat([]byte{'a' + byte(i)}, n)...), '\n')
		}
		if rapid.Bool().Draw(t, "torn") && len(content) > 0 {
			content = content[:len(content)-1]
		}
		in, offset := newLines(bytes.NewReader(content)), 0
		for _, want := range bytes.SplitAfter(content, []byte{'\n'}) {
			if len(want) == 0 {
				break
			}
			offset += len(want)
			ended := want[len(want)-1] == '\n'
			want = bytes.TrimSuffix(want, []byte{'\n'})
			line, whole, err := in.next()
			if err != nil || whole != ended || !bytes.Equal(line, want[:min(len(want), audit.MaxLine+1)]) {
				t.Fatalf("a line of %d bytes (ended: %t) is given as %d bytes (%t), %v", len(want), ended, len(line), whole, err)
			}
			if in.offset != int64(offset) || in.last() != (offset == len(content)) {
				t.Fatalf("at %d of %d, it says %d, last: %t", offset, len(content), in.offset, in.last())
			}
		}
		if line, _, err := in.next(); !errors.Is(err, io.EOF) {
			t.Fatalf("after the end come %d bytes, %v", len(line), err)
		}
	})
}
