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
	ErrKey = fault.New(fault.Precondition, "audit.key_invalid",
		"The file for the audit's signing key holds no Ed25519 key in PEM; restore it, or move it aside with the journal and its checkpoints.")
	ErrKeyExposed = fault.New(fault.Precondition, "audit.key_exposed",
		"Others can read the audit's signing key; give its file mode 0600, and consider whether they have.")
	ErrKeyChanged = fault.New(fault.Precondition, "audit.key_changed",
		"The audit's checkpoints were signed with another key until now; restore that key, or move the checkpoints and their .pub file aside.")
	ErrNoKey = fault.New(fault.NotFound, "audit.no_key",
		"There is no key in that file; Steward makes one when it opens its journal for the first time.")
	ErrNoCheckpoints = fault.New(fault.NotFound, "audit.no_checkpoints",
		"There is no file of checkpoints where one was named; give the one that was kept, or mount audit.checkpoint_dir.")
	ErrGone = fault.New(fault.NotFound, "audit.gone",
		"The audit journal no longer has that place; it was put away or replaced since.")
	ErrUnsigned = fault.New(fault.Precondition, "audit.unsigned",
		"This audit journal signs no checkpoints, and without an anchor nothing can be put away from it.")
	ErrElsewhere = fault.New(fault.Unavailable, "audit.checkpoint_dir",
		"Checkpoints cannot be kept in audit.checkpoint_dir; check that it is there, can be written and has room.")
	ErrRolledBack = fault.New(fault.Precondition, "audit.rolled_back",
		"The audit journal is not the one that its last checkpoint was signed for; run `steward audit verify`, and move journal and checkpoints aside together.")
)
