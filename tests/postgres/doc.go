// Package postgres tries what is PostgreSQL's own: that a statement ends when nobody waits for it any more, that a role
// as the operations guide makes it is enough, that texts of every kind are compared as they stand, and that the
// engine's refusals on PostgreSQL reach the caller. The demo's questions are asked on PostgreSQL by the demo's tests.
package postgres
