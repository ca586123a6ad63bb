package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Options say where the configuration is.
type Options struct {
	File      string            // the YAML file; empty takes STEWARD_CONFIG, and without that there is none
	Env       []string          // as os.Environ gives it; nil is an empty environment
	Overrides map[string]string // dotted keys, server.listen, with values as a variable would have them
	Stdio     bool              // there is no listener, so mcp-metricflow's variables about one are not read
}

// Load reads the layers, each over the one before: Default, the file, the STEWARD_… variables, the overrides. A
// variable is named by its key in capitals, two underscores for each dot: STEWARD_SERVER__LISTEN. A list is written
// with commas. A secret is set by its variable or, with _FILE behind the name, by a file that only its owner can read,
// less one newline at its end. Last, well-known variables of dbt, MetricFlow, mcp-metricflow and Anthropic fill what
// nothing has set.
//
// Relative paths in the file start at the file's folder, those in variables and overrides at the working directory.
// The error is Problems: everything that is wrong, at once.
func Load(o Options) (Config, error) {
	l := read(o)
	if len(l.problems) > 0 {
		l.problems.sort()
		return Config{}, l.problems
	}
	return l.config, nil
}

func read(o Options) *loader {
	l := &loader{config: Default(), origins: map[string]Origin{}, env: environment(o.Env), stdio: o.Stdio}
	l.value = reflect.ValueOf(&l.config).Elem()
	if o.File == "" {
		o.File = l.env[FileVariable]
	}
	if o.File != "" {
		l.file(o.File)
	}
	known := allFields()
	l.variables(known)
	l.overrides(known, o.Overrides)
	l.ambient()
	l.places()
	l.check()
	return l
}

// loader is a configuration on its way through the layers.
type loader struct {
	config   Config
	value    reflect.Value     // config, to be set
	origins  map[string]Origin // where each path was written last
	env      map[string]string
	stdio    bool
	problems Problems
}

func environment(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, entry := range list {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	return env
}

func (l *loader) problem(at Origin, path, reason string) {
	l.problems = append(l.problems, Problem{Origin: at, Path: path, Reason: reason})
}

// origin is where path was written, or else the nearest thing around it.
func (l *loader) origin(path string) Origin {
	for path != "" {
		if o, ok := l.origins[path]; ok {
			return o
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return Origin{}
}

const maxFileBytes = 1 << 20

func (l *loader) file(name string) {
	text, reason := readFile(name, maxFileBytes)
	if reason != "" {
		l.problem(Origin{File: name}, "", reason)
		return
	}
	folder, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		l.problem(Origin{File: name}, "", "the folder of the file is unknown")
		return
	}
	d := document{loader: l, name: name, folder: folder}
	d.read(text)
}

// readFile gives the content of a regular file, or the reason why not.
func readFile(name string, most int64) (text []byte, reason string) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "there is no such file"
	case err != nil:
		return nil, "the file cannot be read"
	case !info.Mode().IsRegular():
		return nil, "is not a regular file"
	case info.Size() > most:
		return nil, "the file is too large"
	}
	text, err = os.ReadFile(name)
	if err != nil {
		return nil, "the file cannot be read"
	}
	return text, ""
}

// resolve makes a path of text absolute, starting at folder. A command without a slash stays as it is, to be looked
// for in PATH.
func resolve(kind, text, folder string) string {
	switch {
	case kind == "" || text == "" || filepath.IsAbs(text):
		return text
	case kind == "command" && !strings.ContainsRune(text, filepath.Separator):
		return text
	}
	return filepath.Join(folder, text)
}

// places settles the directories that nothing has named.
func (l *loader) places() {
	c := &l.config
	if c.StateDir == "" {
		c.StateDir = stateHome(l.env)
	}
	if c.StateDir == "" {
		l.problem(l.origin("state_dir"), "state_dir", "must be set, because neither XDG_STATE_HOME nor HOME is")
		return
	}
	if c.Audit.Dir == "" {
		c.Audit.Dir = filepath.Join(c.StateDir, "audit")
	}
}

// stateHome is where the XDG base directory specification wants a user's state; empty when nobody knows.
func stateHome(env map[string]string) string {
	// The specification says to ignore relative ones.
	if dir := env["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "steward")
	}
	if dir := env["HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, ".local", "state", "steward")
	}
	return ""
}
