package architecture

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is built is what was reviewed: a module that is not the one whose hash is written down stops the build.
func TestModule_BuildsNothingWhoseHashIsAnother(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^github\.com/google/go-cmp v\S+ h1:.`).Find(sums)
	if line == nil {
		t.Fatal("go.sum does not pin go-cmp")
	}
	build := func(sums []byte) (string, error) {
		dir := t.TempDir()
		for name, text := range map[string][]byte{"go.mod": mod, "go.sum": sums, "x.go": []byte("package x\n\nimport _ \"github.com/google/go-cmp/cmp\"\n")} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := exec.CommandContext(t.Context(), "go", "build", "-mod=readonly", ".")
		c.Dir = dir
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := build(sums); err != nil {
		t.Fatalf("what is right does not build: %v\n%s", err, out)
	}
	last := line[len(line)-1]
	other := append(bytes.Clone(line[:len(line)-1]), last^1)
	if out, err := build(bytes.Replace(sums, line, other, 1)); err == nil || !strings.Contains(out, "checksum mismatch") {
		t.Errorf("a module with another hash is built: %v\n%s", err, out)
	}
	if out, err := build(bytes.Replace(sums, line, append([]byte("x"), line...), 1)); err == nil {
		t.Errorf("a module without a hash is built:\n%s", out)
	}
}
