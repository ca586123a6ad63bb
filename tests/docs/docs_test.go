// Package docs_test holds the documents to what they say: commands run, examples load, answers are the answers, and a
// promise names a test that exists.
package docs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/tests/harness"
)

var (
	lab    harness.Lab
	server *harness.Server
	client *harness.Client
)

func TestMain(m *testing.M) {
	os.Exit(harness.Tests(m, func(ctx context.Context, l harness.Lab) (func() error, error) {
		lab = l
		config, err := l.Demo.Configure(l.Dir, nil)
		if err != nil {
			return nil, err
		}
		key, err := harness.CreateKey(ctx, l.Binary, config, "docs", "analyst")
		if err != nil {
			return nil, err
		}
		if server, err = harness.Start(ctx, l.Binary, config); err != nil {
			return nil, err
		}
		client = harness.NewClient(server.URL, key, harness.Modern)
		return server.Stop, nil
	}).Run())
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(lab.Demo.Root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block is the first fenced block after a marker.
func block(t *testing.T, text, marker string) string {
	t.Helper()
	_, after, found := strings.Cut(text, marker)
	if found {
		_, after, found = strings.Cut(after, "```")
	}
	if found {
		_, after, found = strings.Cut(after, "\n")
	}
	body, _, closed := strings.Cut(after, "```")
	if !found || !closed {
		t.Fatalf("no block after %q", marker)
	}
	return body
}

func TestReadme_ItsFirstQuestionHasItsAnswer(t *testing.T) {
	readme := read(t, "README.md")
	var question map[string]any
	if err := json.Unmarshal([]byte(block(t, readme, "<!-- first-question -->")), &question); err != nil {
		t.Fatal(err)
	}
	answer, err := client.Tool(t.Context(), "query", question, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(block(t, readme, "<!-- first-answer -->"), answer.Text()+"\n"); diff != "" {
		t.Errorf("the answer is another (-README +Steward):\n%s", diff)
	}
}

func TestReadme_QuotesTheLeastConfiguration(t *testing.T) {
	quoted := block(t, read(t, "README.md"), "(configs/minimal.yaml):")
	if !strings.Contains(read(t, "configs/minimal.yaml"), quoted) {
		t.Errorf("configs/minimal.yaml does not contain what the README quotes:\n%s", quoted)
	}
}

func TestDocuments_NameTargetsAndCommandsThatExist(t *testing.T) {
	makefile := read(t, "Makefile")
	targets := regexp.MustCompile(`(?m)(?:^|\x60)make ([a-z0-9]+)`)
	commands := regexp.MustCompile(`(?m)(?:^(?:[A-Z_]+=\S+ )*|[\x60(/])steward((?: +[a-z][a-z-]*)+)`)
	helps, named, made := map[string][]string{}, 0, 0
	for _, document := range []string{"README.md", "docs/operations.md", "docs/migration.md", "docs/contexts.md", "SECURITY.md"} {
		text := read(t, document)
		for _, m := range targets.FindAllStringSubmatch(text, -1) {
			made++
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: there is no target %q", document, m[1])
			}
		}
		for _, m := range commands.FindAllStringSubmatch(text, -1) {
			named++
			command := ""
			for word := range strings.FieldsSeq(m[1]) {
				below := subcommands(t, command, helps)
				if len(below) > 0 && !slices.Contains(below, word) {
					t.Errorf("%s: steward%s has no command %q", document, command, word)
				}
				if !slices.Contains(below, word) {
					break // an argument
				}
				command += " " + word
			}
		}
	}
	if named < 50 || made < 10 || len(helps) < 6 {
		t.Errorf("the documents name %d targets and %d commands, and %d commands have some below; they cannot be read", made, named, len(helps))
	}
}

// subcommands are what a command of the binary, the root being "", says it has below it; asked once.
func subcommands(t *testing.T, command string, known map[string][]string) []string {
	t.Helper()
	if below, ok := known[command]; ok {
		return below
	}
	out, err := exec.CommandContext(t.Context(), lab.Binary, append(strings.Fields(command), "--help")...).CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("steward"+command)) {
		t.Fatalf("steward%s --help: %v\n%s", command, err, out)
	}
	_, listed, _ := strings.Cut(string(out), "Available Commands:\n")
	listed, _, _ = strings.Cut(listed, "\n\n")
	below := []string{}
	for line := range strings.Lines(listed) {
		below = append(below, strings.Fields(line)[0])
	}
	known[command] = below
	return below
}

// The lines by which clients connect are written twice: in the README for readers, in scripts/run.sh with keys.
func TestReadme_ConnectsAsMakeRunDoes(t *testing.T) {
	readme := read(t, "README.md")
	script := read(t, "scripts/run.sh")
	script = strings.NewReplacer("$url", "http://127.0.0.1:7878/mcp", "$analyst", "KEY",
		"$binary", "/path/to/steward", "$here/$config", "/path/to/steward.yaml").Replace(script)
	lines := regexp.MustCompile(`(?m)^(claude mcp add|npx @modelcontextprotocol|\{"mcpServers").*$`).FindAllString(readme, -1)
	if len(lines) == 0 {
		t.Error("the README connects no client")
	}
	for _, line := range lines {
		if !strings.Contains(script, line) {
			t.Errorf("make run prints no line like the README's: %s", line)
		}
	}
}

func TestSecurity_EveryPromiseNamesATestThatExists(t *testing.T) {
	tests := testNames(t)
	promises, proved := 0, false // the table that names tests, among others
	for line := range strings.Lines(read(t, "SECURITY.md")) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 {
			proved = false
			continue
		}
		if strings.TrimSpace(cells[2]) == "Test" {
			proved = true
			continue
		}
		if !proved || strings.HasPrefix(cells[1], "---") {
			continue
		}
		promises++
		named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(cells[2], -1)
		if len(named) == 0 {
			t.Errorf("this promise names no test: %s", cells[1])
		}
		for _, n := range named {
			if !tests[n[1]] {
				t.Errorf("there is no test %s, which is to prove: %s", n[1], cells[1])
			}
		}
	}
	if promises < 100 {
		t.Errorf("SECURITY.md makes %d promises; its table cannot be read", promises)
	}
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	for _, top := range []string{"internal", "cmd", "tests"} {
		err := filepath.WalkDir(filepath.Join(lab.Demo.Root, top), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range function.FindAllSubmatch(text, -1) {
				names[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// The demo's manifest comes ready parsed, for machines without Python. It must be the one that dbt writes today.
func TestDemo_ItsParsedManifestIsFresh(t *testing.T) {
	var kept, built any
	if err := json.Unmarshal([]byte(read(t, "configs/demo/semantic_manifest.json")), &kept); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(lab.Demo.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &built); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kept, built); diff != "" {
		t.Errorf("copy var/demo/project/target/semantic_manifest.json to configs/demo (-kept +built):\n%s", diff)
	}
}
