package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the reverse proxies in front of this server, whose word about a client's address is taken.
type Proxies struct {
	Trusted []netip.Prefix
	// Header is what they write: X-Forwarded-For, or Forwarded (RFC 7239). Only one of the two is read, since a proxy
	// hands on as it came what it does not write.
	Header string
}

// forwardedHeader is the name of the one that has a syntax of its own.
const forwardedHeader = "Forwarded"

// maxHops bounds how far back a list of addresses is followed. A client can send a list that is as long as all headers
// may be.
const maxHops = 32

// trusts reports whether an address is that of a proxy.
func (p Proxies) trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p.Trusted, func(n netip.Prefix) bool { return n.Contains(a) })
}

// seen gives the request with the address of the client instead of that of the proxy it came through.
func (p Proxies) seen(r *http.Request) *http.Request {
	if len(p.Trusted) == 0 {
		return r
	}
	peer := addressOf(r.RemoteAddr)
	if !p.trusts(peer) {
		return r
	}
	client := p.client(peer, r.Header.Values(p.Header))
	if client == peer {
		return r
	}
	behind := *r
	behind.RemoteAddr = netip.AddrPortFrom(client, 0).String()
	return &behind
}

// client is the nearest address that is not a proxy's. Each proxy writes behind what it got whom it got it from, so the
// list is read from its end, and what stands before the first address that is not trusted is a stranger's word. Where
// the list says something that is no address, the last proxy that was named is all that is known.
func (p Proxies) client(peer netip.Addr, lines []string) netip.Addr {
	hops := 0
	for line := range backwards(lines) {
		for hop := range p.hops(line) {
			a, ok := p.address(hop)
			if hops++; !ok || hops > maxHops {
				return peer
			}
			if peer = a; !p.trusts(a) {
				return a
			}
		}
	}
	return peer
}

func backwards(lines []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			if !yield(line) {
				return
			}
		}
	}
}

// hops are the elements of a line, the last one first. A comma in quotes should separate nothing, but which quotes are
// open where a proxy began to write, a client would decide; forwardedFor refuses the halves.
func (p Proxies) hops(line string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for rest, more := line, true; more; {
			i := strings.LastIndexByte(rest, ',')
			hop := rest[i+1:]
			if more = i >= 0; more {
				rest = rest[:i]
			}
			if !yield(strings.Trim(hop, " \t")) {
				return
			}
		}
	}
}

// address reads one element: an address, perhaps with a port.
func (p Proxies) address(hop string) (netip.Addr, bool) {
	if http.CanonicalHeaderKey(p.Header) == forwardedHeader {
		var ok bool
		if hop, ok = forwardedFor(hop); !ok {
			return netip.Addr{}, false
		}
	}
	a := addressOf(hop)
	return a, a.IsValid()
}

// forwardedFor is the value of for= in an element of Forwarded. An element that names two is nobody's, and so is one that
// a quotation begins or ends in: a client's text that a proxy quotes, such as a host, could look like an element.
func forwardedFor(element string) (value string, ok bool) {
	if strings.Count(element, `"`)%2 != 0 || strings.Contains(element, `\`) {
		return "", false
	}
	for pair := range strings.SplitSeq(element, ";") {
		name, text, found := strings.Cut(strings.Trim(pair, " \t"), "=")
		if !found || !strings.EqualFold(name, "for") {
			continue
		}
		if ok {
			return "", false
		}
		value, ok = text, true
	}
	if unquoted, quoted := strings.CutPrefix(value, `"`); quoted {
		value, ok = strings.CutSuffix(unquoted, `"`)
	}
	return value, ok && !strings.Contains(value, `"`)
}

// addressOf reads an IP address, with or without brackets and port, without its zone; not valid when it is none.
func addressOf(text string) netip.Addr {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone("")
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if text, ok = strings.CutSuffix(inner, "]"); !ok || !strings.Contains(text, ":") {
			return netip.Addr{}
		}
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
