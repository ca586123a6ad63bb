package worker

import (
	"math/rand/v2"
	"time"
)

// lease is how long a worker serves: so many requests, so much memory, so much time. The engine keeps what it has
// once worked out, and drivers leak.
type lease struct {
	requests int
	memory   int64
	until    time.Time
}

// jitter spreads the ends of workers that began together.
const jitter = 0.2

func newLease(c Config, now time.Time) lease {
	less := 1 - jitter*rand.Float64() //nolint:gosec // nothing is to be kept secret
	return lease{
		requests: max(int(float64(c.MaxRequests)*less), 1),
		memory:   c.MaxMemory,
		until:    now.Add(time.Duration(float64(c.MaxAge) * less)),
	}
}

// ended reports whether a worker that has served requests and holds rss bytes should be replaced, and whether that
// cannot wait for a convenient moment.
func (l lease) ended(requests int, rss int64, now time.Time) (due, overdue bool) {
	due = requests >= l.requests || rss > l.memory || now.After(l.until)
	return due, rss/2 > l.memory
}
