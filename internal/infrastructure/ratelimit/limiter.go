// Package ratelimit bounds how often, and how much at once, is asked: by a principal in a class, from an address, and
// altogether. It keeps its counts in memory that does not grow with the number of principals or addresses.
package ratelimit

import (
	"context"
	"math"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Faults of the limits.
var (
	ErrRate   = fault.New(fault.Exhausted, "limit.rate", "The rate limit is used up; try again shortly.")
	ErrConfig = fault.New(fault.Invalid, "limit.config", "A rate limit needs at least 1 request a minute, a burst of at least 1 and room for at least 1 bucket.")
)

// DefaultBuckets is how many pairs of principal and class are remembered unless Config says otherwise, some 300 bytes
// each.
const DefaultBuckets = 10_000

// Config is the limit of each principal in each class.
type Config struct {
	Enabled           bool
	RequestsPerMinute int // how fast a bucket refills, evenly: 60 is one a second
	BurstSize         int // how many requests a full bucket holds
	Buckets           int // zero takes DefaultBuckets
}

// Limiter holds the buckets. It is safe for concurrent use.
type Limiter struct {
	config  Config
	buckets *buckets[bucketKey]
}

type bucketKey struct{ principal, class string }

// New makes a limiter whose buckets are full, or answers ErrConfig.
func New(c Config, now func() time.Time) (*Limiter, error) {
	if c.Buckets == 0 {
		c.Buckets = DefaultBuckets
	}
	rate := Rate{PerMinute: c.RequestsPerMinute, Burst: c.BurstSize}
	if c.Enabled && !rate.valid() {
		return nil, ErrConfig
	}
	buckets, err := newBuckets[bucketKey](rate, c.Buckets, now)
	if err != nil {
		return nil, err
	}
	return &Limiter{config: c, buckets: buckets}, nil
}

// Take counts one request of the principal against its limit for class, or refuses it with ErrRate, which says the
// limit, what remains and when to try again. A refused request counts nothing. Nothing is refused when the limit is
// not enabled.
func (l *Limiter) Take(_ context.Context, principal, class string) error {
	if !l.config.Enabled {
		return nil
	}
	wait := l.buckets.take(bucketKey{principal, class})
	if wait == 0 {
		return nil
	}
	return refusal(ErrRate, "The limit", "principal", l.buckets.rate, wait)
}

// refusal says the limit, what remains and when to try again.
func refusal(f *fault.Fault, limit, name string, r Rate, wait time.Duration) *fault.Fault {
	return f.After(wait).Saying(
		"%s of %d requests a minute, in bursts of at most %d, is used up: 0 remain; try again in %d s.",
		limit, r.PerMinute, r.Burst, int(math.Ceil(wait.Seconds()))).Because(quota{name, r.PerMinute})
}

// quota is the limit that a fault is about, and the fault's cause, so that a transport can tell it in headers.
type quota struct {
	name      string
	perMinute int
}

// Error implements error.
func (q quota) Error() string { return "the limit of each " + q.name }

// Quota is the name of the limit, and the requests that it gives a minute.
func (q quota) Quota() (name string, perMinute int) { return q.name, q.perMinute }

// Budget is what a principal may still do in a class.
type Budget struct {
	Limited           bool // false when the limit is not enabled; the rest is zero then
	RequestsPerMinute int
	BurstSize         int
	Remaining         int // requests that would be accepted at once
}

// Left tells the budget without drawing on it.
func (l *Limiter) Left(principal, class string) Budget {
	if !l.config.Enabled {
		return Budget{}
	}
	return Budget{
		Limited: true, RequestsPerMinute: l.config.RequestsPerMinute, BurstSize: l.config.BurstSize,
		Remaining: max(0, int(l.buckets.tokens(bucketKey{principal, class}))),
	}
}
