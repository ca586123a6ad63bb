// Package demo asks the demo shop, through the real server and the real engine, every question whose answer is known
// from SQL written by hand, and everything that a persona must not learn from it.
package demo
