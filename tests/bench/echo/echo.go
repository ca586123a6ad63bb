// Package echo measures what governance costs a call: tools/call of echo on the real steward binary, which knows its
// caller by an API key, decides by a policy, keeps a durable record of each call and traces it, beside a bare server of
// the protocol library that does none of this. Each is a process of its own, and they are asked in turns.
package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

// Options say how long and how often. Tests ask little.
type Options struct {
	Rounds  int           // of each cell, in which every server has its turn
	Warm    time.Duration // of each server, before the first round
	Lasting time.Duration // of each turn
	Calls   int64         // of each turn at most; 0 for as many as there is time for
	Crowds  []int         // of connections
	Pipe    int           // calls that are on the way over stdio
	Beside  int           // calls that are on the way over stdio while a slow one runs
	Cells   string        // those whose names have this in them; empty for all
	Profile string        // folder for CPU profiles of Steward, one a cell; they slow it down
}

// Full is what is worth publishing.
func Full() Options {
	return Options{Rounds: 5, Warm: 500 * time.Millisecond, Lasting: 2 * time.Second, Crowds: []int{32, 256}, Pipe: 32, Beside: 200}
}

// bench is one run.
type bench struct {
	Options
	out    io.Writer
	rivals []*rival // Steward in its variants, and last what it is held against
	sink   *sink
	binary string // steward
}

// rival is one side of the comparison.
type rival struct {
	contender
	name    string
	at      address
	crowd   crowd
	turns   []turn
	answers int64 // of all cells
}

// turn is what one round of a cell came to.
type turn struct {
	load
	cpu time.Duration // that the server used
}

// Run compares, writes tables to out, and answers an error when a call was lost, or answered with another one's text, or
// is not in the journal. That something was slow is no error.
func Run(ctx context.Context, out io.Writer, o Options) (err error) {
	b := &bench{Options: o, out: out}
	dir, err := os.MkdirTemp("", "steward-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, cancel := context.WithCancel(ctx) // ends whatever is left running
	defer cancel()
	if err := b.prepare(ctx, dir); err != nil {
		return err
	}
	if err := b.overHTTP(ctx); err != nil {
		return err
	}
	if err := b.overStdio(ctx); err != nil {
		return err
	}
	if err := b.sink.close(); err != nil {
		return err
	}
	if b.Cells == "" || b.Cells == "stdio" {
		if err := b.besideSlow(ctx, dir, b.binary); err != nil {
			return err
		}
	}
	return b.verify(ctx)
}

// prepare builds what is compared. The variants of Steward differ in what becomes of their spans.
func (b *bench) prepare(ctx context.Context, dir string) (err error) {
	bin, err := build(ctx, dir, "bare", "./tests/bench/bare")
	if err != nil {
		return err
	}
	binary, err := b.buildSteward(ctx, dir)
	if err != nil {
		return err
	}
	b.binary = binary
	if b.sink, err = newSink(ctx); err != nil {
		return err
	}
	exporting, err := newSteward(ctx, binary, filepath.Join(dir, "exporting"), b.sink.env()...)
	if err != nil {
		return err
	}
	silent, err := newSteward(ctx, binary, filepath.Join(dir, "silent"))
	if err != nil {
		return err
	}
	b.rivals = []*rival{
		{name: "every span exported", contender: exporting}, {name: "traced, nothing exported", contender: silent}, {name: "bare", contender: &bare{binary: bin}},
	}
	return b.heading(dir, bin)
}

func (b *bench) overHTTP(ctx context.Context) (err error) {
	for _, r := range b.rivals {
		if r.at, err = r.listen(ctx); err != nil {
			return err
		}
	}
	for _, era := range []harness.Era{harness.Legacy, harness.Modern} {
		for _, many := range b.Crowds {
			err := b.cell(ctx, fmt.Sprintf("%s, %d connections", era, many), aimOf(many), func(r *rival) (crowd, int, error) {
				c, err := connect(ctx, r.at.url, r.at.key, era, many)
				return c, r.at.pid, err
			})
			if err != nil {
				return err
			}
		}
	}
	for _, r := range b.rivals {
		err = errors.Join(err, r.stop())
	}
	return err
}

func (b *bench) overStdio(ctx context.Context) error {
	for _, era := range []harness.Era{harness.Legacy, harness.Modern} {
		err := b.cell(ctx, fmt.Sprintf("%s, stdio, %d at a time", era, b.Pipe), aims{0.35, 0.35}, func(r *rival) (crowd, int, error) {
			p, err := r.pipe(ctx, era, b.Pipe)
			if err != nil {
				return nil, 0, err
			}
			return p, p.process.Process.Pid, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// aims are the ratios of throughput that have to be reached, and that would be good.
type aims struct{ least, good float64 }

func aimOf(connections int) aims {
	if connections < 256 {
		return aims{0.60, 0.80}
	}
	return aims{0.75, 0.90}
}

// cell lets every side make its clients, warms them up, and then gives each its turns, one after the other and again, another one first
// each time.
func (b *bench) cell(ctx context.Context, name string, a aims, gather func(*rival) (crowd, int, error)) (err error) {
	if !strings.Contains(name, b.Cells) {
		return nil
	}
	for _, r := range b.rivals {
		if r.crowd, r.at.pid, err = gather(r); err != nil {
			return fmt.Errorf("%s, %s: %w", name, r.name, err)
		}
		defer func() { err = errors.Join(err, r.crowd.close()) }()
		r.turns = nil
		if err := r.turn(b.Calls, b.Warm); err != nil {
			return fmt.Errorf("%s, %s: %w", name, r.name, err)
		}
	}
	for i := range b.Rounds {
		for j := range b.rivals {
			r := b.rivals[(i+j)%len(b.rivals)] // whose turn it is after whose makes a difference
			if err := r.turn(b.Calls, b.Lasting); err != nil {
				return fmt.Errorf("%s, %s: %w", name, r.name, err)
			}
		}
	}
	for _, r := range b.rivals {
		r.turns = r.turns[1:] // without the warming up
		if err := b.profile(ctx, name, r); err != nil {
			return err
		}
	}
	b.rows(name, a)
	return nil
}

func (r *rival) turn(most int64, lasting time.Duration) error {
	before, err := cpuTime(r.at.pid)
	if err != nil {
		return err
	}
	l, err := r.crowd.rush(most, lasting)
	r.answers += l.calls
	if err != nil {
		return err
	}
	after, err := cpuTime(r.at.pid)
	r.turns = append(r.turns, turn{load: l, cpu: after - before})
	return err
}

// verify holds the journals against the answers.
func (b *bench) verify(ctx context.Context) error {
	var all int64
	for _, r := range b.rivals {
		s, ok := r.contender.(*steward)
		if !ok {
			continue
		}
		if err := s.verify(ctx, r.answers); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		all += r.answers
	}
	b.say("\nSteward answered %d calls, each with its own text, and lost none. The journals have as many records of them, and hold.\n", all)
	return nil
}
