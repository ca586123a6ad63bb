package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Demo is the shop that `make demo` leaves in the checkout. Tests read it and change nothing in it.
type Demo struct {
	Root      string // the checkout
	Project   string // the dbt project as it was built
	Manifest  string // its semantic manifest
	Warehouse string // its DuckDB file
	Python    string // the interpreter that has the engine
}

// FindDemo locates the demo. An error names the file that is missing and the command that makes it.
func FindDemo() (Demo, error) {
	root, err := Root()
	if err != nil {
		return Demo{}, err
	}
	d := Demo{
		Root:      root,
		Project:   filepath.Join(root, "var", "demo", "project"),
		Manifest:  filepath.Join(root, "var", "demo", "project", "target", "semantic_manifest.json"),
		Warehouse: filepath.Join(root, "var", "demo", "shop.duckdb"),
		Python:    filepath.Join(root, "var", "python", "bin", "python"),
	}
	for _, needed := range []string{d.Python, d.Warehouse, d.Manifest} {
		if _, err := os.Stat(needed); err != nil {
			return Demo{}, fmt.Errorf("the tests need the demo; make it with `make demo`: %w", err)
		}
	}
	return d, nil
}

// What opens the warehouse for asker: a DuckDB file that is the argument, or the PostgreSQL of the environment.
const (
	connectDuckDB   = "import sys, duckdb\nask = duckdb.connect(sys.argv[1], read_only=True)\n"
	connectPostgres = "import psycopg2\nask = psycopg2.connect('').cursor()\n"
)

// asker runs each of a list of statements and prints a list of row lists. Decimals go out with all their digits, dates
// and timestamps as ISO 8601, in UTC and without saying so.
const asker = `import datetime, decimal, json, sys

def text(v):
    if isinstance(v, datetime.datetime) and v.tzinfo:
        v = v.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, (datetime.date, datetime.datetime)):
        return json.dumps(v.isoformat())
    return json.dumps(v)

def answer(rows):
    return "[" + ",".join("[" + ",".join(map(text, row)) + "]" for row in rows) + "]"

def rows(sql):
    ask.execute(sql)
    return ask.fetchall()

print("[" + ",".join(answer(rows(sql)) for sql in json.load(sys.stdin)) + "]")
`

// SQL runs statements on a DuckDB file, past everything that is under test, and gives the rows of each. Numbers are
// json.Number, dates and timestamps text. The file is opened read-only.
func (d Demo) SQL(ctx context.Context, warehouse string, statements ...string) ([][][]any, error) {
	input, err := json.Marshal(statements)
	if err != nil {
		return nil, err
	}
	out, err := d.Run(ctx, connectDuckDB+asker, bytes.NewReader(input), warehouse)
	if err != nil {
		return nil, err
	}
	var answers [][][]any
	return answers, Decode(out, &answers)
}

// Run runs a Python program with the demo's interpreter and gives what it printed.
func (d Demo) Run(ctx context.Context, program string, input *bytes.Reader, args ...string) ([]byte, error) {
	return d.run(ctx, program, input, nil, args...)
}

// run also adds env to the program's environment.
func (d Demo) run(ctx context.Context, program string, input *bytes.Reader, env []string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, d.Python, append([]string{"-I", "-c", program}, args...)...)
	c.Env = append(Environment(), env...)
	if input != nil {
		c.Stdin = input
	}
	var errText bytes.Buffer
	c.Stderr = &errText
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("python: %w\n%s", err, errText.Bytes())
	}
	return out, nil
}
