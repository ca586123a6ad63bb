package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/steward-mcp/steward/tests/harness"
)

// patience bounds one run of the suite.
const patience = 5 * time.Minute

// check is what the suite found out about one thing.
type check struct {
	ID, Name, Status, Description, ErrorMessage string
	Details                                     json.RawMessage
}

// scenario is one run of a scenario.
type scenario struct {
	name   string
	checks []check
}

// dismissed are findings that are no success and no fault of Steward's, each with the reason.
var dismissed = map[string]string{
	"INFO server-sse-streams-functional": "Steward answers with JSON where there is nothing to tell before, as both revisions allow",
	"SKIPPED tasks-status-notifications": "the suite does not test it: it says that its harness is to be rewritten",
}

// tales are findings that check nothing: what they tell of is checked apart, or the scenario proves nothing.
var tales = map[string]string{
	"INFO outgoing-request":   "what the suite has sent",
	"INFO incoming-response":  "what has come back",
	"INFO incoming-sse-event": "an event that has come",
	"INFO stream-closed":      "a stream that has ended",
}

// faults lists what is wrong with a run of a scenario.
func (s scenario) faults() (found []string) {
	passed := 0
	for _, c := range s.checks {
		finding := c.Status + " " + c.ID
		switch {
		case c.Status == "SUCCESS", dismissed[finding] != "":
			passed++
		case tales[finding] != "":
		default:
			found = append(found, fmt.Sprintf("%s: %s %s: %s: %s\n\t%s", s.name, c.Status, c.ID, c.Description, c.ErrorMessage, shorten(c.Details)))
		}
	}
	if passed+len(found) == 0 {
		found = append(found, s.name+": nothing was checked")
	}
	return found
}

func shorten(details []byte) []byte {
	const most = 600
	var short bytes.Buffer
	if json.Compact(&short, details) != nil {
		return nil
	}
	return short.Bytes()[:min(most, short.Len())]
}

// requirements is what a revision asks of a server, as the suite's own file says it.
type requirements struct {
	Server    []string
	NotScored []struct{ Scenario, Leg string } `yaml:"not_scored"`
}

func requirementsOf(t *testing.T, revision string) (r requirements) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(packageFolder, "requirements", revision+".yaml"))
	if err != nil {
		t.Fatalf("the tests need npm packages; install them with `make clients`: %v", err)
	}
	if err := yaml.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// packageFolder is where npm puts the suite.
var packageFolder = filepath.Join("node_modules", "@modelcontextprotocol", "conformance")

// resultFolder is how the suite names the folder of a scenario's results.
var resultFolder = regexp.MustCompile(`^server-(.+?)-\d{4}-\d\d-\d\dT`)

// runner runs the suite against a URL. Safe for concurrent use.
type runner struct {
	node, url, results string
	environment        []string
}

func newRunner(t *testing.T, url string) runner {
	t.Helper()
	return runner{node: node(t), url: url, results: t.TempDir(), environment: harness.Environment()}
}

// run runs the suite several times, one after the other, and gives the results of all.
func (r runner) run(ctx context.Context, times int, args ...string) ([]scenario, error) {
	dir, err := os.MkdirTemp(r.results, "")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	args = append([]string{"repeat.mjs", strconv.Itoa(times), "server", "--url", r.url, "-o", filepath.Join(dir, "{run}")}, args...)
	c := exec.CommandContext(ctx, r.node, args...)
	c.Env = r.environment
	out, err := c.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && (!ended || ctx.Err() != nil) {
		return nil, fmt.Errorf("the suite: %w\n%s", err, out)
	}
	ran, err := read(dir)
	if err == nil && len(ran) < times {
		err = fmt.Errorf("the suite has %d results of %d runs:\n%s", len(ran), times, out)
	}
	return ran, err
}

// read reads the results that the suite has written below a folder for each run.
func read(dir string) (ran []scenario, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "checks.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		m := resultFolder.FindStringSubmatch(filepath.Base(filepath.Dir(file)))
		if m == nil {
			return nil, fmt.Errorf("%s is no result of the suite", file)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		s := scenario{name: m[1]}
		if err := json.Unmarshal(text, &s.checks); err != nil {
			return nil, err
		}
		ran = append(ran, s)
	}
	return ran, nil
}

// summary tells, as the suite does, how many of some scenarios passed; with dismissed findings counted as what they are.
func summary(ran []scenario, names []string) string {
	well, checks, passed := 0, 0, 0
	for _, s := range ran {
		if !slices.Contains(names, s.name) {
			continue
		}
		if len(s.faults()) == 0 {
			well++
		}
		for _, c := range s.checks {
			if c.Status == "SUCCESS" || c.Status == "FAILURE" || c.Status == "WARNING" {
				checks++
			}
			if c.Status == "SUCCESS" {
				passed++
			}
		}
	}
	return fmt.Sprintf("%d/%d scenarios, %d/%d checks", well, len(names), passed, checks)
}
