package auditlog

import "github.com/steward-mcp/steward/internal/domain/fault"

// Why a journal does not open, or cannot be verified.
var (
	ErrOptions = fault.New(fault.Invalid, "audit.options_invalid",
		"Give the audit journal a clock, and sizes that are not negative.")
	ErrStorage = fault.New(fault.Unavailable, "audit.storage_failed",
		"The audit directory cannot be read or written; check that it exists, belongs to Steward's user and has room.")
	ErrLocked = fault.New(fault.Conflict, "audit.locked",
		"Another process writes this audit journal; stop it, or configure a directory of its own.")
	ErrCorrupt = fault.New(fault.Precondition, "audit.corrupt",
		"The audit journal does not hold together; run `steward audit verify`, keep a copy, and move it aside before starting again.")
	ErrNoJournal = fault.New(fault.NotFound, "audit.no_journal",
		"There is no audit journal in that directory; name the directory that holds the .jsonl segments.")
)
