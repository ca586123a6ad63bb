package ratelimit

import (
	"math"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Rate is what a bucket gives. The zero value bounds nothing.
type Rate struct {
	PerMinute int // how fast it refills, evenly: 60 is one a second
	Burst     int // how many requests it holds when it is full
}

func (r Rate) valid() bool { return r.PerMinute >= 1 && r.Burst >= 1 }

func (r Rate) perSecond() rate.Limit { return rate.Limit(float64(r.PerMinute) / 60) }

// buckets are token buckets of one rate, one for each key, at most so many at a time. Safe for concurrent use.
type buckets[K comparable] struct {
	rate Rate
	held *lru.Cache[K, *rate.Limiter]
	now  func() time.Time
}

func newBuckets[K comparable](r Rate, room int, now func() time.Time) (*buckets[K], error) {
	held, err := lru.New[K, *rate.Limiter](room)
	if err != nil {
		return nil, ErrConfig.Because(err)
	}
	return &buckets[K]{rate: r, held: held, now: now}, nil
}

// take draws one token from the bucket of k and answers 0, or draws nothing and answers how long to wait for one.
func (b *buckets[K]) take(k K) time.Duration {
	now, bucket := b.now(), b.of(k)
	if bucket.AllowN(now, 1) {
		return 0
	}
	return b.untilOne(bucket.TokensAt(now))
}

// wait is what take would answer.
func (b *buckets[K]) wait(k K) time.Duration {
	tokens := b.tokens(k)
	if tokens >= 1 {
		return 0
	}
	return b.untilOne(tokens)
}

// tokens are those in the bucket of k. Asking keeps no bucket alive and makes none.
func (b *buckets[K]) tokens(k K) float64 {
	if bucket, ok := b.held.Peek(k); ok {
		return bucket.TokensAt(b.now())
	}
	return float64(b.rate.Burst)
}

// of finds or makes the bucket of k. When there is no room, the bucket that was longest without a request goes. It is
// forgotten, and so full again when its owner returns: many keys at once can gain by that at most a burst each, and one
// that has been quiet for burst/rate has a full bucket anyway.
func (b *buckets[K]) of(k K) *rate.Limiter {
	if bucket, ok := b.held.Get(k); ok {
		return bucket
	}
	made := rate.NewLimiter(b.rate.perSecond(), b.rate.Burst)
	if first, ok, _ := b.held.PeekOrAdd(k, made); ok {
		return first // another request was first
	}
	return made
}

// untilOne is how long a bucket with these tokens needs until it holds a whole one, rounded up to a millisecond, so
// that whoever waits that long is not refused by a rounding error.
func (b *buckets[K]) untilOne(tokens float64) time.Duration {
	seconds := (1 - tokens) / float64(b.rate.perSecond())
	return max(time.Millisecond, time.Duration(math.Ceil(seconds*1000))*time.Millisecond)
}
