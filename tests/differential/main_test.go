package differential_test

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steward-mcp/steward/tests/harness"
)

// seed decides every random choice of these tests, so that a failure can be seen again; 0 takes another one each time.
var seed = flag.Uint64("differential.seed", 20261121, "seed of the random questions; 0 takes one from the clock")

var lab struct {
	harness.Lab
	worlds []*world
}

func TestMain(m *testing.M) {
	flag.Parse()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	goleak.VerifyTestMain(harness.Tests(m, func(ctx context.Context, l harness.Lab) (func() error, error) {
		lab.Lab = l
		return func() error { return nil }, findWorlds(ctx, l)
	}))
}

//go:embed worlds.py
var makeWorlds string

//go:embed oracle.py
var askEngine string

// world is one project: what the engine says can be asked of it, and which values there are.
type world struct {
	Name, Project, Warehouse string
	Unusable                 string // why the engine itself cannot use it
	Metrics                  []subject
	Alone                    []reach // without metrics
	Fields                   []field
	Saved                    []struct {
		Name    string
		Metrics []string
		Limit   int
	}
	named map[string]field
}

// subject is a metric with what it can be grouped by.
type subject struct {
	Name, Kind string
	Fields     []reach
}

// reach is one field as some metric can be grouped by it.
type reach struct {
	Name   string
	Grains []string
	Parts  []string
}

type field struct {
	Name, Kind string // categorical, time or entity
	Values     []any
}

func findWorlds(ctx context.Context, l harness.Lab) error {
	demo := "demo=" + l.Demo.Project + "=" + l.Demo.Warehouse
	out, err := l.Demo.Run(ctx, makeWorlds, nil, l.Dir, fmt.Sprint(*seed), demo)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, &lab.worlds); err != nil {
		return err
	}
	for _, w := range lab.worlds {
		w.named = map[string]field{}
		for _, f := range w.Fields {
			w.named[f.Name] = f
		}
	}
	return nil
}

// usable are the worlds that questions can be asked of.
func usable() []*world {
	return slices.DeleteFunc(slices.Clone(lab.worlds), func(w *world) bool { return w.Unusable != "" })
}

// asked is one question in the engine's language.
type request struct {
	SavedQuery string   `json:"saved_query,omitempty"`
	Metrics    []string `json:"metrics,omitempty"`
	GroupBy    []string `json:"group_by,omitempty"`
	Where      []string `json:"where,omitempty"`
	OrderBy    []string `json:"order_by,omitempty"`
	Limit      int      `json:"limit,omitempty"`
	Start      string   `json:"start,omitempty"`
	End        string   `json:"end,omitempty"`
}

// batch is what the engine is asked of one world.
type batch struct {
	Project   string    `json:"project"`
	Warehouse string    `json:"warehouse"`
	Questions []request `json:"questions"`
}

// table is the engine's answer, or why there is none.
type table struct {
	Columns []string
	Rows    [][]any
	Error   string
}

// oracle asks the engine.
func oracle(ctx context.Context, batches []batch) ([][]table, error) {
	input, err := json.Marshal(batches)
	if err != nil {
		return nil, err
	}
	out, err := lab.Demo.Run(ctx, askEngine, bytes.NewReader(input))
	if err != nil {
		return nil, err
	}
	var answers [][]table
	if err := harness.Decode(out, &answers); err != nil {
		return nil, err
	}
	for i, b := range batches {
		if len(answers) != len(batches) || len(answers[i]) != len(b.Questions) {
			return nil, fmt.Errorf("the engine did not answer every question about %s", b.Project)
		}
	}
	return answers, nil
}

func random(number uint64) *rand.Rand { return rand.New(rand.NewPCG(*seed, number)) }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }
