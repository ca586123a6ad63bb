// Command acceptance asks a running steward, over MCP, every question and every listing of a folder of cases whose
// answers are known, and says how many it answers right. The folder is used in place. See its README for the format.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sort"

	"github.com/steward-mcp/steward/tests/harness"
)

type options struct{ cases, binary, python, only, warehouse string }

func main() {
	var o options
	flag.StringVar(&o.cases, "cases", "", "folder of cases: manifests/, warehouse.sql, profiles.yml, queries.json, listings.json")
	flag.StringVar(&o.binary, "binary", "bin/steward", "the steward to ask")
	flag.StringVar(&o.python, "python", "var/python/bin/python", "interpreter with the engine")
	flag.StringVar(&o.only, "only", "", `"nowhere" leaves out the questions with a where, "where" asks nothing else`)
	flag.StringVar(&o.warehouse, "warehouse", "duckdb", "where the tables are: duckdb or postgres")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	s := newScore(os.Stdout)
	s.missing = run(ctx, s, o)
	stop()
	if !s.end(o.warehouse) {
		os.Exit(1)
	}
}

func run(ctx context.Context, s *score, o options) (err error) {
	all, err := readCases(o.cases, o.only)
	if err != nil {
		return err
	}
	s.all = all.count()
	b, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.remove()) }()
	if names := b.warehouse.unknown(all); o.only == "" && len(names) > 0 {
		s.line("listed for %s, but not among these cases: %v", o.warehouse, names)
	}
	for i, name := range all.manifests {
		s.line("[%d/%d] %s: %d listings, %d questions (%s)", i+1, len(all.manifests), name,
			len(all.listings[name]), len(all.questions[name]), s.elapsed())
		if err := b.with(ctx, name, func(c *harness.Client) { all.ask(ctx, s, c, name, b.warehouse) }); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// cases is what a folder of cases asks, by manifest.
type cases struct {
	manifests []string
	questions map[string][]question
	listings  map[string]map[string]listing
}

func readCases(dir, only string) (all cases, err error) {
	if all.questions, err = readQuestions(filepath.Join(dir, "queries.json"), only); err != nil {
		return all, err
	}
	if only != onlyWhere {
		all.listings, err = readListings(filepath.Join(dir, "listings.json"))
	}
	if err != nil {
		return all, err
	}
	named := map[string]bool{}
	for name := range all.questions {
		named[name] = true
	}
	for name := range all.listings {
		named[name] = true
	}
	all.manifests = sortedKeys(named)
	return all, nil
}

func (cs cases) count() int {
	n := 0
	for _, name := range cs.manifests {
		n += len(cs.questions[name]) + len(cs.listings[name])
	}
	return n
}

// ask makes every call of one manifest.
func (cs cases) ask(ctx context.Context, s *score, c *harness.Client, manifest string, w *warehouse) {
	for _, metric := range sortedKeys(cs.listings[manifest]) {
		if ctx.Err() == nil {
			s.note(manifest+"/"+metric, checkListing(ctx, c, metric, cs.listings[manifest][metric]))
		}
	}
	for _, q := range cs.questions[manifest] {
		if ctx.Err() != nil {
			return
		}
		err := q.check(ctx, c)
		if reason, listed := w.not[q.Name]; listed {
			if err = refusedAsListed(err, reason); err == nil {
				s.listed++
			}
		}
		if t, tied := w.ties[q.Name]; tied && err != nil {
			q.Rows = t.other(q.Rows)
			if err = q.check(ctx, c); err == nil {
				s.line("%s: answered in the other right way, since %s", q.Name, t.why)
			}
		}
		s.note(q.Name, err)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
