// Package ratelimit bounds how often a principal may do things of one class: a token bucket for each pair, in memory
// that does not grow with the number of principals.
package ratelimit

import (
	"context"
	"math"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Faults of the limiter.
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
	buckets *lru.Cache[bucketKey, *rate.Limiter]
	now     func() time.Time
}

type bucketKey struct{ principal, class string }

// New makes a limiter whose buckets are full, or answers ErrConfig.
func New(c Config, now func() time.Time) (*Limiter, error) {
	if c.Buckets == 0 {
		c.Buckets = DefaultBuckets
	}
	if c.Enabled && (c.RequestsPerMinute < 1 || c.BurstSize < 1) {
		return nil, ErrConfig
	}
	buckets, err := lru.New[bucketKey, *rate.Limiter](c.Buckets)
	if err != nil {
		return nil, ErrConfig.Because(err)
	}
	return &Limiter{config: c, buckets: buckets, now: now}, nil
}

// Take counts one request of the principal against its limit for class, or refuses it with ErrRate, which says the
// limit, what remains and when to try again. A refused request counts nothing. Nothing is refused when the limit is
// not enabled.
func (l *Limiter) Take(_ context.Context, principal, class string) error {
	if !l.config.Enabled {
		return nil
	}
	now := l.now()
	bucket := l.bucket(bucketKey{principal, class})
	if bucket.AllowN(now, 1) {
		return nil
	}
	wait := l.untilOne(bucket.TokensAt(now))
	return ErrRate.After(wait).Saying(
		"The limit of %d requests a minute, in bursts of at most %d, is used up: 0 remain; try again in %d s.",
		l.config.RequestsPerMinute, l.config.BurstSize, int(math.Ceil(wait.Seconds())))
}

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
	b := Budget{Limited: true, RequestsPerMinute: l.config.RequestsPerMinute, BurstSize: l.config.BurstSize, Remaining: l.config.BurstSize}
	// Peek, so that asking keeps no bucket alive and makes none.
	if bucket, ok := l.buckets.Peek(bucketKey{principal, class}); ok {
		b.Remaining = max(0, int(bucket.TokensAt(l.now())))
	}
	return b
}

// bucket finds or makes the bucket of k. When there is no room, the bucket that was longest without a request goes. It
// is forgotten, and so full again when its principal returns: many principals at once can gain by that at most a burst
// each, and one that has been quiet for burst/rate has a full bucket anyway.
func (l *Limiter) bucket(k bucketKey) *rate.Limiter {
	if bucket, ok := l.buckets.Get(k); ok {
		return bucket
	}
	made := rate.NewLimiter(l.perSecond(), l.config.BurstSize)
	if first, ok, _ := l.buckets.PeekOrAdd(k, made); ok {
		return first // another request was first
	}
	return made
}

func (l *Limiter) perSecond() rate.Limit { return rate.Limit(float64(l.config.RequestsPerMinute) / 60) }

// untilOne is how long a bucket with these tokens needs until it holds a whole one, rounded up to a millisecond, so
// that whoever waits that long is not refused by a rounding error.
func (l *Limiter) untilOne(tokens float64) time.Duration {
	seconds := (1 - tokens) / float64(l.perSecond())
	return time.Duration(math.Ceil(seconds*1000)) * time.Millisecond
}
