package httpapi

import "net"

// What the tests of the package look at from outside.
var (
	AllowedHost   = allowedHost
	AllowedOrigin = allowedOrigin
)

// NewAdmitted is a connection as a listener gives it to net/http.
func NewAdmitted(c net.Conn) net.Conn { return newAdmitted(c, func() {}) }
