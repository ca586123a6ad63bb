package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/steward-mcp/steward/tests/harness"
)

// bench is where the cases are tried: a scratch folder with one project and one state a manifest, and a warehouse.
type bench struct {
	dir, cases, binary, python string
	warehouse                  *warehouse
}

func prepare(ctx context.Context, o options) (*bench, error) {
	var err error
	b := &bench{}
	if b.dir, err = os.MkdirTemp("", "steward-acceptance-"); err != nil {
		return nil, err
	}
	for _, path := range []struct {
		to   *string
		from string
	}{{&b.cases, o.cases}, {&b.binary, o.binary}, {&b.python, o.python}} {
		if *path.to, err = filepath.Abs(path.from); err != nil {
			return nil, err
		}
		if _, err = os.Stat(*path.to); err != nil {
			return nil, fmt.Errorf("%w (make build, make engine)", err)
		}
	}
	if b.warehouse, err = open(ctx, o.warehouse, b.cases, b.python, b.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(b.dir))
	}
	return b, nil
}

func (b *bench) remove() error { return errors.Join(b.warehouse.stop(), os.RemoveAll(b.dir)) }

// with starts steward on one manifest and hands a client of it to ask.
func (b *bench) with(ctx context.Context, manifest string, ask func(*harness.Client)) error {
	config, err := b.project(filepath.Join(b.cases, "manifests", manifest))
	if err != nil {
		return err
	}
	key, err := harness.CreateKey(ctx, b.binary, config, "acceptance", "everything")
	if err != nil {
		return err
	}
	server, err := harness.Start(ctx, b.binary, config, b.warehouse.env...)
	if err != nil {
		return err
	}
	client := harness.NewClient(server.URL, key, harness.Modern)
	ask(client)
	client.Close()
	if err := server.Stop(); err != nil {
		return fmt.Errorf("the server did not end well: %w\n%s", err, server.Log())
	}
	return nil
}

// The smallest dbt project that the engine accepts. It reads nothing else of a project than this, the profile and
// the manifest.
const projectYAML = "name: cases\nversion: '1.0'\nprofile: cases\n"

const configYAML = `state_dir: state
server: {listen: "127.0.0.1:0", admin_listen: "127.0.0.1:0"}
security: {rate_limit: {enabled: false}}
personas:
  everything:
    allow:
      - {action: "*", target: "*"}
metrics:
  project_dir: project
  profiles_dir: project
  python: %q
  target: %s
  env: [%s]
`

func (b *bench) project(manifest string) (config string, err error) {
	dir := filepath.Join(b.dir, filepath.Base(manifest))
	target := filepath.Join(dir, "project", "target")
	if err := os.MkdirAll(target, 0o700); err != nil {
		return "", err
	}
	config = filepath.Join(dir, "steward.yaml")
	return config, errors.Join(
		copyFile(filepath.Join(manifest, "target", "semantic_manifest.json"), filepath.Join(target, "semantic_manifest.json")),
		copyFile(filepath.Join(b.cases, "profiles.yml"), filepath.Join(dir, "project", "profiles.yml")),
		os.WriteFile(filepath.Join(dir, "project", "dbt_project.yml"), []byte(projectYAML), 0o600),
		os.WriteFile(config, fmt.Appendf(nil, configYAML, b.python, b.warehouse.name, strings.Join(harness.Names(b.warehouse.env), ", ")), 0o600),
	)
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}
