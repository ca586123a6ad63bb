package ratelimit_test

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/ratelimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var written = ratelimit.Config{Enabled: true, RequestsPerMinute: 60, BurstSize: 10}

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)} }

func limiter(t testing.TB, c ratelimit.Config, now func() time.Time) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New(c, now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// accepted asks n times and counts the consents.
func accepted(t testing.TB, l *ratelimit.Limiter, principal string, n int) (count int) {
	t.Helper()
	for range n {
		err := l.Take(t.Context(), principal, "tool")
		switch {
		case err == nil:
			count++
		case !errors.Is(err, ratelimit.ErrRate):
			t.Fatal(err)
		}
	}
	return count
}

func TestLimiter_CountsExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, written, time.Now)
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 10}, {0, 0}, {999 * time.Millisecond, 0}, {time.Millisecond, 1}, {2500 * time.Millisecond, 2}, {500 * time.Millisecond, 1}, {time.Hour, 10}} {
			time.Sleep(step.wait) // the bubble's clock, which does not wait
			if got := accepted(t, l, "key:a", 20); got != step.want {
				t.Errorf("after another %s %d are accepted, want %d", step.wait, got, step.want)
			}
		}
	})
}

func TestLimiter_SaysLimitRemainderAndWhenToRetry(t *testing.T) {
	c := newClock()
	l := limiter(t, ratelimit.Config{Enabled: true, RequestsPerMinute: 40, BurstSize: 3}, c.Now)
	accepted(t, l, "key:a", 3)
	f := fault.From(l.Take(t.Context(), "key:a", "tool"))
	if f == nil || f.Kind != fault.Exhausted || f.RetryAfter != 1500*time.Millisecond {
		t.Fatalf("got %+v", f)
	}
	for _, part := range []string{"40 requests a minute", "at most 3", "0 remain", "in 2 s"} {
		if !strings.Contains(f.Message, part) {
			t.Errorf("%q does not say %q", f.Message, part)
		}
	}
}

func TestLimiter_AcceptsWhoWaitsAsTold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newClock()
		l := limiter(t, ratelimit.Config{
			Enabled: true, RequestsPerMinute: rapid.IntRange(1, 10_000).Draw(rt, "rate"), BurstSize: rapid.IntRange(1, 20).Draw(rt, "burst"),
		}, c.Now)
		for range 50 {
			c.now = c.now.Add(time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(rt, "pause")))
			f := fault.From(l.Take(t.Context(), "key:a", "tool"))
			if f == nil {
				continue
			}
			c.now = c.now.Add(f.RetryAfter)
			if err := l.Take(t.Context(), "key:a", "tool"); err != nil {
				rt.Fatalf("after waiting %s: %v", f.RetryAfter, err)
			}
		}
	})
}

func TestLimiter_KeepsPrincipalsAndClassesApart(t *testing.T) {
	l := limiter(t, written, newClock().Now)
	accepted(t, l, "key:a", 20)
	if got := accepted(t, l, "key:b", 20); got != 10 {
		t.Errorf("another principal has %d", got)
	}
	if err := l.Take(t.Context(), "key:a", "model"); err != nil {
		t.Errorf("another class: %v", err)
	}
}

func TestLimiter_IsExactUnderConcurrency(t *testing.T) {
	l := limiter(t, written, newClock().Now)
	var count atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if l.Take(t.Context(), "key:a", "tool") == nil {
				count.Add(1)
			}
		})
	}
	wg.Wait()
	if count.Load() != 10 {
		t.Errorf("%d of 50 are accepted, want 10", count.Load())
	}
}

func TestLimiter_TellsWhatIsLeftWithoutDrawingOnIt(t *testing.T) {
	c := newClock()
	l := limiter(t, written, c.Now)
	want := ratelimit.Budget{Limited: true, RequestsPerMinute: 60, BurstSize: 10, Remaining: 10}
	for _, used := range []int{0, 3, 20} {
		want.Remaining -= accepted(t, l, "key:a", used)
		for range 3 {
			if diff := cmp.Diff(want, l.Left("key:a", "tool")); diff != "" {
				t.Error(diff)
			}
		}
	}
	c.now = c.now.Add(2 * time.Second)
	if got := l.Left("key:a", "tool").Remaining; got != 2 {
		t.Errorf("after two seconds %d remain", got)
	}
}

func TestLimiter_CanBeSwitchedOff(t *testing.T) {
	l := limiter(t, ratelimit.Config{}, newClock().Now)
	if got := accepted(t, l, "key:a", 1000); got != 1000 {
		t.Errorf("%d of 1000 are accepted", got)
	}
	if diff := cmp.Diff(ratelimit.Budget{}, l.Left("key:a", "tool")); diff != "" {
		t.Error(diff)
	}
}

func TestNew_RefusesLimitsThatNobodyCanMeet(t *testing.T) {
	for _, c := range []ratelimit.Config{
		{Enabled: true, BurstSize: 1}, {Enabled: true, RequestsPerMinute: 1}, {Enabled: true, RequestsPerMinute: 1, BurstSize: 1, Buckets: -1},
	} {
		if _, err := ratelimit.New(c, time.Now); !errors.Is(err, ratelimit.ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// A million names, as an attacker who can make them up would send, must not grow the heap by more than the buckets.
func TestLimiter_StaysSmallUnderAMillionPrincipals(t *testing.T) {
	l := limiter(t, written, newClock().Now)
	before := heap()
	for i := range 1_000_000 {
		if err := l.Take(t.Context(), "key:"+strconv.Itoa(i), "tool"); err != nil {
			t.Fatal(err)
		}
	}
	const most = 8 << 20
	if grown := int64(heap()) - int64(before); grown > most {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(l)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkTake(b *testing.B) {
	l := limiter(b, ratelimit.Config{Enabled: true, RequestsPerMinute: 1e12, BurstSize: 1e9}, time.Now)
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Take(b.Context(), "key:a", "tool"); err != nil {
			b.Fatal(err)
		}
	}
}
