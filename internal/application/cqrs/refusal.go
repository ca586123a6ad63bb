package cqrs

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/steward-mcp/steward/internal/application/lifetime"
	"github.com/steward-mcp/steward/internal/domain/audit"
	"github.com/steward-mcp/steward/internal/domain/fault"
)

// Bounds of what nobody in particular can make Steward write. Between two Flushes at most
// (refusalOrigins+1)*refusalsKept records and (refusalOrigins+1) counts for each reason arise, however many ask.
const (
	refusalsKept   = 60   // of one address between two Flushes, each with a record of its own
	refusalOrigins = 1024 // addresses that are told apart; those beyond share one allowance
)

// otherOrigins names the addresses that came when there was no room to tell more of them apart.
const otherOrigins = "others"

// Refuse closes the record of a request that is refused before it is known who asks. So that a flood cannot fill the
// disk, only the first 60 refusals of an address since the last Flush are recorded one by one, as Close does it; those
// beyond are counted, and Flush records how many there were. Later calls, and calls after Close, do nothing.
func (q *Request) Refuse(ctx context.Context, by string, f *fault.Fault) error {
	if !q.closed.CompareAndSwap(false, true) {
		return nil
	}
	rec := q.outcome(audit.Closed, Outcome{Fault: f, DeniedBy: by})
	counted := q.records.refusals.count(Origin(q.record.Address), reason{f.Code, by, q.record.Transport}, q.begun)
	if !counted { // a flood must not fill the place that traces go to either
		rec.Trace = q.trace(ctx)
	}
	q.records.conclude(ctx, rec)
	if counted {
		return nil
	}
	return q.append(ctx, rec)
}

// Flush records how many refusals of each address and reason were only counted since the last Flush, and gives every
// address a new allowance. Whoever owns the recorder calls it once a minute and before the log closes. What the log
// does not confirm is kept for the next time, so that a count may be told twice, but not lost. As with Close, the end
// of ctx does not keep it from writing.
func (r *Recorder) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(lifetime.Apart(ctx), closeGrace)
	defer cancel()
	counts := r.refusals.take()
	for i, c := range counts {
		if err := r.log.Append(ctx, c.record(r.now())); err != nil {
			r.lost(ctx, err)
			r.refusals.restore(counts[i:])
			return err
		}
	}
	return nil
}

// reason is why, and by what, a request was refused.
type reason struct{ outcome, deniedBy, transport string }

// refusals counts, by address, what was refused before authentication. Safe for concurrent use.
type refusals struct {
	mu      sync.Mutex
	origins map[string]*refused
}

// refused is what came of one origin since the last Flush.
type refused struct {
	kept    int
	counted map[reason]*tally
}

type tally struct {
	since time.Time
	count int64
}

// count notes a refusal and reports whether noting it is all: false says that it deserves a record of its own.
func (r *refusals) count(origin string, why reason, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.of(origin)
	if o.kept < refusalsKept {
		o.kept++
		return false
	}
	o.add(why, tally{since: at, count: 1})
	return true
}

func (r *refusals) of(origin string) *refused {
	if r.origins == nil {
		r.origins = make(map[string]*refused)
	}
	if r.origins[origin] == nil {
		if len(r.origins) >= refusalOrigins {
			origin = otherOrigins
		}
		if r.origins[origin] == nil {
			r.origins[origin] = &refused{counted: make(map[reason]*tally)}
		}
	}
	return r.origins[origin]
}

func (o *refused) add(why reason, t tally) {
	known, ok := o.counted[why]
	if !ok {
		o.counted[why] = &t
		return
	}
	known.count += t.count
}

// counted is one record to be written.
type counted struct {
	origin string
	why    reason
	tally
}

// take gives what was counted, and forgets everything.
func (r *refusals) take() []counted {
	r.mu.Lock()
	origins := r.origins
	r.origins = nil
	r.mu.Unlock()
	var all []counted
	for origin, o := range origins {
		for why, t := range o.counted {
			all = append(all, counted{origin: origin, why: why, tally: *t})
		}
	}
	slices.SortFunc(all, func(a, b counted) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.why.outcome, b.why.outcome), a.since.Compare(b.since))
	})
	return all
}

// restore puts back what could not be written.
func (r *refusals) restore(all []counted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range all {
		o := r.of(c.origin)
		if t, ok := o.counted[c.why]; ok {
			t.since = c.since
		}
		o.add(c.why, c.tally)
	}
}

func (c counted) record(now time.Time) audit.Record {
	return audit.Record{
		Time: now, Phase: audit.Counted, Address: c.origin, Transport: c.why.transport,
		Outcome: c.why.outcome, DeniedBy: c.why.deniedBy, Count: c.count,
		Detail: "Refused since " + c.since.UTC().Format(time.RFC3339) + " beyond those on record one by one.",
	}
}

// Origin is what counts as one address: all of an IPv6 network of 64 bits is one subscriber's.
func Origin(address string) string {
	const subscriber = 64
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	network, err := a.Prefix(subscriber)
	if err != nil { // not of an address that was parsed
		return address
	}
	return network.String()
}
