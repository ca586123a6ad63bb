package architecture

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// emptyWords say nothing about what a package holds.
var emptyWords = []string{"util", "helper", "manager", "common", "misc"}

// emptyNames are so as a package's whole name.
var emptyNames = []string{"base", "shared", "types", "models", "model", "impl", "lib", "pkg", "core"}

// emptyEndings say nothing about what a type is.
var emptyEndings = []string{"Service", "Manager", "Helper", "Impl", "DTO"}

// nameRule complains of names that could stand for anything.
func nameRule(packages []pkg) []string {
	var complaints []string
	for _, p := range packages {
		name := path.Base(p.path)
		empty := func(word string) bool { return strings.Contains(name, word) }
		if slices.ContainsFunc(emptyWords, empty) || slices.Contains(emptyNames, name) {
			complaints = append(complaints, fmt.Sprintf("%s: the name says nothing; name it after what it is about", p.path))
		}
		for _, f := range p.production() {
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				if spec, ok := n.(*ast.TypeSpec); ok && endsEmpty(spec.Name.Name) {
					complaints = append(complaints, f.at(spec, spec.Name)+": name it after what it does or holds")
				}
				return true
			})
		}
	}
	return complaints
}

func endsEmpty(name string) bool {
	return slices.ContainsFunc(emptyEndings, func(e string) bool { return strings.HasSuffix(name, e) })
}

// commentRule complains of packages that do not say what they are about. A comment that is parted from the package
// clause by an empty line is none: go doc does not show it.
func commentRule(packages []pkg) []string {
	var complaints []string
	for _, p := range packages {
		documented := slices.ContainsFunc(p.files, func(f *file) bool {
			text := f.syntax.Doc.Text()
			return strings.HasPrefix(text, "Package "+f.syntax.Name.Name) || strings.HasPrefix(text, "Command ")
		})
		written := slices.ContainsFunc(p.files, func(f *file) bool { return !f.generated() })
		if written && !documented {
			complaints = append(complaints, p.path+" has no package comment; say what it is about, and what it leaves to others")
		}
	}
	return complaints
}

// skipRule complains of tests that can leave themselves out. A test that cannot run fails, and says what it lacks.
func skipRule(packages []pkg) []string {
	var complaints []string
	for _, p := range packages {
		for _, f := range p.files {
			handles := testHandles(f.syntax)
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				x, ok := call.X.(*ast.Ident)
				skips := ok && handles[x.Name] && strings.HasPrefix(call.Sel.Name, "Skip")
				short := ok && x.Name == "testing" && call.Sel.Name == "Short"
				if skips || short {
					complaints = append(complaints, f.at(call, call.Sel)+": a test is not skipped; let it fail and say what is missing")
				}
				return true
			})
		}
	}
	return complaints
}

// testHandles are the names under which a file knows a testing.T, B, F or TB.
func testHandles(syntax *ast.File) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(syntax, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok || !isTestHandle(field.Type) {
			return true
		}
		for _, name := range field.Names {
			names[name.Name] = true
		}
		return true
	})
	return names
}

func isTestHandle(t ast.Expr) bool {
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	s, ok := t.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "testing" && slices.Contains([]string{"T", "B", "F", "TB"}, s.Sel.Name)
}

func TestModule_NamesSayWhatThingsAre(t *testing.T) {
	t.Parallel()
	holds(t, nameRule(packages(t)))
}

func TestModule_PackagesSayWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	holds(t, commentRule(packages(t)))
}

func TestModule_SkipsNoTest(t *testing.T) {
	t.Parallel()
	holds(t, skipRule(packages(t)))
}

func TestNameRule_Complains(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"internal/domain/metric": "", "internal/domain/metricutil": "says nothing", "internal/application/shared": "says nothing",
		"internal/infrastructure/database": "", "internal/domain/helpers": "says nothing", "internal/domain/model": "says nothing",
	} {
		complains(t, nameRule([]pkg{importing(t, name)}), want)
	}
	for source, want := range map[string]string{
		"type Session struct{}": "", "type SessionService struct{}": "x.go:2: SessionService", "type dtoDTO int": "dtoDTO",
	} {
		complains(t, nameRule([]pkg{example(t, "internal/domain/x/x.go", "package x\n"+source)}), want)
	}
}

func TestCommentRule_Complains(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"// Package x is about x.\npackage x\n":                          "",
		"// Command x does it.\npackage main\n":                          "",
		"package x\n":                                                    "no package comment",
		"// Package x is about x.\n\npackage x\n":                        "no package comment",
		"// TODO\npackage x\n":                                           "no package comment",
		"// Code generated by a tool. DO NOT EDIT.\n\npackage sqlcgen\n": "",
	} {
		complains(t, commentRule([]pkg{example(t, "internal/domain/x/x.go", source)}), want)
	}
}

func TestSkipRule_Complains(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`func TestX(t *testing.T) { t.Fatal("no python") }`:                          "",
		`func TestX(t *testing.T) { t.Skip("no python") }`:                           "x_test.go:2: Skip",
		`func need(tb testing.TB) { tb.Skipf("no %s", "python") }`:                   "Skipf",
		`func TestX(t *testing.T) { t.Run("", func(u *testing.T) { u.SkipNow() }) }`: "SkipNow",
		`func TestX(t *testing.T) { if testing.Short() { return } }`:                 "Short",
		`func f() { zap.Skip() }`:                                                    "",
	} {
		complains(t, skipRule([]pkg{example(t, "internal/domain/x/x_test.go", "package x\n"+source)}), want)
	}
}
