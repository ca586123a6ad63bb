package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Lab is what the tests of a package share: the binary as the code stands, the demo, and a folder to work in.
type Lab struct {
	Demo   Demo
	Binary string
	Dir    string
}

// Tests wraps a *testing.M so that its tests run in a lab: use takes the lab before they begin, and returns what is
// to be done when they are through. A lab that cannot be set up fails the package.
func Tests(m Runner, use func(context.Context, Lab) (done func() error, err error)) Runner {
	return &tests{m: m, use: use}
}

// Runner is a *testing.M.
type Runner interface{ Run() int }

type tests struct {
	m   Runner
	use func(context.Context, Lab) (func() error, error)
}

// Run implements Runner.
func (t *tests) Run() int {
	code := 1
	if err := t.run(&code); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	}
	return code
}

func (t *tests) run(code *int) (err error) {
	var lab Lab
	if lab.Demo, err = FindDemo(); err != nil {
		return err
	}
	if lab.Dir, err = os.MkdirTemp("", "steward-tests-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(lab.Dir)) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if lab.Binary, err = Build(ctx, lab.Dir); err != nil {
		return err
	}
	done, err := t.use(ctx, lab)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	*code = t.m.Run()
	return nil
}

// Configure writes, into dir, the demo's configuration with a state of its own, ports of the system's choice and no
// rate limit. changes are made to it last: dotted keys, and what stands there; nil takes the key away.
func (d Demo) Configure(dir string, changes map[string]any) (file string, err error) {
	text, err := os.ReadFile(filepath.Join(d.Root, "configs", "demo", "steward.yaml"))
	if err != nil {
		return "", err
	}
	document := map[string]any{}
	if err := yaml.Unmarshal(text, &document); err != nil {
		return "", fmt.Errorf("read the demo's configuration: %w", err)
	}
	all := map[string]any{
		"state_dir":     filepath.Join(dir, "state"),
		"server.listen": "127.0.0.1:0", "server.admin_listen": "127.0.0.1:0",
		"security.rate_limit":  map[string]any{"enabled": false},
		"metrics.project_dir":  d.Project,
		"metrics.profiles_dir": d.Project,
		"metrics.python":       d.Python,
	}
	maps.Copy(all, changes)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		set(document, strings.Split(key, "."), all[key])
	}
	if text, err = yaml.Marshal(document); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file = filepath.Join(dir, "steward.yaml")
	return file, os.WriteFile(file, text, 0o600)
}

func set(document map[string]any, path []string, value any) {
	if len(path) > 1 {
		below, ok := document[path[0]].(map[string]any)
		if !ok {
			below = map[string]any{}
			document[path[0]] = below
		}
		set(below, path[1:], value)
		return
	}
	if value == nil {
		delete(document, path[0])
		return
	}
	document[path[0]] = value
}
