package audit

// OK is the outcome of a request that got what it asked for. Every other outcome is a fault code.
const OK = "ok"

// What refused a request, as Record.DeniedBy names it.
const (
	ByEdge           = "edge"           // size, host, origin, shape of the message
	ByAuthentication = "authentication" // no credential, or none that holds
	ByPolicy         = "policy"         // a rule, or the lack of one; Record.Rule says which
	ByLimit          = "limit"          // a rate or budget
	ByInput          = "input"          // arguments that cannot run
	BySession        = "session"        // an operator closed the session
)
