package mcpapi

// RPCCode is what the tests of the package look at from outside.
var RPCCode = rpcCode
