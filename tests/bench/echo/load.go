package echo

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/steward-mcp/steward/tests/harness"
)

// crowd is a number of clients that make one call after the other.
type crowd interface {
	// rush makes calls for so long, or so many if most is not 0, and waits for the last answer. A call that is not
	// answered, or with another call's text, is an error.
	rush(most int64, lasting time.Duration) (load, error)
	close() error
}

// load is what a rush came to.
type load struct {
	calls int64
	took  time.Duration   // from the first call to the last answer
	waits []time.Duration // for each answer, in order of size
}

func newLoad(begun time.Time, waits []time.Duration) load {
	slices.Sort(waits)
	return load{calls: int64(len(waits)), took: time.Since(begun), waits: waits}
}

func (l load) perSecond() float64 { return float64(l.calls) / l.took.Seconds() }

// percentile is how long so many in a hundred calls waited at most.
func (l load) percentile(p int) time.Duration {
	if len(l.waits) == 0 {
		return 0
	}
	return l.waits[min(len(l.waits)-1, len(l.waits)*p/100)]
}

// connections are a crowd over HTTP.
type connections []*connection

// connect opens so many connections, each with a session of its own where the era has sessions.
func connect(ctx context.Context, endpoint, key string, era harness.Era, many int) (connections, error) {
	var all connections
	for range many {
		c, err := connectOne(ctx, endpoint, key, era)
		if err != nil {
			return nil, errors.Join(err, all.close())
		}
		all = append(all, c)
	}
	return all, nil
}

func connectOne(ctx context.Context, endpoint, key string, era harness.Era) (*connection, error) {
	client := harness.NewClient(endpoint, key, era)
	defer client.Close()
	if err := client.Do(ctx, "tools/list", nil, nil); err != nil {
		return nil, err
	}
	r, err := overHTTP(endpoint, era, key, client.Session())
	if err != nil {
		return nil, err
	}
	return dial(r)
}

func (cs connections) rush(most int64, lasting time.Duration) (load, error) {
	var (
		busy   sync.WaitGroup
		mu     sync.Mutex
		waits  []time.Duration
		failed []error
		sent   atomic.Int64
	)
	begun := time.Now()
	until := begun.Add(lasting)
	for _, c := range cs {
		busy.Go(func() {
			var own []time.Duration
			var err error
			for at := time.Now(); err == nil && at.Before(until) && (most == 0 || sent.Add(1) <= most); {
				err = c.call()
				now := time.Now()
				own, at = append(own, now.Sub(at)), now
			}
			mu.Lock()
			defer mu.Unlock()
			if waits = append(waits, own...); err != nil {
				failed = append(failed, err)
			}
		})
	}
	busy.Wait()
	return newLoad(begun, waits), errors.Join(failed...)
}

func (cs connections) close() error {
	for _, c := range cs {
		_ = c.raw.Close() // nothing is on the way any more
	}
	return nil
}
