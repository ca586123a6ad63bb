// Package architecture holds the tests that keep the house in order: who may import whom, how large things may
// become, what must not be there. Each rule is a function from packages to complaints, which the tests run on
// this module and, to prove that it can complain, on small examples that break it.
package architecture
