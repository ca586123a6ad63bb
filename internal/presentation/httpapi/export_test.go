package httpapi

// What the tests of the package look at from outside.
var (
	AllowedHost   = allowedHost
	AllowedOrigin = allowedOrigin
)
