// Package crash looks at what is left of requests when something goes wrong: a killed server, a stopped one, a
// refused request, a question that takes too long, a database that somebody else writes to.
package crash
