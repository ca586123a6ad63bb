// Package hostile attacks the real binary, built with the race detector, over loopback and pipes: malformed requests,
// strangers, clients that are slow or do not read, floods. Each test is bounded in time and number. What it asserts is
// that every answer is neutral and goes to its asker, that every request is on record exactly once, that nobody can
// hold or exhaust what others need, and that the server is there afterwards.
package hostile
