package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

const (
	clients        = 32
	distinctAsked  = 960
	identicalAsked = 6400
)

// crowd is many clients at once, against mf which is asked in a row: answers in the time in which mf gives one.
func crowd(ctx context.Context, client *harness.Client, mf time.Duration) error {
	var askers []asker
	for _, c := range contests[1:] {
		a, err := newAsker(ctx, client, c)
		if err != nil {
			return err
		}
		askers = append(askers, a)
	}
	fmt.Printf("\n%-50s %10s %12s %10s %8s\n", "32 clients", "mf p50", "a second", "ratio", "aim")
	for _, c := range []struct {
		name  string
		asked int
		aim   int
		once  func(i int) error
	}{
		{"distinct questions, of one metric each", distinctAsked, aimDistinct, func(int) error { return askers[0].distinct(ctx) }},
		{"distinct questions, two of three over a join", distinctAsked, aimDistinct, func(i int) error { return askers[i%len(askers)].distinct(ctx) }},
		{"one and the same question", identicalAsked, aimIdentical, func(int) error { return askers[0].ask(ctx, askers[0].args) }},
	} {
		took, err := together(c.asked, c.once)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		rate := float64(c.asked) / took.Seconds()
		fmt.Printf("%-50s %10s %12.0f %9.0fx %7dx\n", c.name, mf.Round(time.Millisecond), rate, rate*mf.Seconds(), c.aim)
	}
	return nil
}

// together shares so many questions among the clients.
func together(asked int, once func(i int) error) (time.Duration, error) {
	var next, failed atomic.Int64
	var first error
	var only sync.Once
	var all sync.WaitGroup
	begun := time.Now()
	for range clients {
		all.Go(func() {
			for i := int(next.Add(1)); i <= asked && failed.Load() == 0; i = int(next.Add(1)) {
				if err := once(i); err != nil {
					failed.Add(1)
					only.Do(func() { first = err })
				}
			}
		})
	}
	all.Wait()
	return time.Since(begun), first
}
