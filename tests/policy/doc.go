// Package policy attacks the data policy: random personas over the demo shop, random calls of every metric tool, and
// values and fields that try to be more than that. What a persona hides must look like what is not there, what is
// shown must be what can be asked, and every answer must be the engine's own.
package policy
