package ratelimit_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/domain/fault"
	"github.com/steward-mcp/steward/internal/infrastructure/ratelimit"
)

func edge(t testing.TB, c ratelimit.EdgeConfig, now func() time.Time) *ratelimit.Edge {
	t.Helper()
	e, err := ratelimit.NewEdge(c, now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// knocks asks n times and counts the consents.
func knocks(t testing.TB, e *ratelimit.Edge, from string, n int, refusal error) (count int) {
	t.Helper()
	for range n {
		err := e.Knock(netip.MustParseAddr(from))
		switch {
		case err == nil:
			count++
		case !errors.Is(err, refusal):
			t.Fatal(err)
		}
	}
	return count
}

func TestEdge_CountsEachAddressExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := edge(t, ratelimit.EdgeConfig{PerAddress: ratelimit.Rate{PerMinute: 120, Burst: 20}}, time.Now)
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 20}, {499 * time.Millisecond, 0}, {time.Millisecond, 1}, {3 * time.Second, 6}, {time.Hour, 20}} {
			time.Sleep(step.wait) // the bubble's clock, which does not wait
			if got := knocks(t, e, "192.0.2.1", 50, ratelimit.ErrAddress); got != step.want {
				t.Errorf("after another %s %d are let in, want %d", step.wait, got, step.want)
			}
		}
		if got := knocks(t, e, "192.0.2.2", 50, ratelimit.ErrAddress); got != 20 {
			t.Errorf("another address has %d", got)
		}
	})
}

// Whoever has an IPv6 network has as many addresses as they like, and one bucket; and an IPv4 address is the same
// however it is written.
func TestEdge_TakesASubscriberForOne(t *testing.T) {
	e := edge(t, ratelimit.EdgeConfig{PerAddress: ratelimit.Rate{PerMinute: 60, Burst: 10}}, newClock().Now)
	total := 0
	for _, from := range []string{"2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::", "2001:db8:1:2::1%eth0"} {
		total += knocks(t, e, from, 10, ratelimit.ErrAddress)
	}
	if other := knocks(t, e, "2001:db8:1:3::1", 20, ratelimit.ErrAddress); total != 10 || other != 10 {
		t.Errorf("one network has %d, the next %d", total, other)
	}
	if total := knocks(t, e, "192.0.2.7", 20, ratelimit.ErrAddress) + knocks(t, e, "::ffff:192.0.2.7", 20, ratelimit.ErrAddress); total != 10 {
		t.Errorf("one address in two spellings has %d", total)
	}
	if got := ratelimit.Subscriber(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("what is no address belongs to %s", got)
	}
}

// The limit of all is not used up by an address beyond its own.
func TestEdge_BoundsAllTogether(t *testing.T) {
	e := edge(t, ratelimit.EdgeConfig{
		PerAddress: ratelimit.Rate{PerMinute: 60, Burst: 10}, Global: ratelimit.Rate{PerMinute: 60, Burst: 25},
	}, newClock().Now)
	var got []int
	for _, c := range []struct {
		from    string
		refusal error
	}{{"192.0.2.1", ratelimit.ErrAddress}, {"192.0.2.2", ratelimit.ErrAddress}, {"192.0.2.3", ratelimit.ErrGlobal}} {
		got = append(got, knocks(t, e, c.from, 10, c.refusal))
		if c.refusal == ratelimit.ErrAddress { //nolint:errorlint // the very one that the table names
			knocks(t, e, c.from, 100, c.refusal)
		}
	}
	if diff := cmp.Diff([]int{10, 10, 5}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEdge_SaysLimitRemainderAndWhenToRetry(t *testing.T) {
	e := edge(t, ratelimit.EdgeConfig{PerAddress: ratelimit.Rate{PerMinute: 40, Burst: 3}}, newClock().Now)
	knocks(t, e, "192.0.2.1", 3, nil)
	f := fault.From(e.Knock(netip.MustParseAddr("192.0.2.1")))
	if f == nil || f.Kind != fault.Exhausted || f.RetryAfter != 1500*time.Millisecond {
		t.Fatalf("got %+v", f)
	}
	for _, part := range []string{"40 requests a minute", "at most 3", "0 remain", "in 2 s"} {
		if !strings.Contains(f.Message, part) {
			t.Errorf("%q does not say %q", f.Message, part)
		}
	}
	var quota interface{ Quota() (string, int) }
	if !errors.As(f, &quota) {
		t.Fatal("no quota")
	}
	if name, most := quota.Quota(); name != "address" || most != 40 {
		t.Errorf("the quota is %s, %d", name, most)
	}
}

// A principal whose requests are refused too often comes in no more until it has waited; others do.
func TestEdge_KeepsOutWhoIsRefusedTooOften(t *testing.T) {
	c := newClock()
	e := edge(t, ratelimit.EdgeConfig{Refusals: ratelimit.Rate{PerMinute: 60, Burst: 10}}, c.Now)
	enter := func(who string) error {
		err := e.Enter(who)
		if err == nil {
			e.Leave(who)
		}
		return err
	}
	for i := range 10 {
		if err := enter("key:a"); err != nil {
			t.Fatalf("after %d refusals: %v", i, err)
		}
		e.Refused("key:a")
	}
	for range 5 { // to ask costs nothing
		if err := enter("key:a"); !errors.Is(err, ratelimit.ErrRefusals) || fault.From(err).RetryAfter != time.Second {
			t.Fatal(err)
		}
	}
	if err := enter("key:b"); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	c.now = c.now.Add(time.Second)
	if err := enter("key:a"); err != nil {
		t.Errorf("after waiting as told: %v", err)
	}
}

func TestEdge_HasPlacesForSoMany(t *testing.T) {
	e := edge(t, ratelimit.EdgeConfig{MaxConcurrent: 5, MaxConcurrentPerPrincipal: 3}, newClock().Now)
	var mu sync.Mutex
	var entered []string
	refused := map[string]int{}
	crowd := func(who string, n int) {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				err := e.Enter(who)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					refused[fault.From(err).Code]++
					return
				}
				entered = append(entered, who)
			})
		}
		wg.Wait()
	}
	crowd("key:a", 10) // 3 come in
	crowd("key:b", 3)  // 2
	if diff := cmp.Diff(map[string]int{"limit.concurrent": 7, "limit.busy": 1}, refused); diff != "" || len(entered) != 5 {
		t.Errorf("%d came in; refused: %s", len(entered), diff)
	}
	for _, who := range entered {
		e.Leave(who)
	}
	entered = nil
	if crowd("key:a", 4); len(entered) != 3 {
		t.Errorf("afterwards %d come in", len(entered))
	}
}

func TestEdge_BoundsNothingUnlessTold(t *testing.T) {
	e := edge(t, ratelimit.EdgeConfig{}, newClock().Now)
	for range 1000 {
		e.Refused("key:a")
		if err := e.Knock(netip.MustParseAddr("192.0.2.1")); err != nil {
			t.Fatal(err)
		}
		if err := e.Enter("key:a"); err != nil {
			t.Fatal(err)
		}
	}
	bad := ratelimit.Rate{PerMinute: 1}
	for _, c := range []ratelimit.EdgeConfig{{PerAddress: bad}, {Global: bad}, {Refusals: bad}, {PerAddress: ratelimit.Rate{PerMinute: 1, Burst: 1}, Buckets: -1}} {
		if _, err := ratelimit.NewEdge(c, time.Now); !errors.Is(err, ratelimit.ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// A million networks, as one attacker can have them, must not grow the heap by more than the buckets.
func TestEdge_StaysSmallUnderAMillionAddresses(t *testing.T) {
	e := edge(t, ratelimit.EdgeConfig{PerAddress: ratelimit.Rate{PerMinute: 60, Burst: 10}}, newClock().Now)
	before := heap()
	for i := range uint64(1_000_000) {
		a := [16]byte{0x20, 0x01}
		binary.BigEndian.PutUint64(a[2:], i<<16)
		if err := e.Knock(netip.AddrFrom16(a)); err != nil {
			t.Fatal(err)
		}
	}
	const most = 32 << 20
	if grown := int64(heap()) - int64(before); grown > most {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(e)
}

func BenchmarkEdge(b *testing.B) {
	large := ratelimit.Rate{PerMinute: 1e12, Burst: 1e9}
	e := edge(b, ratelimit.EdgeConfig{PerAddress: large, Global: large, Refusals: large, MaxConcurrent: 9, MaxConcurrentPerPrincipal: 9}, time.Now)
	from := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Knock(from); err != nil {
			b.Fatal(err)
		}
		if err := e.Enter("key:a"); err != nil {
			b.Fatal(err)
		}
		e.Leave("key:a")
	}
}
