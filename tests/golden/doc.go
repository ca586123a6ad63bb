// Package golden holds what others rely on as files: the tools as a client sees them and the codes of all faults. A
// change to one of them is a change of contract, and shows as a difference in review. `make golden` rewrites them.
package golden
