package httpapi

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// allowedHost reports whether a Host header names this server: a loopback name, or one that the operator listed, with
// its port or for every port. A
// page that rebinds its own name to a loopback address is stopped here (DNS rebinding).
func allowedHost(header string, allowed []string) bool {
	name, _, err := net.SplitHostPort(header)
	if err != nil {
		name = strings.Trim(header, "[]")
	}
	name = strings.ToLower(name)
	return isLoopback(name) || slices.Contains(allowed, name) || slices.Contains(allowed, strings.ToLower(header))
}

// allowedOrigin reports whether a page of that origin may call: one served from a loopback name, or one listed.
func allowedOrigin(header string, allowed []string) bool {
	if slices.Contains(allowed, strings.ToLower(header)) {
		return true
	}
	u, err := url.Parse(header)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || (u.Path != "" && u.Path != "/") {
		return false
	}
	return isLoopback(strings.ToLower(u.Hostname()))
}

func isLoopback(name string) bool {
	if name == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.IsLoopback() && a.Zone() == ""
}
