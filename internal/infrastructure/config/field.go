package config

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

const (
	prefix     = "STEWARD_"
	nesting    = "__"
	fileSuffix = "_FILE"
	// FileVariable names the configuration file when no flag does.
	FileVariable = prefix + "CONFIG"
	// AdminKeyVariable holds the key that commands show a running server, or with _FILE behind it names a file that does.
	AdminKeyVariable = prefix + "ADMIN_KEY"
)

var (
	secretType   = reflect.TypeFor[Secret]()
	durationType = reflect.TypeFor[time.Duration]()
	wordsType    = reflect.TypeFor[Words]()
)

// field is one key that a variable or a flag can set.
type field struct {
	path   string // dotted
	index  []int
	typ    reflect.Type
	pathTo string // what the `path` tag says: file, command or nothing
}

// variable is the name of the environment variable that sets f.
func (f field) variable() string {
	return prefix + strings.ToUpper(strings.ReplaceAll(f.path, ".", nesting))
}

func (f field) secret() bool { return f.typ == secretType }

// fields lists the keys of a struct type in order. Maps and lists of structs are left out: their keys are the operator's,
// so only the file can set them.
func fields(t reflect.Type, path string, index []int) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		at, where := join(path, yamlName(f)), append(slices.Clone(index), i)
		switch {
		case f.Type.Kind() == reflect.Map, f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
		case f.Type.Kind() == reflect.Struct && f.Type != secretType:
			out = append(out, fields(f.Type, at, where)...)
		default:
			out = append(out, field{path: at, index: where, typ: f.Type, pathTo: f.Tag.Get("path")})
		}
	}
	return out
}

func allFields() []field { return fields(reflect.TypeFor[Config](), "", nil) }

func yamlName(f reflect.StructField) string { return f.Tag.Get("yaml") }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// suggest finds the known name that a misspelt one probably means.
func suggest(name string, known []string) string {
	best, distance := "", 1+len(name)/3
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
