package ratelimit

import (
	"net/netip"
	"time"

	"github.com/steward-mcp/steward/internal/domain/fault"
)

// What an Edge refuses, beside what a Limiter does.
var (
	ErrAddress  = fault.New(fault.Exhausted, "limit.address", "Your address has sent too many requests; try again shortly.")
	ErrGlobal   = fault.New(fault.Exhausted, "limit.global", "The server has got too many requests; try again shortly.")
	ErrRefusals = fault.New(fault.Exhausted, "limit.refusals", "Too many of your requests had to be refused; mend them, and try again shortly.")
)

// EdgeConfig is what an Edge bounds. A zero Rate or count bounds nothing.
type EdgeConfig struct {
	PerAddress                Rate // of each IPv4 address and each IPv6 network of 64 bits
	Global                    Rate // of all addresses together
	Refusals                  Rate // of each principal: requests that had to be refused
	MaxConcurrent             int  // requests of known principals at a time
	MaxConcurrentPerPrincipal int
	Buckets                   int // zero takes DefaultAddresses
}

// DefaultAddresses is how many addresses are remembered unless EdgeConfig says otherwise, some 300 bytes each.
const DefaultAddresses = 50_000

// Edge bounds what a server lets in before it knows what is asked. Safe for concurrent use.
type Edge struct {
	addresses *buckets[netip.Prefix] // nil without a limit, as are the others
	global    *buckets[struct{}]
	refusals  *buckets[string]
	places    places
}

// NewEdge makes an edge whose buckets are full and at which nobody is, or answers ErrConfig.
func NewEdge(c EdgeConfig, now func() time.Time) (*Edge, error) {
	if c.Buckets == 0 {
		c.Buckets = DefaultAddresses
	}
	e := &Edge{places: places{most: c.MaxConcurrent, mostEach: c.MaxConcurrentPerPrincipal, by: make(map[string]int)}}
	var err error
	if e.addresses, err = unlessZero[netip.Prefix](c.PerAddress, c.Buckets, now); err != nil {
		return nil, err
	}
	if e.global, err = unlessZero[struct{}](c.Global, 1, now); err != nil {
		return nil, err
	}
	if e.refusals, err = unlessZero[string](c.Refusals, DefaultBuckets, now); err != nil {
		return nil, err
	}
	return e, nil
}

func unlessZero[K comparable](r Rate, room int, now func() time.Time) (*buckets[K], error) {
	switch {
	case r == Rate{}:
		return nil, nil
	case !r.valid():
		return nil, ErrConfig
	}
	return newBuckets[K](r, room, now)
}

// Knock counts a request from an address, of whomever, or refuses it with ErrAddress or ErrGlobal. What the address's
// own limit refuses is not counted against that of all.
func (e *Edge) Knock(from netip.Addr) error {
	if e.addresses != nil {
		if wait := e.addresses.take(Subscriber(from)); wait > 0 {
			return refusal(ErrAddress, "The limit of your address,", "address", e.addresses.rate, wait)
		}
	}
	if e.global == nil {
		return nil
	}
	if wait := e.global.take(struct{}{}); wait > 0 {
		return refusal(ErrGlobal, "The limit of the server,", "server", e.global.rate, wait)
	}
	return nil
}

// Enter lets in one more request of a principal, until it Leaves, or refuses it: with ErrRefusals while the principal has been
// refused too often, and with ErrConcurrent or ErrBusy when there is no place.
func (e *Edge) Enter(principal string) error {
	if e.refusals != nil {
		if wait := e.refusals.wait(principal); wait > 0 {
			return refusal(ErrRefusals, "The limit of requests that had to be refused,", "refusals", e.refusals.rate, wait)
		}
	}
	return e.places.enter(principal)
}

// Leave gives back the place of a request that has entered, once.
func (e *Edge) Leave(principal string) { e.places.leave(principal) }

// Refused counts that a request of the principal had to be refused.
func (e *Edge) Refused(principal string) {
	if e.refusals != nil {
		e.refusals.take(principal)
	}
}

// subscriberBits is what of an IPv6 address one subscriber has: the rest is theirs to choose.
const subscriberBits = 64

// Subscriber is whom an address belongs to, as far as limits know: an IPv4 address itself, also written as an IPv6
// one, and the network of 64 bits of an IPv6 address. All that is no address is one subscriber.
func Subscriber(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	network, err := a.Prefix(min(a.BitLen(), subscriberBits))
	if err != nil { // of no address
		return netip.Prefix{}
	}
	return network
}
