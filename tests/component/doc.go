// Package component holds the tests of Steward as a whole: everything that app.Options wires, in this process, with
// the real journal and the real database, over real sockets and pipes, in both protocol eras. Nothing is replaced but
// the log, so that it can be read, and where a test says so the clock or the place that spans go to.
package component
