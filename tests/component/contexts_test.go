package component_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/tests/harness"
)

// block is a fenced block of a document: its language, what stands behind it, its text.
type block struct{ language, title, text string }

var fence = regexp.MustCompile("(?ms)^```(\\w+)(?: ([^\n]*))?\n(.*?)^```$")

// document reads a file of docs, with its blocks in order.
func document(t *testing.T, name string) (text string, blocks []block) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fence.FindAllStringSubmatch(string(content), -1) {
		blocks = append(blocks, block{m[1], m[2], m[3]})
	}
	return string(content), blocks
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// goTool runs the go command in the module.
func goTool(t *testing.T, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "go", args...)
	c.Dir = root(t)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// The context that docs/contexts.md builds up is one: it compiles in its place, passes its test, and a client can use
// it, governed like everything else.
func TestContextsGuide_BuildsAContextThatWorks(t *testing.T) {
	t.Parallel()
	_, blocks := document(t, "contexts.md")
	overlay, personas := lay(t, blocks)
	folder := t.TempDir()
	// Compiled and run apart, because the go command would change into the package's folder, which is not there.
	goTool(t, "test", "-overlay", overlay, "-vet=off", "-c", "-o", filepath.Join(folder, "glossaryapp.test"), "./internal/application/glossaryapp")
	if out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "glossaryapp.test")).CombinedOutput(); err != nil {
		t.Errorf("the guide's own test: %v\n%s", err, out)
	}
	binary := filepath.Join(folder, "steward")
	goTool(t, "build", "-overlay", overlay, "-o", binary, "./cmd/steward")

	config := filepath.Join(folder, "steward.yaml")
	text := "state_dir: state\nserver: {listen: \"127.0.0.1:0\", admin_listen: \"127.0.0.1:0\"}\n" + personas
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := harness.CreateKey(t.Context(), binary, config, "editor", "editor")
	if err != nil {
		t.Fatal(err)
	}
	server, err := harness.Start(t.Context(), binary, config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stop: %v\n%s", err, server.Log())
		}
	}()
	p := harness.NewClient(server.URL, key, harness.Modern)
	defer p.Close()
	if names := listed(t, p); !slices.Contains(names, "explain_term") || !slices.Contains(names, "define_term") {
		t.Errorf("the tools are %v", names)
	}
	for _, word := range []string{"Churn", "Reorganisation"} {
		if c := call(t, p, "define_term", map[string]any{"word": word, "meaning": "It means a lot."}); c.failure.Code != "" {
			t.Errorf("define %s: %s", word, c.text)
		}
	}
	if c := call(t, p, "explain_term", map[string]any{"word": "churn"}); c.result.Text() != "churn: It means a lot." {
		t.Errorf("explain churn: %s", c.text)
	}
	hidden := call(t, p, "explain_term", map[string]any{"word": "reorganisation"})
	absent := call(t, p, "explain_term", map[string]any{"word": "nothing"})
	if hidden.failure.Code != "glossary.unknown" || hidden.failure.Message != absent.failure.Message {
		t.Errorf("hidden: %s\nabsent: %s", hidden.text, absent.text)
	}
	offersReading(t, p)
	if c := call(t, p, "define_term", map[string]any{"word": "x"}); c.failure.Code != "tool.arguments" {
		t.Errorf("without a meaning: %s", c.text)
	}
	all, err := readJournal(filepath.Join(folder, "state", "audit"))
	if err != nil {
		t.Fatal(err)
	}
	on := func(phase audit.Phase, demand string) bool {
		return slices.ContainsFunc(all, func(r audit.Record) bool { return r.Phase == phase && slices.Contains(r.Demands, demand) })
	}
	if !on(audit.Intent, "glossary.write term:churn") || !on(audit.Closed, "glossary.read term:reorganisation") {
		t.Errorf("on record: %+v", all)
	}
}

// offersReading reads a term and begins with a prompt, as far as the guide's editor may.
func offersReading(t *testing.T, p peer) {
	t.Helper()
	var read struct {
		Contents []struct{ Text, MimeType string }
	}
	if err := p.Do(t.Context(), "resources/read", map[string]any{"uri": "term://churn"}, &read); err != nil ||
		len(read.Contents) != 1 || read.Contents[0].Text != "It means a lot." || read.Contents[0].MimeType != "text/plain" {
		t.Errorf("term://churn: %+v, %v", read, err)
	}
	var prompt struct {
		Messages []struct{ Content struct{ Text string } }
	}
	ask := map[string]any{"name": "clarify", "arguments": map[string]any{"word": "churn", "text": "Churn is up."}}
	if err := p.Do(t.Context(), "prompts/get", ask, &prompt); err != nil || len(prompt.Messages) != 1 ||
		!strings.Contains(prompt.Messages[0].Content.Text, "Here churn means: It means a lot.") {
		t.Errorf("clarify: %+v, %v", prompt, err)
	}
	for _, uri := range []string{"term://reorganisation", "term://nothing"} {
		err := p.Do(t.Context(), "resources/read", map[string]any{"uri": uri}, nil)
		if refused, ok := errors.AsType[*harness.RPCError](err); !ok || !strings.Contains(string(refused.Data), "glossary.unknown") {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

// lay puts the blocks over the module, without touching a file of it, and gives the personas that the guide adds.
func lay(t *testing.T, blocks []block) (overlay, personas string) {
	t.Helper()
	folder := t.TempDir()
	replaced := map[string]string{}
	for i, b := range blocks {
		target := filepath.Join(root(t), filepath.FromSlash(b.title))
		text := b.text
		switch {
		case b.language == "yaml":
			personas = b.text
			continue
		case b.language == "diff":
			text = patched(t, target, b.text)
		case b.language != "go":
			t.Fatalf("the guide has a block of %s, which nothing checks", b.language)
		}
		if _, err := os.Stat(target); (err == nil) != (b.language == "diff") {
			t.Fatalf("%s: the guide makes a file that is there, or changes one that is not", b.title)
		}
		if !strings.HasSuffix(target, ".go") {
			continue
		}
		if formatted, err := format.Source([]byte(text)); err != nil || string(formatted) != text {
			t.Errorf("%s is not formatted: %v", b.title, err)
		}
		file := filepath.Join(folder, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[target] = file
	}
	if len(replaced) != 7 || personas == "" {
		t.Fatalf("the guide has %d Go files, and personas of %d bytes", len(replaced), len(personas))
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay, personas
}

// patched is the file with the lines of a diff: those that begin with a space are there, those with a plus come after.
func patched(t *testing.T, file, diff string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var before, after strings.Builder
	for line := range strings.Lines(diff) {
		after.WriteString(line[1:])
		if line[0] == ' ' {
			before.WriteString(line[1:])
		}
	}
	if strings.Count(string(content), before.String()) != 1 && before.Len() > 0 {
		t.Fatalf("%s does not have the lines once that the guide changes:\n%s", file, before.String())
	}
	return strings.Replace(string(content), before.String(), after.String(), 1)
}

var listedPath = regexp.MustCompile("`([a-z][^` ]*)`")

// Every file is in one row of the guide's tables, and every path of a row leads to files.
func TestContextsGuide_ListsEveryFileOnce(t *testing.T) {
	t.Parallel()
	text, _ := document(t, "contexts.md")
	_, tables, found := strings.Cut(text, "## What each context consists of")
	if !found {
		t.Fatal("the guide has no list of files")
	}
	rows := map[string][]string{} // by path
	for line := range strings.Lines(tables) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for _, m := range listedPath.FindAllStringSubmatch(cells[2], -1) {
			rows[m[1]] = append(rows[m[1]], strings.TrimSpace(cells[1]))
		}
	}
	used := map[string]bool{}
	for _, file := range production(t) {
		var owners []string
		for path, contexts := range rows {
			if file == path || strings.HasSuffix(path, "/") && strings.HasPrefix(file, path) {
				owners = append(owners, contexts...)
				used[path] = true
			}
		}
		if len(owners) != 1 {
			t.Errorf("%s is in %d rows: %v", file, len(owners), owners)
		}
	}
	for path := range rows {
		if !used[path] {
			t.Errorf("%s leads to no file", path)
		}
	}
}

// production are the files of the product, relative to the module.
func production(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, folder := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root(t), folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name := d.Name()
			if d.IsDir() {
				if name == "testdata" || name == "__pycache__" || strings.HasSuffix(name, "test") {
					return filepath.SkipDir
				}
				return nil
			}
			if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, ".") {
				return nil
			}
			relative, err := filepath.Rel(root(t), path)
			files = append(files, filepath.ToSlash(relative))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 100 {
		t.Fatalf("only %d files were found; the test looks in the wrong place", len(files))
	}
	return files
}
