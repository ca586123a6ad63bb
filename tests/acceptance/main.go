// Command acceptance asks a running steward, over MCP, every question and every listing of a folder of cases whose
// answers are known, and says how many it answers right. The folder is used in place. See its README for the format.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

func main() {
	cases := flag.String("cases", "", "folder of cases: manifests/, warehouse.sql, profiles.yml, queries.json, listings.json")
	binary := flag.String("binary", "bin/steward", "the steward to ask")
	python := flag.String("python", "var/python/bin/python", "interpreter with the engine")
	only := flag.String("only", "", `"nowhere" leaves out the questions with a where`)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	score, err := run(ctx, *cases, *binary, *python, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
	}
	// The last line is read by scripts.
	fmt.Printf("passed %d of %d, failed %d\n", score.passed, score.total(), score.failed)
	if err != nil || score.failed > 0 || score.passed == 0 {
		os.Exit(1)
	}
}

// score counts answers, and prints the wrong ones as they come.
type score struct {
	passed, failed int
	begun          time.Time
}

func (s *score) total() int { return s.passed + s.failed }

func (s *score) note(name string, err error) {
	if err == nil {
		s.passed++
		return
	}
	s.failed++
	fmt.Printf("FAIL %s: %v\n", name, err)
}

func run(ctx context.Context, dir, binary, python, only string) (*score, error) {
	s := &score{begun: time.Now()}
	bench, err := prepare(ctx, dir, binary, python)
	if err != nil {
		return s, err
	}
	defer bench.remove()
	questions, err := readQuestions(filepath.Join(dir, "queries.json"), only)
	if err != nil {
		return s, err
	}
	listings, err := readListings(filepath.Join(dir, "listings.json"))
	if err != nil {
		return s, err
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "manifests", "*"))
	if err != nil || len(manifests) == 0 {
		return s, fmt.Errorf("no manifests in the folder of cases (%w)", err)
	}
	sort.Strings(manifests)
	for i, m := range manifests {
		name := filepath.Base(m)
		fmt.Printf("[%d/%d] %s: %d listings, %d questions (%s)\n", i+1, len(manifests), name,
			len(listings[name]), len(questions[name]), time.Since(s.begun).Round(time.Second))
		if err := bench.with(ctx, m, func(c *harness.Client) {
			for _, metric := range sortedKeys(listings[name]) {
				s.note(name+"/"+metric, checkListing(ctx, c, metric, listings[name][metric]))
			}
			for _, q := range questions[name] {
				s.note(q.Name, q.check(ctx, c))
			}
		}); err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		delete(listings, name)
		delete(questions, name)
	}
	if len(listings)+len(questions) > 0 {
		return s, fmt.Errorf("cases name manifests that are not there: %v %v", sortedKeys(listings), sortedKeys(questions))
	}
	return s, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
