package cqrs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steward-mcp/steward/internal/application/cqrs"
	"github.com/steward-mcp/steward/internal/domain/access"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

var (
	errWho  = fault.New(fault.Unauthenticated, "who", "Who are you?")
	errHost = fault.New(fault.Denied, "host", "Not here.")
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// refuse turns away so many requests of an address.
func refuse(t *testing.T, r *cqrs.Recorder, times int, address string, f *fault.Fault) {
	t.Helper()
	for range times {
		ctx, q := r.Open(t.Context(), cqrs.Arrival{Transport: "http", Address: address, Method: "POST /mcp"})
		if err := q.Refuse(ctx, audit.ByAuthentication, f); err != nil {
			t.Error(err)
		}
	}
}

// told sums up what is on record: how many refusals of an address have records of their own, and how many are counted.
func (f *fixture) told() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	told := map[string]int64{}
	for _, r := range f.records {
		told[fmt.Sprintf("%s %s %s", r.Phase, r.Address, r.Outcome)] += max(1, r.Count)
	}
	return told
}

func TestRefuse_RecordsSixtyOfAnAddressAndCountsTheRest(t *testing.T) {
	f := &fixture{}
	now := start
	r := cqrs.NewRecorder(f, func() time.Time { return now })
	refuse(t, r, 60, "192.0.2.1", errWho)
	if got := f.told(); got["closed 192.0.2.1 who"] != 60 {
		t.Errorf("below the threshold: %v", got)
	}
	now = now.Add(10 * time.Second)
	refuse(t, r, 5, "192.0.2.1", errWho)
	now = now.Add(10 * time.Second)
	refuse(t, r, 7, "192.0.2.1", errHost)
	refuse(t, r, 3, "192.0.2.1", errWho)
	refuse(t, r, 2, "192.0.2.2", errWho)
	if len(f.records) != 62 {
		t.Errorf("%d records before the minute is over", len(f.records))
	}
	now = now.Add(40 * time.Second)
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []audit.Record{{
		Time: now, Phase: audit.Counted, Address: "192.0.2.1", Transport: "http", Outcome: "host", DeniedBy: audit.ByAuthentication,
		Count: 7, Detail: "Refused since 2026-03-01T12:00:20Z beyond those on record one by one.",
	}, {
		Time: now, Phase: audit.Counted, Address: "192.0.2.1", Transport: "http", Outcome: "who", DeniedBy: audit.ByAuthentication,
		Count: 8, Detail: "Refused since 2026-03-01T12:00:10Z beyond those on record one by one.",
	}}
	if diff := cmp.Diff(want, f.records[62:]); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	// A new minute, a new allowance, and nothing is told twice.
	if err := r.Flush(t.Context()); err != nil || len(f.records) != 64 {
		t.Errorf("%v, %d records after an idle minute", err, len(f.records))
	}
	refuse(t, r, 61, "192.0.2.1", errWho)
	if len(f.records) != 124 {
		t.Errorf("%d records in the next minute, want 60 more", len(f.records)-64)
	}
}

func TestRefuse_ClosesOnce(t *testing.T) {
	f := &fixture{}
	r := cqrs.NewRecorder(f, time.Now)
	ctx, q := r.Open(t.Context(), cqrs.Arrival{Transport: "http", Address: "192.0.2.1"})
	if err := q.Close(ctx, cqrs.Outcome{}); err != nil {
		t.Fatal(err)
	}
	if err := q.Refuse(ctx, audit.ByEdge, errWho); err != nil || len(f.records) != 1 || f.records[0].Outcome != audit.OK {
		t.Errorf("%v, records %+v", err, f.records)
	}
	ctx, q = r.Open(t.Context(), cqrs.Arrival{Transport: "http", Address: "192.0.2.1"})
	if err := q.Refuse(ctx, audit.ByEdge, errWho); err != nil || !q.Closed() {
		t.Fatalf("%v, closed: %t", err, q.Closed())
	}
	if err := q.Close(ctx, cqrs.Outcome{}); err != nil || len(f.records) != 2 || f.records[1].Outcome != "who" {
		t.Errorf("%v, records %+v", err, f.records)
	}
}

// An IPv6 network is one subscriber's, however many addresses it has; an IPv4 address written as IPv6 is one address.
func TestRefuse_CountsANetworkAsOneAddress(t *testing.T) {
	f := &fixture{}
	r := cqrs.NewRecorder(f, time.Now)
	for i := range 100 {
		refuse(t, r, 1, fmt.Sprintf("2001:db8:0:1::%x", i), errWho)
		refuse(t, r, 1, fmt.Sprintf("::ffff:192.0.2.%d", i), errWho)
	}
	refuse(t, r, 1, "2001:db8:0:2::1", errWho)
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	own, counted := 0, f.told()
	for _, rec := range f.records {
		if rec.Phase == audit.Closed {
			own++
		}
	}
	if own != 60+100+1 || counted["counted 2001:db8:0:1::/64 who"] != 40 {
		t.Errorf("%d have records of their own, counted %v", own, counted)
	}
}

// However many addresses there are, there is a bound to what they make the log write.
func TestRefuse_BoundsWhatAnyNumberOfAddressesCanWrite(t *testing.T) {
	f := &fixture{}
	r := cqrs.NewRecorder(f, time.Now)
	const addresses = 3000
	for i := range addresses {
		refuse(t, r, 1, fmt.Sprintf("10.0.%d.%d", i/256, i%256), errWho)
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	const told, others = 1024, 60
	if own := len(f.records) - 1; own != told+others {
		t.Errorf("%d of %d addresses have a record of their own", own, addresses)
	}
	if got := f.told()["counted others who"]; got != addresses-told-others {
		t.Errorf("%d are counted, want %d", got, addresses-told-others)
	}
}

// What the log does not take is not forgotten.
func TestFlush_KeepsWhatCouldNotBeRecorded(t *testing.T) {
	f := &fixture{}
	now := start
	r := cqrs.NewRecorder(f, func() time.Time { return now })
	refuse(t, r, 65, "192.0.2.1", errWho)
	refuse(t, r, 62, "192.0.2.2", errWho)
	f.broken = func(rec audit.Record) error {
		if rec.Address == "192.0.2.2" {
			return errDisk
		}
		return nil
	}
	if err := r.Flush(t.Context()); err == nil {
		t.Error("a count is lost, and nobody is told")
	}
	now = now.Add(time.Minute)
	f.broken = nil
	refuse(t, r, 61, "192.0.2.2", errWho)
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := f.told()
	if told["counted 192.0.2.1 who"] != 5 || told["counted 192.0.2.2 who"] != 3 {
		t.Errorf("told %v", told)
	}
	if last := f.records[len(f.records)-1]; last.Detail != "Refused since 2026-03-01T12:00:00Z beyond those on record one by one." {
		t.Errorf("the last count says %q", last.Detail)
	}
}

func TestFlush_LosesNoneOfManyAtOnce(t *testing.T) {
	f := &fixture{}
	r := cqrs.NewRecorder(f, time.Now)
	const callers, each = 8, 200
	var all sync.WaitGroup
	for range callers {
		all.Go(func() { refuse(t, r, each, "192.0.2.1", errWho) })
	}
	for range 5 {
		if err := r.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	if err := r.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if told := f.told(); told["closed 192.0.2.1 who"]+told["counted 192.0.2.1 who"] != callers*each {
		t.Errorf("told %v of %d", told, callers*each)
	}
}

// A handler that sends a message of its own does not close the record of the one that it serves, nor change whom and
// what that one is about.
func TestRequest_IsNotTakenOverByANestedMessage(t *testing.T) {
	f := &fixture{}
	gate := f.gate()
	loop := access.Principal{Issuer: "system", Subject: "loop"}
	inner := cqrs.GovernQuery(gate, handler[read]{bound: f.bound(done)})
	outer := cqrs.GovernCommand(gate, handler[change]{bound: f.bound(func(ctx context.Context) (string, error) {
		return inner.Do(ctx, read{cqrs.Read{By: loop}})
	})})
	ctx, q := cqrs.NewRecorder(f, time.Now).Open(t.Context(), cqrs.Arrival{Transport: "http"})
	if _, err := outer.Do(ctx, change{cqrs.Change{By: somebody}}); err != nil {
		t.Fatal(err)
	}
	type line struct{ Phase, Request, Actor, Action string }
	got := make([]line, len(f.records))
	for i, r := range f.records {
		got[i] = line{string(r.Phase), map[bool]string{true: "outer", false: "inner"}[r.Request == q.ID()], r.Actor, r.Action}
	}
	want := []line{
		{"intent", "outer", somebody.ID(), "thing.change"},
		{"closed", "inner", loop.ID(), "thing.read"},
		{"closed", "outer", somebody.ID(), "thing.change"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on record (-want +got):\n%s", diff)
	}
}
