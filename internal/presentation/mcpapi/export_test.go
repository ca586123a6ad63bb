package mcpapi

// RPCCode is what the tests of the package look at from outside.
var RPCCode = rpcCode

// Page makes the pages of all lists that long.
func (s *Server) Page(items int) { s.page = items }

// Roundabout sends plain calls through mcp-go, as all else.
func (s *Server) Roundabout(on bool) { s.roundabout = on }
