package audit

import "github.com/steward-mcp/steward/internal/domain/fault"

// What a Log answers when it does not vouch for a record. In each case the record may or may not be kept, and the
// caller must act as if it were not.
var (
	// ErrUnavailable: the caller's context ended before the record was durable; the context's error is the cause.
	ErrUnavailable = fault.New(fault.Unavailable, "audit.unavailable",
		"The audit log did not confirm the record in time, so nothing more was done; try again later.")
	// ErrBroken: writing failed once, and the log accepts nothing more in this process.
	ErrBroken = fault.New(fault.Unavailable, "audit.broken",
		"The audit log cannot be written, so nothing is done until an operator has repaired its storage and restarted Steward.")
	// ErrClosed: the log was closed.
	ErrClosed = fault.New(fault.Unavailable, "audit.closed",
		"Steward is shutting down and takes no more requests; try again later.")
)
