package config

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const (
	othersAccess   fs.FileMode = 0o077
	maxSecretBytes             = 64 << 10
)

// ambient lists other programs' variables that Steward's users have set already, in the order of their precedence.
// read turns the text into what the key takes, or says what is wrong with it.
var ambient = []struct {
	variable, path string
	read           func(l *loader, text string) (value, reason string)
}{
	{"DBT_PROJECT_DIR", "metrics.project_dir", (*loader).atHome},
	{"DBT_PROFILES_DIR", "metrics.profiles_dir", (*loader).atHome},
	{"MF_PATH", "metrics.python", (*loader).interpreterBeside},
	{"MCP_API_KEY", "compat.api_key", verbatim},
	{"TELEMETRYFLOW_MCP_CLAUDE_API_KEY", "claude.api_key", verbatim},
	{"ANTHROPIC_API_KEY", "claude.api_key", verbatim},
}

func verbatim(_ *loader, text string) (value, reason string) { return text, "" }

// variables applies the STEWARD_… variables.
func (l *loader) variables(known []field) {
	byName := make(map[string]field, len(known))
	for _, f := range known {
		byName[f.variable()] = f
	}
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		if !strings.HasPrefix(name, prefix) || name == FileVariable || name == AdminKeyVariable || name == AdminKeyVariable+fileSuffix {
			continue
		}
		at := Origin{Variable: name}
		f, ok := byName[name]
		secret, isFile := byName[strings.TrimSuffix(name, fileSuffix)]
		switch {
		case ok:
			l.set(f, l.env[name], at)
		case isFile && secret.secret():
			l.setSecretFile(secret, l.env[name], at)
		default:
			l.problem(at, "", "is not a known variable"+suggest(name, slices.Sorted(maps.Keys(byName))))
		}
	}
}

func (l *loader) overrides(known []field, overrides map[string]string) {
	var paths []string
	byPath := make(map[string]field, len(known))
	for _, f := range known {
		paths = append(paths, f.path)
		byPath[f.path] = f
	}
	for _, path := range slices.Sorted(maps.Keys(overrides)) {
		at := Origin{Flag: path}
		f, ok := byPath[path]
		switch {
		case !ok:
			l.problem(at, "", "is not a known key"+suggest(path, paths))
		case f.secret():
			l.problem(at, "", "a secret is not given on the command line, where others can read it; set "+f.variable())
		default:
			l.set(f, overrides[path], at)
		}
	}
}

// ambient fills what nothing has set so far.
func (l *loader) ambient() {
	known := allFields()
	for _, a := range ambient {
		text := l.env[a.variable]
		i := slices.IndexFunc(known, func(f field) bool { return f.path == a.path })
		if _, taken := l.origins[a.path]; text == "" || i < 0 || taken || l.unheard(a.variable) {
			continue
		}
		at := Origin{Variable: a.variable}
		value, reason := a.read(l, text)
		if reason != "" {
			l.origins[a.path] = at
			l.problem(at, a.path, reason)
			continue
		}
		l.set(known[i], value, at)
	}
	l.formerAddress()
	l.formerAuthentication()
}

// set puts the text of a variable or flag into a field.
func (l *loader) set(f field, text string, at Origin) {
	if f.secret() {
		l.setSecret(f, text, at)
		return
	}
	l.origins[f.path] = at
	v := l.value.FieldByIndex(f.index)
	if reason := setText(v, text); reason != "" {
		l.problem(at, f.path, reason)
		return
	}
	if f.pathTo == "" {
		return
	}
	// Abs of the empty path is the working directory.
	working, err := filepath.Abs("")
	if err != nil {
		l.problem(at, f.path, "the working directory is unknown; write an absolute path")
		return
	}
	v.SetString(resolve(f.pathTo, v.String(), working))
}

func (l *loader) setSecret(f field, text string, at Origin) {
	if _, twice := l.origins[f.path]; twice {
		l.problem(at, f.path, "is set twice, by its variable and by its file; unset one")
		return
	}
	if text == "" {
		l.problem(at, f.path, "is empty; unset it")
		return
	}
	l.origins[f.path] = at
	l.value.FieldByIndex(f.index).Set(reflect.ValueOf(NewSecret(text)))
}

func (l *loader) setSecretFile(f field, name string, at Origin) {
	text, reason := readFile(name, maxSecretBytes)
	if reason == "" {
		reason = exposed(name)
	}
	if reason != "" {
		l.problem(at, f.path, "of the file that it names: "+reason)
		return
	}
	l.setSecret(f, trimNewline(string(text)), at)
}

// exposed says that others can read a file, if they can.
func exposed(name string) (reason string) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return "the file cannot be read"
	case info.Mode().Perm()&othersAccess != 0:
		return "others can read the file; give it mode 0600"
	}
	return ""
}

// trimNewline removes the one line end that editors and echo leave.
func trimNewline(text string) string {
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}

// setText reads text as v's type wants it, or says why it cannot.
func setText(v reflect.Value, text string) (reason string) {
	switch {
	case v.Type() == durationType:
		d, ok := parseDuration(text)
		if !ok {
			return notDuration
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return notBool
		}
		v.SetBool(text == "true")
	case v.Kind() == reflect.Slice:
		v.Set(reflect.ValueOf(splitList(text)))
	default:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return notInteger
		}
		v.SetInt(i)
	}
	return ""
}

func splitList(text string) []string {
	var words []string
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}
