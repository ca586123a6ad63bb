package golden_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// declared is one fault.New in the source.
type declared struct {
	code, kind, sentence string
	place                string // file and line
}

// Clients switch on codes, operators search for them: this is the list of all there are.
func TestFaults_AreWhatTheFileSays(t *testing.T) {
	t.Parallel()
	all := faults(t)
	var text strings.Builder
	text.WriteString("# Faults\n\nEvery fault that Steward declares. Codes are stable: clients may switch on them. " +
		"The sentence is the one that\nholds unless a call has a more exact one to say.\n" +
		"This file is written by `make golden`.\n\n| Code | Kind | Sentence |\n|---|---|---|\n")
	for _, f := range all {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", f.code, f.kind, strings.ReplaceAll(f.sentence, "|", `\|`))
	}
	same(t, "faults.md", text.String())
}

var codePattern = regexp.MustCompile(`^[a-z]+(\.[a-z][a-z0-9_]*)?$`)

func TestFaults_AreWellDeclared(t *testing.T) {
	t.Parallel()
	all := faults(t)
	for i, f := range all {
		if !codePattern.MatchString(f.code) {
			t.Errorf("%s: the code %q is not of the form context.reason", f.place, f.code)
		}
		if i > 0 && all[i-1].code == f.code {
			t.Errorf("%s: the code %q is declared in %s too, and errors.Is cannot tell them apart", f.place, f.code, all[i-1].place)
		}
		if !isSentence(f.sentence) {
			t.Errorf("%s: %q is no sentence", f.place, f.sentence)
		}
	}
}

// isSentence reports whether text begins like one, or with the name of an argument or a key, and ends like one.
func isSentence(text string) bool {
	first, _, _ := strings.Cut(text, " ")
	return first != "" && (first[0] >= 'A' && first[0] <= 'Z' || strings.ContainsAny(first, "._")) && strings.HasSuffix(text, ".")
}

// faults collects the declarations of the product, by code.
func faults(t *testing.T) []declared {
	t.Helper()
	var all []declared
	for _, folder := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test") {
				return err
			}
			files := token.NewFileSet()
			syntax, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			found, err := declarations(files, syntax)
			all = append(all, found...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d faults were found; the test looks in the wrong place", len(all))
	}
	slices.SortFunc(all, func(a, b declared) int {
		return strings.Compare(a.code+"\x00"+a.place, b.code+"\x00"+b.place)
	})
	return all
}

// declarations finds each call of fault.New, and refuses one that is not the value of a package variable.
func declarations(files *token.FileSet, syntax *ast.File) (found []declared, err error) {
	variables := map[ast.Node]bool{}
	for _, d := range syntax.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			continue
		}
		for _, spec := range group.Specs {
			for _, value := range spec.(*ast.ValueSpec).Values {
				variables[value] = true
			}
		}
	}
	ast.Inspect(syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || err != nil || !makesFault(syntax.Name.Name, call.Fun) {
			return err == nil
		}
		place := files.Position(call.Pos())
		f := declared{place: fmt.Sprintf("%s:%d", filepath.ToSlash(place.Filename), place.Line)}
		if !variables[call] {
			err = fmt.Errorf("%s: a fault is declared as a package variable", f.place)
			return false
		}
		f.kind, err = kindOf(call.Args[0])
		for i, text := range []*string{&f.code, &f.sentence} {
			if err == nil {
				*text, err = textOf(call.Args[i+1])
			}
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", f.place, err)
			return false
		}
		found = append(found, f)
		return true
	})
	return found, err
}

func makesFault(in string, called ast.Expr) bool {
	switch called := called.(type) {
	case *ast.SelectorExpr:
		x, ok := called.X.(*ast.Ident)
		return ok && x.Name == "fault" && called.Sel.Name == "New"
	case *ast.Ident:
		return in == "fault" && called.Name == "New"
	}
	return false
}

func kindOf(e ast.Expr) (string, error) {
	name := ""
	switch e := e.(type) {
	case *ast.SelectorExpr:
		name = e.Sel.Name
	case *ast.Ident:
		name = e.Name
	}
	for _, kind := range fault.Kinds() {
		if strings.EqualFold(strings.ReplaceAll(kind.String(), "_", ""), name) {
			return kind.String(), nil
		}
	}
	return "", fmt.Errorf("%q is no kind of fault", name)
}

// textOf is the value of a string literal, or of several with + between.
func textOf(e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strconv.Unquote(e.Value)
	case *ast.BinaryExpr:
		left, err := textOf(e.X)
		if err != nil {
			return "", err
		}
		right, err := textOf(e.Y)
		return left + right, err
	}
	return "", fmt.Errorf("code and sentence are written out, so that they can be searched for")
}

func TestDeclarations_AreFoundAndJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ source, want, err string }{
		"one":                   {`package x; var errA = fault.New(fault.NotFound, "x.a", "A.")`, "x.a not_found A.", ""},
		"in a group, in pieces": {"package x; var (\nerrA = fault.New(fault.Invalid, \"x.a\", \"A\"+` b`+\".\")\n)", "x.a invalid A b.", ""},
		"in the kernel":         {`package fault; var ErrA = New(Internal, "a", "A.")`, "a internal A.", ""},
		"another New":           {`package x; var err = errors.New("a")`, "", ""},
		"in a function":         {`package x; func f() { _ = fault.New(fault.Invalid, "x.a", "A.") }`, "", "package variable"},
		"not written out":       {`package x; var errA = fault.New(fault.Invalid, code, "A.")`, "", "written out"},
		"no kind":               {`package x; var errA = fault.New(fault.Strange, "x.a", "A.")`, "", "no kind"},
	} {
		files := token.NewFileSet()
		syntax, err := parser.ParseFile(files, "x.go", c.source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		found, err := declarations(files, syntax)
		var got []string
		for _, f := range found {
			got = append(got, f.code+" "+f.kind+" "+f.sentence)
		}
		if strings.Join(got, "\n") != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
