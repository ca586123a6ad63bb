package schema

// Decode is how arguments are read.
var Decode = decode
