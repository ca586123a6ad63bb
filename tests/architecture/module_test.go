package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/steward-mcp/steward"

// pkg is one package as the rules see it. Paths are relative to the module's root.
type pkg struct {
	path  string
	files []*file
}

type file struct {
	path    string
	test    bool // a _test.go file
	lines   int
	imports []string // those of this module without its prefix
	syntax  *ast.File
	fset    *token.FileSet
}

func (f *file) generated() bool { return ast.IsGenerated(f.syntax) }

// production are the files that ship and that people wrote: those the budgets are for.
func (p pkg) production() []*file {
	if p.isContract() {
		return nil
	}
	var files []*file
	for _, f := range p.files {
		if !f.test && !f.generated() {
			files = append(files, f)
		}
	}
	return files
}

// imports are what the package needs when it is not being tested.
func (p pkg) imports() []string {
	seen := map[string]bool{}
	var all []string
	for _, f := range p.files {
		for _, i := range f.imports {
			if !f.test && !seen[i] {
				seen[i] = true
				all = append(all, i)
			}
		}
	}
	return all
}

func (p pkg) inside(folder string) bool { return within(p.path, folder) }

// within reports whether the path is the folder or lies below it.
func within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

// isContract reports whether a package is a contract suite: test code in a package of its own, so that every
// implementation can run it.
func (p pkg) isContract() bool { return strings.HasSuffix(path.Base(p.path), "test") }

func parse(name string, source []byte) (*file, error) {
	f := &file{
		path: name, test: strings.HasSuffix(name, "_test.go"),
		lines: bytes.Count(source, []byte("\n")), fset: token.NewFileSet(),
	}
	var err error
	if f.syntax, err = parser.ParseFile(f.fset, name, source, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	for _, spec := range f.syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		f.imports = append(f.imports, strings.TrimPrefix(imported, module+"/"))
	}
	return f, nil
}

// root is the module's folder.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// run answers the standard output of a command in the module's folder.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, exit.Stderr)
		}
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

var (
	once   sync.Once
	loaded []pkg
)

// packages are those of this module. Files that build constraints leave out on this machine belong to them too.
func packages(t *testing.T) []pkg {
	t.Helper()
	once.Do(func() { loaded = load(t) })
	if len(loaded) == 0 {
		t.Fatal("the module could not be read")
	}
	return loaded
}

func load(t *testing.T) []pkg {
	t.Helper()
	list := json.NewDecoder(bytes.NewReader(run(t, "go", "list", "-e", "-json", "./...")))
	var all []pkg
	for {
		var listed struct {
			Dir, ImportPath                                              string
			GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		err := list.Decode(&listed)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		p := pkg{path: strings.TrimPrefix(listed.ImportPath, module+"/")}
		for _, names := range [][]string{
			listed.GoFiles, listed.CgoFiles, listed.IgnoredGoFiles, listed.TestGoFiles, listed.XTestGoFiles,
		} {
			for _, name := range names {
				p.files = append(p.files, read(t, p.path, filepath.Join(listed.Dir, name)))
			}
		}
		all = append(all, p)
	}
}

func read(t *testing.T, folder, name string) *file {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parse(path.Join(folder, filepath.Base(name)), source)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// example makes a package of one file from source text, for tests of the rules themselves.
func example(t *testing.T, name, source string) pkg {
	t.Helper()
	f, err := parse(name, []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return pkg{path: path.Dir(name), files: []*file{f}}
}

// importing makes a package that imports the given ones.
func importing(t *testing.T, folder string, imports ...string) pkg {
	t.Helper()
	source := "package " + path.Base(folder) + "\n"
	for _, i := range imports {
		source += "import _ " + strconv.Quote(i) + "\n"
	}
	return example(t, folder+"/x.go", source)
}

// holds fails the test for each complaint.
func holds(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}

// complains fails the test unless there is exactly one complaint and it contains want; with want empty there must
// be none.
func complains(t *testing.T, complaints []string, want string) {
	t.Helper()
	if want == "" && len(complaints) == 0 {
		return
	}
	if want == "" || len(complaints) != 1 || !strings.Contains(complaints[0], want) {
		t.Errorf("complaints = %q, want one with %q", complaints, want)
	}
}
