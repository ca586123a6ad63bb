package config

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Print writes the configuration that Load gives, as YAML with every key that has a value or a default; secrets are
// [redacted]. With origins each value says where it comes from: the file with line and column, a variable, or default.
// The error is that of Load, and then nothing is written.
func Print(o Options, origins bool, out io.Writer) error {
	l := read(o)
	if len(l.problems) > 0 {
		l.problems.sort()
		return l.problems
	}
	p := printer{origins: l.origins, shown: origins}
	p.structure(reflect.ValueOf(l.config), "", 0, true)
	_, err := io.WriteString(out, p.text.String())
	return err
}

type printer struct {
	text    strings.Builder
	origins map[string]Origin
	shown   bool
}

// structure writes the fields of a struct. Of what the operator has named, a persona or an issuer, only what is set.
func (p *printer) structure(v reflect.Value, path string, depth int, defaults bool) {
	for i := range v.NumField() {
		f := v.Field(i)
		if defaults || !f.IsZero() {
			name := yamlName(v.Type().Field(i))
			p.entry(name, f, join(path, name), depth, defaults)
		}
	}
}

func (p *printer) entry(name string, v reflect.Value, path string, depth int, defaults bool) {
	p.text.WriteString(strings.Repeat("  ", depth) + name + ":")
	switch {
	case leaf(v.Type()):
		p.line(" "+scalar(v), path)
	case v.Kind() == reflect.Struct:
		p.text.WriteString("\n")
		p.structure(v, path, depth+1, defaults)
	case v.Len() == 0 && v.Kind() == reflect.Map:
		p.line(" {}", path)
	case v.Len() == 0:
		p.line(" []", path)
	case v.Kind() == reflect.Map:
		p.line("", path)
		p.mapping(v, path, depth+1)
	default:
		p.line("", path)
		for i := range v.Len() {
			p.text.WriteString(strings.Repeat("  ", depth+1) + "-\n")
			p.structure(v.Index(i), fmt.Sprintf("%s[%d]", path, i), depth+2, false)
		}
	}
}

func (p *printer) mapping(v reflect.Value, path string, depth int) {
	byName := map[string]reflect.Value{}
	for it := v.MapRange(); it.Next(); {
		byName[it.Key().String()] = it.Value()
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		element := byName[name]
		if element.Kind() == reflect.Struct && element.IsZero() {
			p.text.WriteString(strings.Repeat("  ", depth) + quoted(name) + ":")
			p.line(" {}", join(path, name))
			continue
		}
		p.entry(quoted(name), element, join(path, name), depth, false)
	}
}

// line ends a line with where the value comes from.
func (p *printer) line(value, path string) {
	p.text.WriteString(value)
	if p.shown {
		origin := p.origins[path].String()
		if origin == "" {
			origin = "default"
		}
		p.text.WriteString(" # " + origin)
	}
	p.text.WriteString("\n")
}

// leaf reports whether values of a type stand on one line.
func leaf(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		return t == secretType
	case reflect.Map:
		return false
	case reflect.Slice:
		return t.Elem().Kind() != reflect.Struct
	default:
		return true
	}
}

// scalar writes a leaf in JSON, which YAML 1.2 contains.
func scalar(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Type() == durationType {
		return time.Duration(v.Int()).String()
	}
	if v.Kind() == reflect.Slice && v.Len() == 0 {
		return "[]"
	}
	if text, ok := reflect.TypeAssert[string](v); ok {
		return quoted(text)
	}
	text, _ := json.Marshal(v.Interface()) // texts, numbers, flags and lists of them always marshal
	return string(text)
}

func quoted(text string) string {
	quoted, _ := json.Marshal(text) // a text always marshals
	return string(quoted)
}
