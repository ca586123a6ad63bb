package httpapi

// What the tests of the package look at from outside.
var (
	StatusOf      = statusOf
	AllowedHost   = allowedHost
	AllowedOrigin = allowedOrigin
)
