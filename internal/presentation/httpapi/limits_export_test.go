package httpapi

import "net/http"

// Bounds, as the tests of the package look at them from outside.
var (
	Paced = paced
	Admit = admit
)

// Seen is the address that a request has once proxies have been believed.
func Seen(p Proxies, r *http.Request) string { return host(p.seen(r).RemoteAddr) }
